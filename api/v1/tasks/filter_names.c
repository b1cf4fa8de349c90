/*
 * One query reads the projects, and a second one their members' names, each only if the filter has
 * such names.  Each name that is read is folded once and compared with all values.
 */
#include "api/v1/tasks/filter_names.h"

#include <stdlib.h>
#include <string.h>

#include "api/filter/filter.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "common/base/vec.h"
#include "common/text/json.h"
#include "common/text/unicode.h"

#define PEOPLE_MAX 20000 /* members whose names one filter compares */

#define PEOPLE   (1u << FILTER_ASSIGNEE | 1u << FILTER_CREATOR)
#define PROJECTS (1u << FILTER_PROJECT | 1u << FILTER_STATUS | 1u << FILTER_LABEL)

struct resolving {
    struct request *r;
    struct filter_tree *filter;
    bson_oid_t *members; /* sorted after they were all found */
    uint32_t member_count, member_room;
};

/* ------------------------------------------------------------ comparing */

static void
add_id(struct filter_value *v, const bson_oid_t *id)
{
    v->ids = vec_room(v->ids, v->count, &v->room, sizeof(*v->ids));
    v->ids[v->count++] = *id;
}

/* Gives an entity to all values of these fields that stand for it. */
static void
compare_entity(struct resolving *s, unsigned fields, const bson_oid_t *id, const char *name)
{
    char *folded = unicode_fold(name);
    struct filter_text t = {.text = name, .folded = folded};

    for (struct filter_comparison *c = s->filter->comparisons; c != NULL; c = c->next) {
        if ((fields & 1u << c->field) == 0)
            continue;
        for (struct filter_value *v = c->values; v != NULL; v = v->next)
            if (!v->is_null && !v->is_me &&
                (filter_names(c, v, &t) || (v->is_id && bson_oid_equal(id, &v->id))))
                add_id(v, id);
    }
    free(folded);
}

/* The same for a label or a status of a project. */
static void
compare_item(struct resolving *s, enum filter_field field, const bson_oid_t *project,
             const struct filter_text *t)
{
    for (struct filter_comparison *c = s->filter->comparisons; c != NULL; c = c->next) {
        if (c->field != field)
            continue;
        for (struct filter_value *v = c->values; v != NULL; v = v->next) {
            if (v->is_null || !filter_names(c, v, t))
                continue;
            v->items = vec_room(v->items, v->count, &v->room, sizeof(*v->items));
            v->items[v->count++] = (struct filter_item){*project, arena_dup(s->r->arena, t->id)};
        }
    }
}

static const char *
member_text(const bson_iter_t *item, const char *name)
{
    bson_iter_t member;

    if (!bson_iter_recurse(item, &member) || !bson_iter_find(&member, name) ||
        !BSON_ITER_HOLDS_UTF8(&member))
        return "";
    return bson_iter_utf8(&member, NULL);
}

static void
compare_items_of(struct resolving *s, enum filter_field field, const bson_t *project,
                 const char *list)
{
    bson_iter_t iter, item;

    if ((s->filter->fields & 1u << field) == 0 || !bson_iter_init_find(&iter, project, list) ||
        !bson_iter_recurse(&iter, &item))
        return;
    while (bson_iter_next(&item)) {
        const char *name = member_text(&item, "name");
        char *folded = unicode_fold(name);
        struct filter_text t = {name, folded, member_text(&item, "id")};

        compare_item(s, field, doc_id(project, "_id"), &t);
        free(folded);
    }
}

/* ------------------------------------------------------------ projects */

static void
note_members(struct resolving *s, const bson_t *project)
{
    bson_iter_t iter, list, id;

    if (!bson_iter_init_find(&iter, project, "members") || !bson_iter_recurse(&iter, &list))
        return;
    while (bson_iter_next(&list)) {
        if (!bson_iter_recurse(&list, &id) || !bson_iter_find(&id, "userId"))
            continue;
        s->members = vec_room(s->members, s->member_count, &s->member_room, sizeof(*s->members));
        s->members[s->member_count++] = *bson_iter_oid(&id);
    }
}

static enum err
take_project(void *arg, const bson_t *project)
{
    struct resolving *s = arg;

    compare_entity(s, 1u << FILTER_PROJECT, doc_id(project, "_id"), doc_text(project, "name"));
    compare_items_of(s, FILTER_STATUS, project, "statuses");
    compare_items_of(s, FILTER_LABEL, project, "labels");
    note_members(s, project);
    if (s->member_count > 2 * PEOPLE_MAX)
        s->member_count = doc_ids_sort(s->members, s->member_count);
    if (s->member_count <= PEOPLE_MAX)
        return ERR_NONE;
    return request_bad_param(s->r, "filter",
                             "names people of projects with more than 20,000 members; use ids");
}

/* Are there names of people, other than me and null? */
static bool
has_people(const struct filter_tree *filter)
{
    for (const struct filter_comparison *c = filter->comparisons; c != NULL; c = c->next)
        for (const struct filter_value *v = c->values; PEOPLE & 1u << c->field && v != NULL;
             v = v->next)
            if (!v->is_me && !v->is_null)
                return true;
    return false;
}

/* The projects of the scope, as {_id: ...} with only the lists that are needed. */
static enum err
read_projects(struct resolving *s, const bson_t *scope, bool people)
{
    bson_t filter = BSON_INITIALIZER, opts = BSON_INITIALIZER, fields;
    bson_iter_t which;
    enum err err;

    if (bson_iter_init_find(&which, scope, "projectId"))
        bson_append_iter(&filter, "_id", -1, &which);
    BSON_APPEND_DOCUMENT_BEGIN(&opts, "projection", &fields);
    BSON_APPEND_INT32(&fields, "name", 1);
    if (s->filter->fields & 1u << FILTER_STATUS)
        BSON_APPEND_INT32(&fields, "statuses", 1);
    if (s->filter->fields & 1u << FILTER_LABEL)
        BSON_APPEND_INT32(&fields, "labels", 1);
    if (people)
        BSON_APPEND_INT32(&fields, "members.userId", 1);
    bson_append_document_end(&opts, &fields);
    err = store_find(s->r->store, &(struct store_query){STORE_PROJECTS, &filter, &opts},
                     take_project, s);
    bson_destroy(&filter);
    bson_destroy(&opts);
    return err;
}

/* ------------------------------------------------------------ people */

static enum err
take_user(void *arg, const bson_t *user)
{
    const char *name = doc_text(user, "name");

    compare_entity(arg, PEOPLE, doc_id(user, "_id"), name == NULL ? "" : name);
    return ERR_NONE;
}

static enum err
read_people(struct resolving *s)
{
    bson_t filter = BSON_INITIALIZER;
    bson_t *opts = BCON_NEW("projection", "{", "name", BCON_INT32(1), "}");
    enum err err;

    s->member_count = doc_ids_sort(s->members, s->member_count);
    doc_in_ids(&filter, "_id", s->members, s->member_count);
    err = store_find(s->r->store, &(struct store_query){STORE_USERS, &filter, opts}, take_user, s);
    bson_destroy(&filter);
    bson_destroy(opts);
    return err;
}

/* ------------------------------------------------------------ results */

static void
warn(struct text *out, const struct filter_comparison *c, const struct filter_value *v)
{
    text_printf(out, "%s{\"position\":%d,\"field\":\"%s\",\"name\":", out->len > 1 ? "," : "",
                v->position, filter_field_name(c->field));
    json_string(out, v->text, strlen(v->text));
    text_puts(out, ",\"detail\":\"nothing has this name or id\"}");
}

/* Sorts what a value stands for, and hands it to the request; a warning if it is nothing. */
static void
finish_value(struct resolving *s, const struct filter_comparison *c, struct filter_value *v,
             struct text *warnings)
{
    bool people = (PEOPLE & 1u << c->field) != 0;

    if (v->count == 0 && !v->is_null && !v->is_me)
        warn(warnings, c, v);
    if (v->is_me)
        add_id(v, &s->r->user_id);
    else if (v->count == 0 && v->is_id && people) /* who has left may still be named */
        add_id(v, &v->id);
    if (v->ids != NULL) {
        v->count = doc_ids_sort(v->ids, v->count);
        arena_defer(s->r->arena, free, v->ids);
    } else if (v->items != NULL) {
        qsort(v->items, v->count, sizeof(*v->items), filter_compare_items);
        arena_defer(s->r->arena, free, v->items);
    }
}

static void
finish(struct resolving *s)
{
    struct text warnings = {0};

    text_putc(&warnings, '[');
    for (struct filter_comparison *c = s->filter->comparisons; c != NULL; c = c->next)
        for (struct filter_value *v = c->values; filter_is_name(c->field) && v != NULL; v = v->next)
            finish_value(s, c, v, &warnings);
    text_putc(&warnings, ']');
    s->r->warnings = arena_dup(s->r->arena, warnings.bytes);
    text_free(&warnings);
    free(s->members);
}

enum err
filter_names_resolve(struct request *r, struct filter_tree *filter, const bson_t *scope)
{
    struct resolving s = {.r = r, .filter = filter};
    bool people = has_people(filter);
    enum err err = ERR_NONE;

    if (filter->fields & PROJECTS || people)
        err = read_projects(&s, scope, people);
    if (err == ERR_NONE && people)
        err = read_people(&s);
    finish(&s);
    return err;
}
