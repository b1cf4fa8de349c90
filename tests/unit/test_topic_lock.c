/*
 * Topic locks: one holder at a time, in order of arrival, with time-outs.
 */
#include "common/topics/topic_lock.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/time/clock.h"
#include "tests/unit/unit.h"

#define LONG_MS 20000

static const char *const a[] = {"project:a"};
static const char *const ab[] = {"project:a", "project:b"};
static const char *const ba[] = {"project:b", "project:a"};

struct writer {
    pthread_t thread;
    const char *const *names;
    int count, wait_ms;
    _Atomic pid_t tid; /* 0: not yet running */
    enum err err;
    int came; /* its place in the order of getting the lock */
};

static atomic_int arrivals;

static void *
write_once(void *arg)
{
    struct writer *w = arg;
    struct topic_lock t;

    atomic_store(&w->tid, gettid());
    w->err = topic_lock_take(&t, w->names, w->count, w->wait_ms);
    if (w->err == ERR_NONE) {
        w->came = atomic_fetch_add(&arrivals, 1);
        topic_lock_give(&t);
    }
    return NULL;
}

static void
start(struct writer *w, const char *const *names, int count, int wait_ms)
{
    *w = (struct writer){.names = names, .count = count, .wait_ms = wait_ms, .came = -1};
    assert_int_equal(pthread_create(&w->thread, NULL, write_once, w), 0);
}

static void
test_first_come_first_served(void **state)
{
    struct writer writers[12];
    struct topic_lock t;

    (void)state;
    atomic_store(&arrivals, 0);
    assert_int_equal(topic_lock_take(&t, a, 1, LONG_MS), ERR_NONE);
    for (int i = 0; i < 12; i++) {
        start(&writers[i], a, 1, LONG_MS);
        unit_await_sleep(&writers[i].tid);
    }
    topic_lock_give(&t);
    for (int i = 0; i < 12; i++) {
        pthread_join(writers[i].thread, NULL);
        assert_int_equal(writers[i].err, ERR_NONE);
        assert_int_equal(writers[i].came, i);
    }
}

static void
test_waiting_too_long_fails_and_leaves_the_queue(void **state)
{
    struct writer impatient, patient;
    struct topic_lock t;
    int64_t began;

    (void)state;
    atomic_store(&arrivals, 0);
    assert_int_equal(topic_lock_take(&t, a, 1, 0), ERR_NONE);
    began = clock_steady();
    start(&impatient, a, 1, 50);
    unit_await_sleep(&impatient.tid);
    start(&patient, a, 1, LONG_MS);
    pthread_join(impatient.thread, NULL);
    assert_int_equal(impatient.err, ERR_BUSY);
    assert_true(clock_steady() - began >= 50000);
    topic_lock_give(&t);
    pthread_join(patient.thread, NULL);
    assert_int_equal(patient.err, ERR_NONE);
    assert_int_equal(topic_lock_take(&t, a, 1, 0), ERR_NONE);
    topic_lock_give(&t);
}

/* A writer that got only the first of two lines holds nothing. */
static void
test_all_or_none(void **state)
{
    struct writer both;
    struct topic_lock t, u;

    (void)state;
    assert_int_equal(topic_lock_take(&t, ab + 1, 1, 0), ERR_NONE);
    start(&both, ab, 2, 30);
    pthread_join(both.thread, NULL);
    assert_int_equal(both.err, ERR_BUSY);
    assert_int_equal(topic_lock_take(&u, a, 1, 0), ERR_NONE);
    topic_lock_give(&u);
    topic_lock_give(&t);
    assert_int_equal(topic_lock_take(&u, ab, 2, 0), ERR_NONE);
    topic_lock_give(&u);
}

static void
test_a_name_given_twice_is_locked_once(void **state)
{
    static const char *const twice[] = {"project:a", "project:a", "project:b", "project:a"};
    struct topic_lock t;

    (void)state;
    assert_int_equal(topic_lock_take(&t, twice, 4, 0), ERR_NONE);
    assert_in_range(t.count, 1, 2);
    topic_lock_give(&t);
    assert_int_equal(t.count, 0);
    topic_lock_give(&t); /* nothing left to give */
}

struct delegation {
    pthread_t thread;
    _Atomic pid_t tid;
    int wait_ms;
    enum err err;
    bool done;
    int came; /* its place in the order of getting the lock itself */
};

static void *
delegate(void *arg)
{
    struct delegation *r = arg;
    struct topic_lock lock;

    atomic_store(&r->tid, gettid());
    r->err = topic_lock_take_or_delegate(&lock, a[0], r->wait_ms, r, &r->done);
    if (r->err == ERR_NONE && !r->done) {
        r->came = atomic_fetch_add(&arrivals, 1);
        topic_lock_give(&lock);
    }
    return NULL;
}

/* Starts writers that wait one after another. */
static void
start_delegations(struct delegation *jobs, int count, int wait_ms)
{
    struct writer probe = {0};

    for (int i = 0; i < count; i++) {
        jobs[i] = (struct delegation){.wait_ms = wait_ms, .came = -1};
        assert_int_equal(pthread_create(&jobs[i].thread, NULL, delegate, &jobs[i]), 0);
        while (atomic_load(&jobs[i].tid) == 0)
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        atomic_store(&probe.tid, atomic_load(&jobs[i].tid));
        unit_await_sleep(&probe.tid);
    }
}

static bool
may_take(void *arg, void *job)
{
    return job != arg;
}

/*
 * Jobs are taken in order of arrival, up to one that must not be; a waiter whose job was not taken
 * gets the lock.
 */
static void
test_the_holder_does_delegated_jobs(void **state)
{
    struct delegation jobs[4];
    void *taken[4];
    struct topic_lock lock;

    (void)state;
    assert_int_equal(topic_lock_take(&lock, a, 1, LONG_MS), ERR_NONE);
    start_delegations(jobs, 4, LONG_MS);
    assert_int_equal(topic_lock_delegated(&lock, taken, 1, may_take, NULL), 1);
    assert_ptr_equal(taken[0], &jobs[0]);
    assert_int_equal(topic_lock_delegated(&lock, taken + 1, 3, may_take, &jobs[2]), 1);
    assert_ptr_equal(taken[1], &jobs[1]);
    topic_lock_job_done(lock.stripe[0], &jobs[1]);
    topic_lock_job_done(lock.stripe[0], &jobs[0]);
    topic_lock_give(&lock);
    for (int i = 0; i < 4; i++) {
        pthread_join(jobs[i].thread, NULL);
        assert_int_equal(jobs[i].err, ERR_NONE);
        assert_int_equal(jobs[i].done, i < 2);
    }
}

/* Those returned come before those that waited behind them, in their old order. */
static void
test_a_writer_whose_job_is_returned_has_its_turn_as_if_it_had_waited(void **state)
{
    struct delegation jobs[5];
    void *taken[3];
    struct topic_lock lock;

    (void)state;
    atomic_store(&arrivals, 0);
    assert_int_equal(topic_lock_take(&lock, a, 1, LONG_MS), ERR_NONE);
    start_delegations(jobs, 5, LONG_MS);
    assert_int_equal(topic_lock_delegated(&lock, taken, 3, may_take, NULL), 3);
    topic_lock_job_done(lock.stripe[0], taken[1]);
    topic_lock_job_returned(lock.stripe[0], taken[2]);
    topic_lock_job_returned(lock.stripe[0], taken[0]);
    topic_lock_give(&lock);
    for (int i = 0; i < 5; i++) {
        pthread_join(jobs[i].thread, NULL);
        assert_int_equal(jobs[i].err, ERR_NONE);
        assert_int_equal(jobs[i].done, i == 1);
        assert_int_equal(jobs[i].came, i == 1 ? -1 : i == 0 ? 0 : i - 1);
    }
}

/*
 * While its job is taken over it stays, however late it is: the holder uses the job.  If this
 * machine was too slow to take it in time, it waits longer.
 */
static void
test_a_late_writer_leaves_as_soon_as_its_job_is_returned(void **state)
{
    struct delegation late;
    void *taken[1];
    struct topic_lock lock;
    int64_t until;

    (void)state;
    assert_int_equal(topic_lock_take(&lock, a, 1, LONG_MS), ERR_NONE);
    for (int wait_ms = 50;; wait_ms *= 2) {
        start_delegations(&late, 1, wait_ms);
        until = clock_steady() + wait_ms * 1000;
        if (topic_lock_delegated(&lock, taken, 1, may_take, NULL) == 1)
            break;
        pthread_join(late.thread, NULL);
    }
    while (clock_steady() < until)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    assert_int_equal(pthread_tryjoin_np(late.thread, NULL), EBUSY);
    topic_lock_job_returned(lock.stripe[0], taken[0]);
    pthread_join(late.thread, NULL); /* although the lock is still held */
    assert_int_equal(late.err, ERR_BUSY);
    topic_lock_give(&lock);
}

static long shared_count; /* not atomic: the topic lock protects it */

static void *
count_up(void *arg)
{
    const char *const *names = arg;
    struct topic_lock t;

    for (int i = 0; i < 2000; i++) {
        if (topic_lock_take(&t, names, 2, LONG_MS) != ERR_NONE)
            return arg;
        shared_count++;
        topic_lock_give(&t);
    }
    return NULL;
}

/* Two names in either order: no deadlock, and no two writers at once. */
static void
test_many_threads_and_two_names(void **state)
{
    pthread_t threads[8];
    void *failed;

    (void)state;
    for (int i = 0; i < 8; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, count_up, (void *)(uintptr_t)(i % 2 ? ab : ba)), 0);
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(shared_count, 16000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_come_first_served),
        cmocka_unit_test(test_waiting_too_long_fails_and_leaves_the_queue),
        cmocka_unit_test(test_all_or_none),
        cmocka_unit_test(test_a_name_given_twice_is_locked_once),
        cmocka_unit_test(test_the_holder_does_delegated_jobs),
        cmocka_unit_test(test_a_writer_whose_job_is_returned_has_its_turn_as_if_it_had_waited),
        cmocka_unit_test(test_a_late_writer_leaves_as_soon_as_its_job_is_returned),
        cmocka_unit_test(test_many_threads_and_two_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
