/*
 * The time zone, and the parameters that limit a list to what is due in a range.
 */
#include "api/crud/due.h"

#include <string.h>

#include "api/crud/due_range.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "common/time/clock.h"
#include "common/time/zone.h"

enum err
due_zone(struct request *r, const struct zone **zone)
{
    const bson_t *user = NULL;
    enum err err = ERR_NONE;

    if (r->zone == NULL &&
        (err = request_fetch(r, STORE_USERS, &r->user_id, &user)) == ERR_NOT_FOUND)
        err = ERR_NONE; /* a request without a user, made by a program: UTC */
    if (err == ERR_NONE && r->zone == NULL)
        r->zone = zone_or_utc(user == NULL ? NULL : doc_text(user, "timeZone"));
    *zone = r->zone;
    return err;
}

/*
 * A boundary between what is due before it and what is not: the first instant of a date, or an
 * instant and the date that contains it, which has not ended then.
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

/* Narrows the range to what is due today in the caller's time zone, or before now. */
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
        due_range_from_date(due, date);
        due_range_to_date(due,
                          arena_printf(r->arena, "%s+", date)); /* sorts right after the date */
        due_range_from_instant(due, start);
        due_range_to_instant(due, end);
    }
    if (overdue) {
        due_range_to_date(due, date);
        due_range_to_instant(due, now);
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

    *due = due_range_any;
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
