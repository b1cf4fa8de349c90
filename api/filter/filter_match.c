/*
 * A tree against a stored task.  Names are compared by what the caller found for them.
 */
#include "api/filter/filter.h"

#include <stdlib.h>
#include <string.h>

#include "common/text/doc.h"
#include "common/text/terms.h"
#include "common/text/unicode.h"

/* clang-format off */
/* The stored fields of each; of a time the instant and the date, of a flag what it follows from. */
static const struct {
    const char *stored, *date;
} fields[FILTER__COUNT] = {
    [FILTER_TITLE]       = {"title"},
    [FILTER_DESCRIPTION] = {"description"},
    [FILTER_STATUS]      = {"status"},
    [FILTER_PRIORITY]    = {"priority"},
    [FILTER_DUE]         = {"dueAt", "dueDate"},
    [FILTER_START]       = {"startAt", "startDate"},
    [FILTER_CREATED]     = {"createdAt"},
    [FILTER_UPDATED]     = {"updatedAt"},
    [FILTER_COMPLETED]   = {"completedAt"},
    [FILTER_ASSIGNEE]    = {"assigneeIds"},
    [FILTER_CREATOR]     = {"createdBy"},
    [FILTER_LABEL]       = {"labelIds"},
    [FILTER_PROJECT]     = {"projectId"},
    [FILTER_PARENT]      = {"parentId"},
    [FILTER_NUMBER]      = {"number"},
    [FILTER_RECURRING]   = {"recurrence"},
    [FILTER_DONE]        = {"completedAt"},
    [FILTER_ARCHIVED]    = {"archivedAt"},
};
/* clang-format on */

void
filter_project(const struct filter_tree *filter, bson_t *projection)
{
    for (int i = 0; i < FILTER__COUNT; i++) {
        if ((filter->fields & 1u << i) == 0)
            continue;
        if (!bson_has_field(projection, fields[i].stored))
            BSON_APPEND_INT32(projection, fields[i].stored, 1);
        if (fields[i].date != NULL && !bson_has_field(projection, fields[i].date))
            BSON_APPEND_INT32(projection, fields[i].date, 1);
    }
    /* Labels and statuses are known by their project. */
    if (filter->fields & (1u << FILTER_LABEL | 1u << FILTER_STATUS) &&
        !bson_has_field(projection, "projectId"))
        BSON_APPEND_INT32(projection, "projectId", 1);
}

/* ------------------------------------------------------------ single values */

bool
filter_names(const struct filter_comparison *c, const struct filter_value *v,
             const struct filter_text *t)
{
    if (c->op == OP_WORDS)
        return terms_match(v->text, t->text);
    return strcmp(t->folded, v->folded) == 0 || (t->id != NULL && strcmp(t->id, v->folded) == 0);
}

static bool
match_text(const struct filter_comparison *c, const struct filter_value *v, const char *text)
{
    struct filter_text t = {.text = text};
    char *folded;
    bool found;

    if (text == NULL || *text == '\0')
        return false;
    folded = unicode_fold(text);
    t.folded = folded;
    found = filter_names(c, v, &t);
    free(folded);
    return found;
}

/* An id that is named itself, or by a name. */
static bool
match_id(const struct filter_comparison *c, const struct filter_value *v, const bson_oid_t *id)
{
    if (id == NULL)
        return false;
    if (c->field == FILTER_PARENT)
        return bson_oid_equal(id, &v->id);
    return doc_ids_contain(v->ids, v->count, id);
}

int
filter_compare_items(const void *a, const void *b)
{
    const struct filter_item *x = a, *y = b;
    int order = bson_oid_compare(&x->project, &y->project);

    return order != 0 ? order : strcmp(x->id, y->id);
}

/* A label or a status, by its id, or by its name in its project. */
static bool
match_item(const struct filter_comparison *c, const struct filter_value *v, const bson_t *task,
           const char *id)
{
    struct filter_item item = {.id = id};

    if (id == NULL)
        return false;
    if (c->op != OP_WORDS && strcmp(id, v->folded) == 0)
        return true;
    item.project = *doc_id(task, "projectId");
    return v->count > 0 &&
           bsearch(&item, v->items, v->count, sizeof(*v->items), filter_compare_items) != NULL;
}

/* -1, 0 or 1: a stored time before, within or after one of the filter; false: there is none. */
static bool
compare_time(const bson_t *task, enum filter_field field, const struct filter_time *t, int *order)
{
    const char *date = fields[field].date == NULL ? NULL : doc_text(task, fields[field].date);
    int64_t at;

    if (doc_time(task, fields[field].stored, &at))
        *order = at < t->from ? -1 : t->is_day ? at >= t->to : at > t->from;
    else if (date != NULL)
        *order = strcmp(date, t->day);
    else
        return false;
    return true;
}

static bool
ordered(enum filter_operator op, int order)
{
    switch (op) {
    case OP_LESS:
        return order < 0;
    case OP_AT_MOST:
        return order <= 0;
    case OP_GREATER:
        return order > 0;
    case OP_AT_LEAST:
        return order >= 0;
    default:
        return order == 0;
    }
}

static bool
match_number(const struct filter_comparison *c, const struct filter_value *v, const bson_t *task)
{
    const char *name = fields[c->field].stored;
    int64_t number = doc_int(task, name);

    return doc_has(task, name) && ordered(c->op, (number > v->number) - (number < v->number));
}

/* ------------------------------------------------------------ comparisons */

/* Is there no value, or an empty one? */
static bool
is_absent(const bson_t *task, enum filter_field field)
{
    bson_iter_t value, item;
    const char *text;

    if (field == FILTER_DONE || field == FILTER_ARCHIVED || field == FILTER_RECURRING)
        return false;
    if (fields[field].date != NULL && doc_has(task, fields[field].date))
        return false;
    if (!bson_iter_init_find(&value, task, fields[field].stored) || BSON_ITER_HOLDS_NULL(&value))
        return true;
    if (BSON_ITER_HOLDS_ARRAY(&value))
        return !bson_iter_recurse(&value, &item) || !bson_iter_next(&item);
    text = BSON_ITER_HOLDS_UTF8(&value) ? bson_iter_utf8(&value, NULL) : "-";
    return *text == '\0';
}

/* Does one of a task's labels or assignees match? */
static bool
match_list(const struct filter_comparison *c, const struct filter_value *v, const bson_t *task)
{
    bson_iter_t list, item;
    bool found = false;

    if (!bson_iter_init_find(&list, task, fields[c->field].stored) ||
        !bson_iter_recurse(&list, &item))
        return false;
    while (!found && bson_iter_next(&item))
        found = c->field == FILTER_LABEL ? match_item(c, v, task, bson_iter_utf8(&item, NULL))
                                         : match_id(c, v, bson_iter_oid(&item));
    return found;
}

static bool
match_value(const struct filter_comparison *c, const struct filter_value *v, const bson_t *task)
{
    const char *stored = fields[c->field].stored;
    int order;

    if (v->is_null)
        return is_absent(task, c->field);
    switch (c->field) {
    case FILTER_TITLE:
    case FILTER_DESCRIPTION:
        return match_text(c, v, doc_text(task, stored));
    case FILTER_STATUS:
        return match_item(c, v, task, doc_text(task, stored));
    case FILTER_LABEL:
    case FILTER_ASSIGNEE:
        return match_list(c, v, task);
    case FILTER_PROJECT:
    case FILTER_CREATOR:
    case FILTER_PARENT:
        return match_id(c, v, doc_id(task, stored));
    case FILTER_DONE:
    case FILTER_ARCHIVED:
    case FILTER_RECURRING:
        return doc_has(task, stored) == (v->number == 1);
    case FILTER_PRIORITY:
    case FILTER_NUMBER:
        return match_number(c, v, task);
    default:
        return compare_time(task, c->field, &v->time, &order) && ordered(c->op, order);
    }
}

static bool
match_comparison(const struct filter_comparison *c, const bson_t *task)
{
    for (const struct filter_value *v = c->values; v != NULL; v = v->next)
        if (match_value(c, v, task))
            return true;
    return false;
}

static bool
match_node(const struct filter_node *n, const bson_t *task)
{
    switch (n->kind) {
    case FILTER_COMPARE:
        return match_comparison(n->comparison, task);
    case FILTER_NOT:
        return !match_node(n->left, task);
    case FILTER_AND:
        return match_node(n->left, task) && match_node(n->right, task);
    default:
        return match_node(n->left, task) || match_node(n->right, task);
    }
}

bool
filter_match(const struct filter_tree *filter, const bson_t *task)
{
    return match_node(filter->root, task);
}
