/*
 * JSON according to RFC 8259, without what api/CONVENTIONS.md refuses in addition.
 */
#include "common/text/json.h"

#include <json-c/json.h>
#include <string.h>

#include "common/text/text.h"
#include "tests/unit/unit.h"

#define DEPTH_16  "[[[[[[[[[[[[[[[["
#define CLOSE_16  "]]]]]]]]]]]]]]]]"
#define DIGITS_62 "12345678901234567890123456789012345678901234567890123456789012"

/* clang-format off */
static const struct {
    const char *text;
    size_t len;
    const char *why; /* NULL: good */
} rows[] = {
    /* Any value may stand alone. */
    {BYTES("{}"), NULL},
    {BYTES("[]"), NULL},
    {BYTES("null"), NULL},
    {BYTES("true"), NULL},
    {BYTES("false"), NULL},
    {BYTES("0"), NULL},
    {BYTES("\"\""), NULL},
    {BYTES(" \t\r\n{ \t\r\n\"a\" \t\r\n: \t\r\n[ 1 , 2 ] \t\r\n} \t\r\n"), NULL},
    {BYTES("{\"a\":{\"b\":[{\"c\":null}]}}"), NULL},
    {BYTES("{\"\":1}"), NULL},
    {BYTES("{\"a\":{\"a\":{\"a\":1}},\"b\":[{\"a\":1},{\"a\":2}]}"), NULL},

    /* Numbers. */
    {BYTES("-0"), NULL},
    {BYTES("-1"), NULL},
    {BYTES("1234567890"), NULL},
    {BYTES("9223372036854775807"), NULL},
    {BYTES("-9223372036854775808"), NULL},
    {BYTES("0.5"), NULL},
    {BYTES("-0.0"), NULL},
    {BYTES("1e5"), NULL},
    {BYTES("1E+5"), NULL},
    {BYTES("1.25e-5"), NULL},
    {BYTES("1e308"), NULL},
    {BYTES("1e-400"), NULL},
    {BYTES("[1]"), NULL},
    {BYTES(DIGITS_62), NULL},
    {BYTES(DIGITS_62 "34"), "a number is too long"},
    {BYTES("1e400"), "a number is too large"},
    {BYTES("-1e309"), "a number is too large"},
    {BYTES("-"), "a number lacks digits"},
    {BYTES("1."), "a number lacks digits"},
    {BYTES("1.e5"), "a number lacks digits"},
    {BYTES("1e"), "a number lacks digits"},
    {BYTES("1e+"), "a number lacks digits"},
    {BYTES("-a"), "a number lacks digits"},
    {BYTES("01"), "text follows the value"},
    {BYTES("-01"), "text follows the value"},
    {BYTES("00"), "text follows the value"},
    {BYTES("1 2"), "text follows the value"},
    {BYTES("0x10"), "text follows the value"},
    {BYTES("[01]"), "a comma is missing"},
    {BYTES(".5"), "a value is not JSON"},
    {BYTES("+1"), "a value is not JSON"},
    {BYTES("NaN"), "a value is not JSON"},
    {BYTES("Infinity"), "a value is not JSON"},
    {BYTES("-Infinity"), "a number lacks digits"},

    /* Words. */
    {BYTES("TRUE"), "a value is not JSON"},
    {BYTES("Null"), "a value is not JSON"},
    {BYTES("tru"), "a value is not JSON"},
    {BYTES("nul"), "a value is not JSON"},
    {BYTES("truee"), "text follows the value"},
    {BYTES("undefined"), "a value is not JSON"},

    /* Strings and escapes. */
    {BYTES("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), NULL},
    {BYTES("\"\\u0041\\u00e9\\u20AC\""), NULL},
    {BYTES("\"\\ud83d\\ude00\""), NULL},
    {BYTES("\"\xF0\x9F\x98\x80\""), NULL},
    {BYTES("\"\x7F\""), NULL},
    {BYTES("\"\xE2\x80\xA8\""), NULL},
    {BYTES("\"\\uFFFF\""), NULL},
    {BYTES("\"\\u0001\""), NULL},
    {BYTES("\""), "a string does not end"},
    {BYTES("\"a"), "a string does not end"},
    {BYTES("\"a\\"), "a string does not end"},
    {BYTES("\"a\\\""), "a string does not end"},
    {BYTES("'a'"), "a value is not JSON"},
    {BYTES("\"\\a\""), "an escape is unknown"},
    {BYTES("\"\\x41\""), "an escape is unknown"},
    {BYTES("\"\\'\""), "an escape is unknown"},
    {BYTES("\"\\U0041\""), "an escape is unknown"},
    {BYTES("\"\\u12\""), "an escape is unknown"},
    {BYTES("\"\\u12G4\""), "an escape is unknown"},
    {BYTES("\"\\u"), "an escape is unknown"},
    {BYTES("\"\\\0\""), "an escape is unknown"},
    {BYTES("\"a\nb\""), "an unescaped control character in a string"},
    {BYTES("\"a\tb\""), "an unescaped control character in a string"},
    {BYTES("\"\0\""), "an unescaped control character in a string"},
    {BYTES("\"\x1F\""), "an unescaped control character in a string"},
    {BYTES("\"\\u0000\""), "\\u0000 is not accepted"},
    {BYTES("{\"a\\u0000b\":1}"), "\\u0000 is not accepted"},

    /* Surrogates. */
    {BYTES("\"\\ud800\""), "an unpaired surrogate"},
    {BYTES("\"\\udc00\""), "an unpaired surrogate"},
    {BYTES("\"\\ud800a\""), "an unpaired surrogate"},
    {BYTES("\"\\ud800\\n\""), "an unpaired surrogate"},
    {BYTES("\"\\ud800\\ud800\""), "an unpaired surrogate"},
    {BYTES("\"\\ud800\\u0041\""), "an unpaired surrogate"},
    {BYTES("\"\\udc00\\ud800\""), "an unpaired surrogate"},
    {BYTES("\"\\ud800\\u"), "an unpaired surrogate"},

    /* What is not UTF-8, even outside of strings. */
    {BYTES("\"\xFF\""), "the text is not UTF-8"},
    {BYTES("\"\xC0\xAF\""), "the text is not UTF-8"},
    {BYTES("\"\xED\xA0\x80\""), "the text is not UTF-8"},
    {BYTES("\"\xF4\x90\x80\x80\""), "the text is not UTF-8"},
    {BYTES("\"\xE2\x82\""), "the text is not UTF-8"},
    {BYTES("{}\x80"), "the text is not UTF-8"},
    {BYTES("\xEF\xBB\xBF{}"), "a value is not JSON"},

    /* Objects and arrays. */
    {BYTES("{"), "a member's name is missing"},
    {BYTES("{a:1}"), "a member's name is missing"},
    {BYTES("{1:1}"), "a member's name is missing"},
    {BYTES("{\"a\":1,}"), "a member's name is missing"},
    {BYTES("{,}"), "a member's name is missing"},
    {BYTES("{\"a\""), "a colon is missing"},
    {BYTES("{\"a\" 1}"), "a colon is missing"},
    {BYTES("{\"a\":}"), "a value is not JSON"},
    {BYTES("{\"a\":"), "the text ends too early"},
    {BYTES("{\"a\":1"), "the text ends too early"},
    {BYTES("{\"a\":1 \"b\":2}"), "a comma is missing"},
    {BYTES("{\"a\":1]"), "a comma is missing"},
    {BYTES("["), "the text ends too early"},
    {BYTES("[1,]"), "a value is not JSON"},
    {BYTES("[,1]"), "a value is not JSON"},
    {BYTES("[1"), "the text ends too early"},
    {BYTES("[1}"), "a comma is missing"},
    {BYTES("]"), "a value is not JSON"},
    {BYTES(""), "the text ends too early"},
    {BYTES(" "), "the text ends too early"},
    {BYTES("{}{}"), "text follows the value"},
    {BYTES("{}\0"), "text follows the value"},
    {BYTES("null,"), "text follows the value"},
    {BYTES("// a\n{}"), "a value is not JSON"},
    {BYTES("{}/* a */"), "text follows the value"},
    {BYTES("\x0B{}"), "a value is not JSON"},
    {BYTES("\xC2\xA0{}"), "a value is not JSON"},

    /* Depth. */
    {BYTES(DEPTH_16 CLOSE_16), NULL},
    {BYTES(DEPTH_16 "1" CLOSE_16), "the nesting is too deep"},
    {BYTES(DEPTH_16 "[" "]" CLOSE_16), "the nesting is too deep"},
    {BYTES(DEPTH_16 DEPTH_16 DEPTH_16), "the nesting is too deep"},

    /* Names that are used twice. */
    {BYTES("{\"a\":1,\"a\":1}"), "a name is used twice in one object"},
    {BYTES("{\"a\":1,\"b\":2,\"a\":3}"), "a name is used twice in one object"},
    {BYTES("{\"a\":1,\"\\u0061\":2}"), "a name is used twice in one object"},
    {BYTES("{\"\":1,\"\":2}"), "a name is used twice in one object"},
    {BYTES("[{\"x\":{\"a\":1,\"a\":null}}]"), "a name is used twice in one object"},
    {BYTES("{\"a\":{\"b\":1},\"a\":{\"c\":1}}"), "a name is used twice in one object"},
    {BYTES("{\"a\":1,\"A\":2}"), NULL},
    {BYTES("{\"\xC3\xA9\":1,\"e\xCC\x81\":2}"), NULL},
};
/* clang-format on */

static void
test_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct json_object *out = (struct json_object *)1;
        const char *why = "?";
        char *exact = test_malloc(rows[i].len + 1); /* so that a reader beyond its end is seen */
        enum err err;

        memcpy(exact, rows[i].text, rows[i].len);
        err = json_parse(exact, rows[i].len, &out, &why);
        if (!unit_same(why, rows[i].why))
            unit_wrong("row %zu, %s: %s, not %s", i, rows[i].text, why, rows[i].why);
        if (err != (rows[i].why == NULL ? ERR_NONE : ERR_MALFORMED))
            unit_wrong("row %zu, %s: err %d", i, rows[i].text, (int)err);
        if (err != ERR_NONE && out != NULL)
            unit_wrong("row %zu, %s: a value beside a failure", i, rows[i].text);
        json_object_put(err == ERR_NONE ? out : NULL);
        test_free(exact);
    }
    unit_rows_done();
}

/* clang-format off */
static const struct {
    const char *text, *value;
} strings[] = {
    {"\"\\ud83d\\ude00\"", "\xF0\x9F\x98\x80"},
    {"\"\\uDBFF\\uDFFF\"", "\xF4\x8F\xBF\xBF"},
    {"\"\\u00E9\\u20ac\"", "\xC3\xA9\xE2\x82\xAC"},
    {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
    {"\"\\\\u0041\"", "\\u0041"},
    {"\"\x7F\"", "\x7F"},
};
/* clang-format on */

static void
test_string_contents(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(strings); i++) {
        struct json_object *out;
        const char *why;

        assert_int_equal(json_parse(strings[i].text, strlen(strings[i].text), &out, &why),
                         ERR_NONE);
        if (!unit_same(json_object_get_string(out), strings[i].value))
            unit_wrong("%s: %s", strings[i].text, json_object_get_string(out));
        json_object_put(out);
    }
    unit_rows_done();
}

/* clang-format off */
static const struct {
    const char *bytes;
    size_t len;
    const char *json;
} written[] = {
    {BYTES(""), "\"\""},
    {BYTES("a/b"), "\"a/b\""},
    {BYTES("\"\\"), "\"\\\"\\\\\""},
    {BYTES("\b\t\n\f\r"), "\"\\b\\t\\n\\f\\r\""},
    {BYTES("\x01\x1F\x7F"), "\"\\u0001\\u001f\x7F\""},
    {BYTES("a\0b"), "\"a\\u0000b\""},
    {BYTES("\xC3\xA9\xF0\x9F\x98\x80"), "\"\xC3\xA9\xF0\x9F\x98\x80\""},
    {BYTES("bad \xFF bytes"), "\"\xEF\xBF\xBD\""},
};
/* clang-format on */

static void
test_strings_are_escaped(void **state)
{
    struct text t = {0};

    (void)state;
    for (size_t i = 0; i < COUNT(written); i++) {
        text_clear(&t);
        json_string(&t, written[i].bytes, written[i].len);
        if (!unit_same(t.bytes, written[i].json))
            unit_wrong("row %zu: %s", i, t.bytes);
    }
    text_free(&t);
    unit_rows_done();
}

/* Every character but NUL comes back as it was. */
static void
test_what_is_written_can_be_read(void **state)
{
    struct text t = {0};

    (void)state;
    for (unsigned c = 1; c < 0x80; c++) {
        char bytes[] = {'<', (char)c, '>', '\0'};
        struct json_object *out;
        const char *why;

        text_clear(&t);
        json_string(&t, bytes, 3);
        assert_int_equal(json_parse(t.bytes, t.len, &out, &why), ERR_NONE);
        assert_string_equal(json_object_get_string(out), bytes);
        json_object_put(out);
    }
    text_free(&t);
}

/* clang-format off */
static const struct {
    const char *text, *canonical;
} spellings[] = {
    {"{\"b\":1,\"a\":[1,2]}", "{\"a\":[1,2],\"b\":1}"},
    {" {\"b\" : { \"d\" : null, \"c\" : true }, \"a\" : \"x\" }\n", "{\"a\":\"x\",\"b\":{\"c\":true,\"d\":null}}"},
    {"[2,1]", "[2,1]"}, /* order counts in a list */
    {"[1,1.0,1e0,10e-1,0.1e1]", "[1,1,1,1,1]"},
    {"[0,-0,0.0,-0.0,0e5]", "[0,0,0,0,0]"},
    {"[1.5,15e-1,-1.50]", "[1.5,1.5,-1.5]"},
    {"[100,1e2,1E+2]", "[100,100,100]"},
    {"[9007199254740991,9007199254740991.0]", "[9007199254740991,9007199254740991]"},
    {"[1e300,1.0e300]", "[1.0000000000000001e+300,1.0000000000000001e+300]"},
    {"\"\\u0041\\/\\u00e9\"", "\"A/\xC3\xA9\""},
    {"{}", "{}"}, {"[]", "[]"}, {"null", "null"}, {"false", "false"}, {"\"1\"", "\"1\""}, {"[[],{}]", "[[],{}]"},
};
/* clang-format on */

static void
test_canonical(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(spellings); i++) {
        struct json_object *json;
        const char *why = NULL;
        struct text t = {0};

        if (json_parse(spellings[i].text, strlen(spellings[i].text), &json, &why) != ERR_NONE) {
            unit_wrong("%s: %s", spellings[i].text, why);
            continue;
        }
        json_canonical(&t, json);
        if (!unit_same(t.bytes, spellings[i].canonical))
            unit_wrong("%s: %s", spellings[i].text, t.bytes);
        text_free(&t);
        json_object_put(json);
    }
    unit_rows_done();
}

static void
test_a_member_is_read(void **state)
{
    static const struct {
        const char *json, *value; /* NULL: none */
    } rows_here[] = {
        {"{\"a\":\"b\"}", "b"},
        {"{\"x\":{\"a\":\"b\"}}", NULL},
        {"{\"a\":[null,\"b\"]}", "b"},
        {"{\"a\":[\"b\",\"c\"]}", "b"},
        {"{\"a\":[]}", NULL},
        {"{\"a\":null}", NULL},
        {"{\"a\":1}", NULL},
        {"{\"a\":\"12345678\"}", NULL}, /* does not fit */
        {"{\"a\":\"1234567\"}", "1234567"},
        {"[\"a\"]", NULL},
        {"{\"a\":\"b\"", NULL},
        {"", NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows_here); i++) {
        char out[8];
        bool found = json_member(rows_here[i].json, strlen(rows_here[i].json), "a", out, 8);

        if (found != (rows_here[i].value != NULL) || (found && !unit_same(out, rows_here[i].value)))
            unit_wrong("%s", rows_here[i].json);
    }
    unit_rows_done();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_canonical),
        cmocka_unit_test(test_a_member_is_read),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_string_contents),
        cmocka_unit_test(test_strings_are_escaped),
        cmocka_unit_test(test_what_is_written_can_be_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
