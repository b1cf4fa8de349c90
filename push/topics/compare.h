/*
 * Comparing what was relayed with the numbers in the log, to find what was committed but never
 * published.
 */
#ifndef PUSH_TOPICS_COMPARE_H
#define PUSH_TOPICS_COMPARE_H

struct ev_loop;
struct topic;

void compare_open(struct ev_loop *loop);

/* Asks whether the log is further than we know; checked() is reported when it was read. */
void compare_topic(struct topic *t);

/* Redis has just come back: compares all topics in a moment. */
void compare_all_soon(void);

/* Once a second: the sweep over recent events, and now and then a comparison of all topics. */
void compare_tick(void);

void compare_close(void);

#endif
