/*
 * One session on one topic: waiting, the replay, the live end, being sent away.
 *
 * Whatever answers or sends may leave the session closing (session.h); its follows stay valid then.
 * A follow is freed only by follow_no_more(), follow_end(), follow_left() and answer_try(), and
 * only the one they are called for.
 */
#ifndef PUSH_FOLLOW_H
#define PUSH_FOLLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/event.h"
#include "push/hub.h"

struct ask;
struct frame;
struct session;

/* The topic's name from a browser's, e.g. user:me; false when it is none to follow. */
bool follow_name(const struct session *s, const char *topic, char out[EVENT_TOPIC]);

/* And back. */
const char *follow_shown(const struct topic *topic);

/* The session's follow of that topic; NULL: none. */
struct follow *follow_find(const struct session *s, const char *name);

/* Puts the session on a topic that it is not on. */
struct follow *follow_begin(struct session *s, struct topic *t, enum place place, unsigned why);

/* Gives a follow an ask and makes it wait; an older ask is answered `replaced`.  The session may be
 * closing when it returns. */
struct ask *follow_wait(struct follow *f, unsigned why);

/* Tries all that wait on a topic, and goes on with those that catch up.  Follows of the topic may
 * be gone when it returns, and sessions closing. */
void follow_news(struct topic *t);

/* Everybody on the topic must refetch: their asks say why. */
void follow_resync_all(struct topic *t, const char *reason);

/* Everybody on the topic waits, and goes on at the same place without being told. */
void follow_hold_all(struct topic *t);

/* The user has lost the right: says `left`, then nothing more.  The follow may be gone when it
 * returns, and the session closing. */
void follow_left(struct follow *f, const char *reason);

/* A reason to follow less; without any it ends and is gone when this returns.  NULL is fine. */
void follow_no_more(struct follow *f, unsigned why);

/* Ends it without a word; it is gone when this returns. */
void follow_end(struct follow *f);

/* The event of that number, while ring or window hold it. */
struct frame *follow_event(const struct topic *t, int64_t seq);

/* Starts the events from f->next on.  The follow may be gone when it returns (the log lost what it
 * needs, and the right is lost too), and the session closing. */
void follow_start(struct follow *f);

/* Goes on with every replay of a session that has room; it may be closing when this returns. */
void follow_pump_all(struct session *s);

#endif
