/*
 * Routes are closed to share links unless they have the flag LINK.  Those find projects through the
 * functions that API tokens bound to projects go through too, so a route that forgets nothing for
 * these forgets nothing for links.
 */
#include "api/access/link_auth.h"

#include "api/http/request.h"
#include "api/http/router.h"
#include "api/schema/doc.h"
#include "common/secrets/token.h"

enum err
link_auth_check(struct request *r, const struct token *token)
{
    struct doc_array projects = {request_keep(r, bson_new()), 0};
    bson_oid_t id;

    bson_oid_init_from_string(&id, token->session);
    doc_array_add_id(&projects, &id);
    r->by_link = true;
    r->bound = projects.bson;
    if ((r->route->flags & LINK) == 0)
        return request_fail(r, ERR_FORBIDDEN, "a share link can only be used to read its project");
    return ERR_NONE;
}
