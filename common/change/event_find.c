/*
 * Reading topics' numbers in bulk, and the log by entity.
 */
#include "common/change/event_find.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/must.h"
#include "common/change/change.h"
#include "common/log.h"
#include "common/text/doc.h"

#define TOPICS_AT_ONCE 100  /* topics in one query */
#define BATCH          1000 /* events in one reply, about 200 bytes each */
#define NEWEST         1000 /* newest events that are checked for topics that are behind */
#define EXCESS_MAX     1000 /* events outside the ranges that one query may return */

struct asked {
    event_each each;
    void *arg;
};

static enum err
read_head(void *arg, const bson_t *doc)
{
    const struct asked *r = arg;
    const char *topic = doc_text(doc, "_id");
    struct event_item item = {.topic = topic == NULL ? "" : topic,
                              .kind = "",
                              .entity_id = "",
                              .frame = "",
                              .seq = doc_int(doc, "seq"),
                              .counter = doc_int(doc, EVENT_LOG_COUNTER)};

    return r->each(r->arg, &item);
}

enum err
event_find_heads(struct store *store, const char *const *topics, int count, event_each each,
                 void *arg)
{
    struct asked r = {each, arg};
    enum err err = ERR_NONE;

    for (int at = 0; err == ERR_NONE && at < count; at += TOPICS_AT_ONCE) {
        bson_t filter = BSON_INITIALIZER;

        doc_in_texts(&filter, "_id", topics + at,
                     (uint32_t)(count - at < TOPICS_AT_ONCE ? count - at : TOPICS_AT_ONCE));
        err = store_find(store, &(struct store_query){STORE_TOPICS, &filter, NULL}, read_head, &r);
        bson_destroy(&filter);
    }
    return err;
}

enum err
event_find_touched(struct store *store, int64_t at, event_each each, void *arg)
{
    bson_t *filter = BCON_NEW("touchedAt", "{", "$gte", BCON_DATE_TIME(at), "}");
    bson_t *opts = BCON_NEW("projection", "{", "seq", BCON_BOOL(true), "}");
    struct asked r = {each, arg};
    enum err err =
        store_find(store, &(struct store_query){STORE_TOPICS, filter, opts}, read_head, &r);

    bson_destroy(filter);
    bson_destroy(opts);
    return err;
}

/* The events of all topics from the least `after` to the greatest `upto`. */
static enum err
find_group(struct store *store, const struct event_range *ranges, int count, event_each each,
           void *arg)
{
    const char *topics[TOPICS_AT_ONCE];
    bson_t filter = BSON_INITIALIZER, seq;
    bson_t *opts = BCON_NEW("projection", "{", "_id", BCON_INT32(0), "topic", BCON_INT32(1), "seq",
                            BCON_INT32(1), "kind", BCON_INT32(1), "entityId", BCON_INT32(1),
                            "counted", BCON_INT32(1), "}", "batchSize", BCON_INT32(BATCH));
    int64_t upto = 0;
    enum err err;

    for (int i = 0; i < count; i++) {
        topics[i] = ranges[i].topic;
        upto = ranges[i].upto > upto ? ranges[i].upto : upto;
    }
    doc_in_texts(&filter, "topic", topics, (uint32_t)count);
    BSON_APPEND_DOCUMENT_BEGIN(&filter, "seq", &seq);
    BSON_APPEND_INT64(&seq, "$gt", ranges[0].after);
    BSON_APPEND_INT64(&seq, "$lte", upto);
    bson_append_document_end(&filter, &seq);
    err = event_log_find(store, &filter, opts, each, arg);
    bson_destroy(&filter);
    bson_destroy(opts);
    return err;
}

static int
compare_ranges(const void *a, const void *b)
{
    const struct event_range *x = a, *y = b;

    return (x->after > y->after) - (x->after < y->after);
}

enum err
event_find_ranges(struct store *store, struct event_range *ranges, int count, event_each each,
                  void *arg)
{
    enum err err = ERR_NONE;
    int n;

    if (count > 0)
        qsort(ranges, (size_t)count, sizeof(*ranges), compare_ranges);
    for (int at = 0; err == ERR_NONE && at < count; at += n) {
        int64_t excess = 0, upto = ranges[at].upto;

        for (n = 1; at + n < count && n < TOPICS_AT_ONCE; n++) {
            const struct event_range *next = &ranges[at + n];

            /* Events of this topic before its range, and of the others after theirs. */
            excess += next->after - ranges[at].after;
            if (next->upto > upto)
                excess += n * (next->upto - upto);
            if (excess > EXCESS_MAX)
                break;
            upto = next->upto > upto ? next->upto : upto;
        }
        err = find_group(store, &ranges[at], n, each, arg);
    }
    return err;
}

enum err
event_find_before(struct store *store, int64_t at, int limit, event_each each, void *arg)
{
    bson_t *filter = BCON_NEW("at", "{", "$lt", BCON_DATE_TIME(at), "}");
    bson_t *opts = BCON_NEW("projection", "{", "_id", BCON_INT32(0), "topic", BCON_INT32(1), "seq",
                            BCON_INT32(1), "}", "sort", "{", "at", BCON_INT32(1), "}", "limit",
                            BCON_INT64(limit));
    enum err err = event_log_find(store, filter, opts, each, arg);

    bson_destroy(filter);
    bson_destroy(opts);
    return err;
}

struct newest {
    struct {
        char topic[EVENT_TOPIC];
        int64_t seq;
    } topics[NEWEST];
    const char *names[NEWEST];
    int count, behind;
};

static enum err
note_newest(void *arg, const struct event_item *item)
{
    struct newest *n = arg;

    for (int i = 0; i < n->count; i++) {
        if (strcmp(n->topics[i].topic, item->topic) == 0) {
            if (item->seq > n->topics[i].seq)
                n->topics[i].seq = item->seq;
            return ERR_NONE;
        }
    }
    bson_strncpy(n->topics[n->count].topic, item->topic, EVENT_TOPIC);
    n->names[n->count] = n->topics[n->count].topic;
    n->topics[n->count++].seq = item->seq;
    return ERR_NONE;
}

static enum err
compare_head(void *arg, const struct event_item *head)
{
    struct newest *n = arg;

    for (int i = 0; i < n->count; i++) {
        if (strcmp(n->topics[i].topic, head->topic) != 0 || n->topics[i].seq <= head->seq)
            continue;
        log_error("event log: %s is at %lld but has an event %lld, so it cannot be changed: the "
                  "database was restored from an inconsistent backup; stop the programs and run "
                  "taskwire-admin restored",
                  head->topic, (long long)head->seq, (long long)n->topics[i].seq);
        n->behind++;
    }
    return ERR_NONE;
}

enum err
event_find_behind(struct store *store, int *found)
{
    bson_t *filter = bson_new();
    bson_t *opts = BCON_NEW("projection", "{", "_id", BCON_INT32(0), "topic", BCON_INT32(1), "seq",
                            BCON_INT32(1), "}", "sort", "{", "at", BCON_INT32(-1), "}", "limit",
                            BCON_INT64(NEWEST));
    struct newest *n = must_alloc(1, sizeof(*n));
    enum err err;

    /* Events before heads, so that an event written in between does not look like a fault. */
    err = event_log_find(store, filter, opts, note_newest, n);
    if (err == ERR_NONE)
        err = event_find_heads(store, n->names, n->count, compare_head, n);
    *found = err == ERR_NONE ? n->behind : 0;
    free(n);
    bson_destroy(filter);
    bson_destroy(opts);
    return err;
}

enum err
event_find_last(struct store *store, const struct event_trace *what, int64_t *seq)
{
    bson_t filter = BSON_INITIALIZER, *doc;
    bson_t *opts = BCON_NEW("sort", "{", "entityId", BCON_INT32(-1), "topic", BCON_INT32(-1), "seq",
                            BCON_INT32(-1), "}");
    bson_oid_t id;
    enum err err;

    bson_oid_init_from_string(&id, what->entity_id);
    BSON_APPEND_UTF8(&filter, "topic", what->topic);
    BSON_APPEND_OID(&filter, "entityId", &id);
    BSON_APPEND_UTF8(&filter, "kind", what->kind);
    if (what->rev >= 0)
        BSON_APPEND_INT64(&filter, "rev", what->rev);
    err = store_get(store, STORE_EVENTS, &filter, opts, &doc);
    bson_destroy(&filter);
    bson_destroy(opts);
    if (err != ERR_NONE)
        return err;
    *seq = doc_int(doc, "seq");
    bson_destroy(doc);
    return ERR_NONE;
}

/* ------------------------------------------------------------ where memberships began */

struct beginnings {
    const char *const *topics;
    int64_t *seqs; /* 0: not found yet */
    int count;
    const char *kind;
};

static enum err
note_beginning(void *arg, const bson_t *doc)
{
    struct beginnings *b = arg;
    const char *topic = doc_text(doc, "topic"), *kind = doc_text(doc, "kind");
    int64_t seq = doc_int(doc, "seq");

    if (topic == NULL || kind == NULL || strcmp(kind, b->kind) != 0)
        return ERR_NONE;
    for (int i = 0; i < b->count; i++)
        if (strcmp(b->topics[i], topic) == 0 && b->seqs[i] < seq)
            b->seqs[i] = seq;
    return ERR_NONE;
}

static enum err
find_beginnings(struct store *store, struct beginnings *b, bson_t *filter)
{
    bson_t *opts = BCON_NEW("projection", "{", "topic", BCON_INT32(1), "kind", BCON_INT32(1), "seq",
                            BCON_INT32(1), "}");
    enum err err =
        store_find(store, &(struct store_query){STORE_EVENTS, filter, opts}, note_beginning, b);

    bson_destroy(opts);
    bson_destroy(filter);
    return err;
}

enum err
event_find_beginnings(struct store *store, const struct event_memberships *what, event_each each,
                      void *arg)
{
    const char *const *topics = what->topics;
    int count = what->count;
    struct beginnings b = {topics, must_alloc((size_t)count, sizeof(*b.seqs)), count,
                           "member.added"};
    bson_t filter;
    bson_oid_t id;
    enum err err;

    bson_oid_init_from_string(&id, what->user_id);
    bson_init(&filter);
    doc_in_texts(&filter, "topic", topics, (uint32_t)count);
    BSON_APPEND_OID(&filter, "entityId", &id);
    if ((err = find_beginnings(store, &b, &filter)) == ERR_NONE) {
        b.kind = "project.created"; /* the topic's first event: a member from the start */
        bson_init(&filter);
        doc_in_texts(&filter, "topic", topics, (uint32_t)count);
        BSON_APPEND_INT64(&filter, "seq", 1);
        err = find_beginnings(store, &b, &filter);
    }
    for (int i = 0; err == ERR_NONE && i < count; i++) {
        struct event_item item = {
            .topic = topics[i], .seq = b.seqs[i], .kind = "", .entity_id = "", .frame = ""};

        if (b.seqs[i] > 0)
            err = each(arg, &item);
    }
    free(b.seqs);
    return err;
}
