/*
 * Which project an entity was last seen in, for each user.
 */
#include "api/access/entity_project.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#define MANY 200000 /* more than the table holds */
#define SOME 10000  /* a seventh of what it holds */

static bson_oid_t
oid(uint8_t kind, uint32_t n)
{
    bson_oid_t id = {{kind}};

    for (int i = 0; i < 4; i++) /* ends in a counter, as ids do that are made one after another */
        id.bytes[11 - i] = (uint8_t)(n >> 8 * i);
    return id;
}

static bool
finds(const bson_oid_t *user, const bson_oid_t *entity, const bson_oid_t *project)
{
    bson_oid_t found;

    return entity_project_get(user, entity, &found) && bson_oid_equal(&found, project);
}

static void
test_without_a_table_nothing_is_found(void **state)
{
    bson_oid_t user = oid('u', 1), task = oid('t', 1), project = oid('p', 1), found;

    (void)state;
    entity_project_put(&user, &task, &project);
    assert_false(entity_project_get(&user, &task, &found));
    entity_project_share();
    assert_false(entity_project_get(&user, &task, &found));
}

static void
test_what_was_put_is_found_and_replaced(void **state)
{
    bson_oid_t user = oid('u', 1), task = oid('t', 1), home = oid('p', 1), other = oid('p', 2);
    bson_oid_t found = oid('x', 1), before = found;

    (void)state;
    assert_false(entity_project_get(&user, &task, &found));
    assert_true(bson_oid_equal(&found, &before)); /* untouched */
    entity_project_put(&user, &task, &home);
    assert_true(finds(&user, &task, &home));
    entity_project_put(&user, &task, &other);
    assert_true(finds(&user, &task, &other));
}

/* What one user has seen tells another nothing, not even that the entity exists. */
static void
test_another_user_finds_nothing(void **state)
{
    bson_oid_t anna = oid('u', 2), ben = oid('u', 3), task = oid('t', 2), project = oid('p', 2);
    bson_oid_t found;

    (void)state;
    entity_project_put(&anna, &task, &project);
    assert_false(entity_project_get(&ben, &task, &found));
}

/* Entries take each other's places, but none is mistaken for another. */
static void
test_with_too_many_the_newest_are_found_and_none_is_wrong(void **state)
{
    bson_oid_t user = oid('u', 4), found;
    int kept = 0;

    (void)state;
    for (uint32_t n = 0; n < MANY; n++) {
        bson_oid_t task = oid('t', n), project = oid('p', n);

        entity_project_put(&user, &task, &project);
        assert_true(finds(&user, &task, &project));
    }
    for (uint32_t n = 0; n < MANY; n++) {
        bson_oid_t task = oid('t', n), project = oid('p', n);

        if (!entity_project_get(&user, &task, &found))
            continue;
        assert_true(bson_oid_equal(&found, &project));
        kept++;
    }
    assert_in_range(kept, 1000, MANY - 1);
}

/* What fits in should rarely lose its place to another. */
static void
test_ids_made_one_after_another_keep_their_places(void **state)
{
    bson_oid_t user = oid('u', 6);
    int kept = 0;

    (void)state;
    for (uint32_t n = 0; n < SOME; n++) {
        bson_oid_t task = oid('t', n), project = oid('p', n);

        entity_project_put(&user, &task, &project);
    }
    for (uint32_t n = 0; n < SOME; n++) {
        bson_oid_t task = oid('t', n), project = oid('p', n);

        kept += finds(&user, &task, &project);
    }
    assert_in_range(kept, SOME * 9 / 10, SOME);
}

/* What another process writes is found here, and nothing that is half written is. */
static void
test_processes_share_the_table(void **state)
{
    bson_oid_t user = oid('u', 5), task = oid('t', 5), projects[] = {oid('p', 7), oid('q', 9)};
    bson_oid_t found = projects[0];
    pid_t child;
    int status;

    (void)state;
    entity_project_put(&user, &task, &projects[0]);
    if ((child = fork()) == 0) {
        for (int i = 1; i <= 100000; i++)
            entity_project_put(&user, &task, &projects[i % 2]);
        entity_project_put(&user, &task, &projects[1]);
        _exit(0);
    }
    while (waitpid(child, &status, WNOHANG) == 0)
        if (entity_project_get(&user, &task, &found))
            assert_true(bson_oid_equal(&found, &projects[0]) ||
                        bson_oid_equal(&found, &projects[1]));
    assert_int_equal(status, 0);
    assert_true(finds(&user, &task, &projects[1]));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_a_table_nothing_is_found),
        cmocka_unit_test(test_what_was_put_is_found_and_replaced),
        cmocka_unit_test(test_another_user_finds_nothing),
        cmocka_unit_test(test_with_too_many_the_newest_are_found_and_none_is_wrong),
        cmocka_unit_test(test_ids_made_one_after_another_keep_their_places),
        cmocka_unit_test(test_processes_share_the_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
