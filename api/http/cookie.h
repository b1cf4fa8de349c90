/*
 * The refresh token as a cookie, which no script can read: for browsers.
 */
#ifndef API_HTTP_COOKIE_H
#define API_HTTP_COOKIE_H

#include <stdbool.h>

#include "common/base/err.h"

struct request;

/* The refresh token from the request's cookie; NULL: none. */
const char *cookie_read(struct request *r);

/*
 * ERR_FORBIDDEN if the browser reports that the request comes from a page of another origin.  A
 * JSON body and SameSite=Strict are further protections.
 */
enum err cookie_same_site(struct request *r) MUST_CHECK;

/*
 * The device cookie: this browser has logged in as that user before.  Its wrong attempts are
 * counted separately, so that attempts elsewhere do not make it wait.  Returns the device's name;
 * NULL: unknown.
 */
const char *cookie_device(struct request *r, const char *user);

/* Sets this browser's device cookie in the reply; a known device keeps its name. */
void cookie_device_set(struct request *r, const char *user);

/* Makes the reply set or delete the cookie. */
void cookie_set(struct request *r, const char *refresh_token);
void cookie_clear(struct request *r);

#endif
