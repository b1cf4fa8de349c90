/*
 * Looking at many topics at once: loading new ones, comparing numbers, and
 * finding what was committed but never published.
 */
#ifndef PUSH_LOOK_H
#define PUSH_LOOK_H

struct ev_loop;

void look_open(struct ev_loop *loop);
void look_close(void);

#endif
