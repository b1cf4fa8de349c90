/*
 * The cookie is only exchanged for an access token at /v1/sessions; no other request uses it.  Over
 * plain http, in development, it is sent only to that path; the prefix __Host- requires the path /.
 */
#include "api/http/cookie.h"

#include <string.h>

#include "api/http/request.h"
#include "common/config.h"
#include "common/secrets/token.h"
#include "common/text/text.h"

#define DAYS        30  /* lifetime of an unused session (account/session_open.c) */
#define DEVICE_DAYS 400 /* browsers keep cookies no longer */
#define NONCE       16  /* random bytes in a device's name */
#define DEVICE_MAC  "device:"
#define NONCE_TEXT  (TEXT_BASE64(NONCE) - 1)

static bool
secure(const struct request *r)
{
    return strncmp(r->config->public_url, "https://", 8) == 0;
}

/*
 * Browsers accept a cookie with this prefix only over https, for the whole host and without a
 * Domain, so no other host of the domain can set it for us.
 */
static const char *
name(const struct request *r)
{
    return secure(r) ? "__Host-taskwire_refresh" : "taskwire_refresh";
}

static const char *
device_name(const struct request *r)
{
    return secure(r) ? "__Secure-taskwire_device" : "taskwire_device";
}

static const char *
read_named(struct request *r, const char *wanted)
{
    const char *p = r->cookie;
    size_t len = strlen(wanted);

    while (p != NULL && *p != '\0') {
        p += strspn(p, "; ");
        if (strncmp(p, wanted, len) == 0 && p[len] == '=')
            return arena_copy(r->arena, p + len + 1, strcspn(p + len + 1, "; "));
        p += strcspn(p, ";");
    }
    return NULL;
}

const char *
cookie_read(struct request *r)
{
    return read_named(r, name(r));
}

/* "<name>.<MAC of user and name>" */
const char *
cookie_device(struct request *r, const char *user)
{
    char *value = (char *)(uintptr_t)read_named(r, device_name(r));
    const char *signed_text;

    if (value == NULL || strlen(value) <= NONCE_TEXT + 1 || value[NONCE_TEXT] != '.')
        return NULL;
    value[NONCE_TEXT] = '\0';
    signed_text = arena_printf(r->arena, "%s %s", user, value);
    return token_mac_is(value + NONCE_TEXT + 1, DEVICE_MAC, signed_text, strlen(signed_text))
               ? value
               : NULL;
}

void
cookie_device_set(struct request *r, const char *user)
{
    const char *known = cookie_device(r, user), *signed_text;
    char fresh[TEXT_BASE64(NONCE)], mac[TOKEN_HASH];
    unsigned char random[NONCE];

    text_random(random, NONCE);
    text_base64url(fresh, random, NONCE);
    if (known == NULL)
        known = fresh;
    signed_text = arena_printf(r->arena, "%s %s", user, known);
    token_mac(mac, 0, DEVICE_MAC, signed_text, strlen(signed_text));
    r->reply.device = arena_printf(
        r->arena, "%s=%s.%s; Path=/v1/sessions; HttpOnly; SameSite=Strict; Max-Age=%ld%s",
        device_name(r), known, mac, DEVICE_DAYS * 86400L, secure(r) ? "; Secure" : "");
}

/* Is the origin in a comma-separated list? */
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
    return request_fail(r, ERR_FORBIDDEN, "requests from pages of other origins are not allowed");
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
