/*
 * /v1/tasks/{id}/occurrences and /skip: the next dates of a recurring task; and
 * /v1/occurrences: those that a new one would have.
 */
#include <string.h>

#include "api/access/read_access.h"
#include "api/crud/crud.h"
#include "api/crud/query.h"
#include "api/http/reply.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "api/v1/handlers.h"
#include "api/v1/tasks/task_recurrence.h"
#include "common/time/civil.h"
#include "common/time/clock.h"

/* clang-format off */
static const struct field occurrence_fields[] = {
    {"dueAt",   INSTANT, NULLABLE},
    {"dueDate", DATE,    NULLABLE},
    {NULL},
};
const struct filter occurrence_params[] = {
    {"limit",    NULL, INTEGER, CUSTOM, .about = "at most 200; 50 if omitted"},
    {"rule",     NULL, TEXT,    CUSTOM, .about = "an RRULE that is not saved, checked as in the task's recurrence; like the parameters below it stands for the task's own, and is required for a new task"},
    {"basis",    NULL, TEXT,    CUSTOM, .about = "due or completion"},
    {"start",    NULL, TEXT,    CUSTOM, .about = "a date or an instant"},
    {"timeZone", NULL, TEXT,    CUSTOM, .about = "by default the caller's for a new task"},
    {"dueAt",    NULL, TEXT,    CUSTOM, .about = "an instant, in place of a due date"},
    {"dueDate",  NULL, TEXT,    CUSTOM, .about = "a date; a new task needs this or dueAt"},
    {NULL},
};
/* clang-format on */
const struct shape occurrence_shape = {"Occurrence", occurrence_fields};

/* Finds the next date of a task that is not completed. */
static enum err
find_skipped(struct request *r, void *arg, const bson_t *before, struct crud_change *out)
{
    struct task_series s;
    struct due next;
    int count;

    (void)arg;
    if (!task_series_read(before, &s))
        return request_fail(r, ERR_CONFLICT, "the task does not recur");
    if (doc_has(before, "completedAt"))
        return request_fail(r, ERR_CONFLICT, "the task is completed; reopen it first");
    if (!task_series_next(&s, change_now(r->change), &next, &count))
        return request_fail(r, ERR_CONFLICT, "the task has no further date");
    task_series_move(r, before, &next, count, out->set);
    field_names_of(&out->names, &task_shape, out->set, before);
    return ERR_NONE;
}

enum err
tasks_skip(struct request *r)
{
    const struct crud_edit how = {.find = find_skipped, .status = 200};

    return crud_edit(r, &how);
}

struct listing {
    struct text *out;
    const char *comma;
    struct due last;
};

/* recurrence_each */
static bool
write_date(void *arg, const struct due *date)
{
    struct listing *l = arg;
    char text[CLOCK_INSTANT];

    clock_write(text, date->timed ? date->at : date->day * CIVIL_DAY_MS);
    text_printf(l->out,
                date->timed ? "%s{\"dueAt\":\"%s\",\"dueDate\":null}"
                            : "%s{\"dueAt\":null,\"dueDate\":\"%.10s\"}",
                l->comma, text);
    l->comma = ",";
    l->last = *date;
    return false;
}

/* The dates that the task's successors would have if each were completed on its day. */
static void
write_dates(struct listing *l, struct task_series *s, int most)
{
    struct due next;
    int count;

    if (!task_series_next(s, clock_now(), &next, &count))
        return;
    (void)write_date(l, &next);
    if (s->series.rule.count > 0 && most > count)
        most = count;
    if (s->from_completion)
        s->series.start = next;
    recurrence_dates(&s->series, &next, most - 1, write_date, l);
}

/* Appends a parameter's value as text, if it is given. */
static void
append_text(struct request *r, const char *name, bson_t *doc)
{
    const char *value = request_param(r, name);

    if (value != NULL)
        bson_append_utf8(doc, name, -1, value, -1);
}

/* Appends the due date that is given, which replaces one of the other kind. */
static enum err
append_due(struct request *r, bson_t *set)
{
    const char *at = request_param(r, "dueAt"), *date = request_param(r, "dueDate");
    int64_t ms;

    if (at != NULL && date != NULL)
        return request_bad_param(r, "dueAt", "cannot be combined with dueDate");
    if (at != NULL && !clock_read(at, strlen(at), &ms))
        return request_bad_param(r, "dueAt", "must be an RFC 3339 instant");
    if (date != NULL && !clock_read_date(date, strlen(date), &ms))
        return request_bad_param(r, "dueDate", "must be a date like 2026-01-31");
    if (at != NULL) {
        BSON_APPEND_DATE_TIME(set, "dueAt", ms);
        BSON_APPEND_NULL(set, "dueDate");
    } else if (date != NULL) {
        BSON_APPEND_UTF8(set, "dueDate", date);
        BSON_APPEND_NULL(set, "dueAt");
    }
    return ERR_NONE;
}

/* Reads the parameters: the fields of a task that are not saved, as a PATCH would set them. */
static enum err
read_params(struct request *r, int *most, bson_t *set)
{
    const char *rule = request_param(r, "rule"), *basis = request_param(r, "basis");
    bson_t *recurrence = request_keep(r, bson_new());
    enum err err;

    if (rule != NULL && strlen(rule) > RRULE_TEXT_MAX)
        return request_bad_param(r, "rule", "is too long");
    if (basis != NULL && strcmp(basis, "due") != 0 && strcmp(basis, "completion") != 0)
        return request_bad_param(r, "basis", "must be due or completion");
    append_text(r, "rule", recurrence);
    append_text(r, "basis", recurrence);
    append_text(r, "start", recurrence);
    if (!bson_empty(recurrence))
        BSON_APPEND_DOCUMENT(set, "recurrence", recurrence);
    append_text(r, "timeZone", set);
    if ((err = append_due(r, set)) != ERR_NONE ||
        (err = request_number(r, &query_limit, most)) != ERR_NONE)
        return err;
    return request_params_done(r);
}

/* Answers with the dates of a task (NULL: a new one) with the values of the parameters. */
static enum err
reply_dates(struct request *r, const bson_t *task, const bson_t *set, int most)
{
    const bson_t *after = task == NULL ? set : request_keep(r, doc_merge(task, set));
    struct listing l = {.comma = ""};
    struct task_series s;
    bool recurs;
    enum err err = ERR_NONE;

    if (bson_empty(set)) /* a stored task is as it is */
        recurs = task_series_read(task, &s);
    else
        err = task_series_preview(r, task, after, &s, &recurs);
    if (err == ERR_INVALID) /* each parameter has the name of the field or member */
        return request_bad_param(r, strrchr(r->complaints->pointer, '/') + 1,
                                 r->complaints->detail);
    if (err != ERR_NONE)
        return err;
    l.out = reply_json(r, 200);
    text_puts(l.out, "{\"items\":[");
    if (recurs)
        write_dates(&l, &s, most);
    text_puts(l.out, "],\"nextCursor\":null}");
    return ERR_NONE;
}

enum err
occurrences_list(struct request *r)
{
    bson_t *set = request_keep(r, bson_new());
    const bson_t *task;
    bson_oid_t id;
    int most;
    enum err err;

    if ((err = request_id_arg(r, 0, &id)) != ERR_NONE ||
        (err = read_params(r, &most, set)) != ERR_NONE ||
        (err = read_access_get(r, STORE_TASKS, &id, &task)) != ERR_NONE)
        return err;
    return reply_dates(r, task, set, most);
}

enum err
occurrences_of_new(struct request *r)
{
    bson_t *set = request_keep(r, bson_new());
    int most;
    enum err err = read_params(r, &most, set);

    if (err != ERR_NONE)
        return err;
    if (request_param(r, "rule") == NULL)
        return request_bad_param(r, "rule", "is required");
    return reply_dates(r, NULL, set, most);
}
