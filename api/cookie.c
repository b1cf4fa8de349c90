/*
 * The cookie is exchanged for an access token at /v1/sessions; no other request
 * is decided by it.  Over plain http, in development, it is sent there alone; the
 * prefix __Host- wants the path /.
 */
#include "api/cookie.h"

#include <string.h>

#include "api/request.h"
#include "common/config.h"

#define DAYS 30 /* a session of no use lives so long (v1/account.c) */

static bool
secure(const struct request *r)
{
    return strncmp(r->config->public_url, "https://", 8) == 0;
}

/*
 * Browsers take a name with this prefix only from https, for the whole host and
 * without a Domain: so no other host of the domain can set it for us.
 */
static const char *
name(const struct request *r)
{
    return secure(r) ? "__Host-taskwire_refresh" : "taskwire_refresh";
}

const char *
cookie_read(struct request *r)
{
    const char *p = r->cookie, *wanted = name(r);
    size_t len = strlen(wanted);

    while (p != NULL && *p != '\0') {
        p += strspn(p, "; ");
        if (strncmp(p, wanted, len) == 0 && p[len] == '=')
            return arena_copy(r->arena, p + len + 1, strcspn(p + len + 1, "; "));
        p += strcspn(p, ";");
    }
    return NULL;
}

/* Is the origin one of a comma list? */
static bool
listed(const char *list, const char *origin)
{
    size_t len = strlen(origin);

    for (const char *p = list; *p != '\0';) {
        size_t n;

        p += strspn(p, ", ");
        n = strcspn(p, ", ");
        if (n > 0 && n == len && memcmp(p, origin, n) == 0)
            return true;
        p += n;
    }
    return false;
}

enum err
cookie_same_site(struct request *r)
{
    bool foreign = r->fetch_site != NULL && strcmp(r->fetch_site, "same-origin") != 0 &&
                   strcmp(r->fetch_site, "none") != 0;

    if (r->origin != NULL)
        foreign = !listed(r->config->allowed_origins, r->origin);
    if (!foreign)
        return ERR_NONE;
    return request_fail(r, ERR_FORBIDDEN, "a page of another origin cannot do this");
}

static void
set(struct request *r, const char *value, long seconds)
{
    r->reply.cookie =
        arena_printf(r->arena, "%s=%s; Path=%s; HttpOnly; SameSite=Strict; Max-Age=%ld%s", name(r),
                     value, secure(r) ? "/" : "/v1/sessions", seconds, secure(r) ? "; Secure" : "");
}

void
cookie_set(struct request *r, const char *refresh_token)
{
    set(r, refresh_token, DAYS * 86400L);
}

void
cookie_clear(struct request *r)
{
    set(r, "", 0);
}
