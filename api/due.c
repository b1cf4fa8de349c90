/*
 * Due times as ranges of dueKey, and their order merged from two of them.
 */
#include "api/due.h"

#include <string.h>

#include "api/crud.h"
#include "api/doc.h"
#include "api/list_find.h"
#include "api/query.h"
#include "api/request.h"
#include "common/clock.h"
#include "common/zone.h"

#define DUE_KEY   "dueKey"
#define ANY_FIRST ""  /* sorts before all dates */
#define ANY_END   ":" /* sorts behind all dates: follows 9 */

static const struct due_range any_time = {ANY_FIRST, ANY_END, CLOCK_FIRST, CLOCK_LAST + 1};

enum err
due_zone(struct request *r, const struct zone **zone)
{
    const bson_t *user = NULL;
    enum err err = ERR_NONE;

    if (r->zone == NULL && (err = crud_get(r, STORE_USERS, &r->user_id, &user)) == ERR_NOT_FOUND)
        err = ERR_NONE; /* nobody's request, a program's own: UTC */
    if (err == ERR_NONE && r->zone == NULL)
        r->zone = zone_or_utc(user == NULL ? NULL : doc_text(user, "timeZone"));
    *zone = r->zone;
    return err;
}

/* --- Filters --------------------------------------------------------------- */

/*
 * A boundary between what is due before it and what is not: the first instant
 * of a date, or an instant and the date that holds it, which is not over then.
 */
static enum err
read_boundary(struct request *r, const char *name, const char **date, int64_t *ms)
{
    const char *value = request_param(r, name);
    size_t len = strlen(value);
    char *day = arena_alloc(r->arena, CLOCK_DATE);
    const struct zone *zone;
    bool is_date = clock_read_date(value, len, ms);
    enum err err;

    if (!is_date && !clock_read(value, len, ms))
        return request_bad_param(r, name, "must be an instant or a date");
    if ((err = due_zone(r, &zone)) != ERR_NONE)
        return err;
    if (is_date) {
        *ms = zone_date_start(zone, value);
        *date = value;
    } else {
        zone_date(zone, *ms, day);
        *date = day;
    }
    return ERR_NONE;
}

static const char *
earlier(const char *a, const char *b)
{
    return strcmp(a, b) < 0 ? a : b;
}

static const char *
later(const char *a, const char *b)
{
    return strcmp(a, b) > 0 ? a : b;
}

/* Narrows the range to what is due on the caller's present day, or before now. */
static enum err
apply_now(struct request *r, bool today, bool overdue, struct due_range *due)
{
    const struct zone *zone;
    int64_t now = clock_now(), start, end;
    char *date = arena_alloc(r->arena, CLOCK_DATE);
    enum err err = due_zone(r, &zone);

    if (err != ERR_NONE)
        return err;
    zone_date(zone, now, date);
    start = zone_date_start(zone, date);
    end = zone_date_end(zone, date);
    if (today) {
        due->first = later(due->first, date);
        due->end = earlier(due->end, arena_printf(r->arena, "%s+", date)); /* follows the date */
        due->from = start > due->from ? start : due->from;
        due->to = end < due->to ? end : due->to;
    }
    if (overdue) {
        due->end = earlier(due->end, date);
        due->to = now < due->to ? now : due->to;
    }
    return ERR_NONE;
}

enum err
due_read(struct request *r, bool *overdue)
{
    bool before = request_param(r, "dueBefore") != NULL,
         after = request_param(r, "dueAfter") != NULL;
    struct due_range *due = arena_alloc(r->arena, sizeof(*due));
    bool today;
    enum err err;

    *due = any_time;
    if ((err = request_flag(r, "overdue", overdue)) != ERR_NONE ||
        (err = request_flag(r, "today", &today)) != ERR_NONE ||
        (before && (err = read_boundary(r, "dueBefore", &due->end, &due->to)) != ERR_NONE) ||
        (after && (err = read_boundary(r, "dueAfter", &due->first, &due->from)) != ERR_NONE) ||
        ((today || *overdue) && (err = apply_now(r, today, *overdue, due)) != ERR_NONE))
        return err;
    if (before || after || today || *overdue)
        r->due = due;
    return ERR_NONE;
}

static void
append_dates(const struct due_range *due, bson_t *out)
{
    bson_t range;

    BSON_APPEND_DOCUMENT_BEGIN(out, DUE_KEY, &range);
    BSON_APPEND_UTF8(&range, "$gte", due->first);
    BSON_APPEND_UTF8(&range, "$lt", due->end);
    bson_append_document_end(out, &range);
}

static void
append_instants(const struct due_range *due, bson_t *out)
{
    bson_t range;

    BSON_APPEND_DOCUMENT_BEGIN(out, DUE_KEY, &range);
    BSON_APPEND_DATE_TIME(&range, "$gte", due->from);
    if (due->to <= CLOCK_LAST) /* beyond it not every party can read a date */
        BSON_APPEND_DATE_TIME(&range, "$lt", due->to);
    bson_append_document_end(out, &range);
}

void
due_append_part(const struct due_range *due, bool dates, bson_t *filter)
{
    if (dates)
        append_dates(due, filter);
    else
        append_instants(due, filter);
}

void
due_append(const struct due_range *due, bson_t *filter)
{
    bson_t either, one;

    BSON_APPEND_ARRAY_BEGIN(filter, "$or", &either);
    BSON_APPEND_DOCUMENT_BEGIN(&either, "0", &one);
    append_dates(due, &one);
    bson_append_document_end(&either, &one);
    BSON_APPEND_DOCUMENT_BEGIN(&either, "1", &one);
    append_instants(due, &one);
    bson_append_document_end(&either, &one);
    bson_append_array_end(filter, &either);
}

/* --- The order --------------------------------------------------------------- */

enum lane { DATED, TIMED, UNDATED };

struct merge {
    struct request *r;
    const struct query *query;
    const struct zone *zone;
    enum store_name store;
    store_each each;
    void *arg;
    bson_t **dated; /* of this page, not yet given out from `next` on */
    int dated_count, next;
    int given;
};

/* Where the cursor stands: the lane and the key; false: there is none. */
static bool
cursor_key(const struct query *q, enum lane *lane, bson_iter_t *key)
{
    if (q->at == NULL || !bson_iter_init_find(key, q->at, "k0"))
        return false;
    *lane = BSON_ITER_HOLDS_NULL(key) ? UNDATED : BSON_ITER_HOLDS_UTF8(key) ? DATED : TIMED;
    return true;
}

/*
 * What of a lane stands behind a cursor in another: on the date of an instant,
 * tasks with an instant come before those with the date.
 */
static void
narrow(const struct merge *m, enum lane at, const bson_iter_t *key, struct due_range *due)
{
    bool up = query_direction(m->query) > 0;

    if (at == DATED) {
        int64_t end = zone_date_end(m->zone, bson_iter_utf8(key, NULL));

        if (up && end > due->from)
            due->from = end;
        else if (!up && end < due->to)
            due->to = end;
    } else {
        char *date = arena_alloc(m->r->arena, CLOCK_DATE);

        zone_date(m->zone, bson_iter_date_time(key), date);
        if (up)
            due->first = later(due->first, date);
        else
            due->end = earlier(due->end, date);
    }
}

/* The filter of one lane behind the cursor; NULL: nothing of it can follow. */
static bson_t *
lane_filter(const struct merge *m, enum lane lane)
{
    struct due_range due = m->r->due != NULL ? *m->r->due : any_time;
    bson_t *filter, all;
    bson_iter_t key;
    enum lane at;
    bool behind = cursor_key(m->query, &at, &key);

    if ((behind && at == UNDATED && lane != UNDATED) || (lane == UNDATED && m->r->due != NULL))
        return NULL;
    if (behind && at != lane && lane != UNDATED)
        narrow(m, at, &key, &due);
    if (lane == TIMED && due.from > CLOCK_LAST)
        return NULL;
    filter = request_keep(m->r, bson_copy(m->query->filter));
    if (lane == DATED)
        append_dates(&due, filter);
    else if (lane == TIMED)
        append_instants(&due, filter);
    else
        BSON_APPEND_NULL(filter, DUE_KEY);
    if (behind && at == lane) {
        BSON_APPEND_ARRAY_BEGIN(filter, "$and", &all);
        query_append_behind(m->query, &all, 0);
        bson_append_array_end(filter, &all);
    }
    return filter;
}

static enum err
give(struct merge *m, const bson_t *doc)
{
    return m->given++ > m->query->limit ? ERR_NONE : m->each(m->arg, doc);
}

static enum err
give_plain(void *arg, const bson_t *doc)
{
    return give(arg, doc);
}

static enum err
keep_dated(void *arg, const bson_t *doc)
{
    struct merge *m = arg;

    if (m->dated_count <= m->query->limit)
        m->dated[m->dated_count++] = request_keep(m->r, bson_copy(doc));
    return ERR_NONE;
}

/* An instant's task, and before it the dated ones that come first. */
static enum err
give_timed(void *arg, const bson_t *doc)
{
    struct merge *m = arg;
    char date[CLOCK_DATE];
    int64_t at = 0;
    bool up = query_direction(m->query) > 0;
    enum err err = ERR_NONE;

    doc_time(doc, DUE_KEY, &at);
    zone_date(m->zone, at, date);
    while (err == ERR_NONE && m->next < m->dated_count) {
        int order = strcmp(doc_text(m->dated[m->next], DUE_KEY), date);

        if (up ? order >= 0 : order < 0)
            break;
        err = give(m, m->dated[m->next++]);
    }
    return err == ERR_NONE ? give(m, doc) : err;
}

static enum err
find_lane(struct merge *m, enum lane lane, store_each each)
{
    bson_t *filter = lane_filter(m, lane);

    return filter == NULL ? ERR_NONE : list_find(m->r, m->store, m->query, filter, each, m);
}

enum err
due_find(struct request *r, enum store_name store, const struct query *q, store_each each,
         void *arg)
{
    struct merge m = {.r = r, .query = q, .store = store, .each = each, .arg = arg};
    enum err err = due_zone(r, &m.zone);

    m.dated = arena_alloc(r->arena, sizeof(*m.dated) * (size_t)(q->limit + 1));
    if (err != ERR_NONE || (err = find_lane(&m, DATED, keep_dated)) != ERR_NONE ||
        (err = find_lane(&m, TIMED, give_timed)) != ERR_NONE)
        return err;
    while (err == ERR_NONE && m.next < m.dated_count)
        err = give(&m, m.dated[m.next++]);
    if (err == ERR_NONE && m.given <= q->limit)
        err = find_lane(&m, UNDATED, give_plain);
    return err;
}
