/*
 * Each operation issues the commands that one of our requests issues, in the same order, and
 * nothing else; the commands of a transaction are in common/change/batch.c.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bare.h"

/* Finds one document, or fields of it (NULL: all); destroys filter and fields. */
static bool
find_fields(struct loop *l, int collection, bson_t *filter, bson_t *fields, bool in_transaction,
            bson_t *out)
{
    bson_t *opts = BCON_NEW("limit", BCON_INT64(1), "singleBatch", BCON_BOOL(true));
    mongoc_cursor_t *cursor;
    const bson_t *doc;
    bool found;

    if (fields != NULL) {
        BSON_APPEND_DOCUMENT(opts, "projection", fields);
        bson_destroy(fields);
    }
    if (in_transaction)
        bson_concat(opts, &l->in_session);
    cursor = mongoc_collection_find_with_opts(l->c[collection], filter, opts, NULL);
    found = mongoc_cursor_next(cursor, &doc);
    if (found && out != NULL)
        bson_copy_to(doc, out);
    l->seen += found;
    mongoc_cursor_destroy(cursor);
    bson_destroy(opts);
    bson_destroy(filter);
    return found;
}

bool
bare_find(struct loop *l, int collection, bson_t *filter, bool in_transaction, bson_t *out)
{
    return find_fields(l, collection, filter, NULL, in_transaction, out);
}

static bool
is_member(const bson_t *project)
{
    bson_iter_t iter, list, member, user;

    if (!bson_iter_init_find(&iter, project, "members") || !bson_iter_recurse(&iter, &list))
        return false;
    while (bson_iter_next(&list))
        if (bson_iter_recurse(&list, &member) &&
            bson_iter_find_descendant(&member, "userId", &user) &&
            bson_oid_equal(bson_iter_oid(&user), &bare.user))
            return true;
    return false;
}

/* The project with the user's own entry among its members: may the user read it? */
static bool
may_read(struct loop *l, const bson_oid_t *id)
{
    bson_t *fields = BCON_NEW("access", BCON_INT32(1), "deletedAt", BCON_INT32(1), "members", "{",
                              "$elemMatch", "{", "userId", BCON_OID(&bare.user), "}", "}");
    bson_t project;
    bool ok;

    if (!find_fields(l, PROJECTS, BCON_NEW("_id", BCON_OID(id)), fields, false, &project))
        return false;
    ok = is_member(&project);
    bson_destroy(&project);
    return ok;
}

static bool
check_project(struct loop *l, const bson_oid_t *id, bool in_transaction)
{
    bson_t project;
    bool ok;

    if (!bare_find(l, PROJECTS, BCON_NEW("_id", BCON_OID(id)), in_transaction, &project))
        return false;
    ok = is_member(&project);
    bson_destroy(&project);
    return ok;
}

const struct id *
bare_next_id(struct loop *l)
{
    l->at = (l->at + 7919) % l->count;
    return &l->ids[l->at];
}

static bool
drain(struct loop *l, bson_t *filter, bson_t *opts)
{
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(l->c[TASKS], filter, opts, NULL);
    const bson_t *doc;
    bool ok;

    while (mongoc_cursor_next(cursor, &doc))
        l->seen++;
    ok = !mongoc_cursor_error(cursor, NULL);
    mongoc_cursor_destroy(cursor);
    bson_destroy(filter);
    bson_destroy(opts);
    return ok;
}

/* The task, if neither it nor its project is in the trash and the user may read it; one command. */
static bool
get(struct loop *l)
{
    const struct id *id = bare_next_id(l);
    /* clang-format off */
    bson_t *pipeline = BCON_NEW(
        "0", "{", "$match", "{", "_id", BCON_OID(&id->task), "}", "}",
        "1", "{", "$lookup", "{", "from", "projects", "localField", "projectId",
                  "foreignField", "_id", "as", "project", "}", "}",
        "2", "{", "$match", "{", "deletedAt", BCON_NULL, "project", "{", "$elemMatch", "{", "deletedAt", BCON_NULL,
                  "$or", "[", "{", "members.userId", BCON_OID(&bare.user), "}",
                       "{", "access", "everyone", "deletedAt", BCON_NULL, "}", "]", "}", "}", "}", "}",
        "3", "{", "$project", "{", "project", BCON_INT32(0), "}", "}");
    /* clang-format on */
    mongoc_cursor_t *cursor =
        mongoc_collection_aggregate(l->c[TASKS], MONGOC_QUERY_NONE, pipeline, NULL, NULL);
    const bson_t *doc;
    bool found = mongoc_cursor_next(cursor, &doc);

    l->seen += found;
    mongoc_cursor_destroy(cursor);
    bson_destroy(pipeline);
    return found;
}

static bool
list(struct loop *l)
{
    const struct id *id = bare_next_id(l);
    bson_t *filter = BCON_NEW("projectId", BCON_OID(&id->topic->project), "state", "{", "$in", "[",
                              "done", "open", "]", "}");
    bson_t *opts = BCON_NEW("sort", "{", "position", BCON_INT32(1), "_id", BCON_INT32(1), "}",
                            "limit", BCON_INT64(51));

    if (!may_read(l, &id->topic->project)) {
        bson_destroy(filter);
        bson_destroy(opts);
        return false;
    }
    return drain(l, filter, opts);
}

static bool
snapshot(struct loop *l)
{
    const struct id *id = bare_next_id(l);

    return bare_find(l, TOPICS, BCON_NEW("_id", BCON_UTF8(id->topic->name)), false, NULL) &&
           check_project(l, &id->topic->project, false) &&
           drain(l, BCON_NEW("projectId", BCON_OID(&id->topic->project), "deletedAt", BCON_NULL),
                 bson_new());
}

static bool
update(struct loop *l, int collection, bson_t *filter, bson_t *change)
{
    bson_iter_t iter;
    bson_t reply;
    bool ok = mongoc_collection_update_one(l->c[collection], filter, change, &l->in_session, &reply,
                                           NULL);

    ok = ok && bson_iter_init_find(&iter, &reply, "matchedCount") && bson_iter_as_int64(&iter) == 1;
    bson_destroy(&reply);
    bson_destroy(filter);
    bson_destroy(change);
    return ok;
}

/* The update that moves a topic's number. */
static bson_t *
one_step(bool count)
{
    bson_t *update = BCON_NEW("$currentDate", "{", "touchedAt", BCON_BOOL(true), "}"), inc;

    BSON_APPEND_DOCUMENT_BEGIN(update, "$inc", &inc);
    BSON_APPEND_INT64(&inc, "seq", 1);
    if (count)
        BSON_APPEND_INT64(&inc, "tasks", 1);
    bson_append_document_end(update, &inc);
    return update;
}

/* Takes the topic's next number, and reads it. */
static bool
take_number(struct loop *l, const struct id *id, bool count, int64_t *seq)
{
    bson_t *inc = one_step(count);
    bson_t topic;
    bson_iter_t iter;

    if (!update(l, TOPICS, BCON_NEW("_id", BCON_UTF8(id->topic->name)), inc) ||
        !bare_find(l, TOPICS, BCON_NEW("_id", BCON_UTF8(id->topic->name)), true, &topic))
        return false;
    *seq = bson_iter_init_find(&iter, &topic, "seq") ? bson_iter_as_int64(&iter) : 0;
    bson_destroy(&topic);
    return true;
}

/* The same without reading: the number is known, and the update requires that it is still right. */
static bool
take_known(struct loop *l, const struct id *id, bool count, int64_t *seq)
{
    struct topic *t = id->topic;
    bson_t *inc;

    if (t->seq < 0) {
        if (!take_number(l, id, count, seq))
            return false;
        t->seq = *seq;
        return true;
    }
    inc = one_step(count);
    *seq = t->seq + 1;
    if (!update(l, TOPICS, BCON_NEW("_id", BCON_UTF8(t->name), "seq", BCON_INT64(t->seq)), inc)) {
        t->seq = -1;
        return false;
    }
    t->seq = *seq;
    return true;
}

static bool
insert(struct loop *l, int collection, bson_t *doc)
{
    bool ok = mongoc_collection_insert_one(l->c[collection], doc, &l->in_session, NULL, NULL);

    bson_destroy(doc);
    return ok;
}

bson_t *
bare_event(const struct id *id, int64_t seq, const char *kind, const bson_oid_t *entity)
{
    return BCON_NEW("topic", BCON_UTF8(id->topic->name), "seq", BCON_INT64(seq), "kind",
                    BCON_UTF8(kind), "entity", "task", "entityId", BCON_OID(entity), "rev",
                    BCON_INT64(seq), "actorId", BCON_OID(&bare.user), "at",
                    BCON_DATE_TIME((int64_t)time(NULL) * 1000), "frame", BCON_UTF8(bare.frame));
}

static bool
insert_event(struct loop *l, const struct id *id, int64_t seq, const char *kind,
             const bson_oid_t *entity)
{
    return insert(l, EVENTS, bare_event(id, seq, kind, entity));
}

/* The search terms of a task whose title's number has changed: as ours, one differs. */
static void
append_terms(bson_t *set, bson_iter_t *terms, unsigned long long number)
{
    bson_iter_t old;
    bson_t array;
    char text[24];
    int count = 0;

    snprintf(text, sizeof(text), "%llu", number);
    BSON_APPEND_ARRAY_BEGIN(set, "terms", &array);
    BSON_APPEND_UTF8(&array, "0", text);
    for (bool more = bson_iter_recurse(terms, &old) && bson_iter_next(&old);
         more && bson_iter_next(&old);) {
        char key[12];

        snprintf(key, sizeof(key), "%d", ++count);
        bson_append_iter(&array, key, -1, &old);
    }
    bson_append_array_end(set, &array);
}

/* The update that gives a task a new title, with all that follows from it and is in an index. */
bson_t *
bare_changed(struct loop *l, const bson_t *task)
{
    bson_t *change = bson_new(), set;
    bson_iter_t iter;
    int64_t rev;
    char title[64];

    snprintf(title, sizeof(title), "Changed by the bare loop %llu", (unsigned long long)l->done);
    BSON_APPEND_DOCUMENT_BEGIN(change, "$set", &set);
    BSON_APPEND_UTF8(&set, "title", title);
    BSON_APPEND_DATE_TIME(&set, "updatedAt", (int64_t)time(NULL) * 1000);
    if (bson_iter_init_find(&iter, task, "terms"))
        append_terms(&set, &iter, l->done);
    rev = bson_iter_init_find(&iter, task, "rev") ? bson_iter_as_int64(&iter) : 0;
    BSON_APPEND_INT64(&set, "rev", rev + 1);
    bson_append_document_end(change, &set);
    return change;
}

/* The task read, its new title, and the event. */
static bool
store_patch(struct loop *l, const struct id *id, int64_t seq)
{
    bson_t task, *change;

    if (!bare_find(l, TASKS, BCON_NEW("_id", BCON_OID(&id->task)), true, &task))
        return false;
    change = bare_changed(l, &task);
    bson_destroy(&task);
    return update(l, TASKS, BCON_NEW("_id", BCON_OID(&id->task)), change) &&
           insert_event(l, id, seq, "task.updated", &id->task);
}

/* As first written: number, read back, project, task, update, event. */
static bool
patch_plain_once(struct loop *l, const struct id *id)
{
    int64_t seq;

    return take_number(l, id, false, &seq) && check_project(l, &id->topic->project, true) &&
           store_patch(l, id, seq);
}

/* As our workers do it: the number and the rights are known. */
static bool
patch_once(struct loop *l, const struct id *id)
{
    int64_t seq;

    return take_known(l, id, false, &seq) && store_patch(l, id, seq);
}

/* A copy of the sample task, as a new one, and its event. */
static bool
store_create(struct loop *l, const struct id *id, int64_t seq)
{
    bson_t *doc = bson_new();
    bson_iter_t iter;
    bson_oid_t own;
    char position[32];

    bson_oid_init(&own, NULL);
    BSON_APPEND_OID(doc, "_id", &own);
    snprintf(position, sizeof(position), "V%011llx", (unsigned long long)seq);
    bson_iter_init(&iter, &bare.task);
    while (bson_iter_next(&iter)) {
        const char *key = bson_iter_key(&iter);

        if (strcmp(key, "projectId") == 0)
            BSON_APPEND_OID(doc, key, &id->topic->project);
        else if (strcmp(key, "position") == 0)
            BSON_APPEND_UTF8(doc, key, position);
        else if (strcmp(key, "number") == 0)
            BSON_APPEND_INT64(doc, key, seq);
        else if (strcmp(key, "_id") != 0)
            bson_append_iter(doc, NULL, 0, &iter);
    }
    return insert(l, TASKS, doc) && insert_event(l, id, seq, "task.created", &own);
}

static bool
create_plain_once(struct loop *l, const struct id *id)
{
    int64_t seq;

    return take_number(l, id, true, &seq) && check_project(l, &id->topic->project, true) &&
           store_create(l, id, seq);
}

static bool
create_once(struct loop *l, const struct id *id)
{
    int64_t seq;

    return take_known(l, id, true, &seq) && store_create(l, id, seq);
}

/* A transaction, repeated until it commits; waits between tries as our event log does. */
static bool
transact(struct loop *l, const struct id *id, bool (*once)(struct loop *, const struct id *))
{
    for (int tries = 0; tries < 60; tries++) {
        long us = 1000L << (tries < 6 ? tries : 6);
        bool ok;

        if (bare.queue)
            pthread_mutex_lock(&bare.writing);
        if (!mongoc_client_session_start_transaction(l->session, bare.transaction, NULL))
            abort(); /* only one is open at a time */
        ok = once(l, id);
        if (ok)
            ok = mongoc_client_session_commit_transaction(l->session, NULL, NULL);
        else
            mongoc_client_session_abort_transaction(l->session, NULL);
        if (!ok)
            id->topic->seq = -1;
        if (bare.queue)
            pthread_mutex_unlock(&bare.writing);
        if (ok)
            return true;
        l->retries++;
        us = us / 2 + (long)rand_r(&l->random) % (us / 2);
        nanosleep(&(struct timespec){.tv_nsec = us * 1000}, NULL);
    }
    return false;
}

static bool
patch(struct loop *l)
{
    return transact(l, bare_next_id(l), patch_once);
}

static bool
patch_plain(struct loop *l)
{
    return transact(l, bare_next_id(l), patch_plain_once);
}

static bool
patch_group(struct loop *l)
{
    return transact(l, bare_next_id(l), bare_patch_group);
}

static bool
create(struct loop *l)
{
    return transact(l, bare_next_id(l), create_once);
}

static bool
create_plain(struct loop *l)
{
    return transact(l, bare_next_id(l), create_plain_once);
}

static const struct {
    const char *name;
    bool (*fn)(struct loop *);
} operations[] = {
    {"get", get},           {"list", list},
    {"patch", patch},       {"patch-plain", patch_plain},
    {"create", create},     {"create-plain", create_plain},
    {"snapshot", snapshot}, {"patch-group", patch_group},
};

bool (*bare_operation(const char *name))(struct loop *)
{
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
        if (strcmp(name, operations[i].name) == 0)
            return operations[i].fn;
    return NULL;
}
