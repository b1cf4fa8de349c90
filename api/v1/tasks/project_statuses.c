/*
 * Look-ups in a project's lists.
 */
#include "api/v1/tasks/project_statuses.h"

#include <stdlib.h>
#include <string.h>

#include "api/schema/item_list.h"
#include "common/text/unicode.h"

/* Finds the item of a list with that id; iter is then at the item's members. */
static bool
find_item(const bson_t *project, const char *list, const char *id, bson_iter_t *item)
{
    bson_iter_t iter, items, member;

    if (!bson_iter_init_find(&iter, project, list) || !bson_iter_recurse(&iter, &items))
        return false;
    while (bson_iter_next(&items)) {
        if (bson_iter_recurse(&items, &member) && bson_iter_find(&member, "id") &&
            BSON_ITER_HOLDS_UTF8(&member) && strcmp(bson_iter_utf8(&member, NULL), id) == 0)
            return bson_iter_recurse(&items, item);
    }
    return false;
}

char
project_statuses_kind(const bson_t *project, const char *id)
{
    bson_iter_t item;

    if (!find_item(project, "statuses", id, &item) || !bson_iter_find(&item, "kind"))
        return '\0';
    return bson_iter_utf8(&item, NULL)[0];
}

bool
project_statuses_label(const bson_t *project, const char *id)
{
    bson_iter_t item;

    return find_item(project, "labels", id, &item);
}

/* The member of an item as text; NULL: it has none. */
static const char *
member_text(bson_iter_t item, const char *name)
{
    return bson_iter_find(&item, name) && BSON_ITER_HOLDS_UTF8(&item) ? bson_iter_utf8(&item, NULL)
                                                                      : NULL;
}

bool
project_statuses_any(const bson_t *project, project_status_fn each, void *arg)
{
    bson_iter_t iter, items, id, kind;

    if (!bson_iter_init_find(&iter, project, "statuses") || !bson_iter_recurse(&iter, &items))
        return false;
    while (bson_iter_next(&items))
        if (bson_iter_recurse(&items, &id) && bson_iter_find(&id, "id") &&
            bson_iter_recurse(&items, &kind) && bson_iter_find(&kind, "kind") &&
            each(arg, bson_iter_utf8(&id, NULL), bson_iter_utf8(&kind, NULL)))
            return true;
    return false;
}

struct first {
    char kind;
    const char *id;
};

static bool
is_first(void *arg, const char *id, const char *kind)
{
    struct first *first = arg;

    first->id = kind[0] == first->kind ? id : first->id;
    return kind[0] == first->kind;
}

const char *
project_statuses_first_of(const bson_t *project, char kind)
{
    struct first first = {kind, kind == 'd' ? "completed" : "todo"};

    project_statuses_any(project, is_first, &first);
    return first.id;
}

const char *
project_statuses_first(const bson_t *project)
{
    return project_statuses_first_of(project, 'o');
}

/* ------------------------------------------------------------ names */

const char *
project_statuses_name(const bson_t *project, const char *list, const char *id)
{
    bson_iter_t item;

    return find_item(project, list, id, &item) ? member_text(item, "name") : NULL;
}

/* An item by what it is compared by. */
struct named {
    const char *id, *kind;
    char *folded;
};

static int
read_named(const bson_t *project, const char *list, struct named *out)
{
    bson_iter_t iter, items, item;
    int count = 0;

    if (!bson_iter_init_find(&iter, project, list) || !bson_iter_recurse(&iter, &items))
        return 0;
    while (count < ITEM_LIST_MAX && bson_iter_next(&items)) {
        const char *id, *name, *kind;

        if (!bson_iter_recurse(&items, &item) || (id = member_text(item, "id")) == NULL ||
            (name = member_text(item, "name")) == NULL)
            continue;
        kind = member_text(item, "kind");
        out[count++] = (struct named){id, kind == NULL ? "" : kind, unicode_fold(name)};
    }
    return count;
}

void
project_statuses_match(const bson_t *project, const bson_t *other, const char *list, bson_t *out)
{
    struct named own[ITEM_LIST_MAX], others[ITEM_LIST_MAX];
    int own_count = read_named(project, list, own), count = read_named(other, list, others);

    for (int i = 0; i < own_count; i++)
        for (int k = 0; k < count; k++)
            if (strcmp(own[i].folded, others[k].folded) == 0 &&
                strcmp(own[i].kind, others[k].kind) == 0) {
                BSON_APPEND_UTF8(out, own[i].id, others[k].id);
                break;
            }
    for (int i = 0; i < own_count; i++)
        free(own[i].folded);
    for (int k = 0; k < count; k++)
        free(others[k].folded);
}
