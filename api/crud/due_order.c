/*
 * Three lists, of which the first two are merged.
 */
#include "api/crud/due_order.h"

#include <string.h>

#include "api/crud/due.h"
#include "api/crud/due_range.h"
#include "api/crud/list_find.h"
#include "api/crud/query.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "common/time/clock.h"
#include "common/time/zone.h"

/* What a task's due date is: a day, an instant, or none. */
enum due_type { DATED, TIMED, UNDATED };

struct merge {
    struct request *r;
    const struct query *query;
    const struct zone *zone;
    store_each each;
    void *arg;
    bson_t **dated; /* of this page; those from `next` on are not yet output */
    int dated_count, next;
    int given;
};

/* The cursor's position: its type and key; false: there is no cursor. */
static bool
cursor_key(const struct query *q, enum due_type *type, bson_iter_t *key)
{
    if (q->at == NULL || !bson_iter_init_find(key, q->at, "k0"))
        return false;
    *type = BSON_ITER_HOLDS_NULL(key) ? UNDATED : BSON_ITER_HOLDS_UTF8(key) ? DATED : TIMED;
    return true;
}

/*
 * What follows a cursor of another type: on the date of an instant, tasks with an instant come
 * before those with the date.
 */
static void
narrow(const struct merge *m, enum due_type at, const bson_iter_t *key, struct due_range *due)
{
    bool up = query_key(m->query, 0).direction > 0;

    if (at == DATED) {
        int64_t end = zone_date_end(m->zone, bson_iter_utf8(key, NULL));

        if (up)
            due_range_from_instant(due, end);
        else
            due_range_to_instant(due, end);
    } else {
        char *date = arena_alloc(m->r->arena, CLOCK_DATE);

        zone_date(m->zone, bson_iter_date_time(key), date);
        if (up)
            due_range_from_date(due, date);
        else
            due_range_to_date(due, date);
    }
}

/*
 * The filter of one type of tasks, as far as the cursor is of another type; NULL: nothing in it can
 * follow.
 */
static bson_t *
type_filter(const struct merge *m, enum due_type type)
{
    struct due_range due = m->r->due != NULL ? *m->r->due : due_range_any;
    bson_t *filter;
    bson_iter_t key;
    enum due_type at = UNDATED;
    bool behind = cursor_key(m->query, &at, &key);

    if ((behind && at == UNDATED && type != UNDATED) || (type == UNDATED && m->r->due != NULL))
        return NULL;
    if (behind && at != type && type != UNDATED)
        narrow(m, at, &key, &due);
    if (type == TIMED && due.from > CLOCK_LAST)
        return NULL;
    filter = request_keep(m->r, bson_copy(m->query->filter));
    if (type == DATED)
        due_range_dates(&due, filter);
    else if (type == TIMED)
        due_range_instants(&due, filter);
    else
        BSON_APPEND_NULL(filter, DUE_KEY);
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

/* Outputs a task with an instant, after the tasks with a date that come before it. */
static enum err
give_timed(void *arg, const bson_t *doc)
{
    struct merge *m = arg;
    char date[CLOCK_DATE];
    int64_t at = 0;
    bool up = query_key(m->query, 0).direction > 0;
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
find_type(struct merge *m, enum due_type type, store_each each)
{
    bson_t *filter = type_filter(m, type);
    struct query query = *m->query;
    enum due_type at = UNDATED;
    bson_iter_t key;

    if (filter == NULL)
        return ERR_NONE;
    if (cursor_key(m->query, &at, &key) && at != type)
        query.at = NULL;
    return list_find(m->r, &query, filter, each, m);
}

enum err
due_order_find(struct request *r, const struct query *q, store_each each, void *arg)
{
    struct merge m = {.r = r, .query = q, .each = each, .arg = arg};
    enum err err = due_zone(r, &m.zone);

    m.dated = arena_alloc(r->arena, sizeof(*m.dated) * (size_t)(q->limit + 1));
    if (err != ERR_NONE || (err = find_type(&m, DATED, keep_dated)) != ERR_NONE ||
        (err = find_type(&m, TIMED, give_timed)) != ERR_NONE)
        return err;
    while (err == ERR_NONE && m.next < m.dated_count)
        err = give(&m, m.dated[m.next++]);
    if (err == ERR_NONE && m.given <= q->limit)
        err = find_type(&m, UNDATED, give_plain);
    return err;
}
