/*
 * Parameters, complaints, preconditions and the idempotency record.
 */
#include "api/http/request.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/id.h"
#include "common/store/store_gather.h"

#define BASE_REV_DIGITS 15 /* below 2^53, like all numbers of ours */

const char *const method_names[METHOD__COUNT] = {"GET", "POST", "PUT", "PATCH", "DELETE"};

const char *const complaint_codes[] = {
    "blank",    "choice",  "common",    "duplicate", "exclusive",  "format",   "in-use",
    "inbox",    "kind",    "nested",    "not-found", "not-member", "null",     "order",
    "personal", "range",   "read-only", "required",  "taken",      "too-long", "too-short",
    "type",     "unknown", "wrong",     NULL};

/* Decodes %XX and +.  NULL for invalid escapes, NUL and invalid UTF-8. */
static char *
unescape(struct request *r, const char *in, size_t len)
{
    char *out = arena_alloc(r->arena, len + 1), *p = out;

    for (size_t i = 0; i < len; i++) {
        unsigned char byte;

        if (in[i] != '%') {
            *p++ = in[i] == '+' ? ' ' : in[i];
            continue;
        }
        if (i + 2 >= len || !text_unhex(&byte, 1, in + i + 1) || byte == 0)
            return NULL;
        *p++ = (char)byte;
        i += 2;
    }
    *p = '\0';
    return text_utf8(out, (size_t)(p - out)) ? out : NULL;
}

enum err
request_parse_query(struct request *r)
{
    const char *p = r->query;

    while (p != NULL && *p != '\0') {
        size_t len = strcspn(p, "&"), name = strcspn(p, "=&");
        struct param *param = &r->params[r->param_count];

        if (len > 0) {
            if (r->param_count == REQUEST_PARAMS_MAX)
                return request_fail(r, ERR_BAD_PARAMETER, "more than %d query parameters",
                                    REQUEST_PARAMS_MAX);
            param->name = unescape(r, p, name);
            param->value = name < len ? unescape(r, p + name + 1, len - name - 1) : "";
            if (param->name == NULL || param->value == NULL)
                return request_fail(r, ERR_BAD_PARAMETER, "the query string is malformed");
            for (int i = 0; i < r->param_count; i++)
                if (strcmp(r->params[i].name, param->name) == 0)
                    return request_bad_param(r, param->name, "is given more than once");
            r->param_count++;
        }
        p += len + (p[len] == '&');
    }
    return ERR_NONE;
}

const char *
request_param(struct request *r, const char *name)
{
    for (int i = 0; i < r->param_count; i++) {
        if (strcmp(r->params[i].name, name) == 0) {
            r->params[i].used = true;
            return r->params[i].value;
        }
    }
    return NULL;
}

enum err
request_flag(struct request *r, const char *name, bool *on)
{
    const char *value = request_param(r, name);

    *on = value != NULL && strcmp(value, "true") == 0;
    if (value == NULL || *on || strcmp(value, "false") == 0)
        return ERR_NONE;
    return request_bad_param(r, name, "must be true or false");
}

enum err
request_number(struct request *r, const struct number_parameter *p, int *out)
{
    const char *value = request_param(r, p->name);
    char *end;
    long n;

    *out = p->fallback;
    if (value == NULL)
        return ERR_NONE;
    n = strtol(value, &end, 10);
    if (*value < '0' || *value > '9' || *end != '\0' || n < p->low || n > p->high)
        return request_bad_param(
            r, p->name,
            arena_printf(r->arena, "must be an integer from %d to %d", p->low, p->high));
    *out = (int)n;
    return ERR_NONE;
}

enum err
request_params_done(struct request *r)
{
    for (int i = 0; i < r->param_count; i++)
        if (!r->params[i].used)
            return request_bad_param(r, r->params[i].name, "is unknown");
    return ERR_NONE;
}

enum err
request_fail(struct request *r, enum err err, const char *format, ...)
{
    char words[512];
    va_list args;

    va_start(args, format);
    vsnprintf(words, sizeof(words), format, args);
    va_end(args);
    r->detail = arena_dup(r->arena, words);
    return err;
}

enum err
request_bad_param(struct request *r, const char *name, const char *why)
{
    char shown[65];

    snprintf(shown, sizeof(shown), "%s", name);
    if (!text_utf8(shown, strlen(shown)))
        shown[0] = '\0'; /* cut within a character */
    r->parameter = arena_dup(r->arena, shown);
    return request_fail(r, ERR_BAD_PARAMETER, "the parameter '%s' %s", shown, why);
}

void
request_complain(struct request *r, const char *pointer, const char *code, const char *format, ...)
{
    struct complaint *c;
    char words[256];
    va_list args;

    if (r->complaint_count++ >= REQUEST_COMPLAINTS)
        return;
    c = arena_alloc(r->arena, sizeof(*c));
    va_start(args, format);
    vsnprintf(words, sizeof(words), format, args);
    va_end(args);
    c->pointer = arena_dup(r->arena, pointer);
    c->code = code;
    c->detail = arena_dup(r->arena, words);
    if (r->complaints == NULL)
        r->last_complaint = &r->complaints;
    *r->last_complaint = c;
    r->last_complaint = &c->next;
}

void
request_clear_complaints(struct request *r)
{
    r->complaints = NULL;
    r->complaint_count = 0;
}

enum err
request_validated(const struct request *r)
{
    return r->complaints == NULL ? ERR_NONE : ERR_INVALID;
}

const char *
request_project_topic(struct request *r, const bson_oid_t *project)
{
    char topic[EVENT_TOPIC];

    topic_of_project(topic, project->bytes);
    return arena_dup(r->arena, topic);
}

const char *
request_user_topic(struct request *r, const bson_oid_t *user)
{
    char topic[EVENT_TOPIC];

    topic_of_user(topic, user->bytes);
    return arena_dup(r->arena, topic);
}

enum err
request_id_arg(const struct request *r, int n, bson_oid_t *out)
{
    const char *text = r->args[n];

    if (text == NULL || !bson_oid_is_valid(text, strlen(text)) || strlen(text) != ID_DIGITS)
        return ERR_NOT_FOUND;
    bson_oid_init_from_string(out, text);
    return ERR_NONE;
}

/* Does a member of a comma-separated list end here? */
static bool
ends(const char *p)
{
    p += strspn(p, " \t");
    return *p == '\0' || *p == ',';
}

/* Does a tag's revision end here, and the tag with it or after its other number? */
static bool
closes(const char *p)
{
    size_t digits = *p == '.' ? strspn(p + 1, "0123456789") : 0;

    if (digits > 0)
        p += 1 + digits;
    return *p == '"' && ends(p + 1);
}

/*
 * What follows a dot in a listed tag tells counters apart, which are not part of the revision. Weak
 * tags count, because nginx may weaken them.
 */
bool
request_lists_tag(const char *list, const char *tag)
{
    size_t len = strlen(tag) - 1; /* without the closing quote */

    for (const char *p = list; *p != '\0';) {
        p += strspn(p, " \t,");
        if (*p == '*' && ends(p + 1))
            return true;
        if (strncmp(p, "W/", 2) == 0)
            p += 2;
        if (strncmp(p, tag, len) == 0 && closes(p + len))
            return true;
        p += strcspn(p, ",");
    }
    return false;
}

enum err
request_base_rev(struct request *r)
{
    const char *text = r->base_rev;
    size_t len;

    if (text == NULL)
        return ERR_NONE;
    if (r->if_match != NULL)
        return request_fail(r, ERR_MALFORMED, "If-Match and Base-Rev cannot be combined");
    len = strspn(text, "0123456789");
    if (len > 0 && len <= BASE_REV_DIGITS && text[len] == '\0')
        r->base = strtoll(text, NULL, 10);
    return r->base > 0 ? ERR_NONE
                       : request_fail(r, ERR_MALFORMED, "Base-Rev must be a revision, like 7");
}

enum err
request_precondition(const struct request *r, int64_t rev, bool demanded)
{
    char tag[32];

    if (r->if_match == NULL)
        return demanded && r->base == 0 ? ERR_UNCONDITIONAL : ERR_NONE;
    snprintf(tag, sizeof(tag), "\"%lld\"", (long long)rev);
    return request_lists_tag(r->if_match, tag) ? ERR_NONE : ERR_STALE;
}

bool
request_long_poll(struct request *r, const char *topic, int64_t after, int seconds)
{
    if (r->waited || seconds == 0)
        return false;
    bson_strncpy(r->poll_topic, topic, sizeof(r->poll_topic));
    r->poll_after = after;
    r->poll_seconds = seconds;
    return true;
}

static void
destroy_doc(void *doc)
{
    bson_destroy(doc);
}

bson_t *
request_keep(struct request *r, bson_t *doc)
{
    arena_charge(r->arena, doc->len);
    arena_defer(r->arena, destroy_doc, doc);
    return doc;
}

enum err
request_fetch(struct request *r, enum store_name store, const bson_oid_t *id, const bson_t **out)
{
    bson_t *doc;
    enum err err = store_gather_get(r->store, store, id, &doc);

    if (err == ERR_NONE)
        *out = request_keep(r, doc);
    return err;
}

enum err
request_find(struct request *r, struct store *store, enum store_name name, const bson_t *filter,
             const bson_t **out)
{
    bson_t *doc;
    enum err err = store_get(store, name, filter, NULL, &doc);

    if (err == ERR_NONE)
        *out = request_keep(r, doc);
    return err;
}
