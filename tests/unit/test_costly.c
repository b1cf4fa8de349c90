/*
 * Requests with long replies: how many there may be, and in which order they read.
 */
#include "api/server/costly.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "api/http/request.h"
#include "common/base/arena.h"
#include "common/config.h"
#include "tests/unit/unit.h"

static struct config config = {.api_threads = 16, .api_request_seconds = 60};
static atomic_int served;

struct reader {
    pthread_t thread;
    _Atomic pid_t tid; /* 0: not yet running */
    struct request request;
    struct costly costly;
    enum err err;
    int came; /* its place in the order of turns */
};

static void
prepare(struct reader *reader, char user)
{
    *reader = (struct reader){.request.config = &config};
    memset(reader->request.user_id.bytes, user, 12);
}

static void *
read_once(void *arg)
{
    struct reader *reader = arg;

    atomic_store(&reader->tid, gettid());
    reader->err = costly_enter(&reader->request, &reader->costly);
    reader->came = atomic_fetch_add(&served, 1);
    if (reader->err == ERR_NONE)
        costly_leave(&reader->request);
    return NULL;
}

/* Starts a reader, which waits while another one has the turn. */
static void
start(struct reader *reader, char user)
{
    prepare(reader, user);
    assert_int_equal(pthread_create(&reader->thread, NULL, read_once, reader), 0);
    unit_await_sleep(&reader->tid);
}

static void
take(struct reader *reader, char user)
{
    prepare(reader, user);
    assert_int_equal(costly_enter(&reader->request, &reader->costly), ERR_NONE);
}

static void
test_users_take_turns(void **state)
{
    struct reader first, readers[4];

    (void)state;
    atomic_store(&served, 0);
    take(&first, 'c');
    start(&readers[0], 'a');
    start(&readers[1], 'a');
    start(&readers[2], 'a');
    start(&readers[3], 'b');
    costly_leave(&first.request);
    for (int i = 0; i < 4; i++)
        pthread_join(readers[i].thread, NULL);
    assert_int_equal(readers[0].came, 0);
    assert_int_equal(readers[3].came, 1); /* b waits for one request of a, not for all */
}

static void
test_a_request_that_waits_for_its_client_has_no_turn(void **state)
{
    struct reader slow, other;

    (void)state;
    take(&slow, 'a');
    start(&other, 'b');
    costly_pause(&slow.request);
    pthread_join(other.thread, NULL);
    assert_int_equal(other.err, ERR_NONE);
    costly_resume(&slow.request);
    costly_leave(&slow.request);
}

static void
test_waiting_ends_with_the_time_limit(void **state)
{
    struct config hasty = {.api_threads = 16, .api_request_seconds = 0};
    struct reader slow, late;

    (void)state;
    take(&slow, 'a');
    prepare(&late, 'b');
    late.request.config = &hasty;
    assert_int_equal(costly_enter(&late.request, &late.costly), ERR_BUSY);
    assert_null(late.request.costly);
    costly_leave(&slow.request);
    take(&late, 'b');
    costly_leave(&late.request);
}

/* Those that wait for their clients count as well, since each occupies a thread. */
static void
test_requests_are_limited(void **state)
{
    struct reader readers[12], more;

    (void)state;
    for (int i = 0; i < 12; i++) { /* four of each user */
        take(&readers[i], (char)('a' + i / 4));
        costly_pause(&readers[i].request);
    }
    prepare(&more, 'a');
    more.request.arena = arena_new(1 << 16); /* for the problem's detail */
    assert_int_equal(costly_enter(&more.request, &more.costly), ERR_THROTTLED);
    arena_free(more.request.arena);
    prepare(&more, 'd');
    assert_int_equal(costly_enter(&more.request, &more.costly), ERR_BUSY);
    for (int i = 0; i < 12; i++) {
        costly_resume(&readers[i].request);
        costly_leave(&readers[i].request);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_users_take_turns),
        cmocka_unit_test(test_a_request_that_waits_for_its_client_has_no_turn),
        cmocka_unit_test(test_waiting_ends_with_the_time_limit),
        cmocka_unit_test(test_requests_are_limited),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
