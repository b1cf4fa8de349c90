/*
 * The refresh token as a cookie, which no script can read: for browsers.
 */
#ifndef API_HTTP_COOKIE_H
#define API_HTTP_COOKIE_H

#include <stdbool.h>

#include "common/base/err.h"

struct request;

/* The refresh token that came as a cookie; NULL: none. */
const char *cookie_read(struct request *r);

/*
 * ERR_FORBIDDEN when a browser says that the request comes from somebody else's
 * page.  That the body must be JSON and the cookie SameSite=Strict stand behind it.
 */
enum err cookie_same_site(struct request *r) MUST_CHECK;

/*
 * The device cookie: this browser has logged in as that user before.  Its wrong
 * tries are counted apart, so that nobody elsewhere can make it wait.  NULL: it is
 * not known; else a name for the device.
 */
const char *cookie_device(struct request *r, const char *user);

/* Makes the reply say so of this browser; a device that is known keeps its name. */
void cookie_device_set(struct request *r, const char *user);

/* Makes the reply set the cookie, or take it away. */
void cookie_set(struct request *r, const char *refresh_token);
void cookie_clear(struct request *r);

#endif
