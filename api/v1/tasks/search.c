/*
 * ?q= as conditions on a task's search terms (common/text/terms.h), and lists that few tasks match.
 */
#include "api/v1/tasks/search.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/crud/due_range.h"
#include "api/crud/query.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "common/base/vec.h"
#include "common/text/terms.h"

#define QUERY_MAX    500                /* bytes of a query */
#define COMMENTS_MAX 20000              /* comments that one query may find */
#define BATCH        5000               /* of them in one batch */
#define LAST         "\xF4\x8F\xBF\xBF" /* the last character of Unicode */

struct conditions {
    bson_t *all;
    uint32_t count;
};

/* The term itself, or {$elemMatch: {$gte: term, $lt: term and the last character of Unicode}}. */
static void
add_condition(void *arg, const char *term, bool prefix)
{
    struct conditions *c = arg;
    bson_t match, range;
    char place[16], end[2 * TERM_MAX];
    const char *key;

    bson_uint32_to_string(c->count++, &key, place, sizeof(place));
    BSON_APPEND_DOCUMENT_BEGIN(c->all, key, &match);
    BSON_APPEND_DOCUMENT_BEGIN(&match, "$elemMatch", &range);
    if (prefix) {
        snprintf(end, sizeof(end), "%s" LAST, term);
        BSON_APPEND_UTF8(&range, "$gte", term);
        BSON_APPEND_UTF8(&range, "$lt", end);
    } else {
        BSON_APPEND_UTF8(&range, "$eq", term);
    }
    bson_append_document_end(&match, &range);
    bson_append_document_end(c->all, &match);
}

enum err
search_filter(struct request *r, const char *q, bson_t *filter)
{
    bson_t terms, all;
    struct conditions c = {&all, 0};

    if (strlen(q) > QUERY_MAX)
        return request_bad_param(r, "q", "must have at most 500 bytes");
    BSON_APPEND_DOCUMENT_BEGIN(filter, "terms", &terms);
    BSON_APPEND_ARRAY_BEGIN(&terms, "$all", &all);
    terms_of_query(q, add_condition, &c);
    bson_append_array_end(&terms, &all);
    bson_append_document_end(filter, &terms);
    return c.count > 0 ? ERR_NONE
                       : request_bad_param(r, "q", "must contain a letter, digit or symbol");
}

static enum err
note_id(void *arg, const bson_t *task)
{
    doc_array_add_id(arg, doc_id(task, "_id"));
    return ERR_NONE;
}

/*
 * The ids of the matches, in no order, as far as they are needed to see that they are too many; for
 * a due time each of its two ranges bounds the index by itself.
 */
static enum err
find_ids(struct request *r, const struct query *query, struct doc_array *found)
{
    bson_t *opts = BCON_NEW("projection", "{", "_id", BCON_BOOL(true), "}", "limit",
                            BCON_INT64(SEARCH_FOUND + 1));
    bool due = r->due != NULL && !query->order->due;
    enum err err = ERR_NONE;

    for (int part = 0; err == ERR_NONE && part < 1 + due && found->count <= SEARCH_FOUND; part++) {
        bson_t filter = BSON_INITIALIZER;

        if (due)
            (part == 0 ? due_range_dates : due_range_instants)(r->due, &filter);
        bson_copy_to_excluding_noinit(query->filter, &filter, due ? "$or" : "", NULL);
        err = store_find(r->store, &(struct store_query){query->store, &filter, opts}, note_id,
                         found);
        bson_destroy(&filter);
    }
    bson_destroy(opts);
    return err;
}

/* ------------------------------------------------------------ comments */

/* Tasks with a comment that has all words of ?q=. */
struct commented {
    const char *q;
    bson_oid_t *ids; /* sorted */
    uint32_t count, room;
};

static enum err
note_commented(void *arg, const bson_t *comment)
{
    struct commented *c = arg;

    c->ids = vec_room(c->ids, c->count, &c->room, sizeof(*c->ids));
    c->ids[c->count++] = *doc_id(comment, "taskId");
    return ERR_NONE;
}

/* Reads the ids of these tasks, in the projects of the list. */
static enum err
find_commented(struct request *r, const struct query *query, struct commented *c)
{
    bson_t filter = BSON_INITIALIZER;
    bson_t *opts = BCON_NEW("projection", "{", "taskId", BCON_INT32(1), "}", "limit",
                            BCON_INT64(COMMENTS_MAX + 1), "batchSize", BCON_INT32(BATCH));
    bson_iter_t part;
    enum err err;

    for (int i = 0; i < 2; i++)
        if (bson_iter_init_find(&part, query->filter, i == 0 ? "projectId" : "terms"))
            bson_append_iter(&filter, NULL, 0, &part);
    BSON_APPEND_NULL(&filter, "deletedAt");
    err = store_find(r->store, &(struct store_query){STORE_COMMENTS, &filter, opts}, note_commented,
                     c);
    bson_destroy(&filter);
    bson_destroy(opts);
    if (c->ids != NULL)
        arena_defer(r->arena, free, c->ids);
    if (err == ERR_NONE && c->count > COMMENTS_MAX)
        err = request_bad_param(r, "q", "is found in more than 20,000 comments; add a word");
    c->count = doc_ids_sort(c->ids, c->count);
    return err;
}

/* One of the query's words in a task's terms. */
struct lookup {
    const bson_t *task;
    bool missing;
};

static void
look_up(void *arg, const char *term, bool prefix)
{
    struct lookup *l = arg;
    size_t len = strlen(term) + !prefix; /* with the NUL, the whole term must be equal */
    bson_iter_t iter, list;
    bool found = false;

    if (!l->missing && bson_iter_init_find(&iter, l->task, "terms") &&
        bson_iter_recurse(&iter, &list))
        while (!found && bson_iter_next(&list))
            found = strncmp(bson_iter_utf8(&list, NULL), term, len) == 0;
    l->missing = !found;
}

/* Has the task all words, or a comment that has them? */
static bool
matches_search(const void *arg, const bson_t *task)
{
    const struct commented *c = arg;
    struct lookup l = {task, false};

    if (doc_ids_contain(c->ids, c->count, doc_id(task, "_id")))
        return true;
    terms_of_query(c->q, look_up, &l);
    return !l.missing;
}

static void
project_search(const void *arg, bson_t *projection)
{
    (void)arg;
    BSON_APPEND_INT32(projection, "terms", 1);
}

/* Adds the tasks with such comments that are not among the ids yet. */
static void
add_commented(const struct commented *c, const bson_t *own, struct doc_array *found)
{
    for (uint32_t i = 0; i < c->count; i++) {
        bson_iter_t iter;
        bool known = false;

        bson_iter_init(&iter, own);
        while (!known && bson_iter_next(&iter))
            known = bson_oid_equal(bson_iter_oid(&iter), &c->ids[i]);
        if (!known)
            doc_array_add_id(found, &c->ids[i]);
    }
}

/* The query without its condition on terms, which comments may fulfil too. */
static void
drop_terms(struct request *r, struct query *query)
{
    bson_t *filter = request_keep(r, bson_new());

    bson_copy_to_excluding_noinit(query->filter, filter, "terms", NULL);
    query->filter = filter;
}

/* Too many tasks to name them: the order is followed, and each task is compared here. */
static void
match_here(struct request *r, struct query *query, struct commented *c)
{
    struct query_match *match = arena_alloc(r->arena, sizeof(*match));

    *match = (struct query_match){.matches = matches_search, .arg = c, .project = project_search};
    query->match = match;
    drop_terms(r, query);
}

/* Takes comments into account; *found has the tasks that match by themselves. */
static enum err
search_comments(struct request *r, struct query *query, struct doc_array *found)
{
    struct commented *c = arena_alloc(r->arena, sizeof(*c));
    bson_t own = BSON_INITIALIZER;
    enum err err;

    c->q = request_param(r, "q");
    if (c->q == NULL)
        return ERR_NONE;
    if ((err = find_commented(r, query, c)) != ERR_NONE || c->count == 0)
        return err;
    if (found->count + c->count <= SEARCH_FOUND) {
        bson_copy_to_excluding_noinit(found->bson, &own, "", NULL);
        add_commented(c, &own, found);
        drop_terms(r, query);
    } else {
        match_here(r, query, c);
        found->count = SEARCH_FOUND + 1;
    }
    bson_destroy(&own);
    return ERR_NONE;
}

/* ------------------------------------------------------------ narrowing */

enum err
search_narrow(struct request *r, struct query *query)
{
    bson_t ids = BSON_INITIALIZER, *filter;
    struct doc_array found = {&ids, 0};
    enum err err;

    if (!bson_has_field(query->filter, "terms") && (r->due == NULL || query->order->due))
        return ERR_NONE;
    err = find_ids(r, query, &found);
    if (err == ERR_NONE)
        err = search_comments(r, query, &found);
    if (err == ERR_NONE && found.count <= SEARCH_FOUND) {
        /* First in the filter; its other conditions, including the rights, stay. */
        filter = request_keep(r, bson_new());
        doc_in(filter, "_id", &ids);
        bson_concat(filter, query->filter);
        query->filter = filter;
    }
    bson_destroy(&ids);
    return err;
}
