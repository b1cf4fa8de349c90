/*
 * The table of ops.  Everything is checked here, before a handler runs: rate,
 * shape, and whether the session has been checked.
 */
#include "push/ops.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/event.h"
#include "push/all.h"
#include "push/answer.h"
#include "push/follow.h"
#include "push/hub.h"
#include "push/metrics.h"
#include "push/presence.h"
#include "push/session.h"
#include "push/signal.h"
#include "push/who.h"
#include "push/wire.h"

#define BURST      200 /* messages at once: a page that resumes many topics */
#define PER_SECOND 20
#define FOLLOWS    1000 /* topics asked for by name */

typedef enum wire_error (*op_fn)(struct session *s, const struct wire_in *in);

static enum wire_error op_follow(struct session *s, const struct wire_in *in);
static enum wire_error op_unfollow(struct session *s, const struct wire_in *in);
static enum wire_error op_ping(struct session *s, const struct wire_in *in);

static const struct {
    op_fn fn;
    bool before_hello; /* may come before the session is READY */
} table[WIRE_OP__COUNT] = {
    [WIRE_HELLO] = {who_hello, true},       [WIRE_TOKEN] = {who_renew, false},
    [WIRE_FOLLOW] = {op_follow, false},     [WIRE_UNFOLLOW] = {op_unfollow, false},
    [WIRE_PRESENCE] = {presence_op, false}, [WIRE_SIGNAL] = {signal_op, false},
    [WIRE_PING] = {op_ping, true},
};

void
ops_allow(struct session *s)
{
    s->allowance = BURST;
    s->refilled = (int32_t)(clock_steady() / 1000000);
}

/* Messages leak at PER_SECOND out of a bucket of BURST. */
static bool
within_rate(struct session *s)
{
    int32_t now = (int32_t)(clock_steady() / 1000000), passed = now - s->refilled;

    if (passed > 0) {
        int32_t more = passed > BURST ? BURST : passed * PER_SECOND;

        s->allowance = (int16_t)(s->allowance + more > BURST ? BURST : s->allowance + more);
        s->signals = 0;
        s->refilled = now;
    }
    if (s->allowance-- > 0)
        return true;
    metrics[METRIC_CUT_CHATTY]++;
    session_close(s, CLOSE_OVER_LIMIT, "too chatty");
    return false;
}

static enum wire_error
op_ping(struct session *s, const struct wire_in *in)
{
    session_send(s, wire_pong(in->ref));
    return WIRE_OK;
}

static enum wire_error
op_follow(struct session *s, const struct wire_in *in)
{
    char name[EVENT_TOPIC];

    if (strcmp(in->topic, "all") == 0) {
        all_follow(s, in);
        return WIRE_OK;
    }
    if (!follow_name(s, in->topic, name))
        return WIRE_NOT_FOUND;
    if (s->follow_count >= FOLLOWS && follow_find(s, name) == NULL)
        return WIRE_TOO_MANY;
    answer_ask(s, name, in->since, in->since_len, in->ref);
    return WIRE_OK;
}

static enum wire_error
op_unfollow(struct session *s, const struct wire_in *in)
{
    char name[EVENT_TOPIC];

    if (strcmp(in->topic, "all") == 0)
        all_forget(s);
    else if (follow_name(s, in->topic, name))
        follow_no_more(follow_find(s, name), FOLLOW_ASKED);
    session_send(s, wire_unfollowed(in->topic, in->ref));
    return WIRE_OK;
}

void
ops_message(struct session *s, const char *bytes, size_t len, bool binary)
{
    struct wire_in in = {0};
    const char *detail = NULL;
    enum wire_error error;

    if (!within_rate(s))
        return;
    error = binary ? WIRE_BINARY : wire_read(bytes, len, &in, &detail);
    if (len > WIRE_MAX && in.op != WIRE_FOLLOW) {
        session_too_large(s);
        wire_in_free(&in);
        return;
    }
    if (error == WIRE_OK && !table[in.op].before_hello && s->state != SESSION_READY)
        error = WIRE_NO_HELLO;
    if (error == WIRE_OK)
        error = table[in.op].fn(s, &in);
    if (error != WIRE_OK)
        session_send(s, wire_error_frame(error, detail, in.ref));
    if (error == WIRE_BAD_FIELD && in.op == WIRE_HELLO)
        who_token(s, "", 0); /* a hello without a token is one with a bad token */
    wire_in_free(&in);
}
