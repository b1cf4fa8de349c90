/*
 * The table of ops.  Rate, shape and whether the session has been checked are decided here, before
 * a handler runs.
 */
#include "push/clients/ops.h"

#include <stdlib.h>
#include <string.h>

#include "common/change/event.h"
#include "common/config.h"
#include "common/time/clock.h"
#include "push/base/wire.h"
#include "push/clients/answer.h"
#include "push/clients/auth.h"
#include "push/clients/follow.h"
#include "push/clients/follow_all.h"
#include "push/clients/presence.h"
#include "push/clients/quota.h"
#include "push/clients/signal.h"
#include "push/net/session.h"
#include "push/topics/hub.h"

#define COST_ALL 10   /* of following `all`: a list is read, and every topic asked for */
#define FOLLOWS  1000 /* topics that a socket may follow by name */

typedef enum wire_error (*op_fn)(struct session *s, const struct wire_in *in);

static enum wire_error op_follow(struct session *s, const struct wire_in *in);
static enum wire_error op_unfollow(struct session *s, const struct wire_in *in);
static enum wire_error op_ping(struct session *s, const struct wire_in *in);

static const struct {
    op_fn fn;
    bool before_hello; /* allowed before the session is READY */
    bool link;         /* allowed to the readers of share links */
    int cost;          /* taken from the quota of the user */
} table[WIRE_OP__COUNT] = {
    [WIRE_HELLO] = {auth_hello, true, true, 0},
    [WIRE_TOKEN] = {auth_renew, false, true, 0},
    [WIRE_FOLLOW] = {op_follow, false, true, 1},
    [WIRE_UNFOLLOW] = {op_unfollow, false, true, 0},
    [WIRE_PRESENCE] = {presence_op, false, false, 2},
    [WIRE_SIGNAL] = {signal_op, false, false, 1},
    [WIRE_PING] = {op_ping, true, true, 0},
};

/* Takes the cost from the quota of the user, which is known once the session is READY. */
static enum wire_error
charge_user(struct session *s, int cost)
{
    return s->state != SESSION_READY || quota_take_user(s->own->topic, cost) ? WIRE_OK
                                                                             : WIRE_THROTTLED;
}

static enum wire_error
op_ping(struct session *s, const struct wire_in *in)
{
    session_send(s, wire_pong(in->ref));
    return WIRE_OK;
}

/* Follows one topic or `all`; the answer comes later. */
static enum wire_error
op_follow(struct session *s, const struct wire_in *in)
{
    char name[EVENT_TOPIC];

    if (strcmp(in->topic, "all") == 0) {
        if (s->by_link)
            return WIRE_FORBIDDEN;
        if (quota_take(s, COST_ALL - 1))
            follow_all_begin(s, in);
        return WIRE_OK;
    }
    if (!follow_name(s, in->topic, name))
        return WIRE_NOT_FOUND;
    if (s->follow_count >= FOLLOWS && follow_find(s, name) == NULL)
        return WIRE_TOO_MANY;
    answer_ask(s, name, in->since, in->since_len, in->ref);
    return WIRE_OK;
}

/* Ends the topic it names, whether that was followed by name or through `all`. */
static enum wire_error
op_unfollow(struct session *s, const struct wire_in *in)
{
    char name[EVENT_TOPIC];
    enum follow_all_skip skip;
    struct follow *f;

    if (strcmp(in->topic, "all") == 0) {
        if (s->all == NULL)
            return WIRE_NOT_FOLLOWED;
        follow_all_end(s);
        session_send(s, wire_unfollowed("all", in->ref));
        return WIRE_OK;
    }
    if (!follow_name(s, in->topic, name))
        return WIRE_NOT_FOLLOWED;
    f = follow_find(s, name);
    skip = follow_all_skip(s, name);
    if (skip == FOLLOW_ALL_FULL)
        return WIRE_TOO_MANY;
    if (skip != FOLLOW_ALL_SKIPS && (f == NULL || f->state == FOLLOW_QUIET))
        return WIRE_NOT_FOLLOWED;
    session_send(s, wire_unfollowed(name[0] == 'u' ? "user:me" : name, in->ref));
    follow_drop_reasons(f, REASON_NAMED | REASON_ALL);
    return WIRE_OK;
}

static int
cost_of(const struct wire_in *in)
{
    bool all = in->op == WIRE_FOLLOW && strcmp(in->topic, "all") == 0;

    return all ? COST_ALL : table[in->op].cost;
}

void
ops_message(struct session *s, const char *bytes, size_t len, bool binary)
{
    struct wire_in in = {0};
    const char *detail = NULL;
    enum wire_error error;

    if (!quota_take(s, 1))
        return;
    error = binary ? WIRE_BINARY : wire_read(bytes, len, &in, &detail);
    if (len > WIRE_MAX && in.op != WIRE_FOLLOW) {
        session_too_large(s);
        wire_in_free(&in);
        return;
    }
    if (error == WIRE_OK && !table[in.op].before_hello && s->state != SESSION_READY)
        error = WIRE_NO_HELLO;
    if (error == WIRE_OK && s->by_link && !table[in.op].link)
        error = WIRE_FORBIDDEN;
    if (error == WIRE_OK)
        error = charge_user(s, cost_of(&in));
    if (error == WIRE_OK)
        error = table[in.op].fn(s, &in);
    if (error != WIRE_OK)
        session_send(s, wire_error_frame(error, detail, in.ref));
    if (error == WIRE_BAD_FIELD && in.op == WIRE_HELLO)
        auth_token(s, "", 0); /* a hello without a token is treated as one with an invalid token */
    wire_in_free(&in);
}
