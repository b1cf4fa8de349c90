/*
 * Removes the oldest events first, a batch at a time: in each topic that occurs in a batch,
 * everything up to its highest number there.
 */
#include "api/jobs/trim.h"

#include <stdlib.h>
#include <string.h>

#include "api/jobs/context.h"
#include "common/base/must.h"
#include "common/change/change.h"
#include "common/change/event_find.h"
#include "common/config.h"
#include "common/log.h"
#include "common/store/store.h"
#include "common/store/store_many.h"
#include "common/time/clock.h"

#define EVERY_MS 600000 /* between two runs by any program */
#define BATCH    500    /* events read before some are removed */
#define DAY_MS   (86400LL * 1000)

struct batch {
    struct {
        char topic[EVENT_TOPIC];
        int64_t upto;
    } topics[BATCH];
    int count;
};

static enum err
note_old(void *arg, const struct event_item *item)
{
    struct batch *b = arg;

    for (int i = 0; i < b->count; i++) {
        if (strcmp(b->topics[i].topic, item->topic) == 0) {
            if (item->seq > b->topics[i].upto)
                b->topics[i].upto = item->seq;
            return ERR_NONE;
        }
    }
    bson_strncpy(b->topics[b->count].topic, item->topic, EVENT_TOPIC);
    b->topics[b->count++].upto = item->seq;
    return ERR_NONE;
}

/* The number is stored first, so that readers know that earlier events may be gone. */
static enum err
trim_topic(struct store *store, const char *topic, int64_t upto)
{
    bson_t *which = BCON_NEW("_id", BCON_UTF8(topic));
    bson_t *note = BCON_NEW("$max", "{", "trimmed", BCON_INT64(upto), "}");
    bson_t *old = BCON_NEW("topic", BCON_UTF8(topic), "seq", "{", "$lte", BCON_INT64(upto), "}");
    bson_t *unused =
        BCON_NEW("_id", BCON_UTF8(topic), "seq", BCON_INT64(upto), EVENT_LOG_GONE, BCON_BOOL(true));
    enum err err = store_update(store, STORE_TOPICS, which, note, NULL);

    if (err == ERR_NONE)
        err = store_many_remove(store, STORE_EVENTS, old);
    if (err == ERR_NONE) /* of something that no longer exists, and this was its last event */
        err = store_many_remove(store, STORE_TOPICS, unused);
    bson_destroy(which);
    bson_destroy(note);
    bson_destroy(old);
    bson_destroy(unused);
    return err;
}

static enum err
trim(const struct runner *runner, struct store *store)
{
    int64_t before = clock_now() - runner->config->event_retention_days * DAY_MS;
    struct batch *b = must_alloc(1, sizeof(*b));
    enum err err = ERR_NONE;

    while (err == ERR_NONE && !*runner->stopping) {
        b->count = 0;
        err = event_find_before(store, before, BATCH, note_old, b);
        if (b->count == 0)
            break;
        for (int i = 0; err == ERR_NONE && i < b->count; i++)
            err = trim_topic(store, b->topics[i].topic, b->topics[i].upto);
        log_info("jobs: trimmed the log of %d topics", b->count);
    }
    free(b);
    return err;
}

void
trim_if_due(const struct runner *runner, struct store *store)
{
    int64_t now = clock_now(), matched = 0;
    bson_t *due = BCON_NEW("_id", "trim", "dueAt", "{", "$lte", BCON_DATE_TIME(now), "}");
    bson_t *next = BCON_NEW("$set", "{", "dueAt", BCON_DATE_TIME(now + EVERY_MS), "}");

    if (store_update(store, STORE_META, due, next, &matched) == ERR_NONE && matched == 1 &&
        trim(runner, store) != ERR_NONE)
        log_warn("jobs: the log was not trimmed completely");
    bson_destroy(due);
    bson_destroy(next);
}
