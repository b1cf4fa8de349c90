/*
 * Projects as last read: a copy of the right one, new enough, or none.
 */
#include "api/access/project_cache.h"

#include <stdlib.h>
#include <string.h>

#include "api/access/project_access.h"
#include "api/crud/request_change.h"
#include "api/http/request.h"
#include "tests/unit/fake_store.h"
#include "tests/unit/request_fixture.h"
#include "tests/unit/unit.h"

static bson_oid_t
id_of(uint32_t n)
{
    bson_oid_t id = {{0}};

    memcpy(id.bytes, &n, sizeof(n));
    return id;
}

static void
put_document(uint32_t n, int64_t at, bson_t *project)
{
    struct project_reads reads = {0};
    bson_oid_t id = id_of(n);

    project_cache_note(&reads, &id, at, project);
    project_cache_keep(&reads);
    bson_destroy(project);
}

static void
put(uint32_t n, int64_t at)
{
    put_document(n, at, BCON_NEW("n", BCON_INT32((int32_t)n)));
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
    char *name = test_calloc(1, len + 1);

    memset(name, 'a', len);
    put_document(n, at, BCON_NEW("n", BCON_INT32((int32_t)n), "name", BCON_UTF8(name)));
    test_free(name);
}

/* The oldest are evicted, and none leaves an older copy in its slot. */
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

/* A fake change: it reads at number 7, and ends as the test says. */
#define P "aaaaaaaaaaaaaaaaaaaaaaaa"

static enum err outcome;
static bool undone;

int __wrap_change_topic(const struct change *change, const char *name);
int64_t __wrap_change_unchanged(const struct change *change, int topic);
int64_t __wrap_change_as_of(const struct change *change, int topic);
enum err __wrap_change_run(struct store *store, struct bus *bus, const char *epoch,
                           const struct change_plan *plan);

int
__wrap_change_topic(const struct change *change, const char *name)
{
    (void)change;
    (void)name;
    return 0;
}

int64_t
__wrap_change_unchanged(const struct change *change, int topic)
{
    (void)change;
    (void)topic;
    return INT64_MAX;
}

int64_t
__wrap_change_as_of(const struct change *change, int topic)
{
    (void)change;
    (void)topic;
    return 7;
}

enum err
__wrap_change_run(struct store *store, struct bus *bus, const char *epoch,
                  const struct change_plan *plan)
{
    enum err err = plan->fn((struct change *)&outcome, plan->arg);

    (void)store;
    (void)bus;
    (void)epoch;
    if (err == ERR_NONE)
        err = outcome;
    if (err == ERR_NONE && !undone && plan->committed != NULL)
        plan->committed(plan->arg);
    return err;
}

static enum err
read_project(struct change *change, void *arg)
{
    const bson_t *project;
    bson_oid_t id;

    (void)change;
    bson_oid_init_from_string(&id, P);
    return project_access(arg, &id, ACTION_READ, &project);
}

static bool
is_kept_after(enum err ends, bool without_effect)
{
    struct request *r = fixture_request("PATCH", "/v1/projects/" P);
    struct change_plan plan = {
        .topic_count = 1, .topics = {"project:" P}, .fn = read_project, .arg = r};
    bson_oid_t id;
    bson_t *kept;

    outcome = ends;
    undone = without_effect;
    assert_int_equal(request_change(r, &plan), ends);
    bson_oid_init_from_string(&id, P);
    kept = project_cache_get(&id, 0);
    bson_destroy(kept);
    return kept != NULL;
}

/* What a failover may still roll back must not decide who may read. */
static void
test_kept_only_once_it_is_committed(void **state)
{
    (void)state;
    fake_store_clear();
    fake_store_put(STORE_PROJECTS, "{\"_id\":{\"$oid\":\"" P "\"},\"access\":\"everyone\"}");
    assert_false(is_kept_after(ERR_STORE, false));
    assert_false(is_kept_after(ERR_BUSY, false));
    assert_false(is_kept_after(ERR_NONE, true));
    assert_true(is_kept_after(ERR_NONE, false));
    fake_store_clear();
    fixture_done();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_enough_or_none),
        cmocka_unit_test(test_no_project_is_another),
        cmocka_unit_test(test_the_sum_is_limited),
        cmocka_unit_test(test_kept_only_once_it_is_committed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
