/*
 * The table of ops.  Everything is checked here, before a handler runs: rate,
 * shape, and whether the session has been checked.
 */
#include "push/ops.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/config.h"
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

#define BURST       200    /* what a socket may spend at once: a page that resumes many topics */
#define PER_SECOND  20     /* and what it gets back in a second */
#define COST_ALL    10     /* of following `all`: a list is read, and every topic asked for */
#define SOCKETS_MAX 100000 /* of a user, beyond which they may not spend more */
#define FOLLOWS     1000   /* topics asked for by name */

/* What all sockets of one user may spend: for each one that they may be, 20 at once and 2 a second.
 */
static struct bucket_size user_spends = {1000, 100};

typedef enum wire_error (*op_fn)(struct session *s, const struct wire_in *in);

static enum wire_error op_follow(struct session *s, const struct wire_in *in);
static enum wire_error op_unfollow(struct session *s, const struct wire_in *in);
static enum wire_error op_ping(struct session *s, const struct wire_in *in);

static const struct {
    op_fn fn;
    bool before_hello; /* may come before the session is READY */
    int cost;          /* that all sockets of the user share */
} table[WIRE_OP__COUNT] = {
    [WIRE_HELLO] = {who_hello, true, 0},       [WIRE_TOKEN] = {who_renew, false, 0},
    [WIRE_FOLLOW] = {op_follow, false, 1},     [WIRE_UNFOLLOW] = {op_unfollow, false, 0},
    [WIRE_PRESENCE] = {presence_op, false, 2}, [WIRE_SIGNAL] = {signal_op, false, 1},
    [WIRE_PING] = {op_ping, true, 0},
};

void
ops_open(const struct config *config)
{
    int32_t sockets =
        config->push_user_sockets < SOCKETS_MAX ? (int32_t)config->push_user_sockets : SOCKETS_MAX;

    user_spends = (struct bucket_size){20 * sockets, 2 * sockets};
}

void
ops_allow(struct session *s)
{
    s->allowance = BURST;
    s->refilled = (int32_t)(clock_steady() / 1000000);
}

/* What a socket spends flows back at PER_SECOND, up to BURST; below nothing it is cut off. */
static bool
spend(struct session *s, int cost)
{
    int32_t now = (int32_t)(clock_steady() / 1000000), passed = now - s->refilled;

    if (passed > 0) {
        int32_t more = passed > BURST ? BURST : passed * PER_SECOND;

        s->allowance = (int16_t)(s->allowance + more > BURST ? BURST : s->allowance + more);
        s->refilled = now;
    }
    s->allowance = (int16_t)(s->allowance - cost);
    if (s->allowance >= 0)
        return true;
    metrics[METRIC_CUT_CHATTY]++;
    session_close(s, CLOSE_OVER_LIMIT, "too chatty");
    return false;
}

bool
ops_spend(struct topic *user, int cost)
{
    return bucket_take(&user->user.spent, &user_spends, cost, clock_steady());
}

/* All sockets of a user share what costs more than an answer. */
static enum wire_error
spend_of_user(struct session *s, int cost)
{
    return s->state != SESSION_READY || ops_spend(s->own->topic, cost) ? WIRE_OK : WIRE_THROTTLED;
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
        if (spend(s, COST_ALL - 1))
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

/* What it names ends, whether it was asked for by name or comes through `all`. */
static enum wire_error
op_unfollow(struct session *s, const struct wire_in *in)
{
    char name[EVENT_TOPIC];
    enum all_unfollow soon;
    struct follow *f;

    if (strcmp(in->topic, "all") == 0) {
        if (s->all == NULL)
            return WIRE_NOT_FOLLOWED;
        all_forget(s);
        session_send(s, wire_unfollowed("all", in->ref));
        return WIRE_OK;
    }
    if (!follow_name(s, in->topic, name))
        return WIRE_NOT_FOLLOWED;
    f = follow_find(s, name);
    soon = all_unfollow(s, name);
    if (soon == ALL_FULL)
        return WIRE_TOO_MANY;
    if (soon != ALL_SKIPS && (f == NULL || f->place == PLACE_QUIET))
        return WIRE_NOT_FOLLOWED;
    session_send(s, wire_unfollowed(name[0] == 'u' ? "user:me" : name, in->ref));
    follow_no_more(f, FOLLOW_ASKED | FOLLOW_ALL);
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

    if (!spend(s, 1))
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
        error = spend_of_user(s, cost_of(&in));
    if (error == WIRE_OK)
        error = table[in.op].fn(s, &in);
    if (error != WIRE_OK)
        session_send(s, wire_error_frame(error, detail, in.ref));
    if (error == WIRE_BAD_FIELD && in.op == WIRE_HELLO)
        who_token(s, "", 0); /* a hello without a token is one with a bad token */
    wire_in_free(&in);
}
