/*
 * A table of topics and one of follows.  Each topic has one array of follows per state, so handing
 * out an event walks one array.
 */
#include "push/topics/hub.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/hash.h"
#include "common/base/id.h"
#include "common/base/must.h"
#include "common/text/text.h"

static uint32_t topic_hash(const struct table_item *item);
static uint32_t follow_hash(const struct table_item *item);

static struct table topics = {.hash = topic_hash};
static struct table follows = {.hash = follow_hash}; /* by session and topic */
static char known_epoch[16];

const struct topic_calls *topic_calls;

void
hub_open(const struct topic_calls *calls)
{
    topic_calls = calls;
}

const char *
hub_epoch(void)
{
    return known_epoch;
}

bool
hub_set_epoch(const char *epoch)
{
    bool replaces = known_epoch[0] != '\0' && strcmp(known_epoch, epoch) != 0;

    snprintf(known_epoch, sizeof(known_epoch), "%s", epoch);
    return replaces;
}

/* ------------------------------------------------------------ topics by name */

static struct topic *
topic_of(const struct table_item *item)
{
    return item == NULL ? NULL
                        : (struct topic *)((uintptr_t)item - offsetof(struct topic, in_table));
}

/* FNV-1a: names contain 96 random bits of ours, so nobody can choose colliding ones. */
static uint32_t
name_hash(const char *name, size_t len)
{
    return (uint32_t)hash_fnv(HASH_START, name, len);
}

static uint32_t
topic_hash(const struct table_item *item)
{
    const char *name = topic_of(item)->name;

    return name_hash(name, strlen(name));
}

struct topic *
hub_find(const char *name, size_t len)
{
    struct topic *t = topic_of(table_find(&topics, name_hash(name, len)));

    while (t != NULL && (strncmp(t->name, name, len) != 0 || t->name[len] != '\0'))
        t = topic_of(t->in_table.next);
    return t;
}

struct topic *
hub_topic(const char *name, bool *fresh)
{
    size_t len = strlen(name);
    struct topic *t = hub_find(name, len);
    const char *id = strchr(name, ':');

    *fresh = t == NULL;
    if (t != NULL)
        return t;
    t = must_alloc(1, sizeof(*t));
    memcpy(t->name, name, len + 1);
    t->generation = hub_generation();
    t->kind = name[0] == 'p' ? TOPIC_PROJECT : name[0] == 'u' ? TOPIC_USER : TOPIC_EVERYONE;
    if (id != NULL && !text_unhex(t->id, ID_BYTES, id + 1))
        must_not_happen("hub: a malformed name of a topic");
    table_add(&topics, &t->in_table);
    return t;
}

struct topic *
hub_want(const char *name, const unsigned char user[ID_BYTES])
{
    bool fresh;
    struct topic *t = hub_topic(name, &fresh);

    topic_calls->wanted(t, user, fresh);
    return t;
}

uint32_t
hub_generation(void)
{
    static uint32_t last;

    return ++last;
}

void
hub_forget(struct topic *t)
{
    table_remove(&topics, &t->in_table);
    for (int i = 0; i < FOLLOW_STATE__COUNT; i++)
        free(t->follows[i].at);
    if (t->window != NULL)
        stream_free(t->window);
    free(t->window);
    stream_free(&t->stream);
    if (t->kind == TOPIC_PROJECT)
        rights_free(&t->rights);
    free(t);
}

uint32_t
hub_count(void)
{
    return topics.count;
}

struct topic *
hub_next(uint32_t *bucket, struct topic *t)
{
    return topic_of(table_next(&topics, bucket, t == NULL ? NULL : &t->in_table));
}

/* ------------------------------------------------------------ follows by session and topic */

static struct follow *
follow_of(const struct table_item *item)
{
    return item == NULL ? NULL
                        : (struct follow *)((uintptr_t)item - offsetof(struct follow, in_table));
}

static uint32_t
pair_hash(const struct topic *t, const struct session *s)
{
    uint64_t h = (uint64_t)(uintptr_t)t * UINT64_C(0x9E3779B97F4A7C15) ^ (uint64_t)(uintptr_t)s;

    return (uint32_t)(h * UINT64_C(0x9E3779B97F4A7C15) >> 32);
}

static uint32_t
follow_hash(const struct table_item *item)
{
    const struct follow *f = follow_of(item);

    return pair_hash(f->topic, f->session);
}

/* ------------------------------------------------------------ lists of a topic */

static void
list_add(struct follow *f, enum follow_state state)
{
    struct follows *l = &f->topic->follows[state];

    if (l->count == l->size) {
        l->size = l->size == 0 ? 2 : l->size * 2; /* most topics of users have one or two follows */
        l->at = must_resize(l->at, l->size * sizeof(*l->at));
    }
    f->state = (uint8_t)state;
    f->index = l->count;
    l->at[l->count++] = f;
}

/* The last follow moves into the free place, so a list must be walked backwards. */
static void
list_remove(struct follow *f)
{
    struct follows *l = &f->topic->follows[f->state];

    l->at[f->index] = l->at[--l->count];
    l->at[f->index]->index = f->index;
    if (l->count == 0) {
        free(l->at);
        *l = (struct follows){0};
    }
}

struct follow *
hub_follow(struct topic *t, struct session *s, enum follow_state state)
{
    struct follow *f = must_alloc(1, sizeof(*f));

    f->session = s;
    f->topic = t;
    list_add(f, state);
    table_add(&follows, &f->in_table);
    return f;
}

void
hub_move(struct follow *f, enum follow_state state)
{
    if (f->state == state)
        return;
    list_remove(f);
    list_add(f, state);
}

void
hub_unfollow(struct follow *f)
{
    list_remove(f);
    table_remove(&follows, &f->in_table);
    free(f);
}

uint32_t
hub_follows(const struct topic *t)
{
    uint32_t count = 0;

    for (int i = 0; i < FOLLOW_STATE__COUNT; i++)
        count += t->follows[i].count;
    return count;
}

struct follow *
hub_find_follow(const struct topic *t, const struct session *s)
{
    struct follow *f = follow_of(table_find(&follows, pair_hash(t, s)));

    while (f != NULL && (f->topic != t || f->session != s))
        f = follow_of(f->in_table.next);
    return f;
}

bool
hub_may(const struct topic *t, const unsigned char user[ID_BYTES])
{
    switch ((enum topic_kind)t->kind) {
    case TOPIC_PROJECT:
        return !t->missing && rights_may(&t->rights, user);
    case TOPIC_USER:
        return memcmp(t->id, user, ID_BYTES) == 0;
    case TOPIC_EVERYONE:
        return true;
    }
    return false;
}

void
hub_close(void)
{
    uint32_t bucket = 0;

    for (struct topic *t = hub_next(&bucket, NULL), *next; t != NULL; t = next) {
        next = hub_next(&bucket, t);
        hub_forget(t);
    }
    table_free(&topics);
    table_free(&follows);
}
