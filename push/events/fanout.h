/*
 * Handing events out to the sockets that follow a topic.
 */
#ifndef PUSH_EVENTS_FANOUT_H
#define PUSH_EVENTS_FANOUT_H

struct ev_loop;
struct topic;

void fanout_open(struct ev_loop *loop);

/* Sends LIVE follows all events that they have not had yet.  Sessions may be closing afterwards. */
void fanout_now(struct topic *t);

/* The same when this loop iteration ends, in one write per socket; then whatever waits for the new
 * numbers goes on. */
void fanout_later(struct topic *t);

void fanout_close(void);

#endif
