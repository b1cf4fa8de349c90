/*
 * json-c accepts much that is not JSON, so the text is first checked against the grammar of RFC
 * 8259, which also counts the members. json-c drops duplicate keys, so a tree with fewer members
 * than the text had a duplicate key.
 */
#include "common/text/json.h"

#include <json-c/json.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/must.h"
#include "common/text/text.h"

struct scan {
    const char *p, *end;
    size_t members;
    const char *why;
};

static bool scan_value(struct scan *s, int depth);

static bool
fail(struct scan *s, const char *why)
{
    if (s->why == NULL)
        s->why = why;
    return false;
}

static void
skip_space(struct scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
        s->p++;
}

static bool
scan_digits(struct scan *s)
{
    const char *first = s->p;

    while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
        s->p++;
    return s->p > first || fail(s, "a number lacks digits");
}

static bool
scan_number(struct scan *s)
{
    const char *first = s->p;
    char copy[64];

    if (*s->p == '-')
        s->p++;
    if (s->p < s->end && *s->p == '0')
        s->p++;
    else if (!scan_digits(s))
        return false;
    if (s->p < s->end && *s->p == '.') {
        s->p++;
        if (!scan_digits(s))
            return false;
    }
    if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
        s->p++;
        if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
            s->p++;
        if (!scan_digits(s))
            return false;
    }
    if ((size_t)(s->p - first) >= sizeof(copy))
        return fail(s, "a number is too long");
    memcpy(copy, first, (size_t)(s->p - first));
    copy[s->p - first] = '\0';
    return isfinite(strtod(copy, NULL)) || fail(s, "a number is too large");
}

/* The four hex digits after \u; -1 if they are not. */
static int
scan_unit(struct scan *s)
{
    unsigned char two[2];

    if (s->end - s->p < 4 || !text_unhex(two, 2, s->p))
        return -1;
    s->p += 4;
    return two[0] << 8 | two[1];
}

static bool
scan_escape(struct scan *s)
{
    int unit;

    if (s->p == s->end)
        return fail(s, "a string does not end");
    if (*s->p != 'u') {
        if (*s->p == '\0' || strchr("\"\\/bfnrt", *s->p) == NULL)
            return fail(s, "an escape is unknown");
        s->p++;
        return true;
    }
    s->p++;
    unit = scan_unit(s);
    if (unit < 0)
        return fail(s, "an escape is unknown");
    if (unit == 0)
        return fail(s, "\\u0000 is not accepted");
    if (unit >= 0xDC00 && unit <= 0xDFFF)
        return fail(s, "an unpaired surrogate");
    if (unit >= 0xD800 && unit <= 0xDBFF) {
        if (s->end - s->p < 6 || s->p[0] != '\\' || s->p[1] != 'u')
            return fail(s, "an unpaired surrogate");
        s->p += 2;
        unit = scan_unit(s);
        if (unit < 0xDC00 || unit > 0xDFFF)
            return fail(s, "an unpaired surrogate");
    }
    return true;
}

static bool
scan_string(struct scan *s)
{
    for (s->p++; s->p < s->end;) {
        unsigned char c = (unsigned char)*s->p++;

        if (c == '"')
            return true;
        if (c < 0x20)
            return fail(s, "an unescaped control character in a string");
        if (c == '\\' && !scan_escape(s))
            return false;
    }
    return fail(s, "a string does not end");
}

/* The members of an object or the items of an array, after its bracket. */
static bool
scan_list(struct scan *s, int depth, bool object)
{
    char close = object ? '}' : ']';

    s->p++;
    skip_space(s);
    if (s->p < s->end && *s->p == close) {
        s->p++;
        return true;
    }
    for (;;) {
        if (object) {
            skip_space(s);
            if (s->p == s->end || *s->p != '"')
                return fail(s, "a member's name is missing");
            if (!scan_string(s))
                return false;
            s->members++;
            skip_space(s);
            if (s->p == s->end || *s->p++ != ':')
                return fail(s, "a colon is missing");
        }
        if (!scan_value(s, depth))
            return false;
        if (s->p == s->end)
            return fail(s, "the text ends too early");
        if (*s->p == close) {
            s->p++;
            return true;
        }
        if (*s->p++ != ',')
            return fail(s, "a comma is missing");
    }
}

static bool
scan_word(struct scan *s, const char *word)
{
    size_t len = strlen(word);

    if ((size_t)(s->end - s->p) < len || memcmp(s->p, word, len) != 0)
        return fail(s, "a value is not JSON");
    s->p += len;
    return true;
}

/* One value and the white space around it. */
static bool
scan_value(struct scan *s, int depth)
{
    bool ok;

    if (depth == 0)
        return fail(s, "the nesting is too deep");
    skip_space(s);
    if (s->p == s->end)
        return fail(s, "the text ends too early");
    switch (*s->p) {
    case '{':
        ok = scan_list(s, depth - 1, true);
        break;
    case '[':
        ok = scan_list(s, depth - 1, false);
        break;
    case '"':
        ok = scan_string(s);
        break;
    case 't':
        ok = scan_word(s, "true");
        break;
    case 'f':
        ok = scan_word(s, "false");
        break;
    case 'n':
        ok = scan_word(s, "null");
        break;
    default:
        ok = (*s->p == '-' || (*s->p >= '0' && *s->p <= '9')) ? scan_number(s)
                                                              : fail(s, "a value is not JSON");
    }
    skip_space(s);
    return ok;
}

static size_t
count_members(struct json_object *value)
{
    size_t count = 0;

    if (json_object_is_type(value, json_type_object)) {
        json_object_object_foreach(value, key, child)
        {
            (void)key;
            count += 1 + count_members(child);
        }
    } else if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value); i++)
            count += count_members(json_object_array_get_idx(value, i));
    }
    return count;
}

enum err
json_parse(const char *bytes, size_t len, struct json_object **out, const char **why)
{
    struct scan s = {.p = bytes, .end = bytes + len};
    struct json_tokener *t;

    *out = NULL;
    *why = NULL;
    if (!text_utf8(bytes, len)) {
        *why = "the text is not UTF-8";
        return ERR_MALFORMED;
    }
    if (!scan_value(&s, JSON_DEPTH) || (s.p != s.end && !fail(&s, "text follows the value"))) {
        *why = s.why;
        return ERR_MALFORMED;
    }
    t = json_tokener_new_ex(JSON_DEPTH + 1);
    if (t == NULL)
        must_not_happen("json: json-c has no memory");
    json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    *out = json_tokener_parse_ex(t, bytes, (int)len);
    if (json_tokener_get_error(t) == json_tokener_continue) /* a number ends with the text */
        *out = json_tokener_parse_ex(t, " ", 1);
    if (json_tokener_get_error(t) != json_tokener_success)
        *why = "the text is not JSON";
    else if (count_members(*out) != s.members)
        *why = "a name is used twice in one object";
    json_tokener_free(t);
    if (*why == NULL)
        return ERR_NONE;
    json_object_put(*out);
    *out = NULL;
    return ERR_MALFORMED;
}

/* The value if it is a text, or the first text in a list; NULL: neither. */
static struct json_object *
text_in(struct json_object *value)
{
    if (json_object_is_type(value, json_type_string))
        return value;
    for (size_t i = 0;
         json_object_is_type(value, json_type_array) && i < json_object_array_length(value); i++)
        if (json_object_is_type(json_object_array_get_idx(value, i), json_type_string))
            return json_object_array_get_idx(value, i);
    return NULL;
}

bool
json_member(const char *bytes, size_t len, const char *name, char *out, size_t size)
{
    struct json_object *root, *value = NULL;
    const char *why;
    bool found;

    if (json_parse(bytes, len, &root, &why) != ERR_NONE)
        return false;
    if (json_object_is_type(root, json_type_object))
        json_object_object_get_ex(root, name, &value);
    value = text_in(value);
    found = value != NULL && (size_t)json_object_get_string_len(value) < size;
    if (found)
        strcpy(out, json_object_get_string(value));
    json_object_put(root);
    return found;
}

/*
 * Does any of 16 bytes need an escape?  Without a branch for each byte, so that the compiler can
 * vectorize it.
 */
static bool
any_special(const unsigned char *p, unsigned char *all)
{
    unsigned char special = 0;

    for (int i = 0; i < 16; i++) {
        special |= (unsigned char)((p[i] < 0x20) | (p[i] == '"') | (p[i] == '\\'));
        *all |= p[i];
    }
    return special != 0;
}

/* How many bytes from p on need no escape; *ascii is cleared if one is not ASCII. */
static size_t
plain(const unsigned char *p, size_t len, bool *ascii)
{
    size_t n = 0;
    unsigned char all = 0;

    while (len - n >= 16 && !any_special(p + n, &all))
        n += 16;
    while (n < len && p[n] >= 0x20 && p[n] != '"' && p[n] != '\\')
        all |= p[n++];
    if (all >= 0x80)
        *ascii = false;
    return n;
}

static void
escape(struct text *t, unsigned char c)
{
    static const char *const shorts[0x20] = {
        ['\b'] = "\\b", ['\t'] = "\\t", ['\n'] = "\\n", ['\f'] = "\\f", ['\r'] = "\\r"};

    if (c >= 0x20) {
        text_putc(t, '\\');
        text_putc(t, (char)c);
    } else if (shorts[c] != NULL) {
        text_puts(t, shorts[c]);
    } else {
        text_printf(t, "\\u%04x", c);
    }
}

void
json_string(struct text *t, const char *bytes, size_t len)
{
    const unsigned char *p = (const unsigned char *)bytes;
    size_t start = t->len;
    bool ascii = true;

    text_putc(t, '"');
    for (size_t at = 0; at < len; at++) {
        size_t n = plain(p + at, len - at, &ascii);

        text_add(t, bytes + at, n);
        at += n;
        if (at < len)
            escape(t, p[at]);
    }
    if (!ascii && !text_utf8(bytes, len)) {
        t->len = start + 1;
        text_puts(t, "\xEF\xBF\xBD");
    }
    text_putc(t, '"');
}

/*
 * Integers below 2^53 are written as such, however they were spelled; other numbers with all their
 * digits.
 */
static void
canonical_number(struct text *t, struct json_object *json)
{
    double value = json_object_get_double(json);

    if (json_object_is_type(json, json_type_double) &&
        (fabs(value) > 9007199254740991.0 || value != trunc(value)))
        text_printf(t, "%.17g", value);
    else if (json_object_is_type(json, json_type_double))
        text_printf(t, "%.0f", value == 0 ? 0.0 : value); /* -0 is 0 */
    else
        text_puts(t, json_object_get_string(json));
}

struct member {
    const char *name;
    struct json_object *value;
};

static int
by_name(const void *a, const void *b)
{
    return strcmp(((const struct member *)a)->name, ((const struct member *)b)->name);
}

static void
canonical_object(struct text *t, struct json_object *json)
{
    size_t count = (size_t)json_object_object_length(json), n = 0;
    struct member *members = must_alloc(count, sizeof(*members));

    json_object_object_foreach(json, name, value) members[n++] = (struct member){name, value};
    qsort(members, n, sizeof(*members), by_name);
    text_putc(t, '{');
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            text_putc(t, ',');
        json_string(t, members[i].name, strlen(members[i].name));
        text_putc(t, ':');
        json_canonical(t, members[i].value);
    }
    text_putc(t, '}');
    free(members);
}

void
json_canonical(struct text *t, struct json_object *json)
{
    switch (json_object_get_type(json)) {
    case json_type_object:
        canonical_object(t, json);
        break;
    case json_type_array:
        text_putc(t, '[');
        for (size_t i = 0; i < json_object_array_length(json); i++) {
            if (i > 0)
                text_putc(t, ',');
            json_canonical(t, json_object_array_get_idx(json, i));
        }
        text_putc(t, ']');
        break;
    case json_type_string:
        json_string(t, json_object_get_string(json), (size_t)json_object_get_string_len(json));
        break;
    case json_type_int:
    case json_type_double:
        canonical_number(t, json);
        break;
    case json_type_boolean:
        text_puts(t, json_object_get_boolean(json) ? "true" : "false");
        break;
    case json_type_null:
        text_puts(t, "null");
        break;
    }
}
