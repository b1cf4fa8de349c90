/*
 * Frames come from the log or from Redis and were written by the api, so a plain tokener parses
 * them; whatever is unexpected makes the frame "not readable".
 */
#include "push/base/payload.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/id.h"
#include "common/base/must.h"
#include "common/time/clock.h"
#include "push/base/frame.h"

#define AT_WITHIN 512 /* "at" comes before anything that a user wrote */

/* The frame's JSON object, which the caller puts; NULL: it is not one. */
static struct json_object *
parse(const struct frame *f)
{
    struct json_tokener *t = json_tokener_new();
    struct json_object *root;

    if (t == NULL)
        must_not_happen("payload: no memory for a parser");
    root = json_tokener_parse_ex(t, (const char *)f->bytes + f->head, (int)(f->len - f->head));
    if (!json_object_is_type(root, json_type_object)) {
        json_object_put(root);
        root = NULL;
    }
    json_tokener_free(t);
    return root;
}

/* changes[field][side]: 0 is the value before, 1 the value after; NULL: none. */
static struct json_object *
changed_value(struct json_object *changes, const char *field, size_t side)
{
    struct json_object *pair;

    if (!json_object_object_get_ex(changes, field, &pair) ||
        !json_object_is_type(pair, json_type_array) || json_object_array_length(pair) != 2)
        return NULL;
    return json_object_array_get_idx(pair, side);
}

static const char *
changed(struct json_object *changes, const char *field, size_t side)
{
    struct json_object *value = changed_value(changes, field, side);

    return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

static void
read_presence(struct payload *out, struct json_object *changes)
{
    struct json_object *value = changed_value(changes, "presence", 1);

    out->presence = json_object_is_type(value, json_type_boolean);
    out->shown = out->presence && json_object_get_boolean(value);
}

/* The generation of credentials that has ended, and the login session that was kept. */
static void
read_generation(struct payload *out, struct json_object *changes, struct json_object *data)
{
    struct json_object *value = changed_value(changes, "credentialGen", 0), *kept;

    if (json_object_is_type(value, json_type_int))
        out->ended = json_object_get_int64(value);
    if (json_object_object_get_ex(data, "kept", &kept) &&
        json_object_is_type(kept, json_type_string) &&
        json_object_get_string_len(kept) == ID_DIGITS)
        memcpy(out->kept, json_object_get_string(kept), ID_TEXT);
}

/* The project that a membership is of: in data, or else in changes. */
static void
read_project(struct payload *out, struct json_object *changes, struct json_object *data)
{
    struct json_object *id;
    const char *text = NULL;

    if (json_object_object_get_ex(data, "projectId", &id) &&
        json_object_is_type(id, json_type_string))
        text = json_object_get_string(id);
    if (text == NULL)
        text = changed(changes, "projectId", 1);
    if (text == NULL)
        text = changed(changes, "projectId", 0);
    if (text != NULL && strlen(text) == ID_DIGITS)
        memcpy(out->project, text, ID_TEXT);
}

void
payload_read(struct payload *out, const struct frame *frame)
{
    struct json_object *root = parse(frame), *changes = NULL, *data = NULL, *rev;
    const char *access;

    *out = (struct payload){.rev = -1, .ended = -1};
    if (root == NULL)
        return;
    out->readable = json_object_object_get_ex(root, "changes", &changes) &&
                    json_object_is_type(changes, json_type_object);
    json_object_object_get_ex(root, "data", &data);
    if (out->readable) {
        out->access = json_object_object_get_ex(changes, "access", NULL);
        access = changed(changes, "access", 1);
        out->opened = access != NULL && strcmp(access, "everyone") == 0;
        read_project(out, changes, data);
        read_presence(out, changes);
        read_generation(out, changes, data);
    }
    if (json_object_object_get_ex(root, "rev", &rev) && json_object_is_type(rev, json_type_int))
        out->rev = json_object_get_int64(rev);
    json_object_put(root);
}

int64_t
payload_at(const struct frame *f)
{
    const char *text = (const char *)f->bytes + f->head, *at;
    size_t len = f->len - f->head;
    int64_t ms;

    at = memmem(text, len < AT_WITHIN ? len : AT_WITHIN, "\"at\":\"", 6);
    if (at == NULL || (size_t)(text + len - at) < 6 + CLOCK_INSTANT ||
        !clock_read(at + 6, CLOCK_INSTANT - 1, &ms))
        return 0;
    return ms;
}
