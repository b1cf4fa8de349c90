/*
 * Memory with a request's lifetime.
 */
#include "common/base/arena.h"

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#define LIMIT ((size_t)8 << 20)

static void
test_allocations_are_zeroed_aligned_and_separate(void **state)
{
    struct arena *arena = arena_new(LIMIT);

    (void)state;
    for (int round = 0; round < 3; round++) {
        unsigned char *last = NULL;

        for (size_t size = 0; size < 2000; size += 7) {
            unsigned char *p = arena_alloc(arena, size);

            assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
            for (size_t i = 0; i < size; i++)
                assert_int_equal(p[i], 0);
            memset(p, 0xA5, size);
            assert_true(last == NULL || p != last || size == 7);
            last = p;
        }
        arena_reset(arena);
    }
    arena_free(arena);
}

static void
test_an_allocation_can_be_larger_than_a_block(void **state)
{
    struct arena *arena = arena_new(LIMIT);
    char *small = arena_dup(arena, "small"), *large = arena_alloc(arena, LIMIT / 2);

    (void)state;
    memset(large, 'x', LIMIT / 2);
    assert_string_equal(small, "small");
    arena_reset(arena);
    assert_non_null(arena_alloc(arena, LIMIT - 64)); /* a reset gives all of it back */
    arena_free(arena);
}

static void
test_copies(void **state)
{
    struct arena *arena = arena_new(LIMIT);
    char *text;

    (void)state;
    text = arena_copy(arena, "abcdef", 3);
    assert_string_equal(text, "abc");
    text = arena_copy(arena, "a\0b", 3);
    assert_memory_equal(text, "a\0b", 4);
    assert_string_equal(arena_copy(arena, NULL, 0), "");
    assert_string_equal(arena_dup(arena, ""), "");
    assert_null(arena_dup(arena, NULL));
    assert_string_equal(arena_printf(arena, "%d %s", 7, "things"), "7 things");
    text = arena_printf(arena, "%0100000d", 1);
    assert_int_equal(strlen(text), 100000);
    arena_free(arena);
}

static struct text_order {
    char letters[8];
    size_t count;
} order;

static void
note(void *what)
{
    order.letters[order.count++] = *(char *)what;
}

static void
test_deferred_calls_run_newest_first_and_once(void **state)
{
    struct arena *arena = arena_new(LIMIT);

    (void)state;
    order = (struct text_order){0};
    for (const char *p = "abc"; *p != '\0'; p++)
        arena_defer(arena, note, arena_copy(arena, p, 1));
    assert_string_equal(order.letters, "");
    arena_reset(arena);
    assert_string_equal(order.letters, "cba");
    arena_reset(arena);
    assert_string_equal(order.letters, "cba");
    arena_defer(arena, note, arena_dup(arena, "d"));
    arena_free(arena);
    assert_string_equal(order.letters, "cbad");
    arena_free(NULL);
}

static void
test_an_arena_over_its_limit_is_full_but_still_allocates(void **state)
{
    struct arena *arena = arena_new(1000);

    (void)state;
    arena_alloc(arena, 992);
    assert_false(arena_full(arena));
    memset(arena_alloc(arena, 100000), 'x', 100000);
    assert_true(arena_full(arena));
    arena_reset(arena);
    assert_false(arena_full(arena));
    arena_charge(arena, SIZE_MAX / 2);
    assert_true(arena_full(arena));
    memset(arena_alloc(arena, 100000), 'x', 100000); /* charged memory is not taken from it */
    arena_reset(arena);
    assert_false(arena_full(arena));
    arena_free(arena);
}

/* In a child, since it ends the process. */
static bool
survives(size_t first, size_t second)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        struct arena *arena;

        if (freopen("/dev/null", "w", stderr) == NULL)
            _exit(1);
        arena = arena_new(1000);
        arena_alloc(arena, first);
        arena_alloc(arena, second);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void
test_only_exhausting_the_reserve_ends_the_process(void **state)
{
    (void)state;
    assert_true(survives(500, ARENA_RESERVE));
    assert_false(survives(1001, ARENA_RESERVE));
    assert_false(survives(0, ARENA_RESERVE + 1001));
    assert_false(survives(SIZE_MAX, 0));
    assert_false(survives(16, SIZE_MAX - 8));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations_are_zeroed_aligned_and_separate),
        cmocka_unit_test(test_an_allocation_can_be_larger_than_a_block),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_deferred_calls_run_newest_first_and_once),
        cmocka_unit_test(test_an_arena_over_its_limit_is_full_but_still_allocates),
        cmocka_unit_test(test_only_exhausting_the_reserve_ends_the_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
