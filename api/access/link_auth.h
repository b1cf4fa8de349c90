/*
 * Access tokens of share links: whoever has one reads one project and nothing else.  There is no
 * user; the link's id stands in its place wherever requests are counted or logged.
 */
#ifndef API_ACCESS_LINK_AUTH_H
#define API_ACCESS_LINK_AUTH_H

#include "common/base/err.h"

struct request;
struct token;

/*
 * Makes the request that of the link's reader: it is bound to the link's project, where it has the
 * role viewer (project_access_role()).  ERR_FORBIDDEN unless the route has the flag LINK.
 */
enum err link_auth_check(struct request *r, const struct token *token) MUST_CHECK;

#endif
