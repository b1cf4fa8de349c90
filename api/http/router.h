/*
 * From path and method to a route.  Pure: no I/O, no clock, no globals but the table.
 */
#ifndef API_HTTP_ROUTER_H
#define API_HTTP_ROUTER_H

#include "api/http/request.h"

struct filter;
struct list;
struct resource;
struct shape;

enum who { ANYONE, USER, MAYBE }; /* MAYBE: anyone, but a token, if sent, must be valid */

/* Flags of a route. */
#define NO_BODY  1u    /* a body is ignored (POST .../restore) */
#define SECRETS  2u    /* the reply contains secrets: its idempotency record is encrypted */
#define UPLOAD   4u    /* the body is a file of any type: the handler receives it in parts */
#define LIST     8u    /* the answer is {items: [answer], nextCursor} */
#define CREATED  16u   /* answers 201 */
#define ACCEPTED 32u   /* answers 202 */
#define PERSON   128u  /* not for API tokens */
#define ADMIN    256u  /* for API tokens with the scope admin */
#define READS    512u  /* changes nothing, whatever its method: needs only the scope read */
#define STEP_UP  1024u /* needs a session whose password was given recently (step_up.h) */
#define BOUND                                                                                      \
    2048u /* also for API tokens that are bound to projects (api_token_auth_reaches())             \
           */
#define OR_LATER 4096u   /* or answers 202 {}: the rest is sent by email */
#define ENDS     8192u   /* may end the caller's session: a repeat with its key is still answered */
#define COSTLY   16384u  /* the reply may be long: see costly.h */
#define DOWNLOAD 32768u  /* answers a file of any type, or a part of it */
#define LOGINS   64u     /* counted for the address: secrets are checked here */
#define ALONE    65536u  /* not as an operation of a batch */
#define LINK     131072u /* also for readers of a share link (link_auth.h); only reads */

struct route {
    enum method method;
    const char *path;
    enum who who;
    enum err (*handler)(struct request *r);
    const struct resource *on;         /* for the generic handlers */
    const char *items;                 /* the field of `on` whose items it is about; NULL: none */
    const struct list *list;           /* what page_reply() replies with */
    const struct shape *body, *answer; /* for OpenAPI; NULL: none, or given by flags */
    const char *summary;
    unsigned flags;
    const struct filter *params; /* query parameters in addition to a list's */
};

/* The table of routes.def; ends with a NULL path. */
extern const struct route routes[];

/*
 * Finds the route and the values of the path's {names}.  ERR_NOT_FOUND; ERR_METHOD with the reply's
 * Allow set.
 */
enum err router_find(struct request *r) MUST_CHECK;

/* Does the request have a route with the flag UPLOAD?  Sets nothing. */
bool router_uploads(struct request *r);

#endif
