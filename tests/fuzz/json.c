/*
 * The JSON reader and writer: what is taken is JSON to the writer as well, and
 * means the same the second time.
 */
#include "common/text/json.h"

#include <json-c/json.h>
#include <string.h>

#include "common/text/text.h"
#include "tests/fuzz/fuzz.h"

/* Strings say the same when they were written and read again. */
static void
check_string(struct json_object *value)
{
    const char *bytes = json_object_get_string(value), *why;
    size_t len = (size_t)json_object_get_string_len(value);
    struct json_object *again;
    struct text t = {0};

    must(text_utf8(bytes, len));
    must(memchr(bytes, '\0', len) == NULL);
    json_string(&t, bytes, len);
    must(json_parse(t.bytes, t.len, &again, &why) == ERR_NONE);
    must(json_object_equal(value, again));
    json_object_put(again);
    text_free(&t);
}

static void
check_value(struct json_object *value, int depth)
{
    must(depth <= JSON_DEPTH);
    if (json_object_is_type(value, json_type_string)) {
        check_string(value);
    } else if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value); i++)
            check_value(json_object_array_get_idx(value, i), depth + 1);
    } else if (json_object_is_type(value, json_type_object)) {
        json_object_object_foreach(value, name, member)
        {
            must(text_utf8(name, strlen(name)));
            check_value(member, depth + 1);
        }
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json_object *value, *again;
    struct text t = {0};
    const char *why, *plain;
    enum err err = json_parse((const char *)data, size, &value, &why);

    must((err == ERR_NONE) == (why == NULL));
    if (err != ERR_NONE)
        must(err == ERR_MALFORMED && value == NULL);
    else
        check_value(value, 0);
    if (err == ERR_NONE && value != NULL) {
        plain = json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN);
        must(json_parse(plain, strlen(plain), &again, &why) == ERR_NONE);
        must(json_object_equal(value, again));
        json_object_put(again);
    }
    json_object_put(value);
    json_string(&t, (const char *)data, size); /* any bytes become a string */
    must(t.bytes[0] == '"' && t.bytes[t.len - 1] == '"' && text_utf8(t.bytes, t.len));
    text_free(&t);
    return 0;
}
