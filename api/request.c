/*
 * Parameters, complaints, preconditions and the idempotency record.
 */
#include "api/request.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/quotas.h"
#include "api/router.h"
#include "common/json.h"
#include "common/log.h"
#include "common/token.h"

const char *const method_names[METHOD__COUNT] = {"GET", "POST", "PUT", "PATCH", "DELETE"};

const char *const complaint_codes[] = {
    "blank",    "choice",  "common",    "duplicate", "exclusive",  "format",   "in-use",
    "inbox",    "kind",    "nested",    "not-found", "not-member", "null",     "order",
    "personal", "range",   "read-only", "required",  "taken",      "too-long", "too-short",
    "type",     "unknown", "wrong",     NULL};

/* Undoes %XX and +; NULL for broken escapes, NUL and what is not UTF-8. */
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
request_params_done(struct request *r)
{
    for (int i = 0; i < r->param_count; i++)
        if (!r->params[i].used)
            return request_bad_param(r, r->params[i].name, "is not known here");
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
request_forgive(struct request *r)
{
    r->complaints = NULL;
    r->complaint_count = 0;
}

enum err
request_verdict(const struct request *r)
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

    if (text == NULL || !bson_oid_is_valid(text, strlen(text)) || strlen(text) != 24)
        return ERR_NOT_FOUND;
    bson_oid_init_from_string(out, text);
    return ERR_NONE;
}

/* Is a comma list's member over here? */
static bool
ends(const char *p)
{
    p += strspn(p, " \t");
    return *p == '\0' || *p == ',';
}

/* Is the tag among those of a comma list?  Weak ones count: nginx may weaken. */
static bool
lists_tag(const char *list, int64_t rev)
{
    char tag[32];
    size_t len = (size_t)snprintf(tag, sizeof(tag), "\"%lld\"", (long long)rev);

    for (const char *p = list; *p != '\0';) {
        p += strspn(p, " \t,");
        if (*p == '*' && ends(p + 1))
            return true;
        if (strncmp(p, "W/", 2) == 0)
            p += 2;
        if (strncmp(p, tag, len) == 0 && ends(p + len))
            return true;
        p += strcspn(p, ",");
    }
    return false;
}

enum err
request_precondition(const struct request *r, int64_t rev, bool demanded)
{
    if (r->if_match == NULL)
        return demanded ? ERR_UNCONDITIONAL : ERR_NONE;
    return lists_tag(r->if_match, rev) ? ERR_NONE : ERR_STALE;
}

static void
append_optional(bson_t *record, const char *name, const char *value)
{
    if (value != NULL)
        BSON_APPEND_UTF8(record, name, value);
}

/*
 * The text whose hash is the key of a sealed reply: only the same request knows it.  As the digest,
 * it takes a JSON body by its value; as_it_came: as versions before did.
 */
static void
seal_text(const struct request *r, bool as_it_came, struct text *out)
{
    text_printf(out, "%s %s ", r->idempotency_key, r->path);
    if (r->json != NULL && !as_it_came)
        json_canonical(out, r->json);
    else if (r->body != NULL)
        text_add(out, r->body, r->body_len);
}

static void
append_sealed(bson_t *record, const char *name, struct request *r, const char *bytes, size_t len)
{
    struct text sealed = {0}, secret = {0};

    seal_text(r, false, &secret);
    token_seal(&sealed, secret.bytes, bytes, len);
    bson_append_binary(record, name, -1, BSON_SUBTYPE_BINARY, (uint8_t *)sealed.bytes,
                       (uint32_t)sealed.len);
    text_free(&sealed);
    text_free(&secret);
}

/* Appends what append_sealed() was given. */
static void
take_sealed(struct request *r, const bson_iter_t *iter, struct text *out)
{
    const uint8_t *bytes;
    uint32_t len;
    bool unsealed = false;

    bson_iter_binary(iter, NULL, &len, &bytes);
    for (int as_it_came = 0; as_it_came < 2 && !unsealed; as_it_came++) {
        struct text secret = {0};

        seal_text(r, as_it_came, &secret);
        unsealed = token_unseal(out, secret.bytes, (const char *)bytes, len) == ERR_NONE;
        text_free(&secret);
    }
    if (!unsealed)
        log_warn("idempotency: a record cannot be unsealed");
}

static void
write_record(bson_t *record, void *arg)
{
    struct request *r = arg;
    const struct text *body = &r->reply.body;

    BSON_APPEND_UTF8(record, "digest", r->digest);
    BSON_APPEND_INT32(record, "status", r->reply.status);
    append_optional(record, "etag", r->reply.etag);
    append_optional(record, "location", r->reply.location);
    if (r->route->flags & SECRETS) {
        append_sealed(record, "sealed", r, body->bytes == NULL ? "" : body->bytes, body->len);
        if (r->reply.cookie != NULL)
            append_sealed(record, "sealedCookie", r, r->reply.cookie, strlen(r->reply.cookie));
    } else if (body->len > 0) {
        bson_append_utf8(record, "body", -1, body->bytes, (int)body->len);
    }
}

static void
take_member(struct request *r, const bson_iter_t *iter)
{
    const char *name = bson_iter_key(iter);
    uint32_t len;

    if (strcmp(name, "status") == 0) {
        r->reply.status = bson_iter_int32(iter);
    } else if (strcmp(name, "etag") == 0) {
        r->reply.etag = arena_dup(r->arena, bson_iter_utf8(iter, NULL));
    } else if (strcmp(name, "location") == 0) {
        r->reply.location = arena_dup(r->arena, bson_iter_utf8(iter, NULL));
    } else if (strcmp(name, "body") == 0) {
        const char *body = bson_iter_utf8(iter, &len);

        text_add(&r->reply.body, body, len);
    } else if (strcmp(name, "sealed") == 0) {
        take_sealed(r, iter, &r->reply.body);
    } else if (strcmp(name, "sealedCookie") == 0) {
        struct text cookie = {0};

        take_sealed(r, iter, &cookie);
        r->reply.cookie = arena_dup(r->arena, cookie.bytes);
        text_free(&cookie);
    }
}

/* What a digest is made of: a JSON body counts by its value, unless it is asked for as it came. */
static void
digest_text(const struct request *r, bool as_it_came, struct text *out)
{
    text_printf(out, "%s %s?%s\n", r->method_name, r->path, r->query == NULL ? "" : r->query);
    if (r->json != NULL && !as_it_came)
        json_canonical(out, r->json);
    else
        text_add(out, r->body == NULL ? "" : r->body, r->body_len);
}

void
request_digest(struct request *r)
{
    struct text t = {0};

    digest_text(r, false, &t);
    token_mac(r->digest, 0, "digest:", t.bytes, t.len); /* bodies may hold passwords */
    text_free(&t);
}

/* Is it the digest of this request, under any of our keys, or as versions before made it? */
static bool
digest_is(const struct request *r, const char *stored)
{
    struct text t = {0};
    bool same = strcmp(stored, r->digest) == 0;

    for (int as_it_came = 0; as_it_came < 2 && !same; as_it_came++) {
        text_clear(&t);
        digest_text(r, as_it_came, &t);
        same = token_mac_is(stored, "digest:", t.bytes, t.len);
    }
    text_free(&t);
    return same;
}

/* Makes the key's record the reply, if there is one; certainly: even one that was just written. */
static enum err
replay(struct request *r, bool certainly, bool *found)
{
    bson_t *filter = BCON_NEW("_id", BCON_UTF8(r->key)), *doc;
    enum err err = certainly ? store_get_newest(r->store, STORE_IDEMPOTENCY, filter, &doc)
                             : store_get(r->store, STORE_IDEMPOTENCY, filter, NULL, &doc);
    bson_iter_t iter;

    *found = false;
    bson_destroy(filter);
    if (err == ERR_NOT_FOUND)
        return ERR_NONE;
    if (err != ERR_NONE)
        return err;
    *found = true;
    if (!bson_iter_init_find(&iter, doc, "digest") || !digest_is(r, bson_iter_utf8(&iter, NULL))) {
        err = ERR_KEY_REUSED;
    } else {
        text_clear(&r->reply.body);
        r->reply.etag = r->reply.location = r->reply.cookie = NULL;
        bson_iter_init(&iter, doc);
        while (bson_iter_next(&iter))
            take_member(r, &iter);
        r->reply.type = r->reply.body.len > 0 ? "application/json" : NULL;
        r->reply.replayed = true;
    }
    bson_destroy(doc);
    return err;
}

enum err
request_replay(struct request *r, bool *found)
{
    return replay(r, false, found);
}

enum err
request_replay_newest(struct request *r, bool *found)
{
    return replay(r, true, found);
}

struct inner {
    struct request *r;
    const struct change_plan *plan;
    change_fn fn;
    void *arg;
};

/*
 * Has each project room for what the request brings?  Asked last, so that who may
 * not know of a project does not learn it from this; and never of what brings nothing.
 */
static enum err
check_bytes(const struct inner *i, const struct change *change)
{
    enum err err = ERR_NONE;

    for (int n = 0; err == ERR_NONE && i->plan->bytes > 0 && n < i->plan->topic_count; n++)
        if (topic_is_project(i->plan->topics[n]))
            err = quotas_have(i->r, QUOTA_PROJECT_BYTES, change_bytes(change, n) - 1);
    return err;
}

/* The plan's own function, with the request knowing of the change. */
static enum err
run_inner(struct change *change, void *arg)
{
    struct inner *i = arg;
    enum err err;

    i->r->reads.count = 0; /* of an earlier run */
    i->r->change = change;
    err = i->fn(change, i->arg);
    i->r->change = NULL;
    return err == ERR_NONE ? check_bytes(i, change) : err;
}

static void
keep_reads(void *arg)
{
    struct inner *i = arg;

    project_cache_keep(&i->r->reads);
}

enum err
request_change(struct request *r, const struct change_plan *plan)
{
    struct change_plan own = *plan; /* the caller's may run again */
    struct inner inner = {.r = r, .plan = &own, .fn = plan->fn, .arg = plan->arg};

    own.fn = run_inner;
    own.arg = &inner;
    own.committed = keep_reads;
    own.bytes = (int64_t)r->body_len;
    own.actor_id = r->user[0] == '\0' ? NULL : r->user;
    own.idempotency = r->key;
    own.record = write_record;
    own.record_arg = r;
    return change_run(r->store, r->bus, r->epoch, &own);
}

bool
request_park(struct request *r, const char *topic, int64_t after, int seconds)
{
    if (r->waited || seconds == 0)
        return false;
    bson_strncpy(r->park_topic, topic, sizeof(r->park_topic));
    r->park_after = after;
    r->park_seconds = seconds;
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
