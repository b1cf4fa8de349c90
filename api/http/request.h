/*
 * A request as name-value pairs and bytes, and everything determined about it while it is handled.
 * Has no FastCGI, so that it can be tested with plain bytes.
 */
#ifndef API_HTTP_REQUEST_H
#define API_HTTP_REQUEST_H

#include <bson/bson.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/id.h"
#include "common/change/change.h"
#include "common/text/text.h"

#define REQUEST_BODY_MAX   1048576 /* bytes of a JSON body */
#define REQUEST_PARAMS_MAX 32      /* query parameters */
#define REQUEST_ARGS       3       /* {names} in a path */
#define REQUEST_COMPLAINTS 100     /* at most reported; a body has fewer fields */

enum method { GET, POST, PUT, PATCH, DELETE, METHOD__COUNT };
extern const char *const method_names[METHOD__COUNT];

struct json_object;
struct project_reads;
struct route;
struct config;
struct session_revocation;
struct due_range;
struct task_filter;
struct zone;
struct throttle;

struct param {
    const char *name, *value;
    bool used;
};

struct complaint {
    struct complaint *next;
    const char *pointer, *code, *detail;
};

struct reply {
    int status;
    struct text body;
    const char *type; /* media type of the body */
    const char *etag, *location, *allow;
    const char *cookie, *device;  /* of Set-Cookie */
    int retry_after;              /* seconds; 0: none */
    long limit, remaining, reset; /* of the limit closest to being reached; limit 0: none */
    const char *rates, *policies; /* of all: RateLimit, RateLimit-Policy; NULL: none */
    /* Of a file's content; NULL or 0 in other replies. */
    const char *disposition, *policy, *range; /* Content-Disposition, -Security-Policy, -Range */
    int64_t length;                           /* of a body that is sent in pieces */
    bool replayed;
    bool begun;  /* its head has been sent already (reply_flush()) */
    bool broken; /* and then an error occurred, or it cannot be sent: the connection is closed */
    size_t sent; /* bytes of the body */
};

struct request {
    /* As received; NULL if a header is absent. */
    const char *method_name, *path, *query, *address, *id;
    const char *content_type, *authorization, *if_match, *if_none_match, *idempotency_key;
    const char *base_rev, *range, *if_range;
    const char *user_agent, *cookie, *origin, *fetch_site;
    const char *body;
    size_t body_len;
    bool body_too_large, head_only;

    /*
     * The body of a route with the flag UPLOAD: its declared length, and a function that receives
     * the next part of it into bytes.  It waits for the client; fewer than size: the body has ended
     * or the connection is closed.  Each part gives the request its whole time limit again.
     */
    int64_t upload_length;
    size_t (*receive)(struct request *r, char *bytes, size_t size);
    const char *fingerprint; /* stands for that body in the idempotency digest; NULL: none */

    /* Set by the router. */
    enum method method;
    const struct route *route;
    const char *args[REQUEST_ARGS];

    /* Set by the gate. */
    char user[ID_TEXT], session[ID_TEXT];
    bson_oid_t user_id, session_id;
    char ended[ID_TEXT]; /* the user whose session has ended since the token was made; "": none */
    bool limited;        /* from an API token without the scope admin */
    int scope;           /* that such a token gives, as an index of api_token_auth_scopes */
    bool by_api_token;
    bool by_link;        /* by the reader of a share link: user_id is the link's id, not a user's */
    const bson_t *bound; /* ids of the projects that the token is bound to; NULL: not bound */
    char bound_token[ID_TEXT]; /* which token that is */
    int64_t began;             /* ms; everything for the request is read after it */
    struct json_object *json;
    int64_t base;     /* Base-Rev: the revision that the client's change is based on; 0: none */
    const char *key;  /* the idempotency record's _id; NULL: none */
    char digest[65];  /* of method, path and the body's value */
    bool cookie_mode; /* the refresh token travels as a cookie */
    struct param params[REQUEST_PARAMS_MAX];
    int param_count;
    const struct zone *zone; /* the caller's zone (api/crud/due.h); NULL: not read yet */
    const struct due_range
        *due; /* when a list's items must be due (api/crud/due.h); NULL: any time */

    struct task_filter *filter; /* of ?filter= (api/v1/tasks/task_filter.h); NULL: none */
    const char *sort;           /* the order of a list when none is given; NULL: its own */
    const char *warnings;       /* JSON array for the answer of a list; NULL: none */

    /* For the handlers. */
    struct arena *arena;
    struct store *store;
    struct bus *bus;
    const char *epoch;
    const struct config *config;
    struct session_revocation *revocation;
    struct throttle *throttle; /* NULL: none */

    struct operation *operation;     /* of a batch that it is; NULL: none */
    struct change *step;             /* within which that runs */
    struct change *change;           /* the running change; NULL: none */
    struct project_reads *reads;     /* the projects that it has read; NULL: no change */
    void (*send)(struct request *r); /* sends the reply so far; NULL: only at the end */
    void *connection;                /* for send */
    struct costly *costly; /* its turn to read (api/server/costly.h); NULL: it needs none */

    /* A long poll: what it waits for (request_long_poll()), or that it has finished waiting. */
    char poll_topic[EVENT_TOPIC];
    int64_t poll_after;
    int poll_seconds;
    bool waited;

    /* The handlers' results. */
    struct complaint *complaints, **last_complaint;
    int complaint_count;
    const char *detail, *parameter;
    const char *expected;     /* what would be right in that parameter; NULL: not known */
    int position;             /* and where: code points before it */
    const char *current;      /* JSON of the newest version, for 412 */
    const char *conflicts;    /* and of the fields changed since Base-Rev; NULL: no Base-Rev */
    char changed_by[ID_TEXT]; /* who changed one of them last */
    char job[ID_TEXT];        /* the job that this request has started; "": none */
    const char *dropped;      /* JSON of what a task has lost by its move; NULL: nothing */
    int failed_op; /* of an atomic batch: 1 + the index of the operation that failed; 0: none */
    struct reply reply;
};

/* Parses the query string.  ERR_BAD_PARAMETER for invalid escapes, NUL or too many parameters. */
enum err request_parse_query(struct request *r) MUST_CHECK;

/* A parameter's value, which is marked as read; NULL if absent. */
const char *request_param(struct request *r, const char *name);

/* Is a parameter true?  ERR_BAD_PARAMETER if it is neither true nor false; absent is false. */
enum err request_flag(struct request *r, const char *name, bool *on) MUST_CHECK;

/* A parameter that is an integer from low to high. */
struct number_parameter {
    const char *name;
    int low, high, fallback; /* fallback: when it is not given */
};
enum err request_number(struct request *r, const struct number_parameter *parameter,
                        int *out) MUST_CHECK;

/* ERR_BAD_PARAMETER for the first parameter that was not read. */
enum err request_params_done(struct request *r) MUST_CHECK;

/* Sets the problem's detail for the client; returns err. */
enum err request_fail(struct request *r, enum err err, const char *format, ...) PRINTF_LIKE(3, 4);

/* ERR_BAD_PARAMETER with the parameter's name. */
enum err request_bad_param(struct request *r, const char *name, const char *why);

/*
 * The codes of complaints, with NULL at the end.  OpenAPI lists them, and the web client has its
 * own text for each (nginx/web/messages.js).
 */
extern const char *const complaint_codes[];

/* Adds a complaint about the body; pointer is a JSON Pointer, code one of complaint_codes. */
void request_complain(struct request *r, const char *pointer, const char *code, const char *format,
                      ...) PRINTF_LIKE(4, 5);

/* Removes the complaints of an earlier run of a change. */
void request_clear_complaints(struct request *r);

/* ERR_INVALID if there were complaints. */
enum err request_validated(const struct request *r) MUST_CHECK;

/* Is a tag ("..." or W/"...") in a comma-separated list like that of If-None-Match?  `*` is all. */
bool request_lists_tag(const char *list, const char *tag);

/* The name of a project's or of a user's topic, in the request's arena. */
const char *request_project_topic(struct request *r, const bson_oid_t *project);
const char *request_user_topic(struct request *r, const bson_oid_t *user);

/* The n-th {name} of the path as an id; ERR_NOT_FOUND if it is not one. */
enum err request_id_arg(const struct request *r, int n, bson_oid_t *out) MUST_CHECK;

/* Reads Base-Rev.  ERR_MALFORMED if it is not a revision, or If-Match was sent too. */
enum err request_base_rev(struct request *r) MUST_CHECK;

/*
 * Does If-Match allow a change of an entity with this rev?  ERR_STALE, or ERR_UNCONDITIONAL if it
 * is required and neither it nor Base-Rev was sent.
 */
enum err request_precondition(const struct request *r, int64_t rev, bool demanded) MUST_CHECK;

/*
 * Can the request wait, without a thread, until the topic is beyond a number?  Then it runs once
 * more.
 */
bool request_long_poll(struct request *r, const char *topic, int64_t after, int seconds);

/* A stored document by its id, whatever its state; the request owns it. */
enum err request_fetch(struct request *r, enum store_name store, const bson_oid_t *id,
                       const bson_t **out) MUST_CHECK;

/* The first stored document that a filter matches, through that store; the request owns it. */
enum err request_find(struct request *r, struct store *store, enum store_name name,
                      const bson_t *filter, const bson_t **out) MUST_CHECK;

/* Makes the request own a BSON document, from BCON_NEW() for example. */
bson_t *request_keep(struct request *r, bson_t *doc);

#endif
