/*
 * Stored BSON to public JSON, differences and merging.
 */
#include "api/schema/doc.h"
#include "api/schema/doc_changes.h"

#include <json-c/json.h>
#include <string.h>

#include "api/http/doc_read.h"
#include "api/v1/handlers.h"
#include "common/text/json.h"
#include "tests/unit/request_fixture.h"
#include "tests/unit/sample.h"
#include "tests/unit/unit.h"

#define ID       "0123456789abcdef01234567"
#define OID(id)  "{\"$oid\":\"" id "\"}"
#define DATE(ms) "{\"$date\":{\"$numberLong\":\"" ms "\"}}"

/* clang-format off */
static const struct {
    const char *doc, *json;
} written[] = {
    {"{}",
     "{\"id\":null,\"rev\":null,\"title\":null,\"note\":\"\",\"colour\":\"red\",\"rank\":\"red\",\"count\":0,"
     "\"on\":false,\"at\":null,\"day\":null,\"owner\":null,\"kind\":\"a\",\"people\":[],\"tags\":[],"
     "\"items\":[],\"plan\":null,\"madeAt\":null,\"updatedAt\":null}"},
    {"{\"_id\":" OID(ID) ",\"rev\":{\"$numberLong\":\"7\"},\"title\":\"\\\"a\\\" \\n\",\"note\":\"n\","
     "\"colour\":\"blue\",\"rank\":2,\"count\":-3,\"on\":true,\"at\":" DATE("500") ",\"day\":\"2026-01-31\","
     "\"owner\":" OID(ID) ",\"kind\":\"b\",\"people\":[" OID(ID) "],\"tags\":[\"x\",\"y\"],"
     "\"items\":[{\"id\":\"i\",\"text\":\"t\",\"done\":true,\"pin\":\"secret\",\"other\":1}],"
     "\"plan\":{\"name\":\"n\",\"kind\":\"blue\",\"pin\":\"secret\",\"other\":1},\"archived\":true,"
     "\"madeAt\":" DATE("0") ",\"updatedAt\":" DATE("-1") ",\"hash\":\"secret\",\"unknown\":\"secret\"}",
     "{\"id\":\"" ID "\",\"rev\":7,\"title\":\"\\\"a\\\" \\n\",\"note\":\"n\",\"colour\":\"blue\",\"rank\":\"blue\","
     "\"count\":-3,\"on\":true,\"at\":\"1970-01-01T00:00:00.500Z\",\"day\":\"2026-01-31\",\"owner\":\"" ID "\","
     "\"kind\":\"b\",\"people\":[\"" ID "\"],\"tags\":[\"x\",\"y\"],"
     "\"items\":[{\"id\":\"i\",\"text\":\"t\",\"done\":true}],\"plan\":{\"name\":\"n\",\"kind\":\"blue\"},"
     "\"madeAt\":\"1970-01-01T00:00:00.000Z\",\"updatedAt\":\"1969-12-31T23:59:59.999Z\"}"},
    /* In whatever order it is stored; null stays null. */
    {"{\"hash\":\"secret\",\"day\":null,\"title\":\"b\",\"rev\":1,\"note\":null}",
     "{\"day\":null,\"title\":\"b\",\"rev\":1,\"note\":null,\"id\":null,\"colour\":\"red\",\"rank\":\"red\","
     "\"count\":0,\"on\":false,\"at\":null,\"owner\":null,\"kind\":\"a\",\"people\":[],\"tags\":[],"
     "\"items\":[],\"plan\":null,\"madeAt\":null,\"updatedAt\":null}"},
};

static const struct {
    const char *before, *after, *changes; /* before NULL: created */
    int count;
} changed[] = {
    {"{\"title\":\"a\"}", "{\"title\":\"a\"}", "{}", 0},
    {"{\"title\":\"a\"}", "{\"title\":\"b\"}", "{\"title\":[\"a\",\"b\"]}", 1},
    {"{\"title\":\"a\",\"rev\":1,\"updatedAt\":" DATE("1") "}",
     "{\"title\":\"a\",\"rev\":2,\"updatedAt\":" DATE("2") "}", "{}", 0},
    {"{\"hash\":\"a\"}", "{\"hash\":\"b\"}", "{}", 0},
    {"{\"archived\":false}", "{\"archived\":true}", "{}", 0},
    {"{\"_id\":" OID(ID) "}", "{\"_id\":" OID(ID) "}", "{}", 0},
    {"{\"at\":null}", "{\"at\":" DATE("0") "}", "{\"at\":[null,\"1970-01-01T00:00:00.000Z\"]}", 1},
    {"{}", "{\"at\":null}", "{}", 0},
    {"{}", "{\"title\":\"a\"}", "{\"title\":[null,\"a\"]}", 1},
    {"{\"title\":\"a\"}", "{}", "{\"title\":[\"a\",null]}", 1},
    {"{\"count\":1}", "{\"count\":{\"$numberLong\":\"1\"}}", "{}", 0},
    {"{\"rank\":0}", "{\"rank\":2}", "{\"rank\":[\"red\",\"blue\"]}", 1},
    {"{\"tags\":[\"a\"]}", "{\"tags\":[\"a\",\"b\"]}", "{\"tags/b\":[null,\"b\"]}", 1},
    {"{\"tags\":[\"a\",\"b\",\"c\"]}", "{\"tags\":[\"c\"]}",
     "{\"tags/a/after\":[null,null],\"tags/a\":[\"a\",null],\"tags/b/after\":[\"a\",null],\"tags/b\":[\"b\",null]}", 4},
    {"{\"tags\":[\"a\",\"b\"]}", "{\"tags\":[\"a\"]}", "{\"tags/b\":[\"b\",null]}", 1},
    {"{}", "{\"tags\":[]}", "{}", 0},
    {"{\"tags\":[\"a\",\"a\"]}", "{\"tags\":[\"a\"]}", "{\"tags\":[[\"a\",\"a\"],[\"a\"]]}", 1}, /* of older versions */
    {"{\"people\":[]}", "{\"people\":[" OID(ID) "]}", "{\"people/" ID "\":[null,\"" ID "\"]}", 1},
    {"{\"items\":[{\"id\":\"a\",\"text\":\"t\",\"done\":false}]}",
     "{\"items\":[{\"id\":\"a\",\"text\":\"u\",\"done\":true}]}",
     "{\"items/a/text\":[\"t\",\"u\"],\"items/a/done\":[false,true]}", 2},
    {"{\"items\":[{\"id\":\"a\",\"text\":\"t\"},{\"id\":\"b\"}]}",
     "{\"items\":[{\"id\":\"c\",\"text\":\"n\"},{\"id\":\"b\"}]}",
     "{\"items/a/after\":[null,null],\"items/a\":[{\"id\":\"a\",\"text\":\"t\"},null],\"items/c\":[null,{\"id\":\"c\",\"text\":\"n\"}],"
     "\"items/c/after\":[\"b\",null]}", 4},
    {"{\"items\":[{\"id\":\"a\",\"pin\":\"1\"}]}", "{\"items\":[{\"id\":\"a\",\"pin\":\"2\"}]}", "{}", 0},
    {"{\"title\":\"a\",\"note\":\"x\",\"on\":false}", "{\"note\":\"y\",\"on\":true,\"title\":\"a\"}",
     "{\"note\":[\"x\",\"y\"],\"on\":[false,true]}", 2},
    {NULL, "{\"title\":\"a\"}", "{\"title\":[null,\"a\"]}", 1},
};

/* The order of a list's items before and after; "moved" is the one that was moved on purpose. */
static const struct {
    const char *before, *after, *moved, *changes;
} ordered[] = {
    {"abcd", "abcd", NULL, ""},
    {"abcd", "bcda", NULL, "a after d"},
    {"abcd", "dabc", NULL, "d after null"},
    {"abcd", "acbd", NULL, "b after c"}, /* or c after a: either will do */
    {"abcd", "acbd", "b", "b after c"},
    {"abcd", "acbd", "c", "c after a"},
    {"abcd", "dcba", NULL, "c after d; b after c; a after b"},
    {"abcd", "cab", NULL, "c after null"},
    {"ab", "axb", NULL, "x after a"},
    {"ab", "xyab", NULL, "x after null; y after x"},
    {"ab", "abx", NULL, ""},
    {"abc", "cxb", NULL, "a after null; b after x"}, /* a was the first, and is gone */
};

static const struct {
    const char *before, *change, *after;
} merged[] = {
    {"{}", "{}", "{ }"},
    {"{\"a\":1,\"b\":2}", "{}", "{ \"a\" : 1, \"b\" : 2 }"},
    {"{}", "{\"b\":2,\"a\":1}", "{ \"b\" : 2, \"a\" : 1 }"},
    {"{\"a\":1,\"b\":2,\"c\":3}", "{\"d\":4,\"b\":null}", "{ \"a\" : 1, \"b\" : null, \"c\" : 3, \"d\" : 4 }"},
    {"{\"a\":{\"x\":1,\"y\":2}}", "{\"a\":{\"x\":3}}", "{ \"a\" : { \"x\" : 3 } }"}, /* whole values */
    {"{\"a\":[1,2,3]}", "{\"a\":[]}", "{ \"a\" : [  ] }"},
};
/* clang-format on */

static void
test_what_is_public(void **state)
{
    struct text t = {0};

    (void)state;
    for (size_t i = 0; i < COUNT(written); i++) {
        struct request *r = fixture_request("GET", "/");

        text_clear(&t);
        doc_write(&t, &sample_shape, fixture_bson(r, written[i].doc));
        if (!unit_same(t.bytes, written[i].json))
            unit_wrong("%s:\n%s", written[i].doc, t.bytes);
        text_clear(&t);
        doc_write_with(&t, &sample_shape, fixture_bson(r, written[i].doc), ",\"more\":1");
        if (strstr(t.bytes, ",\"more\":1}") == NULL)
            unit_wrong("%s", t.bytes);
    }
    text_free(&t);
    unit_rows_done();
}

static void
test_changes(void **state)
{
    struct text t = {0};

    (void)state;
    for (size_t i = 0; i < COUNT(changed); i++) {
        struct request *r = fixture_request("GET", "/");
        const char *before = changed[i].before;
        int count;

        text_clear(&t);
        count = doc_changes(&t, &sample_shape, before == NULL ? NULL : fixture_bson(r, before),
                            fixture_bson(r, changed[i].after), NULL);
        if (count != changed[i].count || !unit_same(t.bytes, changed[i].changes))
            unit_wrong("%s to %s: %d, %s", before, changed[i].after, count, t.bytes);
    }
    text_free(&t);
    unit_rows_done();
}

static const bson_t *
list_of(struct request *r, const char *ids)
{
    struct text json = {0};
    const bson_t *doc;

    text_puts(&json, "{\"tags\":[");
    for (const char *p = ids; *p != '\0'; p++)
        text_printf(&json, "%s\"%c\"", p == ids ? "" : ",", *p);
    text_puts(&json, "]}");
    doc = fixture_bson(r, json.bytes);
    text_free(&json);
    return doc;
}

/* "tags/a/after":[...,"d"] as "a after d"; other changes are left out. */
static void
write_orders(struct text *out, const char *changes)
{
    text_puts(out, "");
    for (const char *p = changes; (p = strstr(p, "/after\":[")) != NULL; p++) {
        const char *to = strchr(p, ',') + 1;

        text_printf(out, "%s%c after %.*s", out->len > 0 ? "; " : "", p[-1], *to == '"' ? 1 : 4,
                    *to == '"' ? to + 1 : to);
    }
}

static void
test_orders(void **state)
{
    struct text t = {0}, found = {0};

    (void)state;
    for (size_t i = 0; i < COUNT(ordered); i++) {
        struct request *r = fixture_request("GET", "/");

        text_clear(&t);
        text_clear(&found);
        doc_changes(&t, &sample_shape, list_of(r, ordered[i].before), list_of(r, ordered[i].after),
                    ordered[i].moved);
        write_orders(&found, t.bytes);
        if (!unit_same(found.bytes, ordered[i].changes))
            unit_wrong("%s to %s: %s", ordered[i].before, ordered[i].after, t.bytes);
    }
    text_free(&t);
    text_free(&found);
    unit_rows_done();
}

static void
test_merge(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(merged); i++) {
        struct request *r = fixture_request("GET", "/");
        bson_t *after = request_keep(
            r, doc_merge(fixture_bson(r, merged[i].before), fixture_bson(r, merged[i].change)));
        char *json = bson_as_relaxed_extended_json(after, NULL);

        if (!unit_same(json, merged[i].after))
            unit_wrong("%s + %s: %s", merged[i].before, merged[i].change, json);
        bson_free(json);
    }
    unit_rows_done();
}

static void
test_small_readings(void **state)
{
    struct request *r = fixture_request("GET", "/");
    bson_t *doc =
        fixture_bson(r, "{\"i\":5,\"l\":{\"$numberLong\":\"6\"},\"s\":\"t\",\"o\":" OID(
                            ID) ",\"d\":" DATE("9") ",\"b\":true,\"f\":false,\"n\":null}");
    int64_t ms = 0;

    (void)state;
    assert_int_equal(doc_int(doc, "i"), 5);
    assert_int_equal(doc_int(doc, "l"), 6);
    assert_int_equal(doc_int(doc, "absent"), 0);
    assert_int_equal(doc_int(doc, "s"), 0);
    assert_string_equal(doc_text(doc, "s"), "t");
    assert_null(doc_text(doc, "i"));
    assert_null(doc_text(doc, "n"));
    assert_null(doc_text(doc, "absent"));
    assert_non_null(doc_id(doc, "o"));
    assert_null(doc_id(doc, "s"));
    assert_null(doc_id(doc, "absent"));
    assert_true(doc_time(doc, "d", &ms));
    assert_int_equal(ms, 9);
    assert_false(doc_time(doc, "i", &ms));
    assert_false(doc_time(doc, "absent", &ms));
    assert_true(doc_flag(doc, "b"));
    assert_false(doc_flag(doc, "f"));
    assert_false(doc_flag(doc, "i"));
    assert_false(doc_flag(doc, "absent"));
    assert_true(doc_has(doc, "f"));
    assert_false(doc_has(doc, "n"));
    assert_false(doc_has(doc, "absent"));
    assert_ptr_equal(doc_field(sample_shape.fields, "rev"), &sample_shape.fields[1]);
    assert_null(doc_field(sample_shape.fields, "Rev"));
}

/* What a creation stores is JSON when it is written, whatever the text holds. */
static void
test_every_text_comes_back(void **state)
{
    static const char *const titles[] = {
        "\\\"", "\\\\",      "\\u0001\\u001f", "\\ud83d\\ude00", "\\u2028",
        "\\/",  "</script>", "\x7F",           "\xC3\xA9",       "\\n\\r\\t\\b\\f"};

    (void)state;
    for (size_t i = 0; i < COUNT(titles); i++) {
        struct request *r = fixture_request("POST", "/");
        bson_t *doc = request_keep(r, bson_new());
        struct json_object *json;
        struct text t = {0};
        const char *why;

        fixture_body(r, arena_printf(r->arena, "{\"title\":\"x%s\"}", titles[i]));
        assert_int_equal(doc_read(r, DOC_CREATE, sample_shape.fields, r->json, doc), ERR_NONE);
        doc_write(&t, &sample_shape, doc);
        assert_int_equal(json_parse(t.bytes, t.len, &json, &why), ERR_NONE);
        assert_string_equal(json_object_get_string(json_object_object_get(json, "title")),
                            json_object_get_string(json_object_object_get(r->json, "title")));
        json_object_put(json);
        text_free(&t);
    }
}

/* doc_write() notes fields in 64 bits. */
static void
test_no_shape_has_too_many_fields(void **state)
{
    const struct shape *const shapes[] = {&task_shape, &project_shape, &user_shape, &session_shape};

    (void)state;
    for (size_t i = 0; i < COUNT(shapes); i++) {
        int n = 0;

        while (shapes[i]->fields[n].name != NULL)
            n++;
        assert_in_range(n, 1, 64);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_public),
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_small_readings),
        cmocka_unit_test(test_every_text_comes_back),
        cmocka_unit_test(test_no_shape_has_too_many_fields),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    fixture_done();
    return failed;
}
