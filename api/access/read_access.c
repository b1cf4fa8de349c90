/*
 * Only the caller's own entry of a project's members is read, or none: the right is a condition of
 * the query.
 */
#include "api/access/read_access.h"

#include "api/access/access.h"
#include "api/access/api_token_auth.h"
#include "api/access/entity_project.h"
#include "api/access/project_access.h"
#include "api/http/request.h"
#include "api/schema/doc.h"

#define VISIBLE_MAX 5000 /* projects of one user */

void
read_access_projects(const struct request *r, bson_t *filter)
{
    if (r->by_link)
        access_living(filter);
    else
        access_readable(&r->user_id, filter);
    api_token_auth_within(r, "_id", filter);
}

enum err
read_access_project(struct request *r, const bson_oid_t *id, bool living)
{
    bson_t filter = BSON_INITIALIZER, opts = BSON_INITIALIZER, fields, members, own, *found;
    enum err err;

    if (!api_token_auth_reaches(r, id))
        return ERR_NOT_FOUND;
    BSON_APPEND_OID(&filter, "_id", id);
    BSON_APPEND_DOCUMENT_BEGIN(&opts, "projection", &fields);
    BSON_APPEND_INT32(&fields, "access", 1);
    BSON_APPEND_INT32(&fields, "accessRole", 1);
    BSON_APPEND_INT32(&fields, "deletedAt", 1);
    BSON_APPEND_DOCUMENT_BEGIN(&fields, "members", &members);
    BSON_APPEND_DOCUMENT_BEGIN(&members, "$elemMatch", &own);
    BSON_APPEND_OID(&own, "userId", &r->user_id);
    bson_append_document_end(&members, &own);
    bson_append_document_end(&fields, &members);
    bson_append_document_end(&opts, &fields);
    err = store_get(r->store, STORE_PROJECTS, &filter, &opts, &found);
    bson_destroy(&filter);
    bson_destroy(&opts);
    if (err != ERR_NONE)
        return err;
    err = project_access_check(r, found, ACTION_READ);
    if (err == ERR_NONE && living && doc_has(found, "deletedAt"))
        err = ERR_NOT_FOUND;
    bson_destroy(found);
    if (err == ERR_NONE)
        entity_project_put(&r->user_id, id, id);
    return err;
}

enum err
read_access_known(struct request *r, const bson_oid_t *project)
{
    bson_oid_t same;

    if (!api_token_auth_reaches(r, project))
        return ERR_NOT_FOUND;
    if (bson_oid_equal(project, &r->user_id) || /* the user's own inbox */
        entity_project_get(&r->user_id, project, &same))
        return ERR_NONE;
    return read_access_project(r, project, false);
}

/* {$match: {_id}} and nothing else, so that every server uses the index on _id. */
static void
append_entity(bson_t *pipeline, const bson_oid_t *id)
{
    bson_t stage, match;

    BSON_APPEND_DOCUMENT_BEGIN(pipeline, "0", &stage);
    BSON_APPEND_DOCUMENT_BEGIN(&stage, "$match", &match);
    BSON_APPEND_OID(&match, "_id", id);
    bson_append_document_end(&stage, &match);
    bson_append_document_end(pipeline, &stage);
}

/*
 * The entity's project, by its id and nothing else: a pipeline within $lookup makes some servers
 * read all projects.
 */
static void
append_lookup(bson_t *pipeline)
{
    bson_t *lookup = BCON_NEW("from", BCON_UTF8(store_names[STORE_PROJECTS]), "localField",
                              "projectId", "foreignField", "_id", "as", "project");
    bson_t stage;

    BSON_APPEND_DOCUMENT_BEGIN(pipeline, "1", &stage);
    BSON_APPEND_DOCUMENT(&stage, "$lookup", lookup);
    bson_append_document_end(pipeline, &stage);
    bson_destroy(lookup);
}

/*
 * The first condition of a project is one on a field: some servers take {$elemMatch: {$or: ...}}
 * for conditions on a value.
 */
static void
append_first(bson_t *project, bool living)
{
    bson_t *any = BCON_NEW("$exists", BCON_BOOL(true));

    if (living)
        BSON_APPEND_NULL(project, "deletedAt");
    else
        BSON_APPEND_DOCUMENT(project, "rev", any);
    bson_destroy(any);
}

/* The entity, if the caller may read its project; the project is then removed from the result. */
static void
append_right(bson_t *pipeline, const struct request *r, bool living)
{
    bson_t stage, match, which, project;

    BSON_APPEND_DOCUMENT_BEGIN(pipeline, "2", &stage);
    BSON_APPEND_DOCUMENT_BEGIN(&stage, "$match", &match);
    BSON_APPEND_DOCUMENT_BEGIN(&match, "project", &which);
    BSON_APPEND_DOCUMENT_BEGIN(&which, "$elemMatch", &project);
    append_first(&project, living);
    read_access_projects(r, &project);
    bson_append_document_end(&which, &project);
    bson_append_document_end(&match, &which);
    if (living)
        BSON_APPEND_NULL(&match, "deletedAt");
    bson_append_document_end(&stage, &match);
    bson_append_document_end(pipeline, &stage);
    BSON_APPEND_DOCUMENT_BEGIN(pipeline, "3", &stage);
    BSON_APPEND_DOCUMENT_BEGIN(&stage, "$project", &which);
    BSON_APPEND_INT32(&which, "project", 0);
    bson_append_document_end(&stage, &which);
    bson_append_document_end(pipeline, &stage);
}

static enum err
keep(void *arg, const bson_t *doc)
{
    bson_t **out = arg;

    *out = bson_copy(doc); /* at most one: _id is unique */
    return ERR_NONE;
}

/* An entity by its id. */
struct entity_id {
    enum store_name store;
    const bson_oid_t *id;
    bool living; /* neither it nor its project may be in the trash */
};

static enum err
find_entity(struct request *r, const struct entity_id *of, const bson_t **out)
{
    bson_t pipeline = BSON_INITIALIZER, *found = NULL;
    enum err err;

    append_entity(&pipeline, of->id);
    append_lookup(&pipeline);
    append_right(&pipeline, r, of->living);
    err = store_aggregate(r->store, of->store, &pipeline, keep, &found);
    bson_destroy(&pipeline);
    if (found != NULL)
        *out = request_keep(r, found);
    return err == ERR_NONE && found == NULL ? ERR_NOT_FOUND : err;
}

enum err
read_access_get(struct request *r, enum store_name store, const bson_oid_t *id, const bson_t **out)
{
    return find_entity(r, &(struct entity_id){store, id, true}, out);
}

enum err
read_access_find(struct request *r, enum store_name store, const bson_oid_t *id, const bson_t **out)
{
    return find_entity(r, &(struct entity_id){store, id, false}, out);
}

static enum err
note_id(void *arg, const bson_t *doc)
{
    doc_array_add_id(arg, doc_id(doc, "_id"));
    return ERR_NONE;
}

enum err
read_access_visible(struct request *r, const char *name, bson_t *filter)
{
    bson_t *which = BCON_NEW("deletedAt", BCON_NULL, "archivedAt", BCON_NULL),
           ids = BSON_INITIALIZER;
    struct doc_array array = {&ids, 0};
    bson_t *opts =
        BCON_NEW("projection", "{", "_id", BCON_BOOL(true), "}", "limit", BCON_INT64(VISIBLE_MAX));
    enum err err;

    read_access_projects(r, which);
    err = store_find(r->store, &(struct store_query){STORE_PROJECTS, which, opts}, note_id, &array);
    doc_in(filter, name, &ids);
    bson_destroy(which);
    bson_destroy(opts);
    bson_destroy(&ids);
    return err;
}
