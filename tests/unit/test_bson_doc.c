/*
 * Fields and arrays in documents, as the library reads them, and differences of documents.
 */
#include "common/text/doc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#define FIRST "0123456789abcdef01234567"
#define OTHER "76543210fedcba9876543210"

static void
check(bson_t *doc, const char *json)
{
    char *text = bson_as_relaxed_extended_json(doc, NULL);

    assert_string_equal(text, json);
    bson_free(text);
    bson_destroy(doc);
}

static void
test_items_of_several_types_keep_their_order(void **state)
{
    bson_t doc = BSON_INITIALIZER, array = BSON_INITIALIZER, source = BSON_INITIALIZER;
    struct doc_array items = {&array, 0};
    bson_iter_t value;
    bson_oid_t id;

    (void)state;
    bson_oid_init_from_string(&id, FIRST);
    BSON_APPEND_INT32(&source, "number", 7);
    assert_true(bson_iter_init_find(&value, &source, "number"));
    doc_array_add_id(&items, &id);
    doc_array_add_text(&items, "text");
    doc_array_add_value(&items, &value);
    assert_int_equal(items.count, 3);
    BSON_APPEND_ARRAY(&doc, "items", &array);
    bson_destroy(&array);
    bson_destroy(&source);
    check(&doc, "{ \"items\" : [ { \"$oid\" : \"" FIRST "\" }, \"text\", 7 ] }");
}

/* The library has the keys up to "999" as constants and formats larger ones. */
static void
test_keys_of_many_items_count_on(void **state)
{
    bson_t array = BSON_INITIALIZER;
    struct doc_array items = {&array, 0};
    bson_iter_t iter;
    char key[16];
    int n = 0;

    (void)state;
    for (int i = 0; i < 1100; i++)
        doc_array_add_text(&items, "");
    bson_iter_init(&iter, &array);
    while (bson_iter_next(&iter)) {
        snprintf(key, sizeof(key), "%d", n++);
        assert_string_equal(bson_iter_key(&iter), key);
    }
    assert_int_equal(n, 1100);
    bson_destroy(&array);
}

static void
test_conditions(void **state)
{
    const char *const texts[] = {"a", "b"};
    bson_t filter = BSON_INITIALIZER, array = BSON_INITIALIZER;
    bson_oid_t ids[2];

    (void)state;
    bson_oid_init_from_string(&ids[0], FIRST);
    bson_oid_init_from_string(&ids[1], OTHER);
    doc_in_ids(&filter, "userId", ids, 2);
    doc_in_texts(&filter, "topic", texts, 2);
    doc_in(&filter, "none", &array);
    bson_destroy(&array);
    check(&filter,
          "{ \"userId\" : { \"$in\" : [ { \"$oid\" : \"" FIRST "\" }, { \"$oid\" : \"" OTHER
          "\" } ] }, \"topic\" : { \"$in\" : [ \"a\", \"b\" ] }, "
          "\"none\" : { \"$in\" : [  ] } }");
}

struct difference {
    const char *before, *after, *update;
};

static const struct difference differences[] = {
    {"{}", "{}", "{ }"},
    {"{\"a\":1,\"b\":[1]}", "{\"a\":1,\"b\":[1]}", "{ }"},
    {"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", "{ }"},
    {"{\"a\":1,\"b\":2}", "{\"a\":1,\"b\":3}", "{ \"$set\" : { \"b\" : 3 } }"},
    {"{\"a\":1}", "{\"a\":1.0}", "{ \"$set\" : { \"a\" : 1.0 } }"},
    {"{\"a\":null}", "{}", "{ \"$unset\" : { \"a\" : true } }"},
    {"{}", "{\"a\":null}", "{ \"$set\" : { \"a\" : null } }"},
    {"{\"a\":{\"b\":1,\"c\":2}}", "{\"a\":{\"b\":1}}", "{ \"$set\" : { \"a\" : { \"b\" : 1 } } }"},
    {"{\"a\":1,\"b\":2,\"c\":3}", "{\"c\":3,\"d\":4,\"a\":0}",
     "{ \"$set\" : { \"d\" : 4, \"a\" : 0 }, \"$unset\" : { \"b\" : true } }"},
};

static void
test_the_difference_of_two_versions_as_an_update(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(differences); i++) {
        const struct difference *d = &differences[i];
        bson_t *before = bson_new_from_json((const uint8_t *)d->before, -1, NULL);
        bson_t *after = bson_new_from_json((const uint8_t *)d->after, -1, NULL);
        bson_t *update = bson_new();

        doc_difference(update, before, after);
        check(update, d->update);
        bson_destroy(before);
        bson_destroy(after);
    }
}

/* A document with values of every type, of which the last is `null`. */
static bson_t *
new_of_all_types(void)
{
    static const uint8_t bytes[] = {1, 2, 3};
    bson_t *doc = bson_new(), *part = BCON_NEW("a", BCON_INT32(1));
    bson_decimal128_t decimal = {1, 2};
    bson_oid_t id;

    bson_oid_init_from_string(&id, FIRST);
    BSON_APPEND_OID(doc, "_id", &id);
    BSON_APPEND_UTF8(doc, "text", "some text");
    BSON_APPEND_UTF8(doc, "", "without a name");
    BSON_APPEND_BINARY(doc, "binary", BSON_SUBTYPE_BINARY, bytes, sizeof(bytes));
    BSON_APPEND_DOCUMENT(doc, "document", part);
    BSON_APPEND_ARRAY(doc, "array", part);
    BSON_APPEND_BOOL(doc, "bool", true);
    BSON_APPEND_INT32(doc, "int32", 7);
    BSON_APPEND_INT64(doc, "int64", 8);
    BSON_APPEND_DOUBLE(doc, "double", 1.5);
    BSON_APPEND_DATE_TIME(doc, "date", 9);
    BSON_APPEND_TIMESTAMP(doc, "timestamp", 1, 2);
    BSON_APPEND_DECIMAL128(doc, "decimal", &decimal);
    BSON_APPEND_REGEX(doc, "regex", "a", "i");
    BSON_APPEND_MINKEY(doc, "least");
    BSON_APPEND_CODE(doc, "code", "x");
    BSON_APPEND_NULL(doc, "null");
    bson_destroy(part);
    return doc;
}

static void
test_a_field_is_found_as_the_library_finds_it(void **state)
{
    static const char *const absent[] = {"tex", "text2", "Text", "a", "some text", "nul"};
    bson_t *doc = new_of_all_types();
    bson_iter_t each, found;

    (void)state;
    assert_true(bson_iter_init(&each, doc));
    while (bson_iter_next(&each)) {
        assert_true(doc_find(doc, bson_iter_key(&each), &found));
        assert_int_equal(found.off, each.off);
        assert_int_equal(found.next_off, each.next_off);
        assert_int_equal(bson_iter_type(&found), bson_iter_type(&each));
        assert_string_equal(bson_iter_key(&found), bson_iter_key(&each));
    }
    for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
        assert_false(doc_find(doc, absent[i], &found));
    bson_destroy(doc);
}

/* Each byte is replaced by each value: nothing beyond the document is read. */
static void
test_a_field_of_a_damaged_document_is_looked_for_within_it(void **state)
{
    bson_t *whole = new_of_all_types(), damaged;
    uint8_t *bytes = malloc(whole->len);
    bson_iter_t found;

    (void)state;
    assert_non_null(bytes);
    for (uint32_t i = 4; i < whole->len - 1; i++)
        for (int value = 0; value < 256; value++) {
            memcpy(bytes, bson_get_data(whole), whole->len);
            bytes[i] = (uint8_t)value;
            assert_true(bson_init_static(&damaged, bytes, whole->len));
            if (doc_find(&damaged, "null", &found))
                assert_true(found.next_off <= whole->len);
        }
    free(bytes);
    bson_destroy(whole);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_field_is_found_as_the_library_finds_it),
        cmocka_unit_test(test_a_field_of_a_damaged_document_is_looked_for_within_it),
        cmocka_unit_test(test_items_of_several_types_keep_their_order),
        cmocka_unit_test(test_keys_of_many_items_count_on),
        cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_the_difference_of_two_versions_as_an_update),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
