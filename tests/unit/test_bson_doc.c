/*
 * Arrays in documents, as the library reads them, and differences of documents.
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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_items_of_several_types_keep_their_order),
        cmocka_unit_test(test_keys_of_many_items_count_on),
        cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_the_difference_of_two_versions_as_an_update),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
