/*
 * Query strings of the tasks' list: what is taken is a filter with names of the
 * tables alone, and its cursor leads back into the same list.
 */
#include "api/crud/query.h"

#include <string.h>

#include "api/crud/due.h"
#include "api/http/request.h"
#include "api/v1/handlers.h"
#include "api/v1/tasks/search.h"
#include "api/v1/tasks/tasks.h"
#include "common/time/clock.h"
#include "common/time/zone.h"
#include "tests/fuzz/fuzz.h"

#define ID "0123456789abcdef01234567"

/* The list's own parameters, as far as they need no database. */
static enum err
scope(struct request *r, bson_t *filter)
{
    const char *q = request_param(r, "q");
    bool overdue;
    enum err err;

    r->zone = zone_or_utc("Europe/Berlin");
    err = due_read(r, &overdue);
    if (err == ERR_NONE)
        err = tasks_scope_state(r, overdue, filter);
    return err == ERR_NONE && q != NULL ? search_filter(r, q, filter) : err;
}

/* Operators are ours, by name; all else is a stored field. */
static void
check_names(const bson_t *doc, int depth)
{
    static const char *const known[] = {
        "$in",         "$lt",       "$gt",         "$lte",       "$gte",      "$ne",
        "$and",        "$or",       "$all",        "$elemMatch", "$eq",       "status",
        "$nin",        "state",     "completedAt", "_id",        "priority",  "dueKey",
        "assigneeIds", "labelIds",  "parentId",    "position",   "createdAt", "updatedAt",
        "archivedAt",  "deletedAt", "terms"};
    bson_iter_t iter;

    must(depth < 10);
    bson_iter_init(&iter, doc);
    while (bson_iter_next(&iter)) {
        const char *name = bson_iter_key(&iter);
        bool ok = strspn(name, "0123456789") == strlen(name);
        const uint8_t *bytes;
        uint32_t len;
        bson_t child;

        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
            ok = ok || strcmp(name, known[i]) == 0;
        must(ok);
        if (BSON_ITER_HOLDS_DOCUMENT(&iter))
            bson_iter_document(&iter, &len, &bytes);
        else if (BSON_ITER_HOLDS_ARRAY(&iter))
            bson_iter_array(&iter, &len, &bytes);
        else
            continue;
        must(bson_init_static(&child, bytes, len));
        check_names(&child, depth + 1);
    }
}

static enum err
ask(struct request *r, const char *query, const struct list *list, struct query *q)
{
    bson_t base = BSON_INITIALIZER;
    enum err err;

    r->param_count = 0;
    r->due = NULL;
    memset(r->params, 0, sizeof(r->params));
    r->query = query;
    err = request_parse_query(r);
    if (err == ERR_NONE)
        err = query_read(r, list, &base, q);
    must(err == ERR_NONE || err == ERR_BAD_PARAMETER);
    bson_destroy(&base);
    return err;
}

/* The cursor behind any document of this list is one of this list. */
static void
check_cursor(struct request *r, const struct list *list, const struct query *q)
{
    const char *sort = request_param(r, "sort");
    bson_t *last =
        request_keep(r, BCON_NEW("_id", BCON_OID(&r->user_id), "position", "W1V", "priority",
                                 BCON_INT32(3), "dueKey", BCON_DATE_TIME(CLOCK_LAST), "createdAt",
                                 BCON_DATE_TIME(0), "updatedAt", BCON_DATE_TIME(-1)));
    struct text next = {0};
    struct query second;

    text_printf(&next,
                "limit=7%s%s&cursor=", sort == NULL ? "" : "&sort=", sort == NULL ? "" : sort);
    query_cursor(&next, q, last, NULL);
    must(ask(r, arena_dup(r->arena, next.bytes), list, &second) == ERR_NONE);
    must(second.order == q->order && second.reversed == q->reversed && second.limit == 7);
    text_free(&next);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct list list = task_list;
    struct request r = {0};
    struct query q;
    size_t error;

    if (size > 8192)
        return 0;
    list.scope = scope;
    r.arena = arena_new((size_t)64 << 20);
    bson_oid_init_from_string(&r.user_id, ID);
    if (ask(&r, arena_copy(r.arena, (const char *)data, size), &list, &q) == ERR_NONE) {
        must(q.limit >= 1 && q.limit <= QUERY_LIMIT_MAX);
        must(bson_validate(q.filter, BSON_VALIDATE_UTF8, &error));
        check_names(q.filter, 0);
        check_cursor(&r, &list, &q);
    } else {
        must(r.detail != NULL && text_utf8(r.detail, strlen(r.detail)));
    }
    arena_free(r.arena);
    return 0;
}
