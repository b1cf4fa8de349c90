/*
 * A signal goes through Redis even to sockets of this daemon, so all see the same order.  It may be
 * lost: a socket whose queue is filling up does not get it.
 */
#include "push/clients/signal.h"

#include <string.h>

#include "common/base/id.h"
#include "common/change/event.h"
#include "common/text/text.h"
#include "common/time/clock.h"
#include "push/base/frame.h"
#include "push/clients/follow.h"
#include "push/clients/peer.h"
#include "push/net/session.h"
#include "push/topics/hub.h"

#define BYTES_MAX 1024

static const struct bucket_size user_size = {20, 10};   /* signals of a user, from all sockets */
static const struct bucket_size topic_size = {100, 50}; /* signals on a topic */
static const struct bucket_size bytes_size = {2000000,
                                              1000000}; /* of a topic, as they leave here */

/* The bytes that a signal of that length becomes when it is sent to every socket. */
static int32_t
bytes_out(const struct topic *t, size_t len)
{
    size_t all = len * (t->follows[FOLLOW_LIVE].count + t->follows[FOLLOW_CATCHUP].count);

    return all < (size_t)bytes_size.most ? (int32_t)all : bytes_size.most;
}

void
signal_deliver(struct topic *t, const struct peer_message *message)
{
    size_t len = message->sender_len + message->text_len + 4; /* as it was published */
    struct frame *frame;

    /* It is dropped rather than let it flood everybody on the topic. */
    if (!bucket_take(&t->limits.bytes, &bytes_size, bytes_out(t, len), clock_steady()))
        return;
    frame = frame_new(message->text, message->text_len);
    for (int state = FOLLOW_CATCHUP; state <= FOLLOW_LIVE; state++) {
        for (uint32_t i = t->follows[state].count; i-- > 0;) {
            struct session *s;

            if (i >= t->follows[state].count)
                continue;
            s = t->follows[state].at[i]->session;
            if (session_has_room(s) && !s->by_link && !peer_is_sender(message, s))
                session_send(s, frame_share(frame));
        }
    }
    frame_drop(frame);
}

enum wire_error
signal_op(struct session *s, const struct wire_in *in)
{
    struct text text = {0};
    char name[EVENT_TOPIC], user[ID_TEXT];
    struct follow *f;

    if (in->len > BYTES_MAX)
        return WIRE_TOO_LARGE;
    f = follow_name(s, in->topic, name) ? follow_find(s, name) : NULL;
    if (f == NULL || (f->state != FOLLOW_LIVE && f->state != FOLLOW_CATCHUP))
        return WIRE_NOT_FOLLOWED;
    if (!bucket_take(&s->own->topic->user.signals, &user_size, 1, clock_steady()) ||
        !bucket_take(&f->topic->limits.signals, &topic_size, 1, clock_steady()))
        return WIRE_THROTTLED;
    if (!s->shown) /* a user who hides presence sends no signals */
        return WIRE_OK;
    text_hex(user, s->user, ID_BYTES);
    wire_signal(&text, in, follow_topic_shown(f->topic), user);
    peer_publish(f->topic, PEER_SIGNAL, text.bytes, s);
    text_free(&text);
    return WIRE_OK;
}
