/*
 * What this host last saw of a topic.
 */
#include "common/heads.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#define TOPICS 20000 /* more than the table has places for */

static void
test_nothing_is_known_before_it_is_shared(void **state)
{
    struct head head = {1, 2, 3};

    (void)state;
    heads_put("project:a", &head);
    assert_false(heads_get("project:a", &head));
    heads_forget("project:a");
}

static void
test_put_get_forget(void **state)
{
    struct head head = {7, 3, 5}, out;

    (void)state;
    heads_share();
    assert_false(heads_get("project:a", &out));
    heads_put("project:a", &head);
    assert_true(heads_get("project:a", &out));
    assert_memory_equal(&head, &out, sizeof(head));
    assert_false(heads_get("project:b", &out));
    heads_forget("project:b");
    assert_true(heads_get("project:a", &out));
    heads_forget("project:a");
    assert_false(heads_get("project:a", &out));
}

/* Topics may push each other out; none is ever answered with another's head. */
static void
test_no_topic_has_anothers_head(void **state)
{
    struct head out;
    int known = 0;
    char name[48];

    (void)state;
    heads_share();
    for (int i = 0; i < TOPICS; i++) {
        snprintf(name, sizeof(name), "project:%024x", (unsigned)i);
        heads_put(name, &(struct head){i, i + 1, i + 2});
    }
    for (int i = 0; i < TOPICS; i++) {
        snprintf(name, sizeof(name), "project:%024x", (unsigned)i);
        if (!heads_get(name, &out))
            continue;
        known++;
        if (out.seq != i || out.counter != i + 1 || out.unchanged != i + 2)
            unit_wrong("%s: %lld", name, (long long)out.seq);
    }
    assert_true(known > TOPICS / 4);
    unit_rows_done();
}

static void
test_processes_share_them(void **state)
{
    struct head out;
    int status;
    pid_t pid;

    (void)state;
    heads_share();
    heads_put("project:a", &(struct head){1, 1, 1});
    if ((pid = fork()) == 0) {
        bool seen = heads_get("project:a", &out) && out.seq == 1;

        heads_put("project:b", &(struct head){2, 2, 2});
        heads_forget("project:a");
        _exit(seen ? 0 : 1);
    }
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    assert_true(heads_get("project:b", &out) && out.seq == 2);
    assert_false(heads_get("project:a", &out));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_known_before_it_is_shared),
        cmocka_unit_test(test_put_get_forget),
        cmocka_unit_test(test_no_topic_has_anothers_head),
        cmocka_unit_test(test_processes_share_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
