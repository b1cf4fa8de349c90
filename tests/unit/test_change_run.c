/*
 * Which thread runs which changes together, and who waits for whom.  Batches are run by the tests'
 * scripts instead of the database; waiting ends by conditions, never by time.
 */
#include "common/change/change.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "common/change/batch.h"
#include "common/change/change_inside.h"
#include "common/store/store_inside.h"
#include "tests/unit/unit.h"

#define CALLS 8

struct writer {
    pthread_t thread;
    struct store store;
    struct change_plan plan;
    enum err err;
    atomic_bool done;
};

/* What batch_run() was called with. */
static struct {
    int count;
    pthread_t thread;
} calls[CALLS];
static atomic_int call_count;
static enum err (*script)(int call, struct batch *b); /* calls are counted from 0 */
static atomic_bool gate;                              /* the first batch may end */
static struct writer writers[3];

/* Threads that wait for a slot, for a topic's lock, and without a time limit. */
static atomic_int slot_waits, lock_waits, endless_waits;
static pthread_cond_t *_Atomic last_in_slots; /* where the newest of the first waits */
static atomic_bool expired;

enum err __wrap_batch_run(struct batch *b);
int __real_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock);
int __wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock);
int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *lock,
                                  const struct timespec *until);
int __wrap_pthread_cond_clockwait(pthread_cond_t *cond, pthread_mutex_t *lock, clockid_t clock,
                                  const struct timespec *until);

int
__wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock)
{
    atomic_fetch_add(&endless_waits, 1);
    return __real_pthread_cond_wait(cond, lock);
}

int
__wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *lock,
                              const struct timespec *until)
{
    (void)until;
    atomic_fetch_add(&lock_waits, 1);
    return __real_pthread_cond_wait(cond, lock);
}

int
__wrap_pthread_cond_clockwait(pthread_cond_t *cond, pthread_mutex_t *lock, clockid_t clock,
                              const struct timespec *until)
{
    (void)clock;
    (void)until;
    atomic_store(&last_in_slots, cond);
    atomic_fetch_add(&slot_waits, 1);
    __real_pthread_cond_wait(cond, lock);
    return atomic_load(&expired) ? ETIMEDOUT : 0;
}

static void
pause_shortly(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void
await(atomic_int *counter, int least)
{
    while (atomic_load(counter) < least)
        pause_shortly();
}

enum err
__wrap_batch_run(struct batch *b)
{
    int call = atomic_fetch_add(&call_count, 1);

    if (call >= CALLS)
        abort();
    calls[call].count = b->count;
    calls[call].thread = pthread_self();
    while (call == 0 && !atomic_load(&gate))
        pause_shortly();
    return script(call, b);
}

/* The first `count` changes of a batch are done. */
static enum err
done(struct batch *b, int count)
{
    for (int i = 0; i < b->count; i++)
        b->changes[i]->run = i < count;
    return ERR_NONE;
}

static enum err
never(struct change *change, void *arg)
{
    (void)change;
    (void)arg;
    return ERR_STORE;
}

static void *
write_once(void *arg)
{
    struct writer *w = arg;

    w->err = change_run(&w->store, NULL, "00000000", &w->plan);
    atomic_store(&w->done, true);
    return NULL;
}

static void
start(int n, const char *topic)
{
    struct writer *w = &writers[n];

    *w = (struct writer){
        .plan = {.topics = {topic}, .topic_count = 1, .batched = true, .fn = never}};
    assert_int_equal(pthread_create(&w->thread, NULL, write_once, w), 0);
}

/* The first writer's batch is running, and the others wait behind it, in this order. */
static void
queue_up(const char *const topics[3], atomic_int *waits)
{
    for (int i = 0; i < 3; i++) {
        start(i, topics[i]);
        if (i == 0)
            await(&call_count, 1);
        else
            await(waits, i);
    }
}

static void
join_all(void)
{
    for (int i = 0; i < 3; i++) {
        pthread_join(writers[i].thread, NULL);
        assert_int_equal(writers[i].err, ERR_NONE);
    }
}

static int
set_up(void **state)
{
    (void)state;
    atomic_store(&call_count, 0);
    atomic_store(&slot_waits, 0);
    atomic_store(&lock_waits, 0);
    atomic_store(&endless_waits, 0);
    atomic_store(&expired, false);
    atomic_store(&gate, false);
    return 0;
}

static const char *const own_topics[] = {"project:a", "project:b", "project:c"};
static const char *const one_topic[] = {"project:a", "project:a", "project:a"};

/*
 * The second batch has two changes.  While it runs, the time of the one that does not lead is up:
 * does its writer stay (an endless wait), or does it leave and run its change itself?
 */
static enum err
let_time_run_out(int call, struct batch *b)
{
    if (call != 1)
        return done(b, b->count);
    atomic_store(&expired, true);
    pthread_cond_signal(atomic_load(&last_in_slots));
    while (atomic_load(&endless_waits) == 0 && atomic_load(&call_count) == 2)
        pause_shortly();
    return done(b, b->count);
}

static void
test_a_writer_stays_until_the_batch_with_its_change_is_over(void **state)
{
    (void)state;
    script = let_time_run_out;
    queue_up(own_topics, &slot_waits);
    atomic_store(&gate, true);
    join_all();
    assert_int_equal(atomic_load(&call_count), 2);
    assert_int_equal(calls[1].count, 2);
}

/* The second batch of one topic has no room for the delegated change.  The third waits for the
 * leader's end.
 */
static enum err
leave_the_delegated(int call, struct batch *b)
{
    while (call == 2 && !atomic_load(&writers[1].done))
        pause_shortly();
    return done(b, 1);
}

static void
test_a_leader_answers_before_a_delegated_change_that_did_not_fit_runs(void **state)
{
    (void)state;
    script = leave_the_delegated;
    queue_up(one_topic, &lock_waits);
    atomic_store(&gate, true);
    join_all();
    assert_int_equal(atomic_load(&call_count), 3);
    assert_int_equal(calls[1].count, 2);
    assert_int_equal(calls[2].count, 1);
    assert_true(pthread_equal(calls[2].thread, writers[2].thread));
}

/* Batches of several fail.  The delegated change's own run waits for the leader's end. */
static enum err
fail_together(int call, struct batch *b)
{
    (void)call;
    if (b->count > 1)
        return ERR_BUSY;
    while (pthread_equal(pthread_self(), writers[2].thread) && !atomic_load(&writers[1].done))
        pause_shortly();
    return done(b, 1);
}

static void
test_after_a_failed_batch_each_writer_runs_its_own_change(void **state)
{
    (void)state;
    script = fail_together;
    queue_up(one_topic, &lock_waits);
    atomic_store(&gate, true);
    join_all();
    /* The first; the leader with the delegated one, with a slot and without; each of them alone. */
    assert_int_equal(atomic_load(&call_count), 5);
    assert_int_equal(calls[3].count, 1);
    assert_true(pthread_equal(calls[3].thread, writers[1].thread));
    assert_int_equal(calls[4].count, 1);
    assert_true(pthread_equal(calls[4].thread, writers[2].thread));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_writer_stays_until_the_batch_with_its_change_is_over, set_up),
        cmocka_unit_test_setup(
            test_a_leader_answers_before_a_delegated_change_that_did_not_fit_runs, set_up),
        cmocka_unit_test_setup(test_after_a_failed_batch_each_writer_runs_its_own_change, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
