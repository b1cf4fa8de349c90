/*
 * What this host last saw of a topic.
 */
#include "common/topics/topic_hints.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#define TOPICS 20000 /* more than the table has places for */

static void
test_nothing_is_known_before_sharing(void **state)
{
    struct topic_hint hint = {1, 2, 3};

    (void)state;
    topic_hints_put("project:a", &hint);
    assert_false(topic_hints_get("project:a", &hint));
    topic_hints_forget("project:a");
}

static void
test_put_get_forget(void **state)
{
    struct topic_hint hint = {7, 3, 5}, out;

    (void)state;
    topic_hints_share();
    assert_false(topic_hints_get("project:a", &out));
    topic_hints_put("project:a", &hint);
    assert_true(topic_hints_get("project:a", &out));
    assert_memory_equal(&hint, &out, sizeof(hint));
    assert_false(topic_hints_get("project:b", &out));
    topic_hints_forget("project:b");
    assert_true(topic_hints_get("project:a", &out));
    topic_hints_forget("project:a");
    assert_false(topic_hints_get("project:a", &out));
}

/* Topics may evict each other; a topic never gets another's hint. */
static void
test_no_topic_has_anothers_hint(void **state)
{
    struct topic_hint out;
    int known = 0;
    char name[48];

    (void)state;
    topic_hints_share();
    for (int i = 0; i < TOPICS; i++) {
        snprintf(name, sizeof(name), "project:%024x", (unsigned)i);
        topic_hints_put(name, &(struct topic_hint){i, i + 1, i + 2});
    }
    for (int i = 0; i < TOPICS; i++) {
        snprintf(name, sizeof(name), "project:%024x", (unsigned)i);
        if (!topic_hints_get(name, &out))
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
    struct topic_hint out;
    int status;
    pid_t pid;

    (void)state;
    topic_hints_share();
    topic_hints_put("project:a", &(struct topic_hint){1, 1, 1});
    if ((pid = fork()) == 0) {
        bool seen = topic_hints_get("project:a", &out) && out.seq == 1;

        topic_hints_put("project:b", &(struct topic_hint){2, 2, 2});
        topic_hints_forget("project:a");
        _exit(seen ? 0 : 1);
    }
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    assert_true(topic_hints_get("project:b", &out) && out.seq == 2);
    assert_false(topic_hints_get("project:a", &out));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_known_before_sharing),
        cmocka_unit_test(test_put_get_forget),
        cmocka_unit_test(test_no_topic_has_anothers_hint),
        cmocka_unit_test(test_processes_share_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
