/*
 * The hash against published values (draft-eastlake-fnv, appendix C).
 */
#include "common/base/hash.h"

#include "tests/unit/unit.h"

static void
test_published_values(void **state)
{
    static const struct {
        const char *text;
        uint64_t hash;
    } rows[] = {
        {"", 0xcbf29ce484222325u},
        {"a", 0xaf63dc4c8601ec8cu},
        {"b", 0xaf63df4c8601f1a5u},
        {"foobar", 0x85944171f73967e8u},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        if (hash_text(rows[i].text) != rows[i].hash)
            unit_wrong("'%s' has the hash %llx", rows[i].text,
                       (unsigned long long)hash_text(rows[i].text));
    unit_rows_done();
}

static void
test_parts_hash_like_the_whole(void **state)
{
    uint64_t start = hash_fnv(HASH_START, "foo\0bar", 4);

    (void)state;
    assert_int_equal(hash_fnv(start, "bar", 3), hash_fnv(HASH_START, "foo\0bar", 7));
    assert_int_equal(hash_fnv(start, NULL, 0), start);
    assert_int_not_equal(hash_fnv(1, "bar", 3), hash_fnv(2, "bar", 3));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_values),
        cmocka_unit_test(test_parts_hash_like_the_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
