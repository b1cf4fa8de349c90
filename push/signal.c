/*
 * A signal goes through Redis even to sockets of this daemon, so that all see
 * the same order.  It may be lost: a socket with a queue does without.
 */
#include "push/signal.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/event.h"
#include "common/text.h"
#include "push/feed.h"
#include "push/follow.h"
#include "push/frame.h"
#include "push/hub.h"
#include "push/presence.h"
#include "push/session.h"

#define BYTES_MAX 1024

/* Signals of one user, from all its sockets; and of one topic, in bytes, as they go out here. */
static const struct bucket_size user_sends = {20, 10};
static const struct bucket_size topic_sends = {100, 50};
static const struct bucket_size topic_bytes = {2000000, 1000000};

const char *
signal_daemon(void)
{
    static char name[17];
    unsigned char bytes[8];

    if (name[0] == '\0') {
        text_random(bytes, sizeof(bytes));
        text_hex(name, bytes, sizeof(bytes));
    }
    return name;
}

void
signal_publish(struct topic *t, const char *what, const char *text, unsigned from)
{
    char channel[EVENT_TOPIC + sizeof(EVENT_CHANNEL)] = EVENT_CHANNEL;
    struct text message = {0};
    const char *words[] = {"PUBLISH", channel, NULL};
    size_t lens[3] = {7, strlen(strcat(channel, t->name)), 0};

    text_printf(&message, "%c%s %s.%u\n%s", SIGNAL_MARK, what, signal_daemon(), from,
                text == NULL ? "" : text);
    words[2] = message.bytes;
    lens[2] = message.len;
    feed_command(words, lens, 3, NULL, NULL);
    text_free(&message);
}

/* Is it the socket that sent it? */
static bool
is_sender(const struct session *s, const char *from, size_t len)
{
    char own[40];
    int n = snprintf(own, sizeof(own), "%s.%u", signal_daemon(), s->number);

    return (size_t)n == len && memcmp(own, from, len) == 0;
}

/* Bytes that a signal of that length becomes. */
static int32_t
cost(const struct topic *t, size_t len)
{
    size_t all = len * (t->places[PLACE_LIVE].count + t->places[PLACE_CATCHUP].count);

    return all < (size_t)topic_bytes.most ? (int32_t)all : topic_bytes.most;
}

void
signal_take(struct topic *t, const char *message, size_t len)
{
    const char *line = memchr(message, '\n', len), *from = message + 3;
    struct frame *frame;

    if (len < 4 || line == NULL || line < from)
        return;
    if (message[1] == 'p') {
        presence_nudged(t);
        return;
    }
    /* It may be lost: rather than flood everybody on the topic it is. */
    if (!bucket_take(&t->limits.bytes, &topic_bytes, cost(t, len), clock_steady()))
        return;
    frame = frame_new(line + 1, (size_t)(message + len - line - 1));
    for (int place = PLACE_CATCHUP; place <= PLACE_LIVE; place++) {
        for (uint32_t i = t->places[place].count; i-- > 0;) {
            struct session *s;

            if (i >= t->places[place].count)
                continue;
            s = t->places[place].at[i]->session;
            if (session_has_room(s) && !is_sender(s, from, (size_t)(line - from)))
                session_send(s, frame_share(frame));
        }
    }
    frame_drop(frame);
}

enum wire_error
signal_op(struct session *s, const struct wire_in *in)
{
    struct text text = {0};
    char name[EVENT_TOPIC], user[25];
    struct follow *f;

    if (in->len > BYTES_MAX)
        return WIRE_TOO_LARGE;
    f = follow_name(s, in->topic, name) ? follow_find(s, name) : NULL;
    if (f == NULL || (f->place != PLACE_LIVE && f->place != PLACE_CATCHUP))
        return WIRE_NOT_FOLLOWED;
    if (!bucket_take(&s->own->topic->user.signals, &user_sends, 1, clock_steady()) ||
        !bucket_take(&f->topic->limits.signals, &topic_sends, 1, clock_steady()))
        return WIRE_THROTTLED;
    if (!s->shown) /* who is not to be seen is not to be heard of */
        return WIRE_OK;
    text_hex(user, s->user, 12);
    wire_signal(&text, in, follow_shown(f->topic), user);
    signal_publish(f->topic, "s", text.bytes, s->number);
    text_free(&text);
    return WIRE_OK;
}
