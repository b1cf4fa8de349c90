/*
 * The order is what makes revocation sure: first the user's topic is followed,
 * then the session's document is read.  A revocation committed before the read
 * shows in the document, one after it arrives as an event.  Sessions are read
 * together: while a read is under way, those who say hello wait for the next.
 */
#include "push/who.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/config.h"
#include "common/event.h"
#include "common/text.h"
#include "common/token.h"
#include "push/follow.h"
#include "push/hub.h"
#include "push/metrics.h"
#include "push/ops.h"
#include "push/reads.h"
#include "push/session.h"
#include "push/topics.h"

#define AT_ONCE    2     /* reads under way */
#define HELLO_COST 5     /* of what a user's sockets spend: 20 a second, once 200 have come */
#define API_TOKEN  "tw_" /* how API tokens begin (api/bearer.h) */

static struct {
    struct session **waiting;
    uint32_t count, size, under_way;
    long user_sockets;
    bool doubted; /* a new epoch came: READY sessions are checked once more */
} who;

void
who_open(const struct config *config)
{
    who.user_sockets = config->push_user_sockets;
}

static void
refuse(struct session *s, const char *why)
{
    metrics[METRIC_CUT_UNAUTHORISED]++;
    session_close(s, CLOSE_UNAUTHORISED, why);
}

static void
say_ready(struct session *s, const char *ref)
{
    char user[25];

    text_hex(user, s->user, 12);
    session_send(s, wire_ready(user, topics_epoch(), sessions_heartbeat(), ref));
}

static void ask(void);

static void
answer(struct check_one *one, enum err err)
{
    struct session *s = one->session;

    if (s->code != 0 || s->state == SESSION_NEW)
        return;
    if (err != ERR_NONE)
        return; /* who_tick() asks again */
    s->doubted = false;
    if (!one->alive) {
        refuse(s, "the session has ended");
    } else if (s->state == SESSION_CHECKING) {
        if (!s->chosen)
            s->shown = one->shown;
        if (s->generation < one->generation)
            s->generation = one->generation;
        session_ready(s);
        say_ready(s, s->hello_ref);
        free(s->hello_ref);
        s->hello_ref = NULL;
    }
}

static void
checked(struct job *job)
{
    struct check *c = (struct check *)job;

    who.under_way--;
    for (uint32_t i = 0; i < c->count; i++) {
        c->items[i].session->asked = false;
        answer(&c->items[i], job->err);
        session_drop(c->items[i].session);
    }
    free(c);
    ask();
}

static void
ask(void)
{
    while (who.count > 0 && who.under_way < AT_ONCE) {
        struct check *c = calloc(1, sizeof(*c));

        if (c == NULL)
            abort();
        while (who.count > 0 && c->count < READS_TOPICS) {
            struct check_one *one = &c->items[c->count++];

            one->session = who.waiting[--who.count];
            memcpy(one->user, one->session->user, 12);
            memcpy(one->sid, one->session->sid, 12);
        }
        c->job.done = checked;
        who.under_way++;
        reads_check(c);
    }
}

static void
check(struct session *s)
{
    if (s->asked)
        return;
    if (who.count == who.size) {
        who.size = who.size == 0 ? 64 : who.size * 2;
        who.waiting = realloc(who.waiting, who.size * sizeof(*who.waiting));
        if (who.waiting == NULL)
            abort();
    }
    s->asked = true;
    session_share(s);
    who.waiting[who.count++] = s;
    ask();
}

void
who_topic_ready(struct topic *t)
{
    for (int place = 0; place < PLACE__COUNT; place++)
        for (uint32_t i = t->places[place].count; i-- > 0;)
            if (t->places[place].at[i]->session->state == SESSION_CHECKING)
                check(t->places[place].at[i]->session);
}

/* Nothing would tell us that an API token was removed, so none may hold a socket open. */
static bool
is_api_token(const char *text, size_t len)
{
    return len >= strlen(API_TOKEN) && memcmp(text, API_TOKEN, strlen(API_TOKEN)) == 0;
}

static void
begin(struct session *s, const char *text, size_t len)
{
    char name[EVENT_TOPIC] = "user:";
    struct token token;
    struct topic *t;

    if (is_api_token(text, len)) {
        metrics[METRIC_CUT_UNAUTHORISED]++;
        session_close(s, CLOSE_FORBIDDEN, "an API token opens no socket");
        return;
    }
    if (token_verify(text, len, &token) != ERR_NONE || !text_unhex(s->user, 12, token.user) ||
        !text_unhex(s->sid, 12, token.session)) {
        refuse(s, "the token is not valid");
        return;
    }
    strcat(name, token.user);
    s->expires = token.expires;
    s->generation = token.generation;
    t = topics_get(name, s->user);
    if (hub_follows(t) >= (uint32_t)who.user_sockets || !ops_spend(t, HELLO_COST)) {
        metrics[METRIC_CUT_LIMIT]++;
        session_close(s, CLOSE_OVER_LIMIT, "too many sockets");
        return;
    }
    s->state = SESSION_CHECKING;
    s->since = clock_steady();
    s->own = follow_begin(s, t, PLACE_QUIET, FOLLOW_OWN);
    if (t->state == TOPIC_READY)
        check(s);
}

enum wire_error
who_hello(struct session *s, const struct wire_in *in)
{
    if (s->state != SESSION_NEW)
        return WIRE_SAID_HELLO;
    if (in->ref[0] != '\0')
        s->hello_ref = text_dup(in->ref);
    begin(s, in->token, in->token_len);
    return WIRE_OK;
}

void
who_token(struct session *s, const char *token, size_t len)
{
    begin(s, token, len);
}

enum wire_error
who_renew(struct session *s, const struct wire_in *in)
{
    unsigned char user[12], sid[12];
    struct token token;

    if (token_verify(in->token, in->token_len, &token) != ERR_NONE ||
        !text_unhex(user, 12, token.user) || !text_unhex(sid, 12, token.session) ||
        memcmp(user, s->user, 12) != 0 || memcmp(sid, s->sid, 12) != 0) {
        refuse(s, "the token is not one of this session");
        return WIRE_OK;
    }
    if (s->expires < token.expires)
        s->expires = token.expires;
    if (s->generation < token.generation)
        s->generation = token.generation;
    say_ready(s, in->ref);
    return WIRE_OK;
}

void
who_revoked(struct topic *t, const unsigned char sid[12])
{
    for (int place = 0; place < PLACE__COUNT; place++) {
        for (uint32_t i = t->places[place].count; i-- > 0;) {
            struct session *s = t->places[place].at[i]->session;

            if (memcmp(s->sid, sid, 12) == 0)
                refuse(s, "the session was ended");
        }
    }
}

void
who_generation_ended(struct topic *t, int64_t ended, const unsigned char kept[12])
{
    for (int place = 0; place < PLACE__COUNT; place++) {
        for (uint32_t i = t->places[place].count; i-- > 0;) {
            struct session *s = t->places[place].at[i]->session;

            if (s->generation > ended)
                continue;
            if (memcmp(s->sid, kept, 12) == 0)
                s->generation = ended + 1;
            else
                refuse(s, "the session was ended");
        }
    }
}

static void
check_again(struct session *s, void *arg)
{
    (void)arg;
    if (s->state == SESSION_CHECKING && s->own->topic->state == TOPIC_READY)
        check(s);
}

static void
doubt(struct session *s, void *arg)
{
    (void)arg;
    s->doubted = true;
    check(s);
}

static void
check_doubted(struct session *s, void *arg)
{
    (void)arg;
    if (s->doubted)
        check(s);
}

void
who_new_epoch(void)
{
    who.doubted = true;
    sessions_each(doubt, NULL);
}

void
who_tick(void)
{
    sessions_each_fresh(check_again, NULL);
    if (who.doubted)
        sessions_each(check_doubted, NULL);
}

void
who_close(void)
{
    while (who.count > 0)
        session_drop(who.waiting[--who.count]);
    free(who.waiting);
    who.waiting = NULL;
    who.size = 0;
}
