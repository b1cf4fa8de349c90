/*
 * Client JSON to checked BSON: rows on a sample shape, then every field of
 * every body in the table of routes.
 */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "api/http/doc_read.h"
#include "api/http/router.h"
#include "api/schema/doc.h"
#include "common/text/json.h"
#include "tests/unit/request_fixture.h"
#include "tests/unit/sample.h"
#include "tests/unit/unit.h"

#define ID "0123456789abcdef01234567"
/* 10 characters in 20 bytes */
#define TEN "\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4"

/* clang-format off */
static const struct {
    enum doc_mode mode;
    const char *body, *complaints; /* "pointer code; ..."; "": good */
} rows[] = {
    {DOC_CREATE, "{\"title\":\"a\"}", ""},
    {DOC_CREATE, "{}", "/title required"},
    {DOC_CHANGE, "{}", ""},
    {DOC_CREATE, "{\"title\":\"\"}", "/title too-short"},
    {DOC_CREATE, "{\"title\":\"" TEN "\"}", ""},
    {DOC_CREATE, "{\"title\":\"" TEN "b\"}", "/title too-long"},
    {DOC_CHANGE, "{\"title\":null}", "/title null"},
    {DOC_CHANGE, "{\"title\":5}", "/title type"},
    {DOC_CHANGE, "{\"title\":true}", "/title type"},
    {DOC_CHANGE, "{\"title\":[\"a\"]}", "/title type"},
    {DOC_CHANGE, "{\"title\":{\"$ne\":\"a\"}}", "/title type"},
    {DOC_CHANGE, "{\"note\":\"\"}", ""},
    {DOC_CHANGE, "{\"note\":null}", ""},

    {DOC_CHANGE, "{\"colour\":\"green\"}", ""},
    {DOC_CHANGE, "{\"colour\":\"Green\"}", "/colour choice"},
    {DOC_CHANGE, "{\"colour\":\"\"}", "/colour choice"},
    {DOC_CHANGE, "{\"colour\":1}", "/colour choice"},
    {DOC_CHANGE, "{\"rank\":\"blue\"}", ""},
    {DOC_CHANGE, "{\"rank\":2}", "/rank choice"},

    {DOC_CHANGE, "{\"count\":-5}", ""},
    {DOC_CHANGE, "{\"count\":100}", ""},
    {DOC_CHANGE, "{\"count\":-6}", "/count range"},
    {DOC_CHANGE, "{\"count\":101}", "/count range"},
    {DOC_CHANGE, "{\"count\":99999999999999999999}", "/count range"},
    {DOC_CHANGE, "{\"count\":-99999999999999999999}", "/count range"},
    {DOC_CHANGE, "{\"count\":\"5\"}", "/count type"},
    {DOC_CHANGE, "{\"count\":5.0}", "/count type"},
    {DOC_CHANGE, "{\"count\":5e0}", "/count type"},
    {DOC_CHANGE, "{\"count\":true}", "/count type"},
    {DOC_CHANGE, "{\"on\":true}", ""},
    {DOC_CHANGE, "{\"on\":1}", "/on type"},
    {DOC_CHANGE, "{\"on\":\"true\"}", "/on type"},

    {DOC_CHANGE, "{\"at\":\"2026-01-31T09:00:00Z\",\"day\":\"2026-01-31\"}", ""},
    {DOC_CHANGE, "{\"at\":null,\"day\":null}", ""},
    {DOC_CHANGE, "{\"at\":\"2026-01-31\",\"day\":\"2026-01-31T09:00:00Z\"}", "/at format; /day format"},
    {DOC_CHANGE, "{\"at\":1769850000000}", "/at format"},
    {DOC_CHANGE, "{\"at\":\"0000-01-01T00:00:00Z\"}", "/at format"},
    {DOC_CHANGE, "{\"day\":\"2026-02-30\"}", "/day format"},
    {DOC_CHANGE, "{\"day\":20260131}", "/day format"},
    {DOC_CREATE, "{\"title\":\"a\",\"owner\":\"" ID "\"}", ""},
    {DOC_CREATE, "{\"title\":\"a\",\"owner\":\"0123456789ABCDEF01234567\"}", ""},
    {DOC_CREATE, "{\"title\":\"a\",\"owner\":\"me\"}", "/owner format"},
    {DOC_CREATE, "{\"title\":\"a\",\"owner\":\"" ID "0\"}", "/owner format"},
    {DOC_CREATE, "{\"title\":\"a\",\"owner\":{\"$oid\":\"" ID "\"}}", "/owner format"},
    {DOC_CHANGE, "{\"owner\":\"" ID "\"}", "/owner read-only"},
    {DOC_CHANGE, "{\"kind\":\"in-progress-2\"}", ""},
    {DOC_CHANGE, "{\"kind\":\"\"}", "/kind format"},
    {DOC_CHANGE, "{\"kind\":\"In-Progress\"}", "/kind format"},
    {DOC_CHANGE, "{\"kind\":\"a.b\"}", "/kind format"},
    {DOC_CHANGE, "{\"kind\":\"$a\"}", "/kind format"},
    {DOC_CHANGE, "{\"kind\":\"\xC3\xA4\"}", "/kind format"},
    {DOC_CHANGE, "{\"kind\":\"0123456789012345678901234567890123456789\"}", ""},
    {DOC_CHANGE, "{\"kind\":\"01234567890123456789012345678901234567890\"}", "/kind format"},

    {DOC_CHANGE, "{\"people\":[]}", ""},
    {DOC_CHANGE, "{\"people\":[\"" ID "\"]}", ""},
    {DOC_CHANGE, "{\"people\":\"" ID "\"}", "/people type"},
    {DOC_CHANGE, "{\"people\":{}}", "/people type"},
    {DOC_CHANGE, "{\"people\":[\"" ID "\",\"x\",null]}", "/people/1 format; /people/2 format"},
    {DOC_CHANGE, "{\"people\":[\"" ID "\",\"" ID "\"]}", "/people/1 duplicate"},
    {DOC_CHANGE, "{\"people\":[1,2,3,4]}", "/people too-long"},
    {DOC_CHANGE, "{\"tags\":[\"a\",\"b\",\"c\"]}", ""},
    {DOC_CHANGE, "{\"tags\":[\"a\",\"B\",5]}", "/tags/1 format; /tags/2 format"},
    {DOC_CHANGE, "{\"tags\":[\"a\",\"a\",\"a\"]}", "/tags/1 duplicate; /tags/2 duplicate"},
    {DOC_CHANGE, "{\"tags\":[[\"a\"]]}", "/tags/0 format"},
    {DOC_CHANGE, "{\"tags\":[\"a\",\"b\",\"c\",\"d\"]}", "/tags too-long"},

    {DOC_CHANGE, "{\"items\":[{\"id\":\"a\"},{\"id\":\"b\",\"done\":true,\"text\":\"t\"}]}", ""},
    {DOC_CHANGE, "{\"items\":[{}]}", "/items/0/id required"},
    {DOC_CHANGE, "{\"items\":[{\"id\":null}]}", "/items/0/id null"},
    {DOC_CHANGE, "{\"items\":[5,[]]}", "/items/0 type; /items/1 type"},
    {DOC_CHANGE, "{\"items\":[{\"id\":\"a\",\"more\":1,\"pin\":\"p\",\"done\":\"no\",\"text\":\"sixsix\"}]}",
     "/items/0/more unknown; /items/0/pin unknown; /items/0/text too-long; /items/0/done type"},
    {DOC_CHANGE, "{\"items\":[{},{},{}]}", "/items too-long"},

    {DOC_CREATE, "{\"title\":\"a\",\"plan\":{\"name\":\"n\"}}", ""},
    {DOC_CREATE, "{\"title\":\"a\",\"plan\":{}}", "/plan/name required"},
    {DOC_CHANGE, "{\"plan\":{}}", ""},
    {DOC_CHANGE, "{\"plan\":{\"name\":null,\"kind\":7,\"pin\":\"p\",\"a/b\":1}}",
     "/plan/pin unknown; /plan/a~1b unknown; /plan/name null; /plan/kind choice"},
    {DOC_CHANGE, "{\"plan\":[]}", "/plan type"},
    {DOC_CHANGE, "{\"plan\":\"name\"}", "/plan type"},

    {DOC_CHANGE, "{\"archived\":true}", ""},
    {DOC_CHANGE, "{\"archived\":\"yes\"}", "/archived type"},
    {DOC_CHANGE, "{\"id\":\"" ID "\",\"rev\":1,\"madeAt\":null}", "/id read-only; /rev read-only; /madeAt read-only"},
    {DOC_CHANGE, "{\"hash\":\"x\"}", "/hash unknown"},
    {DOC_CHANGE, "{\"_id\":\"" ID "\",\"Title\":\"a\",\"$set\":{},\"a.b\":1,\"\":1}",
     "/_id unknown; /Title unknown; /$set unknown; /a.b unknown; / unknown"},
    {DOC_CHANGE, "{\"a/b\":1,\"~\":2,\"title/0\":3}", "/a~1b unknown; /~0 unknown; /title~10 unknown"},
    {DOC_CREATE, "{\"title\":5,\"note\":6,\"colour\":7,\"nope\":8}",
     "/nope unknown; /title type; /note type; /colour choice"},
};

static const struct {
    enum doc_mode mode;
    const char *body, *doc;
} stored[] = {
    {DOC_CHANGE, "{}", "{ }"},
    {DOC_CHANGE, "{\"on\":true,\"title\":\"b\"}", "{ \"title\" : \"b\", \"on\" : true }"},
    {DOC_CHANGE, "{\"rank\":\"blue\",\"colour\":\"blue\",\"count\":7}",
     "{ \"colour\" : \"blue\", \"rank\" : { \"$numberInt\" : \"2\" }, \"count\" : { \"$numberLong\" : \"7\" } }"},
    {DOC_CHANGE, "{\"at\":\"1970-01-01T01:00:00.5+01:00\",\"day\":\"2026-01-31\",\"people\":[\"" ID "\"]}",
     "{ \"at\" : { \"$date\" : { \"$numberLong\" : \"500\" } }, \"day\" : \"2026-01-31\", \"people\" : [ { \"$oid\" : \"" ID "\" } ] }"},
    {DOC_CHANGE, "{\"at\":null,\"note\":null,\"rank\":null,\"tags\":null,\"on\":null,\"count\":null}",
     "{ \"note\" : \"\", \"rank\" : { \"$numberInt\" : \"0\" }, \"count\" : { \"$numberLong\" : \"0\" }, \"on\" : false, \"at\" : null, \"tags\" : [  ] }"},
    {DOC_CHANGE, "{\"items\":[{\"id\":\"a\"}]}",
     "{ \"items\" : [ { \"id\" : \"a\", \"text\" : \"-\", \"done\" : false } ] }"},
    {DOC_CHANGE, "{\"plan\":{\"kind\":\"blue\"}}", "{ \"plan\" : { \"kind\" : \"blue\" } }"},
    {DOC_CHANGE, "{\"plan\":{\"name\":\"n\",\"kind\":null}}", "{ \"plan\" : { \"name\" : \"n\", \"kind\" : \"red\" } }"},
    {DOC_CHANGE, "{\"plan\":null}", "{ \"plan\" : null }"},
    {DOC_CHANGE, "{\"archived\":false}", "{ \"archived\" : false }"},
    {DOC_CREATE, "{\"title\":\"a\"}",
     "{ \"title\" : \"a\", \"note\" : \"\", \"colour\" : \"red\", \"rank\" : { \"$numberInt\" : \"0\" }, "
     "\"count\" : { \"$numberLong\" : \"0\" }, \"on\" : false, \"at\" : null, \"day\" : null, \"owner\" : null, "
     "\"kind\" : \"a\", \"people\" : [  ], \"tags\" : [  ], \"items\" : [  ], \"plan\" : null }"},
    {DOC_CREATE, "{\"title\":\"a\",\"plan\":{\"name\":\"n\"}}",
     "{ \"title\" : \"a\", \"note\" : \"\", \"colour\" : \"red\", \"rank\" : { \"$numberInt\" : \"0\" }, "
     "\"count\" : { \"$numberLong\" : \"0\" }, \"on\" : false, \"at\" : null, \"day\" : null, \"owner\" : null, "
     "\"kind\" : \"a\", \"people\" : [  ], \"tags\" : [  ], \"items\" : [  ], "
     "\"plan\" : { \"name\" : \"n\", \"kind\" : \"red\" } }"},
};

static const char *const not_objects[] = {"null", "[]", "\"a\"", "5", "true", "[{\"title\":\"a\"}]"};
/* clang-format on */

static void
test_verdicts(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct request *r = fixture_request("POST", "/");
        bson_t *doc = request_keep(r, bson_new());
        enum err err;

        fixture_body(r, rows[i].body);
        err = doc_read(r, rows[i].mode, sample_shape.fields, r->json, doc);
        if (err != (*rows[i].complaints == '\0' ? ERR_NONE : ERR_INVALID) ||
            !unit_same(fixture_complaints(r), rows[i].complaints))
            unit_wrong("%s: %s, %s", rows[i].body, fixture_slug(err), fixture_complaints(r));
    }
    unit_rows_done();
}

static void
test_what_is_stored(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(stored); i++) {
        struct request *r = fixture_request("POST", "/");
        bson_t *doc = request_keep(r, bson_new());
        enum err err;

        fixture_body(r, stored[i].body);
        err = doc_read(r, stored[i].mode, sample_shape.fields, r->json, doc);
        if (err != ERR_NONE || !unit_same(fixture_json(r, doc), stored[i].doc))
            unit_wrong("%s: %s, %s", stored[i].body, fixture_slug(err), fixture_json(r, doc));
    }
    unit_rows_done();
}

static void
test_a_body_is_an_object(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(not_objects); i++) {
        struct request *r = fixture_request("POST", "/");
        bson_t *doc = request_keep(r, bson_new());

        fixture_body(r, not_objects[i]);
        if (doc_read(r, DOC_CREATE, sample_shape.fields, r->json, doc) != ERR_MALFORMED ||
            !bson_empty(doc))
            unit_wrong("%s is taken for a body", not_objects[i]);
    }
    unit_rows_done();
}

/*
 * The largest body that consists only of mistakes: they are reported, within the request's memory.
 */
static void
test_a_megabyte_of_mistakes(void **state)
{
    struct request *r = fixture_request("POST", "/");
    struct text body = {0};
    bson_t *doc = request_keep(r, bson_new());

    (void)state;
    text_putc(&body, '{');
    for (int i = 0; body.len < REQUEST_BODY_MAX - 16; i++)
        text_printf(&body, "%s\"%x\":0", i == 0 ? "" : ",", (unsigned)i);
    text_putc(&body, '}');
    fixture_body(r, body.bytes);
    assert_int_equal(doc_read(r, DOC_CHANGE, sample_shape.fields, r->json, doc), ERR_INVALID);
    text_free(&body);
}

static void
test_long_names_are_cut_between_characters(void **state)
{
    struct request *r;
    char body[256];

    (void)state;
    for (int len = 55; len < 66; len++) {
        snprintf(body, sizeof(body), "{\"%0*d\xF0\x9F\x98\x80\xF0\x9F\x98\x80\":1}", len, 0);
        r = fixture_request("POST", "/");
        fixture_body(r, body);
        assert_int_equal(
            doc_read(r, DOC_CHANGE, sample_shape.fields, r->json, request_keep(r, bson_new())),
            ERR_INVALID);
        assert_true(strlen(r->complaints->pointer) <= 65);
        assert_true(text_utf8(r->complaints->pointer, strlen(r->complaints->pointer)));
    }
}

/* A value that the field accepts, as JSON; NULL: none that a test could know. */
static const char *
good_value(struct request *r, const struct field *f)
{
    switch (f->kind) {
    case TEXT:
        return arena_printf(r->arena, "\"%.*s\"", (int)(f->low > 0 ? f->low : 1),
                            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    case CHOICE:
    case RANK:
        return arena_printf(r->arena, "\"%s\"", f->choices[0]);
    case INTEGER:
        return arena_printf(r->arena, "%ld", f->low);
    case FLAG:
        return "true";
    case INSTANT:
        return "\"2026-01-31T09:00:00Z\"";
    case DATE:
        return "\"2026-01-31\"";
    case REF:
        return "\"" ID "\"";
    case SLUG:
        return "\"a-1\"";
    case REFS:
    case SLUGS:
    case OBJECTS:
        return "[]";
    default:
        return NULL;
    }
}

/* Values of other kinds, and the code with which each is refused. */
static const char *
bad_value(const struct field *f, int n, const char **code)
{
    static const char *const others[] = {"5", "true", "\"no such value!\"", "{}", "[]", "1.5"};
    bool list = f->kind == REFS || f->kind == SLUGS || f->kind == OBJECTS;

    if (n >= (int)COUNT(others))
        return NULL;
    *code = f->kind == TEXT || f->kind == INTEGER || f->kind == FLAG || list ? "type" : "format";
    if (f->kind == CHOICE || f->kind == RANK)
        *code = "choice";
    if ((f->kind == TEXT && n == 2) || (f->kind == FLAG && n == 1) || (list && n == 4) ||
        (f->kind == INTEGER && n == 0))
        return bad_value(f, n + 1, code); /* it has this kind */
    return others[n];
}

/* A body with one field as given (NULL: left out) and valid values for the other required ones. */
static const char *
body_with(struct request *r, const struct field *fields, const struct field *one, const char *value,
          enum doc_mode mode)
{
    const char *body = "{", *comma = "";

    for (const struct field *f = fields; f->name != NULL; f++) {
        const char *json = f == one                                      ? value
                           : mode == DOC_CREATE && (f->flags & MUST_SET) ? good_value(r, f)
                                                                         : NULL;

        if (json == NULL)
            continue;
        body = arena_printf(r->arena, "%s%s\"%s\":%s", body, comma, f->name, json);
        comma = ",";
    }
    return arena_printf(r->arena, "%s}", body);
}

/* The body must be refused for this one reason; code NULL: it must be accepted. */
static void
expect(const struct route *route, const struct field *f, const char *value, const char *code)
{
    enum doc_mode mode = route->method == PATCH ? DOC_CHANGE : DOC_CREATE;
    struct request *r = fixture_request("POST", "/");
    const char *body = body_with(r, route->body->fields, f, value, mode), *wanted = "";
    enum err err;

    if (code != NULL)
        wanted = arena_printf(r->arena, "/%s %s", f->name, code);
    fixture_body(r, body);
    err = doc_read(r, mode, route->body->fields, r->json, request_keep(r, bson_new()));
    if (err != (code == NULL ? ERR_NONE : ERR_INVALID) || !unit_same(fixture_complaints(r), wanted))
        unit_wrong("%s %s %.300s: %s, %s", method_names[route->method], route->path, body,
                   fixture_slug(err), fixture_complaints(r));
}

/* A JSON string of so many characters of two bytes, or a list of so many numbers. */
static char *
of_length(bool list, long count)
{
    struct text t = {0};

    text_putc(&t, list ? '[' : '"');
    for (long i = 0; i < count; i++)
        text_puts(&t, !list ? "\xC3\xA4" : i == 0 ? "0" : ",0");
    text_putc(&t, list ? ']' : '"');
    return t.bytes;
}

static void
expect_length(const struct route *route, const struct field *f, long length, const char *code)
{
    char *value = of_length(f->kind != TEXT, length);

    expect(route, f, value, code);
    free(value);
}

static void
check_field(const struct route *route, const struct field *f)
{
    unsigned may = route->method == PATCH ? MAY_EDIT : MUST_SET | MAY_SET | MAY_EDIT;
    const char *code, *value;
    char *good;

    if ((f->flags & may) == 0) {
        expect(route, f, "null", f->flags & HIDDEN ? "unknown" : "read-only");
        return;
    }
    if ((f->flags & MUST_SET) && route->method != PATCH)
        expect(route, f, NULL, "required");
    expect(route, f, "null", (f->flags & NULLABLE) || f->fallback != NULL ? NULL : "null");
    for (int n = 0; (value = bad_value(f, n, &code)) != NULL; n++)
        expect(route, f, value, code);
    good = text_dup(good_value(fixture_request("POST", "/"), f)); /* expect() makes another one */
    expect(route, f, good, NULL);
    free(good);
    if (f->kind == TEXT && f->low > 0)
        expect_length(route, f, f->low - 1, "too-short");
    if (f->kind == TEXT)
        expect_length(route, f, f->high, NULL);
    if (f->kind == TEXT || f->kind == REFS || f->kind == SLUGS || f->kind == OBJECTS)
        expect_length(route, f, f->high + 1, "too-long");
}

/* So that a new field or endpoint is tested by its line in the table. */
static void
test_every_field_of_every_body(void **state)
{
    (void)state;
    for (const struct route *route = routes; route->path != NULL; route++)
        for (const struct field *f = route->body == NULL ? NULL : route->body->fields;
             f != NULL && f->name != NULL; f++)
            if (f->kind != NESTED && f->kind != ANY)
                check_field(route, f);
    unit_rows_done();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_what_is_stored),
        cmocka_unit_test(test_a_body_is_an_object),
        cmocka_unit_test(test_a_megabyte_of_mistakes),
        cmocka_unit_test(test_long_names_are_cut_between_characters),
        cmocka_unit_test(test_every_field_of_every_body),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    fixture_done();
    return failed;
}
