/*
 * Reply bodies, and the table of problems.
 */
#include "api/http/reply.h"

#include <stdio.h>
#include <string.h>

#include "api/http/request.h"
#include "api/schema/doc.h"
#include "common/text/json.h"

/* clang-format off */
const struct problem problems[ERR__COUNT] = {
    [ERR_NONE]          = {200, "none",                  "No problem"},
    [ERR_MALFORMED]     = {400, "malformed",             "The request is malformed"},
    [ERR_BAD_PARAMETER] = {400, "bad-parameter",         "A query parameter is invalid"},
    [ERR_NO_AUTH]       = {401, "unauthenticated",       "A valid access token is required"},
    [ERR_BAD_LOGIN]     = {401, "bad-credentials",       "These credentials are not valid"},
    [ERR_CODE_NEEDED]   = {401, "code-required",         "A one-time code is also required"},
    [ERR_FORBIDDEN]     = {403, "forbidden",             "Your role does not allow this"},
    [ERR_STEP_UP]       = {403, "step-up-required",      "The password must be confirmed first"},
    [ERR_NOT_FOUND]     = {404, "not-found",             "The resource does not exist"},
    [ERR_GONE]          = {410, "gone",                  "The log no longer holds this"},
    [ERR_METHOD]        = {405, "method-not-allowed",    "The method is not allowed for this resource"},
    [ERR_CONFLICT]      = {409, "conflict",              "The current state of the resource does not allow this"},
    [ERR_QUOTA]         = {409, "quota-exceeded",        "The limit for this has been reached"},
    [ERR_IN_PROGRESS]   = {409, "in-progress",           "The same request is still being processed"},
    [ERR_STALE]         = {412, "stale",                 "The resource has changed since you read it"},
    [ERR_TOO_LARGE]     = {413, "too-large",             "The body is too large"},
    [ERR_TOO_MUCH]      = {413, "too-much",              "The request needs more memory than one request may use"},
    [ERR_MEDIA_TYPE]    = {415, "unsupported-media-type","The body must be application/json"},
    [ERR_RANGE]         = {416, "bad-range",             "The range cannot be served"},
    [ERR_INVALID]       = {422, "invalid",               "Some fields are invalid"},
    [ERR_KEY_REUSED]    = {422, "key-reused",            "The Idempotency-Key has been used for a different request"},
    [ERR_DEPENDENCY]    = {424, "failed-dependency",     "An operation that this one refers to has failed"},
    [ERR_UNCONDITIONAL] = {428, "precondition-required", "The project requires If-Match or Base-Rev"},
    [ERR_THROTTLED]     = {429, "throttled",             "Too many requests"},
    [ERR_BUSY]          = {503, "busy",                  "The server is busy; try again"},
    [ERR_STORE]         = {503, "unavailable",           "The database cannot be reached; try again"},
    [ERR_INTERNAL]      = {500, "internal",              "An internal error occurred"},
    [ERR_RETRY]         = {503, "busy",                  "The server is busy; try again"},
};
/* clang-format on */

struct text *
reply_json(struct request *r, int status)
{
    r->reply.status = status;
    r->reply.type = "application/json";
    text_clear(&r->reply.body);
    return &r->reply.body;
}

enum err
reply_empty(struct request *r, int status)
{
    text_clear(&r->reply.body);
    r->reply.status = status;
    r->reply.type = NULL;
    return ERR_NONE;
}

void
reply_etag(struct request *r, const bson_t *doc)
{
    const char *counted = "";

    if (bson_has_field(doc, STORE_COUNTED))
        counted = arena_printf(r->arena, ".%lld", (long long)doc_int(doc, STORE_COUNTED));
    r->reply.etag = arena_printf(r->arena, "\"%lld%s\"", (long long)doc_int(doc, "rev"), counted);
}

enum err
reply_doc(struct request *r, int status, const struct shape *shape, const bson_t *doc)
{
    doc_write(reply_json(r, status), shape, doc);
    reply_etag(r, doc);
    return ERR_NONE;
}

void
reply_flush(struct request *r)
{
    if (r->send == NULL || r->reply.body.len < REPLY_CHUNK)
        return;
    r->send(r);
    text_clear(&r->reply.body);
}

void
reply_unchanged(struct request *r)
{
    const char *wanted = r->if_none_match, *tag = r->reply.etag;

    if (wanted == NULL || tag == NULL || r->method != GET || r->reply.status != 200)
        return;
    if (strcmp(wanted, "*") == 0 || strstr(wanted, tag) != NULL) {
        r->reply.status = 304;
        r->reply.type = NULL;
        text_clear(&r->reply.body);
    }
}

static void
member(struct text *t, const char *name, const char *value)
{
    text_printf(t, ",\"%s\":", name);
    json_string(t, value, strlen(value));
}

static void
write_complaints(struct text *t, const struct complaint *c)
{
    text_puts(t, ",\"errors\":[");
    for (const char *comma = ""; c != NULL; c = c->next, comma = ",") {
        text_printf(t, "%s{\"pointer\":", comma);
        json_string(t, c->pointer, strlen(c->pointer));
        member(t, "code", c->code);
        member(t, "detail", c->detail);
        text_putc(t, '}');
    }
    text_putc(t, ']');
}

void
reply_problem(struct request *r, enum err err)
{
    const struct problem *p = &problems[err];
    struct text *t = reply_json(r, p->status);

    r->reply.type = "application/problem+json";
    r->reply.etag = r->reply.location = r->reply.disposition = r->reply.policy = NULL;
    r->reply.length = 0;
    if (err != ERR_RANGE)
        r->reply.range = NULL;
    text_printf(t, "{\"type\":\"/problems/%s\"", p->slug);
    member(t, "title", p->title);
    text_printf(t, ",\"status\":%d", p->status);
    member(t, "detail", r->detail != NULL ? r->detail : p->title);
    if (r->parameter != NULL)
        member(t, "parameter", r->parameter);
    if (r->expected != NULL) {
        text_printf(t, ",\"position\":%d", r->position);
        member(t, "expected", r->expected);
    }
    if (r->complaints != NULL && (p->status == 422 || err == ERR_CONFLICT))
        write_complaints(t, r->complaints);
    if (err == ERR_STALE && r->current != NULL)
        text_printf(t, ",\"current\":%s", r->current);
    if ((err == ERR_STALE || err == ERR_CONFLICT) && r->conflicts != NULL)
        text_printf(t, ",\"conflicts\":%s", r->conflicts);
    if (err == ERR_STALE && r->conflicts != NULL)
        text_printf(t, ",\"changedBy\":\"%s\"", r->changed_by);
    if (r->failed_op > 0)
        text_printf(t, ",\"op\":%d", r->failed_op - 1);
    member(t, "requestId", r->id);
    text_putc(t, '}');
    if (p->status == 503 && r->reply.retry_after == 0)
        r->reply.retry_after = 1;
}
