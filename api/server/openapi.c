/*
 * OpenAPI 3.1 from the tables.  Pure.  A shape becomes one component for replies, and TaskCreate,
 * TaskChange for request bodies.
 */
#include "api/server/openapi.h"

#include <string.h>

#include "api/crud/query.h"
#include "api/crud/resource.h"
#include "api/http/reply.h"
#include "api/http/request.h"
#include "api/http/router.h"
#include "common/text/json.h"
#include "common/text/text.h"

enum side { ANSWER, CREATE, CHANGE };

/*
 * Problems that nginx reports before a request reaches us and that we never report
 * (nginx/problems.conf).
 */
static const char *const from_nginx[] = {
    "refused", "url-too-long", "upgrade-required", "headers-too-large", "no-answer", "timeout",
    NULL};

static void write_fields(struct text *t, const struct field *fields, enum side side);
static void write_object(struct text *t, const struct field *f, enum side side, bool nullable);

static void
quote(struct text *t, const char *string)
{
    json_string(t, string, strlen(string));
}

static void
write_choices(struct text *t, const char *const *choices, bool nullable)
{
    text_puts(t, ",\"enum\":[");
    for (int i = 0; choices[i] != NULL; i++) {
        text_puts(t, i > 0 ? "," : "");
        quote(t, choices[i]);
    }
    text_puts(t, nullable ? ",null]" : "]");
}

/* {"type": ...} or with "null"; the rest of the schema follows. */
static void
write_type(struct text *t, const char *type, bool nullable)
{
    text_printf(t, nullable ? "{\"type\":[\"%s\",\"null\"]" : "{\"type\":\"%s\"", type);
}

static void
write_items(struct text *t, const struct field *f, enum side side)
{
    if (f->high > 0)
        text_printf(t, ",\"maxItems\":%ld", f->high);
    text_puts(t, ",\"items\":");
    if (f->kind == OBJECTS && f->items != NULL)
        write_fields(t, f->items, side == CHANGE ? CREATE : side);
    else if (f->kind == REFS)
        text_puts(t, "{\"type\":\"string\",\"pattern\":\"^[0-9a-f]{24}$\"}");
    else
        text_puts(t, "{\"type\":\"string\",\"pattern\":\"^[a-z0-9-]{1,40}$\"}");
}

/* The schema after the type, for each kind. */
static void
write_limits(struct text *t, const struct field *f, enum side side, bool nullable)
{
    switch (f->kind) {
    case TEXT:
        if (f->high > 0 && side != ANSWER)
            text_printf(t, ",\"minLength\":%ld,\"maxLength\":%ld", f->low, f->high);
        break;
    case CHOICE:
    case RANK:
        write_choices(t, f->choices, nullable);
        break;
    case INSTANT:
        text_puts(t, ",\"format\":\"date-time\"");
        break;
    case DATE:
        text_puts(t, ",\"format\":\"date\"");
        break;
    case REF:
        text_puts(t, ",\"pattern\":\"^[0-9a-f]{24}$\"");
        break;
    case SLUG:
        text_puts(t, ",\"pattern\":\"^[a-z0-9-]{1,40}$\"");
        break;
    case REFS:
    case SLUGS:
    case OBJECTS:
        write_items(t, f, side);
        break;
    default:
        break;
    }
}

static void
write_field(struct text *t, const struct field *f, enum side side)
{
    static const char *const types[] = {
        [TEXT] = "string",  [CHOICE] = "string",  [RANK] = "string", [INTEGER] = "integer",
        [FLAG] = "boolean", [INSTANT] = "string", [DATE] = "string", [REF] = "string",
        [SLUG] = "string",  [REFS] = "array",     [SLUGS] = "array", [OBJECTS] = "array"};
    /* null returns a field to its default. */
    bool nullable = (f->flags & NULLABLE) ||
                    (side != ANSWER && f->fallback != NULL && (f->flags & MUST_SET) == 0);

    if (f->kind == NESTED) {
        write_object(t, f, side, nullable);
        return;
    }
    if (f->kind == ANY) {
        text_puts(t, "{}");
        return;
    }
    write_type(t, types[f->kind], nullable);
    write_limits(t, f, side, nullable);
    if (f->about != NULL) {
        text_puts(t, ",\"description\":");
        quote(t, f->about);
    }
    text_putc(t, '}');
}

static bool
belongs(const struct field *f, enum side side)
{
    unsigned may = side == CREATE ? MUST_SET | MAY_SET | MAY_EDIT : MAY_EDIT;

    if (f->flags & HIDDEN)
        return false;
    if (side == ANSWER) /* replies lack write-only fields, requests read-only ones */
        return (f->flags & VIRTUAL) == 0 || (f->flags & (MAY_SET | MAY_EDIT)) == 0;
    return (f->flags & may) != 0;
}

/* "properties" and "required" of an object. */
static void
write_members(struct text *t, const struct field *fields, enum side side)
{
    const char *comma = "";

    text_puts(t, ",\"additionalProperties\":false,\"properties\":{");
    for (const struct field *f = fields; f->name != NULL; f++) {
        if (!belongs(f, side))
            continue;
        text_printf(t, "%s\"%s\":", comma, f->name);
        write_field(t, f, side);
        comma = ",";
    }
    text_puts(t, "},\"required\":[");
    comma = "";
    for (const struct field *f = fields; f->name != NULL; f++) {
        if (!belongs(f, side) || side == CHANGE || (side == CREATE && !(f->flags & MUST_SET)) ||
            (f->flags & (VIRTUAL | OPTIONAL)))
            continue;
        text_printf(t, "%s\"%s\"", comma, f->name);
        comma = ",";
    }
    text_puts(t, "]}");
}

static void
write_fields(struct text *t, const struct field *fields, enum side side)
{
    write_type(t, "object", false);
    write_members(t, fields, side);
}

/* The value of a NESTED field. */
static void
write_object(struct text *t, const struct field *f, enum side side, bool nullable)
{
    write_type(t, "object", nullable);
    if (f->about != NULL) {
        text_puts(t, ",\"description\":");
        quote(t, f->about);
    }
    write_members(t, f->items, side);
}

/* The side of a route's body, and the name of its component. */
static enum side
body_side(const struct route *r)
{
    return r->method == PATCH ? CHANGE : CREATE;
}

static void
body_name(struct text *t, const struct route *r)
{
    bool own = true; /* a shape that is never in a reply needs no suffix */

    for (const struct route *other = routes; other->path != NULL; other++)
        own = own && other->answer != r->body;
    text_puts(t, r->body->name);
    if (!own)
        text_puts(t, body_side(r) == CHANGE ? "Change" : "Create");
}

/* The start of a parameter; its schema follows. */
static void
begin_parameter(struct text *t, const char *where, const char *name, const char *about)
{
    text_printf(t, "{\"in\":\"%s\",\"name\":\"%s\",\"required\":%s", where, name,
                strcmp(where, "path") == 0 ? "true" : "false");
    if (about != NULL) {
        text_puts(t, ",\"description\":");
        quote(t, about);
    }
    text_puts(t, ",\"schema\":");
}

/* A list of values with commas between is taken too, where a filter compares with stored values. */
static void
write_filter(struct text *t, const struct filter *f)
{
    begin_parameter(t, "query", f->name, f->about);
    if (f->kind == FLAG)
        text_puts(t, "{\"type\":\"boolean\"}}");
    else if (f->kind == INTEGER)
        text_puts(t, "{\"type\":\"integer\"}}");
    else
        text_puts(t, "{\"type\":\"string\"}}");
}

static void
write_filters(struct text *t, const struct filter *filters, const char **comma)
{
    for (const struct filter *f = filters; f != NULL && f->name != NULL; f++, *comma = ",") {
        text_puts(t, *comma);
        write_filter(t, f);
    }
}

/* The orders, each in both directions. */
static void
write_orders(struct text *t, const struct order *orders)
{
    const char *comma = "";

    begin_parameter(t, "query", "sort", "a leading - is descending");
    text_puts(t, "{\"type\":\"string\",\"enum\":[");
    for (const struct order *o = orders; o->name != NULL; o++, comma = ",") {
        text_printf(t, "%s\"%s\"", comma, o->name);
        if (o->ranked)
            continue;
        text_puts(t, ",\"");
        query_reversed(t, o->name);
        text_putc(t, '"');
    }
    text_printf(t, "],\"default\":\"%s\"}}", orders->name);
}

static void
write_list_parameters(struct text *t, const struct list *list, const char **comma)
{
    write_filters(t, list->filters, comma);
    text_puts(t, *comma);
    write_orders(t, list->orders);
    text_puts(t, ",");
    begin_parameter(t, "query", query_limit.name, NULL);
    text_printf(t, "{\"type\":\"integer\",\"minimum\":%d,\"maximum\":%d,\"default\":%d}},",
                query_limit.low, query_limit.high, query_limit.fallback);
    begin_parameter(t, "query", "cursor", "nextCursor of the previous page");
    text_puts(t, "{\"type\":\"string\"}}");
    *comma = ",";
}

static void
write_parameters(struct text *t, const struct route *r)
{
    const char *comma = "";

    text_puts(t, ",\"parameters\":[");
    for (const char *p = strchr(r->path, '{'); p != NULL; p = strchr(p + 1, '{')) {
        char name[32];

        snprintf(name, sizeof(name), "%.*s", (int)strcspn(p + 1, "}"), p + 1);
        text_puts(t, comma);
        begin_parameter(t, "path", name, NULL);
        text_puts(t, "{\"type\":\"string\"}}");
        comma = ",";
    }
    if (r->list != NULL)
        write_list_parameters(t, r->list, &comma);
    write_filters(t, r->params, &comma);
    if (r->method != GET) {
        text_printf(t, "%s{\"$ref\":\"#/components/parameters/IdempotencyKey\"}", comma);
        comma = ",";
    }
    if (r->on != NULL && r->method != GET && strchr(r->path, '{') != NULL)
        text_printf(t,
                    "%s{\"$ref\":\"#/components/parameters/IfMatch\"},"
                    "{\"$ref\":\"#/components/parameters/BaseRev\"}",
                    comma);
    text_putc(t, ']');
}

/* The responses of a route that answers a file. */
static void
write_download(struct text *t)
{
    static const char *const statuses[][2] = {{"200", "the file"}, {"206", "a part of it"}};

    text_puts(t, ",\"responses\":{");
    for (int i = 0; i < 2; i++)
        text_printf(t,
                    "\"%s\":{\"description\":\"%s\",\"content\":{\"*/*\":{\"schema\":{"
                    "\"type\":\"string\",\"format\":\"binary\"}}}},",
                    statuses[i][0], statuses[i][1]);
    text_puts(t, "\"304\":{\"description\":\"not changed\"},"
                 "\"default\":{\"$ref\":\"#/components/responses/Problem\"}}");
}

static void
write_answer(struct text *t, const struct route *r)
{
    const char *status = r->answer == NULL && r->method != GET ? "204"
                         : r->flags & ACCEPTED                 ? "202"
                         : r->flags & CREATED                  ? "201"
                                                               : "200";

    text_printf(t, ",\"responses\":{\"%s\":{\"description\":\"success\"", status);
    if (r->answer != NULL && (r->flags & LIST))
        text_printf(t,
                    ",\"content\":{\"application/json\":{\"schema\":{\"type\":\"object\","
                    "\"required\":[\"items\",\"nextCursor\"],\"properties\":{\"items\":{\"type\":"
                    "\"array\",\"items\":{\"$ref\":\"#/components/schemas/%s\"}},\"nextCursor\":"
                    "{\"type\":[\"string\",\"null\"]}%s}}}}",
                    r->answer->name,
                    r->list != NULL && r->list->warns
                        ? ",\"warnings\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}}"
                        : "");
    else if (r->answer != NULL)
        text_printf(t,
                    ",\"content\":{\"application/json\":{\"schema\":{\"$ref\":"
                    "\"#/components/schemas/%s\"}}}",
                    r->answer->name);
    if (r->flags & OR_LATER)
        text_puts(t, "},\"202\":{\"description\":\"the rest follows by email\",\"content\":{"
                     "\"application/json\":{\"schema\":{\"$ref\":"
                     "\"#/components/schemas/Accepted\"}}}");
    text_puts(t, "},\"default\":{\"$ref\":\"#/components/responses/Problem\"}}");
}

static void
write_operation(struct text *t, const struct route *r)
{
    static const char *const names[] = {"get", "post", "put", "patch", "delete"};

    text_printf(t, "\"%s\":{\"summary\":", names[r->method]);
    quote(t, r->summary);
    text_puts(t, r->who == USER ? ",\"security\":[{\"token\":[]}]" : ",\"security\":[]");
    write_parameters(t, r);
    if (r->body != NULL) {
        text_puts(t, ",\"requestBody\":{\"required\":true,\"content\":{\"application/json\":"
                     "{\"schema\":{\"$ref\":\"#/components/schemas/");
        body_name(t, r);
        text_puts(t, "\"}}}}");
    }
    if (r->flags & UPLOAD)
        text_puts(t, ",\"requestBody\":{\"required\":true,\"content\":{\"*/*\":{\"schema\":{"
                     "\"type\":\"string\",\"format\":\"binary\"}}}}");
    if (r->flags & DOWNLOAD)
        write_download(t);
    else
        write_answer(t, r);
    text_putc(t, '}');
}

static bool
seen_path(const struct route *r)
{
    for (const struct route *before = routes; before < r; before++)
        if (strcmp(before->path, r->path) == 0)
            return true;
    return false;
}

static void
write_paths(struct text *t)
{
    const char *comma = "";

    for (const struct route *r = routes; r->path != NULL; r++) {
        const char *inner = "";

        if (seen_path(r))
            continue;
        text_printf(t, "%s\"%s\":{", comma, r->path);
        comma = ",";
        for (const struct route *same = r; same->path != NULL; same++) {
            if (strcmp(same->path, r->path) != 0)
                continue;
            text_puts(t, inner);
            write_operation(t, same);
            inner = ",";
        }
        text_putc(t, '}');
    }
}

/* Each shape once for answers, and once for each way it is sent. */
static void
write_schemas(struct text *t)
{
    text_puts(t, "\"Problem\":{\"type\":\"object\",\"required\":[\"type\",\"title\",\"status\","
                 "\"detail\",\"requestId\"],\"properties\":{\"type\":{\"enum\":[");
    for (int i = ERR_MALFORMED; i < ERR_RETRY; i++)
        text_printf(t, "%s\"/problems/%s\"", i > ERR_MALFORMED ? "," : "", problems[i].slug);
    for (int i = 0; from_nginx[i] != NULL; i++)
        text_printf(t, ",\"/problems/%s\"", from_nginx[i]);
    text_puts(t, "]},\"title\":{\"type\":\"string\"},\"status\":{\"type\":\"integer\"},"
                 "\"detail\":{\"type\":\"string\"},\"requestId\":{\"type\":\"string\"},"
                 "\"parameter\":{\"type\":\"string\"},\"position\":{\"type\":\"integer\"},"
                 "\"expected\":{\"type\":\"string\"},\"current\":{\"type\":\"object\"},"
                 "\"conflicts\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
                 "\"changedBy\":{\"type\":\"string\",\"pattern\":\"^[0-9a-f]{24}$\"},"
                 "\"op\":{\"type\":\"integer\"},"
                 "\"errors\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":["
                 "\"pointer\",\"code\",\"detail\"],\"properties\":{\"pointer\":{\"type\":"
                 "\"string\"},\"code\":{\"type\":\"string\"");
    write_choices(t, complaint_codes, false);
    text_puts(t, "},\"detail\":{\"type\":\"string\"}}}}}}");
    for (const struct route *r = routes; r->path != NULL; r++) {
        bool answered = false, sent = false;

        for (const struct route *before = routes; before < r; before++) {
            answered = answered || before->answer == r->answer;
            sent = sent || (before->body == r->body && body_side(before) == body_side(r));
        }
        if (r->answer != NULL && !answered) {
            text_printf(t, ",\"%s\":", r->answer->name);
            write_fields(t, r->answer->fields, ANSWER);
        }
        if (r->body != NULL && !sent) {
            text_puts(t, ",\"");
            body_name(t, r);
            text_puts(t, "\":");
            write_fields(t, r->body->fields, body_side(r));
        }
    }
}

void
openapi_write(struct text *t)
{
    text_puts(
        t, "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"Taskwire\",\"version\":\"" TASKWIRE_VERSION
           "\"},\"paths\":{");
    write_paths(t);
    text_puts(
        t, "},\"components\":{\"securitySchemes\":{\"token\":{\"type\":\"http\","
           "\"scheme\":\"bearer\"}},\"parameters\":{\"IdempotencyKey\":{\"in\":\"header\","
           "\"name\":\"Idempotency-Key\",\"schema\":{\"type\":\"string\",\"minLength\":1,"
           "\"maxLength\":255}},\"IfMatch\":{\"in\":\"header\",\"name\":\"If-Match\","
           "\"schema\":{\"type\":\"string\"}},\"BaseRev\":{\"in\":\"header\",\"name\":\"Base-Rev\","
           "\"description\":\"the revision that the change is based on: refused only if a field "
           "that it sets was changed since\",\"schema\":{\"type\":\"integer\",\"minimum\":1}}},"
           "\"responses\":{\"Problem\":{\"description\":"
           "\"RFC 9457\",\"content\":{\"application/problem+json\":{\"schema\":{\"$ref\":"
           "\"#/components/schemas/Problem\"}}}}},\"schemas\":{");
    write_schemas(t);
    text_puts(t, "}}}");
}
