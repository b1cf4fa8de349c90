/*
 * A hash table of topics.  Each topic has one array of follows per state, so handing out an event
 * walks one array.
 */
#include "push/topics/hub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/hash.h"
#include "common/base/id.h"
#include "common/base/must.h"
#include "common/text/text.h"

#define BUCKETS_FIRST 256

static struct topic **buckets;
static uint32_t bucket_count, topic_count;
static struct follow **pairs; /* follows by session and topic */
static uint32_t pair_size, pair_count;
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

/* FNV-1a: names contain 96 random bits of ours, so nobody can choose colliding ones. */
static uint32_t
hash(const char *name, size_t len)
{
    return (uint32_t)hash_fnv(HASH_START, name, len);
}

/* Doubles the table of topics. */
static void
grow(void)
{
    uint32_t size = bucket_count == 0 ? BUCKETS_FIRST : bucket_count * 2;
    struct topic **fresh = must_alloc(size, sizeof(*fresh));

    for (uint32_t i = 0; i < bucket_count; i++) {
        for (struct topic *t = buckets[i], *after; t != NULL; t = after) {
            uint32_t at = hash(t->name, strlen(t->name)) & (size - 1);

            after = t->after;
            t->after = fresh[at];
            fresh[at] = t;
        }
    }
    free(buckets);
    buckets = fresh;
    bucket_count = size;
}

struct topic *
hub_find(const char *name, size_t len)
{
    struct topic *t = bucket_count == 0 ? NULL : buckets[hash(name, len) & (bucket_count - 1)];

    while (t != NULL && (strncmp(t->name, name, len) != 0 || t->name[len] != '\0'))
        t = t->after;
    return t;
}

struct topic *
hub_topic(const char *name, bool *fresh)
{
    size_t len = strlen(name);
    struct topic *t = hub_find(name, len), **bucket;
    const char *id = strchr(name, ':');

    *fresh = t == NULL;
    if (t != NULL)
        return t;
    if (topic_count >= bucket_count)
        grow();
    t = must_alloc(1, sizeof(*t));
    memcpy(t->name, name, len + 1);
    t->generation = hub_generation();
    t->kind = name[0] == 'p' ? TOPIC_PROJECT : name[0] == 'u' ? TOPIC_USER : TOPIC_EVERYONE;
    if (id != NULL && !text_unhex(t->id, ID_BYTES, id + 1))
        must_not_happen("hub: a malformed name of a topic");
    bucket = &buckets[hash(name, len) & (bucket_count - 1)];
    t->after = *bucket;
    *bucket = t;
    topic_count++;
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
    struct topic **at = &buckets[hash(t->name, strlen(t->name)) & (bucket_count - 1)];

    while (*at != t)
        at = &(*at)->after;
    *at = t->after;
    topic_count--;
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
    return topic_count;
}

struct topic *
hub_next(uint32_t *bucket, struct topic *t)
{
    if (t != NULL)
        t = t->after;
    while (t == NULL && *bucket < bucket_count)
        t = buckets[(*bucket)++];
    return t;
}

/* ------------------------------------------------------------ follows by session and topic */

static uint32_t
pair_hash(const struct topic *t, const struct session *s)
{
    uint64_t h = (uint64_t)(uintptr_t)t * UINT64_C(0x9E3779B97F4A7C15) ^ (uint64_t)(uintptr_t)s;

    return (uint32_t)(h * UINT64_C(0x9E3779B97F4A7C15) >> 32);
}

/* Doubles the table of follows. */
static void
grow_pairs(void)
{
    uint32_t size = pair_size == 0 ? BUCKETS_FIRST : pair_size * 2;
    struct follow **fresh = must_alloc(size, sizeof(*fresh));

    for (uint32_t i = 0; i < pair_size; i++) {
        for (struct follow *f = pairs[i], *after; f != NULL; f = after) {
            uint32_t at = pair_hash(f->topic, f->session) & (size - 1);

            after = f->in_bucket;
            f->in_bucket = fresh[at];
            fresh[at] = f;
        }
    }
    free(pairs);
    pairs = fresh;
    pair_size = size;
}

static void
pair_add(struct follow *f)
{
    struct follow **bucket;

    if (pair_count >= pair_size)
        grow_pairs();
    bucket = &pairs[pair_hash(f->topic, f->session) & (pair_size - 1)];
    f->in_bucket = *bucket;
    *bucket = f;
    pair_count++;
}

static void
pair_remove(struct follow *f)
{
    struct follow **at = &pairs[pair_hash(f->topic, f->session) & (pair_size - 1)];

    while (*at != f)
        at = &(*at)->in_bucket;
    *at = f->in_bucket;
    pair_count--;
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
    pair_add(f);
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
    pair_remove(f);
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
    struct follow *f = pair_size == 0 ? NULL : pairs[pair_hash(t, s) & (pair_size - 1)];

    while (f != NULL && (f->topic != t || f->session != s))
        f = f->in_bucket;
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
    for (uint32_t i = 0; i < bucket_count; i++)
        while (buckets[i] != NULL)
            hub_forget(buckets[i]);
    free(buckets);
    free(pairs);
    buckets = NULL;
    pairs = NULL;
    bucket_count = topic_count = pair_size = pair_count = 0;
}
