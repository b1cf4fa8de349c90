/*
 * ?q= as conditions on a task's search terms (common/text/terms.h), and lists that few tasks match.
 */
#include "api/v1/tasks/search.h"

#include <stdio.h>
#include <string.h>

#include "api/crud/due_range.h"
#include "api/crud/query.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "common/text/terms.h"

#define QUERY_MAX 500                /* bytes of a query */
#define LAST      "\xF4\x8F\xBF\xBF" /* the last character of Unicode */

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
 * The ids of the matches, in no order; for a due time each of its two ranges bounds the index by
 * itself.
 */
static enum err
find_ids(struct request *r, const struct query *query, struct doc_array *found)
{
    bson_t *opts = BCON_NEW("projection", "{", "_id", BCON_BOOL(true), "}", "limit",
                            BCON_INT64(SEARCH_FOUND + 1));
    bool due = r->due != NULL && !query->order->due;
    enum err err = ERR_NONE;

    for (int part = 0; err == ERR_NONE && part < 1 + due; part++) {
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

enum err
search_narrow(struct request *r, struct query *query)
{
    bson_t ids = BSON_INITIALIZER, *filter;
    struct doc_array found = {&ids, 0};
    enum err err;

    if (!bson_has_field(query->filter, "terms") && (r->due == NULL || query->order->due))
        return ERR_NONE;
    err = find_ids(r, query, &found);
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
