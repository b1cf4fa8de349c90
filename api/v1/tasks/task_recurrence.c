/*
 * The fields timeZone and recurrence, and the dates of a task's series.
 */
#include "api/v1/tasks/task_recurrence.h"

#include <string.h>

#include "api/crud/due.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "common/time/civil.h"
#include "common/time/zone.h"

/* --- Stored series -------------------------------------------------------------- */

/* The object in a task's field recurrence; false if it is null. */
static bool
members_of(const bson_t *task, bson_t *out)
{
    bson_iter_t iter;
    const uint8_t *bytes;
    uint32_t len;

    if (!bson_iter_init_find(&iter, task, "recurrence") || !BSON_ITER_HOLDS_DOCUMENT(&iter))
        return false;
    bson_iter_document(&iter, &len, &bytes);
    return bson_init_static(out, bytes, len);
}

/* A date or an instant in a zone. */
static bool
read_due(const struct zone *zone, const char *text, struct due *out)
{
    int64_t at;

    if (text == NULL)
        return false;
    if (strlen(text) == CLOCK_DATE - 1)
        return recurrence_date(text, out);
    return clock_read(text, strlen(text), &at) && recurrence_instant(zone, at, out);
}

/* Writes a date or an instant. */
static const char *
due_text(struct request *r, const struct due *due)
{
    char text[CLOCK_INSTANT];

    clock_write(text, due->timed ? due->at : due->day * CIVIL_DAY_MS);
    if (!due->timed)
        text[CLOCK_DATE - 1] = '\0';
    return arena_dup(r->arena, text);
}

/* A task's due date; false: it has none, or one outside of the years of rules. */
static bool
due_of(const bson_t *task, const struct zone *zone, struct due *out)
{
    int64_t at;

    if (doc_time(task, "dueAt", &at))
        return recurrence_instant(zone, at, out);
    return doc_text(task, "dueDate") != NULL && recurrence_date(doc_text(task, "dueDate"), out);
}

bool
task_series_read(const bson_t *task, struct task_series *s)
{
    bson_t members;
    const char *basis;

    *s = (struct task_series){.series.zone = zone_or_utc(doc_text(task, "timeZone"))};
    if (!members_of(task, &members) || (s->rule = doc_text(&members, "rule")) == NULL ||
        rrule_read(s->rule, &s->series.rule) != NULL ||
        !read_due(s->series.zone, doc_text(&members, "start"), &s->series.start))
        return false;
    basis = doc_text(&members, "basis");
    s->from_completion = basis != NULL && strcmp(basis, "completion") == 0;
    return due_of(task, s->series.zone, &s->due) && s->due.timed == s->series.start.timed;
}

/* The day of an instant with the start's time of day. */
static struct due
on_day_of(const struct series *s, int64_t ms)
{
    struct due now, day = {.timed = s->start.timed};
    int64_t time = recurrence_shown(s->zone, &s->start) - s->start.day * CIVIL_DAY_MS;

    (void)recurrence_instant(s->zone, ms, &now);
    day.day = now.day;
    if (day.timed)
        day.at = zone_instant(s->zone, now.day * CIVIL_DAY_MS + time);
    return day;
}

bool
task_series_next(const struct task_series *s, int64_t ms, struct due *next, int *count)
{
    struct series series = s->series;
    struct due now = on_day_of(&series, ms), due = s->due;
    int passed;

    if (s->from_completion)
        series.start = due = now;
    else if (now.timed)
        now.at = ms;
    if (!recurrence_next(&series, &due, &now, next, &passed))
        return false;
    *count = series.rule.count == 0 ? 0 : series.rule.count - passed;
    return true;
}

/* --- Moved dates ----------------------------------------------------------------- */

struct task_shift
task_shift_of(const struct task_series *s, const struct due *next)
{
    const struct zone *zone = s->series.zone;

    return (struct task_shift){zone, recurrence_shown(zone, next) - recurrence_shown(zone, &s->due),
                               next->day - s->due.day};
}

static void
shift_instant(const struct task_shift *shift, const bson_t *task, const char *name, bson_t *set)
{
    struct due due;
    int64_t at;

    if (!doc_time(task, name, &at) || !recurrence_instant(shift->zone, at, &due))
        return;
    at = zone_instant(shift->zone, recurrence_shown(shift->zone, &due) + shift->shown);
    BSON_APPEND_DATE_TIME(set, name, at);
}

static void
shift_date(struct request *r, const struct task_shift *shift, const bson_t *task, const char *name,
           bson_t *set)
{
    struct due due;

    if (doc_text(task, name) == NULL || !recurrence_date(doc_text(task, name), &due))
        return;
    due.day += shift->days;
    BSON_APPEND_UTF8(set, name, due_text(r, &due));
}

static void
append_recurrence(bson_t *set, const char *rule, const char *basis, const char *start)
{
    bson_t members;

    BSON_APPEND_DOCUMENT_BEGIN(set, "recurrence", &members);
    BSON_APPEND_UTF8(&members, "rule", rule);
    BSON_APPEND_UTF8(&members, "basis", basis);
    BSON_APPEND_UTF8(&members, "start", start);
    bson_append_document_end(set, &members);
}

void
task_shift_dates(struct request *r, const struct task_shift *shift, const bson_t *task, bson_t *set)
{
    struct task_series s;
    bson_t members;

    shift_instant(shift, task, "dueAt", set);
    shift_date(r, shift, task, "dueDate", set);
    shift_instant(shift, task, "startAt", set);
    shift_date(r, shift, task, "startDate", set);
    if (!task_series_read(task, &s) || !members_of(task, &members))
        return;
    s.series.start.day += shift->days;
    if (s.series.start.timed)
        s.series.start.at = zone_instant(
            shift->zone, recurrence_shown(shift->zone, &s.series.start) + shift->shown);
    append_recurrence(set, s.rule, doc_text(&members, "basis"), due_text(r, &s.series.start));
}

void
task_series_move(struct request *r, const bson_t *task, const struct due *next, int count,
                 bson_t *set)
{
    struct task_series s;
    struct task_shift shift;
    struct text rule = {0};
    bson_t members;

    if (!task_series_read(task, &s) || !members_of(task, &members))
        return;
    shift = task_shift_of(&s, next);
    if (next->timed)
        BSON_APPEND_DATE_TIME(set, "dueAt", next->at);
    else
        BSON_APPEND_UTF8(set, "dueDate", due_text(r, next));
    shift_instant(&shift, task, "startAt", set);
    shift_date(r, &shift, task, "startDate", set);
    rrule_write_count(&rule, s.rule, count);
    append_recurrence(set, rule.bytes, doc_text(&members, "basis"),
                      s.from_completion ? due_text(r, next) : doc_text(&members, "start"));
    text_free(&rule);
}

/* --- Rules -------------------------------------------------------------------------- */

/* The task as it would be stored, in the middle of its rules. */
struct checking {
    const struct entity_rules *u;
    const bson_t *task;
    const bson_t *members,
        *before; /* of its recurrence, and those it had; NULL: it did not recur */
    struct series series;
    struct due due;
    bool fresh; /* the rule or the start is new */
};

static void
complain(const struct checking *c, const char *pointer, const char *code, const char *detail)
{
    request_complain(c->u->r, pointer, code, "%s", detail);
}

static void
check_zone(const struct checking *c)
{
    const char *name = doc_text(c->u->after, "timeZone");
    bool touched = c->u->before == NULL || doc_differs(c->u->before, c->u->after, "timeZone");

    if (touched && name != NULL && zone_find(name) == NULL)
        complain(c, "/timeZone", "format", "must be a time zone like Europe/Berlin");
}

/* The zone of the rule: the task's, or the caller's. */
static enum err
find_zone(struct checking *c)
{
    const char *name = doc_text(c->task, "timeZone");
    enum err err = ERR_NONE;

    if (name != NULL)
        c->series.zone = zone_or_utc(name);
    else if ((err = due_zone(c->u->r, &c->series.zone)) == ERR_NONE)
        BSON_APPEND_UTF8(c->u->extra, "timeZone", zone_name(c->series.zone));
    return err;
}

static bool
find_due(struct checking *c)
{
    if (due_of(c->task, c->series.zone, &c->due))
        return true;
    if (doc_has(c->task, "dueAt") || doc_has(c->task, "dueDate"))
        complain(c, doc_has(c->task, "dueAt") ? "/dueAt" : "/dueDate", "range",
                 "must be between 1600 and 2500 for a task that recurs");
    else
        complain(c, "/dueDate", "required", "is required for a task that recurs");
    return false;
}

static bool
find_rule(struct checking *c)
{
    const char *rule = doc_text(c->members, "rule");
    const char *wrong = rule == NULL ? "is required" : rrule_read(rule, &c->series.rule);

    if (wrong == NULL)
        return true;
    complain(c, "/recurrence/rule", rule == NULL ? "required" : "format", wrong);
    return false;
}

/* The start given, the one before if the rule is still the same, or else the due date. */
static bool
find_start(struct checking *c)
{
    struct due *start = &c->series.start;
    const char *given = doc_text(c->members, "start");
    const char *old = c->before == NULL ? NULL : doc_text(c->before, "start");
    bool same_rule = c->before != NULL && !doc_differs(c->before, c->members, "rule");
    bool same_start = old != NULL && given != NULL && strcmp(old, given) == 0;

    c->fresh = !same_rule || !same_start;
    *start = c->due;
    if (given == NULL || (same_start && !same_rule))
        return true;
    if (!read_due(c->series.zone, given, start)) {
        complain(c, "/recurrence/start", "format",
                 "must be a date or an RFC 3339 instant between 1600 and 2500");
        return false;
    }
    if (start->timed == c->due.timed)
        return true;
    start->timed = c->due.timed; /* on the same day, at the time of day of the due date */
    if (start->timed)
        start->at = zone_instant(c->series.zone, start->day * CIVIL_DAY_MS +
                                                     recurrence_shown(c->series.zone, &c->due) -
                                                     c->due.day * CIVIL_DAY_MS);
    return true;
}

static const bson_t *
keep_members(struct request *r, const bson_t *task)
{
    bson_t members;

    return task != NULL && members_of(task, &members) ? request_keep(r, bson_copy(&members)) : NULL;
}

/* Checks the recurrence, which has only the members that the client has set, and completes it. */
static enum err
check_recurrence(struct checking *c)
{
    const struct entity_rules *u = c->u;
    const char *basis;
    enum err err;

    c->before = keep_members(u->r, u->before);
    if (c->before != NULL)
        c->members = request_keep(u->r, doc_merge(c->before, c->members));
    if ((err = find_zone(c)) != ERR_NONE || !find_due(c) || !find_rule(c) || !find_start(c))
        return err;
    if (c->fresh && !recurrence_occurs(&c->series)) {
        complain(c, "/recurrence/rule", "range", "must have a date on or after its start");
        return ERR_NONE;
    }
    basis = doc_text(c->members, "basis");
    append_recurrence(u->extra, doc_text(c->members, "rule"), basis == NULL ? "due" : basis,
                      due_text(u->r, &c->series.start));
    return ERR_NONE;
}

/* Decides that a completed task gets a successor, unless it had one or its series is over. */
static void
complete(const struct checking *c, const bson_t *task)
{
    struct task_series s;
    struct due next;
    bson_oid_t id;
    int count;

    if (doc_has(task, "nextId") || !task_series_read(task, &s) ||
        !task_series_next(&s, change_now(c->u->change), &next, &count))
        return;
    bson_oid_init(&id, NULL);
    BSON_APPEND_OID(c->u->extra, "nextId", &id);
}

/*
 * A reopened task takes its successor back if nobody has touched it; else it does not recur any
 * more (*lost).
 */
static enum err
reopen(const struct checking *c, bool *lost)
{
    const struct entity_rules *u = c->u;
    bool untouched;
    enum err err = task_successor_untouched(u->r, u->before, &untouched);

    if (err != ERR_NONE)
        return err;
    *lost = !untouched;
    if (untouched)
        BSON_APPEND_NULL(u->extra, "nextId");
    else if (c->members != NULL && doc_differs(u->before, u->after, "recurrence"))
        complain(c, "/recurrence", "exclusive",
                 "cannot be set while the task is reopened, because the next task was changed");
    else if (c->members != NULL)
        BSON_APPEND_NULL(u->extra, "recurrence");
    return ERR_NONE;
}

enum err
task_series_preview(struct request *r, const bson_t *before, const bson_t *after,
                    struct task_series *out, bool *recurs)
{
    struct entity_rules u = {
        .r = r, .before = before, .after = after, .extra = request_keep(r, bson_new())};
    struct checking c = {.u = &u, .task = after, .members = keep_members(r, after)};
    enum err err = ERR_NONE;

    check_zone(&c);
    if (c.members != NULL)
        err = check_recurrence(&c);
    if (err == ERR_NONE)
        err = request_validated(r);
    *recurs = err == ERR_NONE && task_series_read(request_keep(r, doc_merge(after, u.extra)), out);
    return err;
}

enum err
task_recurrence_rules(const struct entity_rules *u)
{
    struct checking c = {.u = u};
    bool was = u->before != NULL && doc_has(u->before, "completedAt"), is, lost = false;
    enum err err = ERR_NONE;

    check_zone(&c);
    if (!doc_has(u->after, "recurrence") && !doc_has(u->after, "nextId"))
        return ERR_NONE;
    c.task = request_keep(u->r, doc_merge(u->after, u->extra));
    c.members = keep_members(u->r, c.task);
    is = doc_has(c.task, "completedAt");
    if (was && !is && doc_has(u->before, "nextId"))
        err = reopen(&c, &lost);
    if (err == ERR_NONE && !lost && c.members != NULL)
        err = check_recurrence(&c);
    if (err == ERR_NONE && u->before != NULL && !was && is)
        complete(&c, request_keep(u->r, doc_merge(c.task, u->extra)));
    return err;
}
