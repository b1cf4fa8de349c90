/*
 * /v1/tasks/{id}/occurrences and /skip: the next dates of a recurring task.
 */
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
    {"limit", NULL, INTEGER, CUSTOM, .about = "at most 200; 50 if omitted"},
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

enum err
occurrences_list(struct request *r)
{
    struct listing l = {.comma = ""};
    struct task_series s;
    const bson_t *task;
    bson_oid_t id;
    int most;
    enum err err;

    if ((err = request_id_arg(r, 0, &id)) != ERR_NONE ||
        (err = request_number(r, &query_limit, &most)) != ERR_NONE ||
        (err = request_params_done(r)) != ERR_NONE ||
        (err = read_access_get(r, STORE_TASKS, &id, &task)) != ERR_NONE)
        return err;
    l.out = reply_json(r, 200);
    text_puts(l.out, "{\"items\":[");
    if (task_series_read(task, &s))
        write_dates(&l, &s, most);
    text_puts(l.out, "],\"nextCursor\":null}");
    return ERR_NONE;
}
