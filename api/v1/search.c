/*
 * ?q= as conditions on a task's search terms (common/terms.h).
 */
#include "api/v1/tasks.h"

#include <stdio.h>
#include <string.h>

#include "api/request.h"
#include "common/terms.h"

#define QUERY_MAX 500                /* bytes of a query */
#define LAST      "\xF4\x8F\xBF\xBF" /* the last character of all */

struct conditions {
    bson_t *all;
    uint32_t count;
};

/* The term itself, or {$elemMatch: {$gte: term, $lt: term and the last character of all}}. */
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
                       : request_bad_param(r, "q", "has no letter, digit or symbol to look for");
}
