/*
 * Ranges of due times as conditions on dueKey.
 */
#include "api/crud/due_range.h"

#include <string.h>

#include "common/time/clock.h"

#define ANY_FIRST ""  /* sorts before all dates */
#define ANY_END   ":" /* sorts after all dates: follows 9 */

const struct due_range due_range_any = {ANY_FIRST, ANY_END, CLOCK_FIRST, CLOCK_LAST + 1};

void
due_range_from_date(struct due_range *due, const char *first)
{
    if (strcmp(first, due->first) > 0)
        due->first = first;
}

void
due_range_to_date(struct due_range *due, const char *end)
{
    if (strcmp(end, due->end) < 0)
        due->end = end;
}

void
due_range_from_instant(struct due_range *due, int64_t from)
{
    if (from > due->from)
        due->from = from;
}

void
due_range_to_instant(struct due_range *due, int64_t to)
{
    if (to < due->to)
        due->to = to;
}

void
due_range_dates(const struct due_range *due, bson_t *out)
{
    bson_t range;

    BSON_APPEND_DOCUMENT_BEGIN(out, DUE_KEY, &range);
    BSON_APPEND_UTF8(&range, "$gte", due->first);
    BSON_APPEND_UTF8(&range, "$lt", due->end);
    bson_append_document_end(out, &range);
}

void
due_range_instants(const struct due_range *due, bson_t *out)
{
    bson_t range;

    BSON_APPEND_DOCUMENT_BEGIN(out, DUE_KEY, &range);
    BSON_APPEND_DATE_TIME(&range, "$gte", due->from);
    if (due->to <= CLOCK_LAST) /* later dates cannot be read by every party */
        BSON_APPEND_DATE_TIME(&range, "$lt", due->to);
    bson_append_document_end(out, &range);
}

void
due_range_append(const struct due_range *due, bson_t *filter)
{
    bson_t either, one;

    BSON_APPEND_ARRAY_BEGIN(filter, "$or", &either);
    BSON_APPEND_DOCUMENT_BEGIN(&either, "0", &one);
    due_range_dates(due, &one);
    bson_append_document_end(&either, &one);
    BSON_APPEND_DOCUMENT_BEGIN(&either, "1", &one);
    due_range_instants(due, &one);
    bson_append_document_end(&either, &one);
    bson_append_array_end(filter, &either);
}
