/*
 * Rights within a change and outside of one.
 */
#include "api/access/project_access.h"

#include "api/access/api_token_auth.h"
#include "api/access/entity_project.h"
#include "api/access/project_cache.h"
#include "api/http/request.h"
#include "api/schema/doc.h"

enum role
project_access_role(const struct request *r, const bson_t *project)
{
    if (!r->by_link)
        return access_role(project, &r->user_id);
    return api_token_auth_reaches(r, doc_id(project, "_id")) && !doc_has(project, "deletedAt")
               ? ROLE_VIEWER
               : ROLE_NONE;
}

enum err
project_access_check(const struct request *r, const bson_t *project, enum action action)
{
    return access_allows(project_access_role(r, project), action);
}

/*
 * The project as a change sees it: from the cache if the topic's number shows that it is current.
 */
static enum err
project_in_change(struct request *r, const bson_oid_t *id, const bson_t **out)
{
    int topic = change_topic(r->change, request_project_topic(r, id));
    bson_t *known = NULL;
    enum err err;

    if (topic >= 0)
        known = project_cache_get(id, change_unchanged(r->change, topic));
    if (known != NULL) {
        *out = request_keep(r, known);
        return ERR_NONE;
    }
    err = request_fetch(r, STORE_PROJECTS, id, out);
    if (err == ERR_NONE && topic >= 0 && change_as_of(r->change, topic) >= 0)
        project_cache_note(r->reads, id, change_as_of(r->change, topic), *out);
    return err;
}

enum err
project_access(struct request *r, const bson_oid_t *id, enum action action, const bson_t **out)
{
    enum err err = api_token_auth_reaches(r, id) ? ERR_NONE : ERR_NOT_FOUND;

    if (err == ERR_NONE)
        err = r->change != NULL ? project_in_change(r, id, out)
                                : request_fetch(r, STORE_PROJECTS, id, out);
    if (err == ERR_NONE)
        err = project_access_check(r, *out, action);
    if (err == ERR_NONE)
        entity_project_put(&r->user_id, id, id);
    if (err == ERR_NONE && (action == ACTION_WRITE || action == ACTION_COMMENT) &&
        doc_has(*out, "archivedAt"))
        err = request_fail(r, ERR_CONFLICT, PROJECT_ARCHIVED);
    return err;
}

enum err
project_access_living(struct request *r, const bson_oid_t *id, enum action action,
                      const bson_t **out)
{
    enum err err = project_access(r, id, action, out);

    return err == ERR_NONE && doc_has(*out, "deletedAt") ? ERR_NOT_FOUND : err;
}
