/*
 * Eight changes of one project in one transaction: the limit of group commit.  One find for the
 * tasks, one update of the number by eight, one update command for the tasks, one insert for the
 * events.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bare.h"

#define GROUP 8

/* Different tasks of the one project; not only this thread's, which may be a single one. */
static void
choose_ids(struct loop *l, bson_oid_t *ids)
{
    size_t first = (size_t)rand_r(&l->random) % bare.id_count;

    for (size_t i = 0; i < GROUP; i++)
        ids[i] = bare.ids[(first + i) % bare.id_count].task;
}

/* Reads the tasks, in any order. */
static int
read_tasks(struct loop *l, const bson_oid_t *ids, bson_t **out)
{
    bson_t filter = BSON_INITIALIZER, in, list;
    mongoc_cursor_t *cursor;
    const bson_t *doc;
    char key[8];
    int count = 0;

    BSON_APPEND_DOCUMENT_BEGIN(&filter, "_id", &in);
    BSON_APPEND_ARRAY_BEGIN(&in, "$in", &list);
    for (int i = 0; i < GROUP; i++) {
        snprintf(key, sizeof(key), "%d", i);
        BSON_APPEND_OID(&list, key, &ids[i]);
    }
    bson_append_array_end(&in, &list);
    bson_append_document_end(&filter, &in);
    cursor = mongoc_collection_find_with_opts(l->c[TASKS], &filter, &l->in_session, NULL);
    while (mongoc_cursor_next(cursor, &doc) && count < GROUP)
        out[count++] = bson_copy(doc);
    l->seen += (uint64_t)count;
    mongoc_cursor_destroy(cursor);
    bson_destroy(&filter);
    return count;
}

/* Adds count to the topic's number; *seq: the first of the new ones. */
static bool
take_numbers(struct loop *l, struct topic *t, int count, int64_t *seq)
{
    bson_t *filter = BCON_NEW("_id", BCON_UTF8(t->name)), reply, topic;
    bson_t *inc = BCON_NEW("$currentDate", "{", "touchedAt", BCON_BOOL(true), "}", "$inc", "{",
                           "seq", BCON_INT64(count), "}");
    bson_iter_t iter;
    bool ok, known = t->seq >= 0;

    if (known)
        BSON_APPEND_INT64(filter, "seq", t->seq);
    ok = mongoc_collection_update_one(l->c[TOPICS], filter, inc, &l->in_session, &reply, NULL) &&
         bson_iter_init_find(&iter, &reply, "matchedCount") && bson_iter_as_int64(&iter) == 1;
    bson_destroy(&reply);
    bson_destroy(filter);
    bson_destroy(inc);
    if (ok && !known) {
        if (!bare_find(l, TOPICS, BCON_NEW("_id", BCON_UTF8(t->name)), true, &topic))
            return false;
        t->seq = bson_iter_init_find(&iter, &topic, "seq") ? bson_iter_as_int64(&iter) - count : 0;
        bson_destroy(&topic);
    }
    *seq = t->seq + 1;
    t->seq = ok ? t->seq + count : -1;
    return ok;
}

static bool
change_tasks(struct loop *l, bson_t **tasks, int count)
{
    mongoc_bulk_operation_t *bulk =
        mongoc_collection_create_bulk_operation_with_opts(l->c[TASKS], &l->in_session);
    bson_iter_t iter;
    bson_t reply;
    bool ok = true;

    for (int i = 0; i < count; i++) {
        bson_t *change = bare_changed(l, tasks[i]), *filter;
        bson_iter_t id;

        bson_iter_init_find(&id, tasks[i], "_id");
        filter = BCON_NEW("_id", BCON_OID(bson_iter_oid(&id)));
        ok = ok && mongoc_bulk_operation_update_one_with_opts(bulk, filter, change, NULL, NULL);
        bson_destroy(filter);
        bson_destroy(change);
    }
    ok = mongoc_bulk_operation_execute(bulk, &reply, NULL) != 0 && ok;
    ok = ok && bson_iter_init_find(&iter, &reply, "nMatched") && bson_iter_as_int64(&iter) == count;
    bson_destroy(&reply);
    mongoc_bulk_operation_destroy(bulk);
    return ok;
}

static bool
insert_events(struct loop *l, const struct id *id, int64_t seq, int count)
{
    bson_t *events[GROUP];
    bool ok;

    for (int i = 0; i < count; i++)
        events[i] = bare_event(id, seq + i, "task.updated", &id->task);
    ok = mongoc_collection_insert_many(l->c[EVENTS], (const bson_t **)events, (size_t)count,
                                       &l->in_session, NULL, NULL);
    for (int i = 0; i < count; i++)
        bson_destroy(events[i]);
    return ok;
}

bool
bare_patch_group(struct loop *l, const struct id *id)
{
    bson_oid_t ids[GROUP];
    bson_t *tasks[GROUP];
    int64_t seq;
    int count;
    bool ok;

    choose_ids(l, ids);
    if (!take_numbers(l, id->topic, GROUP, &seq))
        return false;
    count = read_tasks(l, ids, tasks);
    ok = count == GROUP && change_tasks(l, tasks, count) && insert_events(l, id, seq, count);
    for (int i = 0; i < count; i++)
        bson_destroy(tasks[i]);
    l->more = GROUP - 1;
    return ok;
}
