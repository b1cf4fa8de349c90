/*
 * Lists of projects: their orders, and which projects the caller sees.
 */
#include <stdio.h>
#include <string.h>

#include "api/access/read_access.h"
#include "api/http/request.h"
#include "api/v1/projects/projects.h"

static const struct filter project_filters[] = {
    {"archived", NULL, FLAG, CUSTOM, NULL, "true for archived items instead"},
    {"deleted", NULL, FLAG, CUSTOM, NULL, "true for items in the trash instead"},
    {NULL},
};
static const struct order project_orders[] = {
    {"createdAt", {"createdAt"}},
    {"name", {"nameKey"}},
    /* Not indexed: every change of a project would rewrite an index entry for each member. */
    {"updatedAt", {"updatedAt"}, .unindexed = true},
    {NULL},
};

/* One of ?archived= and ?deleted=: whether the field must exist. */
static enum err
bin(struct request *r, const char *param, const char *stored, bool always, bson_t *filter)
{
    const char *value = request_param(r, param);
    bson_t other;

    if (value == NULL && !always)
        return ERR_NONE;
    if (value == NULL || strcmp(value, "false") == 0) {
        BSON_APPEND_NULL(filter, stored);
    } else if (strcmp(value, "true") == 0) {
        BSON_APPEND_DOCUMENT_BEGIN(filter, stored, &other);
        BSON_APPEND_NULL(&other, "$ne");
        bson_append_document_end(filter, &other);
    } else {
        return request_bad_param(r, param, "must be true or false");
    }
    return ERR_NONE;
}

static enum err
scope_bins(struct request *r, bson_t *filter)
{
    const char *deleted = request_param(r, "deleted");
    /* Projects in the trash are shown whether they were archived before or not. */
    bool trash = deleted != NULL && strcmp(deleted, "true") == 0;
    enum err err = bin(r, "archived", "archivedAt", !trash, filter);

    return err == ERR_NONE ? bin(r, "deleted", "deletedAt", true, filter) : err;
}

/* All fields, but only the caller's own entry of the members: there may be thousands. */
static void
own_fields(struct request *r, bson_t *opts)
{
    bson_t fields, members, own;

    BSON_APPEND_DOCUMENT_BEGIN(opts, "projection", &fields);
    for (const struct field *f = project_fields; f->name != NULL; f++)
        if ((f->flags & VIRTUAL) == 0 && strcmp(f->name, "members") != 0 &&
            strcmp(f->name, "id") != 0)
            BSON_APPEND_INT32(&fields, f->name, 1);
    BSON_APPEND_DOCUMENT_BEGIN(&fields, "members", &members);
    BSON_APPEND_DOCUMENT_BEGIN(&members, "$elemMatch", &own);
    BSON_APPEND_OID(&own, "userId", &r->user_id);
    bson_append_document_end(&members, &own);
    bson_append_document_end(&fields, &members);
    bson_append_document_end(opts, &fields);
}

static enum err
scope_projects(struct request *r, bson_t *filter)
{
    read_access_projects(r, filter);
    return scope_bins(r, filter);
}

const struct list project_list = {STORE_PROJECTS, project_filters, project_orders, scope_projects,
                                  .project = own_fields};
