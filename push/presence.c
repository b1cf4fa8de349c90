/*
 * A hash per topic in Redis, twp:<topic>: a field per socket that joined,
 * <daemon>.<socket>, holding when it expires, whose it is, and the state.  A
 * daemon says its fields again before they expire; those of a killed one do.
 * Every change is a nudge on the topic's channel, on which all daemons read
 * the hash again.  Without Redis a daemon knows of its own sockets only.
 */
#include "push/presence.h"

#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/config.h"
#include "common/event.h"
#include "common/text.h"
#include "push/feed.h"
#include "push/follow.h"
#include "push/frame.h"
#include "push/hub.h"
#include "push/session.h"
#include "push/signal.h"

#define KEY  "twp:"
#define SOON 0.05 /* seconds in which changes gather for one read */
#define TOLD_BYTES                                                                                 \
    4 /* of lists in a microsecond, for one topic: a large crowd is told less often */

/* Those of one topic, while somebody of ours has joined it. */
struct crowd {
    struct crowd *after;
    struct topic *topic;
    uint32_t joined;  /* sockets of ours */
    bool nudged;      /* to be read */
    int64_t next_at;  /* steady us, not before then */
    struct text told; /* what was last told to all */
};

static struct {
    struct ev_loop *loop;
    ev_timer soon;
    struct crowd *crowds;
    int64_t expires;   /* seconds after which a killed daemon's sockets are gone */
    int64_t refreshed; /* steady seconds */
} presence;

/* ------------------------------------------------------------ who is here */

/* Somebody's tab; of several tabs the one that is most there counts. */
struct person {
    char id[25], state[PRESENCE_STATE];
};

static int
by_id_and_state(const void *a, const void *b)
{
    const struct person *x = a, *y = b;
    int order = strcmp(x->id, y->id);

    if (order == 0)
        order = (strcmp(x->state, "away") == 0) - (strcmp(y->state, "away") == 0);
    return order != 0 ? order : strcmp(y->state, x->state);
}

static void
write_users(struct text *out, struct person *people, size_t count)
{
    qsort(people, count, sizeof(*people), by_id_and_state);
    text_putc(out, '[');
    for (size_t i = 0; i < count; i++)
        if (i == 0 || strcmp(people[i].id, people[i - 1].id) != 0)
            text_printf(out, "%s{\"id\":\"%s\",\"state\":\"%s\"}", i == 0 ? "" : ",", people[i].id,
                        people[i].state);
    text_putc(out, ']');
}

static bool
listed(const struct follow *f)
{
    return f->state[0] != '\0' && strcmp(f->state, "hidden") != 0 && f->session->shown;
}

/* What we know by ourselves. */
static size_t
local_people(const struct topic *t, struct person *people, size_t most)
{
    size_t count = 0;

    for (int place = PLACE_WAITING; place < PLACE__COUNT; place++) {
        for (uint32_t i = 0; i < t->places[place].count && count < most; i++) {
            const struct follow *f = t->places[place].at[i];

            if (!listed(f))
                continue;
            text_hex(people[count].id, f->session->user, 12);
            memcpy(people[count++].state, f->state, PRESENCE_STATE);
        }
    }
    return count;
}

/* A state is a word: it goes into JSON and Redis as it is. */
static bool
state_ok(const char *state)
{
    size_t len = strspn(state, "abcdefghijklmnopqrstuvwxyz-");

    return len > 0 && state[len] == '\0' && len < PRESENCE_STATE;
}

static size_t
read_people(const char *const *texts, size_t count, struct person *people)
{
    int64_t now = clock_now();
    size_t found = 0;

    for (size_t i = 1; i < count; i += 2) {
        struct person *p = &people[found];
        unsigned char id[12];
        long long expires;

        if (sscanf(texts[i], "%lld %24s %15s", &expires, p->id, p->state) == 3 && expires > now &&
            strlen(p->id) == 24 && text_unhex(id, 12, p->id) && state_ok(p->state))
            found++;
    }
    return found;
}

/* ------------------------------------------------------------ reading */

/* Who asked for the list: everybody on the topic, or one with a ref. */
struct asked {
    struct session *session; /* NULL: everybody */
    char topic[EVENT_TOPIC], ref[WIRE_REF];
};

static void
tell_all(struct topic *t, const struct text *users)
{
    struct frame *frame;

    if (t->crowd->told.bytes != NULL && strcmp(t->crowd->told.bytes, users->bytes) == 0)
        return;
    text_clear(&t->crowd->told);
    text_add(&t->crowd->told, users->bytes, users->len);
    t->crowd->next_at = clock_steady() + (int64_t)users->len * t->crowd->joined / TOLD_BYTES;
    frame = wire_presence(t->name, users->bytes, NULL);
    for (int place = PLACE_WAITING; place < PLACE__COUNT; place++)
        for (uint32_t i = t->places[place].count; i-- > 0;)
            if (i < t->places[place].count && t->places[place].at[i]->state[0] != '\0')
                session_send(t->places[place].at[i]->session, frame_share(frame));
    frame_drop(frame);
}

static void
answered(void *arg, const char *const *texts, size_t count)
{
    struct asked *a = arg;
    struct topic *t = hub_find(a->topic, strlen(a->topic));
    struct text users = {0};

    if (t != NULL) {
        size_t most = count / 2 + (t->crowd == NULL ? 0 : t->crowd->joined) + 1;
        struct person *people = calloc(most, sizeof(*people));

        if (people == NULL)
            abort();
        write_users(&users, people,
                    count > 0 ? read_people(texts, count, people) : local_people(t, people, most));
        free(people);
        if (a->session == NULL && t->crowd != NULL)
            tell_all(t, &users);
        else if (a->session != NULL && follow_find(a->session, a->topic) != NULL)
            session_send(a->session, wire_presence(a->topic, users.bytes, a->ref));
        text_free(&users);
    }
    if (a->session != NULL)
        session_drop(a->session);
    free(a);
}

static void
read_crowd(struct topic *t, struct session *s, const char *ref)
{
    struct asked *a = calloc(1, sizeof(*a));
    char key[EVENT_TOPIC + sizeof(KEY)] = KEY;
    const char *words[] = {"HGETALL", key};
    size_t lens[] = {7, strlen(strcat(key, t->name))};

    if (a == NULL)
        abort();
    strcpy(a->topic, t->name);
    if ((a->session = s) != NULL) {
        session_share(s);
        memcpy(a->ref, ref, strlen(ref) + 1);
    }
    feed_command(words, lens, 2, answered, a);
}

/* ------------------------------------------------------------ saying */

/* HSET or HDEL of one socket's field. */
static void
say(const struct follow *f)
{
    char key[EVENT_TOPIC + sizeof(KEY)] = KEY, field[40], value[80], user[25];
    const char *words[] = {"HDEL", key, field, value};
    size_t lens[4];
    int count = 3;

    strcat(key, f->topic->name);
    snprintf(field, sizeof(field), "%s.%u", signal_daemon(), f->session->number);
    if (listed(f)) {
        text_hex(user, f->session->user, 12);
        snprintf(value, sizeof(value), "%lld %s %s",
                 (long long)(clock_now() + presence.expires * 1000), user, f->state);
        words[0] = "HSET";
        count = 4;
    }
    for (int i = 0; i < count; i++)
        lens[i] = strlen(words[i]);
    feed_command(words, lens, count, NULL, NULL);
    if (count == 3)
        return;
    words[0] = "EXPIRE"; /* what nobody refreshes goes away as a whole */
    words[2] = "120";    /* twice as long as PUSH_PRESENCE_SECONDS may be */
    lens[0] = 6;
    lens[2] = 3;
    feed_command(words, lens, 3, NULL, NULL);
}

static struct crowd *
crowd_of(struct topic *t)
{
    struct crowd *c = t->crowd;

    if (c != NULL)
        return c;
    c = t->crowd = calloc(1, sizeof(*c));
    if (c == NULL)
        abort();
    c->topic = t;
    c->after = presence.crowds;
    presence.crowds = c;
    return c;
}

static void
drop_crowd(struct crowd *c)
{
    struct crowd **at = &presence.crowds;

    while (*at != c)
        at = &(*at)->after;
    *at = c->after;
    c->topic->crowd = NULL;
    text_free(&c->told);
    free(c);
}

static void
changed(struct follow *f)
{
    say(f);
    signal_publish(f->topic, "p", NULL, f->session->number);
    presence_nudged(f->topic); /* ours need no Redis to know */
}

enum wire_error
presence_op(struct session *s, const struct wire_in *in)
{
    const char *state = in->state == NULL ? "online" : in->state;
    char name[EVENT_TOPIC];
    struct follow *f;

    if (!state_ok(state))
        return WIRE_BAD_FIELD;
    f = follow_name(s, in->topic, name) ? follow_find(s, name) : NULL;
    if (f == NULL || f->topic->kind != TOPIC_PROJECT ||
        (f->place != PLACE_LIVE && f->place != PLACE_CATCHUP))
        return WIRE_NOT_FOLLOWED;
    crowd_of(f->topic);
    if (strcmp(state, "offline") == 0) {
        read_crowd(f->topic, s, in->ref);
        presence_gone(f);
        return WIRE_OK;
    }
    if (f->state[0] == '\0')
        f->topic->crowd->joined++;
    strcpy(f->state, state);
    changed(f);
    read_crowd(f->topic, s, in->ref);
    return WIRE_OK;
}

void
presence_shown(struct session *s, bool shown)
{
    s->chosen = true;
    if (s->shown == shown)
        return;
    s->shown = shown;
    for (struct follow *f = s->follows; f != NULL; f = f->after)
        if (f->state[0] != '\0')
            changed(f);
}

void
presence_gone(struct follow *f)
{
    if (f->state[0] == '\0')
        return;
    f->state[0] = '\0';
    f->topic->crowd->joined--;
    changed(f);
}

/* ------------------------------------------------------------ time */

void
presence_nudged(struct topic *t)
{
    if (t->crowd == NULL)
        return;
    t->crowd->nudged = true;
    if (!ev_is_active(&presence.soon))
        ev_timer_again(presence.loop, &presence.soon);
}

static void
on_soon(struct ev_loop *loop, ev_timer *timer, int events)
{
    int64_t now = clock_steady();
    bool more = false;

    (void)events;
    for (struct crowd *c = presence.crowds, *after; c != NULL; c = after) {
        after = c->after;
        if (c->joined == 0) {
            drop_crowd(c);
            continue;
        }
        if (c->nudged && c->next_at <= now) {
            c->nudged = false;
            read_crowd(c->topic, NULL, NULL);
        }
        more = more || c->nudged;
    }
    if (!more)
        ev_timer_stop(loop, timer);
}

void
presence_tick(void)
{
    int64_t now = clock_steady() / 1000000;

    if (now - presence.refreshed < presence.expires / 3)
        return;
    presence.refreshed = now;
    for (struct crowd *c = presence.crowds; c != NULL; c = c->after) {
        for (int place = PLACE_WAITING; place < PLACE__COUNT; place++)
            for (uint32_t i = 0; i < c->topic->places[place].count; i++)
                if (listed(c->topic->places[place].at[i]))
                    say(c->topic->places[place].at[i]);
        presence_nudged(c->topic);
    }
}

void
presence_forget(struct topic *t)
{
    if (t->crowd != NULL)
        drop_crowd(t->crowd);
}

void
presence_open(struct ev_loop *loop, const struct config *config)
{
    presence.loop = loop;
    presence.expires = config->push_presence_seconds;
    ev_timer_init(&presence.soon, on_soon, 0., SOON);
}

void
presence_close(void)
{
    ev_timer_stop(presence.loop, &presence.soon);
    while (presence.crowds != NULL)
        drop_crowd(presence.crowds);
}
