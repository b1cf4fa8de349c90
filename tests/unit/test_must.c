/*
 * Memory and threads, or the process ends; arrays that grow.
 */
#include "common/base/must.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/vec.h"
#include "tests/unit/unit.h"

static void
test_memory_is_zeroed_and_keeps_its_content(void **state)
{
    unsigned char *p = must_alloc(100, 10);

    (void)state;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(p[i], 0);
    memset(p, 0xA5, 1000);
    p = must_resize(p, 100000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(p[i], 0xA5);
    free(p);
    p = must_alloc(0, 10);
    assert_non_null(p);
    free(must_resize(p, 0));
}

/* Runs fn in a child; what it wrote to standard error goes to words, and its status is returned. */
static int
status_of(void (*fn)(void), char *words, size_t size)
{
    int ends[2], status;
    ssize_t len;
    pid_t pid;

    assert_int_equal(pipe(ends), 0);
    pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDERR_FILENO);
        fn();
        _exit(0);
    }
    close(ends[1]);
    len = read(ends[0], words, size - 1);
    words[len < 0 ? 0 : len] = '\0';
    close(ends[0]);
    waitpid(pid, &status, 0);
    return status;
}

static void
do_the_impossible(void)
{
    must_not_happen("test: two is three");
}

static void *volatile kept; /* so that the compiler does not leave the call out */

static void
ask_for_more_than_there_is(void)
{
    kept = must_alloc(SIZE_MAX / 8, 16);
}

static void
test_what_must_not_happen_ends_the_process_with_a_line_of_the_log(void **state)
{
    char words[256];
    int status = status_of(do_the_impossible, words, sizeof(words));

    (void)state;
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_string_equal(words, "{\"level\":\"error\",\"text\":\"test: two is three\"}\n");
    status = status_of(ask_for_more_than_there_is, words, sizeof(words));
    assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static int *shared;

static void
write_into_shared_memory(void)
{
    shared[999] = 7;
}

static void
test_shared_memory_is_zeroed_and_the_same_in_a_child(void **state)
{
    char words[16];

    (void)state;
    shared = must_share(1000 * sizeof(*shared));
    assert_int_equal(shared[999], 0);
    assert_int_equal(status_of(write_into_shared_memory, words, sizeof(words)), 0);
    assert_int_equal(shared[999], 7);
}

static void *
add_one(void *arg)
{
    ++*(int *)arg;
    return arg;
}

static void
test_a_thread_runs_its_function_with_its_argument(void **state)
{
    int number = 1;
    void *result;

    (void)state;
    assert_int_equal(pthread_join(must_thread(add_one, &number), &result), 0);
    assert_ptr_equal(result, &number);
    assert_int_equal(number, 2);
}

static void
test_an_array_grows_by_doubling_and_keeps_its_items(void **state)
{
    struct item {
        int64_t number;
        char rest[24];
    } *items = NULL;
    uint32_t count = 0, room = 0;
    int moves = 0;

    (void)state;
    for (int64_t n = 0; n < 10000; n++) {
        uint32_t before = room;

        items = vec_room(items, count, &room, sizeof(*items));
        assert_true(count < room);
        moves += room != before;
        items[count++].number = n;
    }
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(items[i].number, i);
    assert_in_range(moves, 10, 14);
    count = 0; /* what has become empty keeps its room */
    assert_ptr_equal(vec_room(items, count, &room, sizeof(*items)), items);
    free(items);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_is_zeroed_and_keeps_its_content),
        cmocka_unit_test(test_what_must_not_happen_ends_the_process_with_a_line_of_the_log),
        cmocka_unit_test(test_shared_memory_is_zeroed_and_the_same_in_a_child),
        cmocka_unit_test(test_a_thread_runs_its_function_with_its_argument),
        cmocka_unit_test(test_an_array_grows_by_doubling_and_keeps_its_items),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
