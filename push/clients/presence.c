/*
 * Redis has a hash per topic, twp:<topic>, with a field per socket that joined, <daemon>.<socket>:
 * when it expires, its user and its state.  A daemon writes its fields again before they expire;
 * those of a killed daemon do expire.  Every change is announced on the topic's channel, and all
 * daemons then read the hash again.  Without Redis a daemon knows only its own sockets.
 */
#include "push/clients/presence.h"

#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/id.h"
#include "common/base/must.h"
#include "common/change/event.h"
#include "common/config.h"
#include "common/text/text.h"
#include "common/time/clock.h"
#include "push/base/frame.h"
#include "push/clients/follow.h"
#include "push/clients/peer.h"
#include "push/net/session.h"
#include "push/sources/feed.h"
#include "push/topics/hub.h"

#define KEY  "twp:"
#define SOON 0.05 /* seconds in which changes are collected for one read */

/* Bytes of lists per microsecond that leave for one topic: many users are told less often. */
#define SENT_BYTES 4

/* Who is present on one topic, while a socket of this daemon has joined it. */
struct presence_topic {
    struct presence_topic *after;
    struct topic *topic;
    uint32_t joined;  /* sockets of this daemon */
    bool changed;     /* to be read again */
    int64_t next_at;  /* steady us, when it may be read again */
    struct text sent; /* the list as last sent to all */
};

static struct {
    struct ev_loop *loop;
    ev_timer soon;
    struct presence_topic *topics;
    int64_t expires;   /* seconds after which a killed daemon's sockets are gone */
    int64_t refreshed; /* steady seconds */
} presence;

/* ------------------------------------------------------------ who is here */

/* One tab of a user; of several the most active one counts. */
struct person {
    char id[ID_TEXT], state[PRESENCE_STATE];
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

/* Appends the list as JSON, each user once with the most active state. */
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
    return f->presence != NULL && strcmp(f->presence, "hidden") != 0 && f->session->shown;
}

/* Those who are here through this daemon. */
static size_t
local_people(const struct topic *t, struct person *people, size_t most)
{
    size_t count = 0;

    for (int state = FOLLOW_WAITING; state < FOLLOW_STATE__COUNT; state++) {
        for (uint32_t i = 0; i < t->follows[state].count && count < most; i++) {
            const struct follow *f = t->follows[state].at[i];

            if (!listed(f))
                continue;
            text_hex(people[count].id, f->session->user, ID_BYTES);
            strcpy(people[count++].state, f->presence);
        }
    }
    return count;
}

/* A state is a lower-case word, so it can go into JSON and Redis unchanged. */
static bool
state_ok(const char *state)
{
    size_t len = strspn(state, "abcdefghijklmnopqrstuvwxyz-");

    return len > 0 && state[len] == '\0' && len < PRESENCE_STATE;
}

/* Reads the values of the hash; malformed and expired ones are left out. */
static size_t
read_people(const char *const *texts, size_t count, struct person *people)
{
    int64_t now = clock_now();
    size_t found = 0;

    for (size_t i = 1; i < count; i += 2) {
        struct person *p = &people[found];
        unsigned char id[ID_BYTES];
        long long expires;

        if (sscanf(texts[i], "%lld %24s %15s", &expires, p->id, p->state) == 3 && expires > now &&
            strlen(p->id) == ID_DIGITS && text_unhex(id, ID_BYTES, p->id) && state_ok(p->state))
            found++;
    }
    return found;
}

/* ------------------------------------------------------------ reading */

/* Whom a list is read for: everybody on the topic, or one session with a ref. */
struct reading {
    struct session *session; /* NULL: everybody */
    char topic[EVENT_TOPIC], ref[WIRE_REF];
};

/* Sends the list to everybody who joined, unless it is the same as last time. */
static void
send_to_all(struct topic *t, const struct text *users)
{
    struct frame *frame;

    if (t->presence->sent.bytes != NULL && strcmp(t->presence->sent.bytes, users->bytes) == 0)
        return;
    text_clear(&t->presence->sent);
    text_add(&t->presence->sent, users->bytes, users->len);
    t->presence->next_at = clock_steady() + (int64_t)users->len * t->presence->joined / SENT_BYTES;
    frame = wire_presence(t->name, users->bytes, NULL);
    for (int state = FOLLOW_WAITING; state < FOLLOW_STATE__COUNT; state++)
        for (uint32_t i = t->follows[state].count; i-- > 0;)
            if (i < t->follows[state].count && t->follows[state].at[i]->presence != NULL)
                session_send(t->follows[state].at[i]->session, frame_share(frame));
    frame_drop(frame);
}

/* Redis has answered with the hash, or (count 0) not at all. */
static void
answered(void *arg, const char *const *texts, size_t count)
{
    struct reading *a = arg;
    struct topic *t = hub_find(a->topic, strlen(a->topic));
    struct text users = {0};

    if (t != NULL) {
        size_t most = count / 2 + (t->presence == NULL ? 0 : t->presence->joined) + 1;
        struct person *people = must_alloc(most, sizeof(*people));

        write_users(&users, people,
                    count > 0 ? read_people(texts, count, people) : local_people(t, people, most));
        free(people);
        if (a->session == NULL && t->presence != NULL)
            send_to_all(t, &users);
        else if (a->session != NULL && follow_find(a->session, a->topic) != NULL)
            session_send(a->session, wire_presence(a->topic, users.bytes, a->ref));
        text_free(&users);
    }
    if (a->session != NULL)
        session_drop(a->session);
    free(a);
}

/* Reads the hash for one session with a ref, or (NULL) for everybody who joined. */
static void
read_topic(struct topic *t, struct session *s, const char *ref)
{
    struct reading *a = must_alloc(1, sizeof(*a));
    char key[EVENT_TOPIC + sizeof(KEY)] = KEY;
    const char *words[] = {"HGETALL", key};
    size_t lens[] = {7, strlen(strcat(key, t->name))};

    strcpy(a->topic, t->name);
    if ((a->session = s) != NULL) {
        session_share(s);
        memcpy(a->ref, ref, strlen(ref) + 1);
    }
    feed_command(words, lens, 2, answered, a);
}

/* ------------------------------------------------------------ writing */

/* HSET or HDEL of one socket's field. */
static void
write_field(const struct follow *f)
{
    char key[EVENT_TOPIC + sizeof(KEY)] = KEY, field[PEER_NAME], value[80], user[ID_TEXT];
    const char *words[] = {"HDEL", key, field, value};
    size_t lens[4];
    int count = 3;

    strcat(key, f->topic->name);
    peer_name(f->session, field);
    if (listed(f)) {
        text_hex(user, f->session->user, ID_BYTES);
        snprintf(value, sizeof(value), "%lld %s %s",
                 (long long)(clock_now() + presence.expires * 1000), user, f->presence);
        words[0] = "HSET";
        count = 4;
    }
    for (int i = 0; i < count; i++)
        lens[i] = strlen(words[i]);
    feed_command(words, lens, count, NULL, NULL);
    if (count == 3)
        return;
    words[0] = "EXPIRE"; /* the whole hash goes when nobody refreshes it */
    words[2] = "120";    /* twice as long as PUSH_PRESENCE_SECONDS may be */
    lens[0] = 6;
    lens[2] = 3;
    feed_command(words, lens, 3, NULL, NULL);
}

static struct presence_topic *
presence_of(struct topic *t)
{
    struct presence_topic *c = t->presence;

    if (c != NULL)
        return c;
    c = t->presence = must_alloc(1, sizeof(*c));
    c->topic = t;
    c->after = presence.topics;
    presence.topics = c;
    return c;
}

static void
drop_topic(struct presence_topic *c)
{
    struct presence_topic **at = &presence.topics;

    while (*at != c)
        at = &(*at)->after;
    *at = c->after;
    c->topic->presence = NULL;
    text_free(&c->sent);
    free(c);
}

/* Writes the socket's field and announces the change. */
static void
announce(struct follow *f)
{
    write_field(f);
    peer_publish(f->topic, PEER_PRESENCE, NULL, f->session);
    presence_changed(f->topic); /* sockets here do not depend on Redis */
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
        (f->state != FOLLOW_LIVE && f->state != FOLLOW_CATCHUP))
        return WIRE_NOT_FOLLOWED;
    presence_of(f->topic);
    if (strcmp(state, "offline") == 0) {
        read_topic(f->topic, s, in->ref);
        presence_ending(f);
        return WIRE_OK;
    }
    if (f->presence == NULL)
        f->topic->presence->joined++;
    free(f->presence);
    f->presence = text_dup(state);
    announce(f);
    read_topic(f->topic, s, in->ref);
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
        if (f->presence != NULL)
            announce(f);
}

void
presence_ending(struct follow *f)
{
    if (f->presence == NULL)
        return;
    free(f->presence);
    f->presence = NULL;
    f->topic->presence->joined--;
    announce(f);
}

/* ------------------------------------------------------------ time */

void
presence_changed(struct topic *t)
{
    if (t->kind != TOPIC_PROJECT || t->presence == NULL)
        return;
    t->presence->changed = true;
    if (!ev_is_active(&presence.soon))
        ev_timer_again(presence.loop, &presence.soon);
}

/* Reads the hashes that have changed, except for topics that were told too recently. */
static void
on_soon(struct ev_loop *loop, ev_timer *timer, int events)
{
    int64_t now = clock_steady();
    bool more = false;

    (void)events;
    for (struct presence_topic *c = presence.topics, *after; c != NULL; c = after) {
        after = c->after;
        if (c->joined == 0) {
            drop_topic(c);
            continue;
        }
        if (c->changed && c->next_at <= now) {
            c->changed = false;
            read_topic(c->topic, NULL, NULL);
        }
        more = more || c->changed;
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
    for (struct presence_topic *c = presence.topics; c != NULL; c = c->after) {
        for (int state = FOLLOW_WAITING; state < FOLLOW_STATE__COUNT; state++)
            for (uint32_t i = 0; i < c->topic->follows[state].count; i++)
                if (listed(c->topic->follows[state].at[i]))
                    write_field(c->topic->follows[state].at[i]);
        presence_changed(c->topic);
    }
}

void
presence_forget(struct topic *t)
{
    if (t->kind == TOPIC_PROJECT && t->presence != NULL)
        drop_topic(t->presence);
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
    while (presence.topics != NULL)
        drop_topic(presence.topics);
}
