/*
 * JSON in, JSON out.  What a client sent is only echoed through json_string(), as the JSON text of
 * its ref or as a signal that json-c has parsed and printed again.
 */
#include "push/base/wire.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text/json.h"
#include "common/text/text.h"
#include "push/base/frame.h"

#define REF_TEXT   64
#define REF_NUMBER 9007199254740991 /* 2^53 - 1: JavaScript reads larger ones inexactly */

enum field { TOPIC = 1, SINCE = 2, TOKEN = 4, STATE = 8 };

/* clang-format off */
static const struct {
    const char *name;
    unsigned must, may;
} ops[WIRE_OP__COUNT] = {
    [WIRE_HELLO]    = {"hello",    TOKEN, 0},
    [WIRE_TOKEN]    = {"token",    TOKEN, 0},
    [WIRE_FOLLOW]   = {"follow",   TOPIC, SINCE},
    [WIRE_UNFOLLOW] = {"unfollow", TOPIC, 0},
    [WIRE_PRESENCE] = {"presence", TOPIC, STATE},
    [WIRE_SIGNAL]   = {"signal",   TOPIC, 0},
    [WIRE_PING]     = {"ping",     0,     0},
};

static const struct {
    const char *name, *detail;
} errors[WIRE_ERROR__COUNT] = {
    [WIRE_OK]           = {"ok",             ""},
    [WIRE_MALFORMED]    = {"malformed",      "The message is not a JSON object."},
    [WIRE_BINARY]       = {"binary",         "Messages must be text frames."},
    [WIRE_UNKNOWN_OP]   = {"unknown-op",     "This op does not exist."},
    [WIRE_BAD_FIELD]    = {"bad-field",      "A member is missing or has the wrong type."},
    [WIRE_NO_HELLO]     = {"no-hello",       "Send hello first and wait for ready."},
    [WIRE_SAID_HELLO]   = {"said-hello",     "Hello was already sent; use op token to renew the token."},
    [WIRE_NOT_FOUND]    = {"not-found",      "This topic does not exist, or you may not see it."},
    [WIRE_FORBIDDEN]    = {"forbidden",      "A share link can only be used to follow its project."},
    [WIRE_NOT_FOLLOWED] = {"not-followed",   "You are not following this topic."},
    [WIRE_TOO_MANY]     = {"too-many",       "This connection follows too many topics."},
    [WIRE_THROTTLED]    = {"throttled",      "Too many requests; try again in a moment."},
    [WIRE_TOO_LARGE]    = {"too-large",      "A signal can have at most 1024 bytes."},
    [WIRE_STORE_AWAY]   = {"store-away",     "The database is unavailable; try again."},
    [WIRE_REPLACED]     = {"replaced",       "The topic was followed or unfollowed again before this request was answered."},
};
/* clang-format on */

const char *
wire_error_name(enum wire_error error)
{
    return errors[error].name;
}

/* Reads ref, a string or a number, as JSON text; false: it is neither, or too long. */
static bool
read_ref(struct json_object *root, char out[WIRE_REF])
{
    struct json_object *ref;
    const char *text;

    if (!json_object_object_get_ex(root, "ref", &ref))
        return true;
    if (!json_object_is_type(ref, json_type_string) && !json_object_is_type(ref, json_type_int) &&
        !json_object_is_type(ref, json_type_double))
        return false;
    if (json_object_is_type(ref, json_type_int) &&
        (json_object_get_int64(ref) > REF_NUMBER || json_object_get_int64(ref) < -REF_NUMBER))
        return false; /* it would be echoed as a different number */
    text = json_object_to_json_string_ext(ref, JSON_C_TO_STRING_NOSLASHESCAPE);
    if (strlen(text) > REF_TEXT + 2)
        return false;
    snprintf(out, WIRE_REF, "%s", text);
    return true;
}

/* Reads a string member, which may be absent; false: it is no string. */
static bool
read_text(struct json_object *root, const char *name, const char **out, size_t *len)
{
    struct json_object *value;

    if (!json_object_object_get_ex(root, name, &value))
        return true;
    if (!json_object_is_type(value, json_type_string))
        return false;
    *out = json_object_get_string(value);
    *len = (size_t)json_object_get_string_len(value);
    return true;
}

/* Reads the members that the op may have; *detail is the name of the first invalid one. */
static enum wire_error
read_fields(struct wire_in *in, const char **detail)
{
    const struct {
        const char *name, **text;
        size_t *len;
        unsigned bit;
    } fields[] = {
        {"topic", &in->topic, &(size_t){0}, TOPIC},
        {"since", &in->since, &in->since_len, SINCE},
        {"token", &in->token, &in->token_len, TOKEN},
        {"state", &in->state, &(size_t){0}, STATE},
    };

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        unsigned bit = fields[i].bit;

        if (((ops[in->op].must | ops[in->op].may) & bit) == 0)
            continue;
        if (!read_text(in->root, fields[i].name, fields[i].text, fields[i].len) ||
            (*fields[i].text == NULL && (ops[in->op].must & bit))) {
            *detail = fields[i].name;
            return WIRE_BAD_FIELD;
        }
    }
    return WIRE_OK;
}

enum wire_error
wire_read(const char *bytes, size_t len, struct wire_in *in, const char **detail)
{
    const char *op = NULL;
    size_t op_len;

    memset(in, 0, sizeof(*in));
    in->op = WIRE_OP__COUNT;
    in->len = len;
    *detail = NULL;
    if (json_parse(bytes, len, &in->root, detail) != ERR_NONE)
        return WIRE_MALFORMED;
    if (!json_object_is_type(in->root, json_type_object))
        return WIRE_MALFORMED;
    if (!read_ref(in->root, in->ref)) {
        *detail = "ref must be a number within 2^53 or a string of at most 64 bytes";
        return WIRE_BAD_FIELD;
    }
    if (!read_text(in->root, "op", &op, &op_len) || op == NULL) {
        *detail = "op";
        return WIRE_BAD_FIELD;
    }
    for (in->op = 0; in->op < WIRE_OP__COUNT; in->op++)
        if (strcmp(op, ops[in->op].name) == 0)
            return read_fields(in, detail);
    return WIRE_UNKNOWN_OP;
}

void
wire_in_free(struct wire_in *in)
{
    json_object_put(in->root);
    in->root = NULL;
}

/* ------------------------------------------------------------ out */

static void
begin(struct text *t, const char *op)
{
    text_printf(t, "{\"op\":\"%s\"", op);
}

static void
member(struct text *t, const char *name, const char *value)
{
    text_printf(t, ",\"%s\":", name);
    json_string(t, value, strlen(value));
}

static void
raw(struct text *t, const char *name, const char *json)
{
    if (json != NULL && *json != '\0')
        text_printf(t, ",\"%s\":%s", name, json);
}

/* Closes the object with its ref, and makes a frame of it. */
static struct frame *
finish(struct text *t, const char *ref)
{
    struct frame *f;

    raw(t, "ref", ref);
    text_putc(t, '}');
    f = frame_new(t->bytes, t->len);
    text_free(t);
    return f;
}

struct frame *
wire_ready(const char *user, const char *epoch, int heartbeat, const char *ref)
{
    struct text t = {0};

    begin(&t, "ready");
    member(&t, "user", user);
    member(&t, "epoch", epoch);
    text_printf(&t, ",\"heartbeat\":%d", heartbeat);
    return finish(&t, ref);
}

struct frame *
wire_following(const char *topic, const char *cursor, bool recovered, const char *ref)
{
    struct text t = {0};

    begin(&t, "following");
    member(&t, "topic", topic);
    member(&t, "cursor", cursor);
    raw(&t, "recovered", recovered ? "true" : "false");
    return finish(&t, ref);
}

struct frame *
wire_following_all(const char *cursor, bool recovered, const char *topics, bool incomplete,
                   const char *ref)
{
    struct text t = {0};

    begin(&t, "following");
    member(&t, "topic", "all");
    member(&t, "cursor", cursor);
    raw(&t, "recovered", recovered ? "true" : "false");
    raw(&t, "topics", topics);
    raw(&t, "incomplete", incomplete ? "true" : "");
    return finish(&t, ref);
}

struct frame *
wire_resync(const char *topic, const char *cursor, const char *reason, const char *ref)
{
    struct text t = {0};

    begin(&t, "resync");
    member(&t, "topic", topic);
    member(&t, "cursor", cursor);
    member(&t, "reason", reason);
    return finish(&t, ref);
}

struct frame *
wire_left(const char *topic, const char *reason)
{
    struct text t = {0};

    begin(&t, "left");
    member(&t, "topic", topic);
    member(&t, "reason", reason);
    return finish(&t, NULL);
}

struct frame *
wire_unfollowed(const char *topic, const char *ref)
{
    struct text t = {0};

    begin(&t, "unfollowed");
    member(&t, "topic", topic);
    return finish(&t, ref);
}

struct frame *
wire_pong(const char *ref)
{
    struct text t = {0};

    begin(&t, "pong");
    return finish(&t, ref);
}

struct frame *
wire_notice(const char *code)
{
    struct text t = {0};

    begin(&t, "notice");
    member(&t, "code", code);
    return finish(&t, NULL);
}

struct frame *
wire_error_frame(enum wire_error error, const char *detail, const char *ref)
{
    struct text t = {0};

    begin(&t, "error");
    member(&t, "code", errors[error].name);
    if (detail != NULL) {
        struct text both = {0};

        text_printf(&both, "%s (%s)", errors[error].detail, detail);
        member(&t, "detail", both.bytes);
        text_free(&both);
    } else {
        member(&t, "detail", errors[error].detail);
    }
    return finish(&t, ref);
}

struct frame *
wire_presence(const char *topic, const char *users, const char *ref)
{
    struct text t = {0};

    begin(&t, "presence");
    member(&t, "topic", topic);
    raw(&t, "users", users);
    return finish(&t, ref);
}

void
wire_signal(struct text *out, const struct wire_in *in, const char *topic, const char *user)
{
    json_object_object_del(in->root, "ref");
    json_object_object_add(in->root, "topic", json_object_new_string(topic));
    json_object_object_add(in->root, "userId", json_object_new_string(user));
    text_puts(out, json_object_to_json_string_ext(in->root, JSON_C_TO_STRING_PLAIN |
                                                                JSON_C_TO_STRING_NOSLASHESCAPE));
}
