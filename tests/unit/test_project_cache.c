/*
 * Projects as last read: a copy of the right one, new enough, or none.
 */
#include "api/project_cache.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/plain.h"
#include "tests/unit/unit.h"

static bson_oid_t
id_of(uint32_t n)
{
    bson_oid_t id = {{0}};

    memcpy(id.bytes, &n, sizeof(n));
    return id;
}

static void
put(uint32_t n, int64_t at)
{
    bson_oid_t id = id_of(n);
    bson_t *project = BCON_NEW("n", BCON_INT32((int32_t)n));

    project_cache_put(&id, at, project);
    bson_destroy(project);
}

/* The n that is kept there, -1 for none. */
static int
get(uint32_t n, int64_t not_before)
{
    bson_oid_t id = id_of(n);
    bson_t *project = project_cache_get(&id, not_before);
    bson_iter_t iter;
    int found;

    if (project == NULL)
        return -1;
    found = bson_iter_init_find(&iter, project, "n") ? bson_iter_int32(&iter) : -2;
    bson_destroy(project);
    return found;
}

static void
test_new_enough_or_none(void **state)
{
    (void)state;
    assert_int_equal(get(1, 0), -1);
    put(1, 10);
    assert_int_equal(get(1, 9), 1);
    assert_int_equal(get(1, 10), 1);
    assert_int_equal(get(1, 11), -1);
    assert_int_equal(get(2, 0), -1);
    put(1, 12);
    assert_int_equal(get(1, 11), 1);
}

static void
test_no_project_is_another(void **state)
{
    int kept = 0;

    (void)state;
    for (uint32_t n = 0; n < 20000; n++)
        put(n, n);
    for (uint32_t n = 0; n < 20000; n++) {
        int found = get(n, n);

        kept += found >= 0;
        if (found >= 0 && found != (int)n)
            unit_wrong("%u is %d", n, found);
    }
    assert_in_range(kept, 500, 1024);
    unit_rows_done();
}

static void
put_large(uint32_t n, int64_t at, size_t len)
{
    bson_oid_t id = id_of(n);
    char *name = test_calloc(1, len + 1);
    bson_t *project;

    memset(name, 'a', len);
    project = BCON_NEW("n", BCON_INT32((int32_t)n), "name", BCON_UTF8(name));
    project_cache_put(&id, at, project);
    bson_destroy(project);
    test_free(name);
}

/* The oldest give way, and none leaves an older one in its place. */
static void
test_the_sum_is_limited(void **state)
{
    (void)state;
    put(78, 4);
    put_large(77, 5, 20u << 20);
    put_large(78, 5, 20u << 20);
    assert_int_equal(get(77, 5), -1);
    assert_int_equal(get(78, 5), 78);
    put(77, 6);
    assert_int_equal(get(77, 6), 77);
    assert_int_equal(get(78, 5), 78);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_enough_or_none),
        cmocka_unit_test(test_no_project_is_another),
        cmocka_unit_test(test_the_sum_is_limited),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
