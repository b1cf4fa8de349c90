/*
 * Look-ups in a project's lists.
 */
#include "api/v1/tasks/project_statuses.h"

#include <stdlib.h>
#include <string.h>

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

const char *
project_statuses_same_label(const bson_t *from, const char *id, const bson_t *to)
{
    bson_iter_t own, iter, items, item;
    const char *name = find_item(from, "labels", id, &own) ? member_text(own, "name") : NULL;
    const char *same = NULL;
    char *wanted, *folded;

    if (name == NULL || !bson_iter_init_find(&iter, to, "labels") ||
        !bson_iter_recurse(&iter, &items))
        return NULL;
    wanted = unicode_fold(name);
    while (same == NULL && bson_iter_next(&items))
        if (bson_iter_recurse(&items, &item) && (name = member_text(item, "name")) != NULL) {
            folded = unicode_fold(name);
            if (strcmp(folded, wanted) == 0)
                same = member_text(item, "id");
            free(folded);
        }
    free(wanted);
    return same;
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

static bool
first_open(void *arg, const char *id, const char *kind)
{
    if (kind[0] == 'o')
        *(const char **)arg = id;
    return kind[0] == 'o';
}

const char *
project_statuses_first(const bson_t *project)
{
    const char *id = "todo";

    project_statuses_any(project, first_open, &id);
    return id;
}
