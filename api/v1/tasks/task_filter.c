/*
 * An index answers: the projects that it names, `assignee = me`, `done`, `archived`, a range of due
 * times, and words.  These narrow the list if every match must fulfil them; whether a task matches
 * is always decided by the whole filter (api/filter).
 */
#include "api/v1/tasks/task_filter.h"

#include <stdlib.h>
#include <string.h>

#include "api/crud/due.h"
#include "api/crud/due_range.h"
#include "api/crud/query.h"
#include "api/filter/filter.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "api/v1/tasks/filter_names.h"
#include "api/v1/tasks/search.h"
#include "common/time/clock.h"

/* ------------------------------------------------------------ reading */

static enum err
refuse(struct request *r, const struct filter_error *error)
{
    r->position = error->position;
    r->expected = error->expected;
    return request_bad_param(r, "filter",
                             arena_printf(r->arena, "is wrong at character %d: expected %s",
                                          error->position + 1, error->expected));
}

bool
task_filter_valid(struct request *r, const char *text)
{
    struct filter_error error;

    if (filter_parse(r->arena, text, &error) != NULL)
        return true;
    r->position = error.position;
    r->expected = error.expected;
    return false;
}

static enum err
resolve_times(struct request *r, struct filter_tree *tree)
{
    struct filter_error error;
    const struct zone *zone;
    enum err err;

    if (!filter_has_times(tree))
        return ERR_NONE;
    if ((err = due_zone(r, &zone)) != ERR_NONE)
        return err;
    return filter_resolve_times(tree, zone, clock_now(), &error) ? ERR_NONE : refuse(r, &error);
}

/* ------------------------------------------------------------ what an index answers */

struct narrowing {
    struct request *r;
    bson_t *scope;
    bson_t *projects; /* ids, sorted; NULL: not named */
    struct due_range *due;
    const char *words;
};

/* {projectId: {$in: those that are named}}, unless the list is of one project. */
static void
narrow_projects(struct narrowing *n, const struct filter_comparison *c)
{
    bson_iter_t projects;
    struct doc_array ids = {bson_new(), 0};

    request_keep(n->r, ids.bson);
    if (n->projects != NULL || !bson_iter_init_find(&projects, n->scope, "projectId") ||
        BSON_ITER_HOLDS_OID(&projects))
        return;
    for (const struct filter_value *v = c->values; v != NULL; v = v->next)
        for (uint32_t i = 0; i < v->count; i++)
            doc_array_add_id(&ids, &v->ids[i]);
    n->projects = ids.bson;
}

static void
narrow_due(struct due_range *due, const struct filter_comparison *c)
{
    const struct filter_time *t = &c->values->time;
    bool below = c->op == OP_LESS, above = c->op == OP_GREATER;

    if (below || c->op == OP_AT_MOST || c->op == OP_EQUAL) {
        due_range_to_instant(due, below ? t->from : t->is_day ? t->to : t->from + 1);
        due_range_to_date(due, below ? t->day : t->after);
    }
    if (above || c->op == OP_AT_LEAST || c->op == OP_EQUAL) {
        due_range_from_instant(due, !above ? t->from : t->is_day ? t->to : t->from + 1);
        due_range_from_date(due, above ? t->after : t->day);
    }
}

static enum task_filter_flag
required(const struct filter_comparison *c, bool negated)
{
    return (c->values->number == 1) != negated ? MUST : MUST_NOT;
}

static void
narrow(void *arg, const struct filter_comparison *c, bool negated)
{
    struct narrowing *n = arg;
    struct task_filter *f = n->r->filter;
    const struct filter_value *v = c->values;

    if (v->is_null || v->next != NULL)
        negated = negated || c->field != FILTER_PROJECT; /* too much to be answered by an index */
    else if (c->field == FILTER_DONE)
        f->done = required(c, negated);
    else if (c->field == FILTER_ARCHIVED)
        f->archived = required(c, negated);
    if (negated)
        return;
    if (c->field == FILTER_PROJECT)
        narrow_projects(n, c);
    else if (c->field == FILTER_ASSIGNEE && v->is_me && !bson_has_field(n->scope, "assigneeIds"))
        BSON_APPEND_OID(n->scope, "assigneeIds", &n->r->user_id);
    else if (c->field == FILTER_DUE)
        narrow_due(n->due, c);
    else if (c->op == OP_WORDS && (c->field == FILTER_TITLE || c->field == FILTER_DESCRIPTION))
        n->words = v->text;
    f->narrows_due = f->narrows_due || c->field == FILTER_DUE;
}

/* Replaces the condition on projectId. */
static void
replace_projects(struct narrowing *n)
{
    bson_t all = BSON_INITIALIZER;

    bson_copy_to_excluding_noinit(n->scope, &all, "projectId", NULL);
    bson_reinit(n->scope);
    doc_in(n->scope, "projectId", n->projects);
    bson_concat(n->scope, &all);
    bson_destroy(&all);
}

static enum err
narrow_scope(struct request *r, bson_t *scope)
{
    struct task_filter *f = r->filter;
    struct due_range *due = arena_alloc(r->arena, sizeof(*due));
    struct narrowing n = {.r = r, .scope = scope, .due = due};

    *due = due_range_any;
    filter_each_required(f->tree, narrow, &n);
    if (n.projects != NULL)
        replace_projects(&n);
    f->narrows_due = f->narrows_due && r->due == NULL;
    if (f->narrows_due)
        r->due = due;
    f->narrows_terms = n.words != NULL && request_param(r, "q") == NULL;
    return f->narrows_terms ? search_filter(r, n.words, scope) : ERR_NONE;
}

enum err
task_filter_read(struct request *r, const char *text, bson_t *scope)
{
    struct task_filter *f = arena_alloc(r->arena, sizeof(*f));
    struct filter_error error;
    enum err err;

    if ((f->tree = filter_parse(r->arena, text, &error)) == NULL)
        return refuse(r, &error);
    if ((err = resolve_times(r, f->tree)) != ERR_NONE ||
        (err = filter_names_resolve(r, f->tree, scope)) != ERR_NONE)
        return err;
    f->names_archived = (f->tree->fields & 1u << FILTER_ARCHIVED) != 0;
    r->filter = f;
    return narrow_scope(r, scope);
}

/* ------------------------------------------------------------ what is left */

static bool
matches(const void *arg, const bson_t *task)
{
    return filter_match(arg, task);
}

static void
project(const void *arg, bson_t *projection)
{
    filter_project(arg, projection);
}

/*
 * Conditions that narrow the list to few tasks have done so; if the tasks are too many, they would
 * make the server examine any number of tasks for a page.
 */
static void
drop_narrowing(struct request *r, struct query *q)
{
    bson_t *filter = request_keep(r, bson_new());
    bool due = r->filter->narrows_due && !q->order->due;

    bson_copy_to_excluding_noinit(q->filter, filter, r->filter->narrows_terms ? "terms" : "",
                                  due ? "$or" : "", NULL);
    q->filter = filter;
}

void
task_filter_apply(struct request *r, struct query *q)
{
    struct query_match *match;

    if (r->filter == NULL)
        return;
    match = arena_alloc(r->arena, sizeof(*match));
    *match = (struct query_match){
        .matches = matches,
        .arg = r->filter->tree,
        .project = project,
        .heavy = (r->filter->tree->fields & 1u << FILTER_DESCRIPTION) != 0,
        .also = q->match,
    };
    q->match = match;
    drop_narrowing(r, q);
}
