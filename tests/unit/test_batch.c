/*
 * Several changes in one transaction, on a store that only counts: which number each change gets,
 * what is sent, and what remains of a change that fails.
 */
#include "common/change/batch.h"

#include <string.h>

#include "common/change/change.h"
#include "common/change/change_inside.h"
#include "common/store/store_gather.h"
#include "common/store/store_inside.h"
#include "tests/unit/unit.h"

#define PROJECT "project:0123456789abcdef01234567"
#define MANY    6

/* The database: one topic, and the open transaction's writes to it. */
static struct {
    int64_t seq, tasks, bytes, open_seq, open_tasks, open_bytes;
    int begins, aborts, commits, topic_updates;
    size_t events, records, entities, open_events, open_records, open_entities;
    enum err commit_answer;
} db;
static struct store store;

int64_t __wrap_clock_steady(void);
enum err __wrap_store_begin(struct store *s);
enum err __wrap_store_commit(struct store *s);
void __wrap_store_abort(struct store *s);
enum err __wrap_store_update(struct store *s, enum store_name name, const bson_t *filter,
                             const bson_t *update, int64_t *matched);
enum err __wrap_store_get(struct store *s, enum store_name name, const bson_t *filter,
                          const bson_t *opts, bson_t **out);
enum err __wrap_store_insert(struct store *s, enum store_name name, const bson_t *doc);
enum err __wrap_store_insert_many(struct store *s, enum store_name name, const bson_t **docs,
                                  size_t count);

/* Does not move: however slow the machine is, no batch is cut short by its time limit. */
int64_t
__wrap_clock_steady(void)
{
    return 1;
}

enum err
__wrap_store_begin(struct store *s)
{
    store_gather_clear(s);
    s->open = true;
    s->failed = false;
    db.begins++;
    db.open_seq = db.seq;
    db.open_tasks = db.tasks;
    db.open_bytes = db.bytes;
    db.open_events = db.open_records = db.open_entities = 0;
    return ERR_NONE;
}

enum err
__wrap_store_commit(struct store *s)
{
    s->open = false;
    if (db.commit_answer != ERR_NONE)
        return db.commit_answer;
    db.commits++;
    db.seq = db.open_seq;
    db.tasks = db.open_tasks;
    db.bytes = db.open_bytes;
    db.events += db.open_events;
    db.records += db.open_records;
    db.entities += db.open_entities;
    return ERR_NONE;
}

void
__wrap_store_abort(struct store *s)
{
    s->open = false;
    db.aborts++;
}

static int64_t
step(const bson_t *update, const char *path)
{
    bson_iter_t iter, at;

    return bson_iter_init(&iter, update) && bson_iter_find_descendant(&iter, path, &at)
               ? bson_iter_as_int64(&at)
               : 0;
}

enum err
__wrap_store_update(struct store *s, enum store_name name, const bson_t *filter,
                    const bson_t *update, int64_t *matched)
{
    (void)filter;
    assert_true(s->open);
    assert_int_equal(name, STORE_TOPICS);
    db.open_seq += step(update, "$inc.seq");
    db.open_tasks += step(update, "$inc.tasks");
    db.open_bytes += step(update, "$inc.bytes");
    db.topic_updates++;
    *matched = 1;
    return ERR_NONE;
}

enum err
__wrap_store_get(struct store *s, enum store_name name, const bson_t *filter, const bson_t *opts,
                 bson_t **out)
{
    (void)s;
    (void)filter;
    (void)opts;
    assert_int_equal(name, STORE_TOPICS);
    *out = BCON_NEW("_id", PROJECT, "seq", BCON_INT64(db.open_seq), "tasks",
                    BCON_INT64(db.open_tasks), "bytes", BCON_INT64(db.open_bytes));
    return ERR_NONE;
}

enum err
__wrap_store_insert(struct store *s, enum store_name name, const bson_t *doc)
{
    (void)name;
    (void)doc;
    db.open_entities++;
    return store_gather_before(s, STORE_NOTIFICATIONS);
}

enum err
__wrap_store_insert_many(struct store *s, enum store_name name, const bson_t **docs, size_t count)
{
    (void)s;
    (void)docs;
    db.open_events += name == STORE_EVENTS ? count : 0;
    db.open_records += name == STORE_IDEMPOTENCY ? count : 0;
    db.open_entities += name == STORE_TASKS ? count : 0;
    return ERR_NONE;
}

/* One change: what it does, and its result. */
struct script {
    enum script_way {
        WRITES,
        FAILS,
        FAILS_AFTER_GATHERING,
        FAILS_AFTER_SENDING,
        CONFLICTS,
        NOTHING,
        TWO_EVENTS,
        LARGE
    } how;
    const bson_oid_t *reads; /* a task that its first run reads; NULL: none */
    int runs;
    int64_t seq, task;
    struct change_plan plan, step;
    struct change change;
};
static struct script scripts[MANY];
static struct change *changes[MANY];
static struct batch batch;

static void
write_task(struct change *c, size_t size)
{
    char *filler = calloc(1, size + 1);
    bson_oid_t id;
    bson_t *doc;

    memset(filler, 'x', size);
    bson_oid_init(&id, NULL);
    doc = BCON_NEW("_id", BCON_OID(&id), "text", BCON_UTF8(filler));
    store_gather_insert(change_store(c), STORE_TASKS, doc);
    bson_destroy(doc);
    free(filler);
}

static enum err
run_script(struct change *c, void *arg)
{
    struct script *s = arg;
    struct event event = {
        .kind = EVENT_TASK_CREATED, .rev = 1, .entity_id = "0123456789abcdef01234567"};
    bson_t none = BSON_INITIALIZER, *task;
    enum err err;

    s->runs++;
    if (s->reads != NULL && s->runs == 1) {
        assert_int_equal(store_gather_get(change_store(c), STORE_TASKS, s->reads, &task), ERR_NONE);
        bson_destroy(task);
    }
    s->task = change_counter(c);
    if (s->how == NOTHING)
        return ERR_NONE;
    if (s->how == FAILS)
        return ERR_STALE;
    if (s->how == CONFLICTS)
        return ERR_RETRY;
    if (s->how == FAILS_AFTER_SENDING)
        assert_int_equal(store_insert(change_store(c), STORE_NOTIFICATIONS, &none), ERR_NONE);
    write_task(c, s->how == LARGE ? 5000000 : 10);
    assert_int_equal(change_seq(c, 0), change_as_of(c, 0) + 1);
    err = change_event(c, 0, &event);
    s->seq = event.seq;
    assert_int_equal(err, ERR_NONE);
    if (s->how == FAILS_AFTER_GATHERING || s->how == FAILS_AFTER_SENDING)
        return ERR_INVALID;
    return s->how == TWO_EVENTS ? change_event(c, 0, &event) : ERR_NONE;
}

static void
start(enum script_way how)
{
    memset(&db, 0, sizeof(db));
    db.seq = 100;
    db.tasks = 40;
    db.bytes = 1000;
    for (int i = 0; i < MANY; i++) {
        struct script *s = &scripts[i];

        memset(s, 0, sizeof(*s));
        s->how = how;
        s->plan = (struct change_plan){.topics = {PROJECT},
                                       .topic_count = 1,
                                       .counter = true,
                                       .bytes = 10,
                                       .idempotency = "key",
                                       .fn = run_script,
                                       .arg = s};
        s->change =
            (struct change){.plan = &s->plan, .store = &store, .epoch = "00000000", .stripe = -1};
        changes[i] = &s->change;
    }
    batch = (struct batch){.store = &store, .changes = changes, .count = MANY};
}

static void
end(void)
{
    batch_free(&batch);
    for (int i = 0; i < MANY; i++)
        change_free(&scripts[i].change);
    store_gather_free(&store);
}

static void
expect(int64_t seq, int64_t tasks, size_t events, size_t records)
{
    assert_int_equal(db.seq, 100 + seq);
    assert_int_equal(db.tasks, 40 + tasks);
    assert_int_equal(db.bytes, 1000 + 10 * tasks);
    assert_int_equal(db.events, events);
    assert_int_equal(db.records, records);
}

static void
test_numbers_follow_the_order_of_arrival_and_each_step_is_taken_once(void **state)
{
    (void)state;
    start(WRITES);
    assert_int_equal(batch_run(&batch), ERR_NONE);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(scripts[i].seq, 101 + i);
        assert_int_equal(scripts[i].task, 41 + i);
    }
    expect(MANY, MANY, MANY, MANY);
    assert_int_equal(db.entities, MANY);
    assert_int_equal(db.topic_updates, 1);
    assert_int_equal(db.begins, 1);
    end();
}

/*
 * What it read may have come from changes that were undone with it, so its result does not count:
 * it runs by itself, and reads again.
 */
static void
run_apart(int k)
{
    assert_true(scripts[k].change.apart);
    assert_false(scripts[k].change.run);
    batch_free(&batch);
    batch = (struct batch){.store = &store, .changes = changes + k, .count = 1};
    assert_int_equal(batch_run(&batch), ERR_NONE);
}

/* Whichever change it is, the others have consecutive numbers, and its own goes to the next. */
static void
test_one_that_fails_leaves_no_trace(void **state)
{
    static const enum script_way ways[] = {FAILS, FAILS_AFTER_GATHERING, FAILS_AFTER_SENDING};

    (void)state;
    for (int way = 0; way < 3; way++) {
        for (int k = 0; k < MANY; k++) {
            int64_t next = 101;
            bool sent = ways[way] == FAILS_AFTER_SENDING;

            start(WRITES);
            scripts[k].how = ways[way];
            assert_int_equal(batch_run(&batch), ERR_NONE);
            if (sent)
                run_apart(k);
            for (int i = 0; i < MANY; i++) {
                assert_true(scripts[i].change.run);
                assert_int_equal(scripts[i].change.err == ERR_NONE, i != k);
                if (i != k)
                    assert_int_equal(scripts[i].seq, next++);
                /*
                 * Once, or twice up to the one that failed if the transaction had to start again.
                 */
                assert_int_equal(scripts[i].runs, sent && i <= k ? 2 : 1);
            }
            expect(MANY - 1, MANY - 1, MANY - 1, MANY - 1);
            assert_int_equal(db.entities, MANY - 1);
            assert_int_equal(db.begins, sent ? 4 : 1);
            end();
        }
    }
}

/* Another host writes what only this one joined: the others do not wait for it. */
static void
test_one_that_conflicts_is_left_for_later(void **state)
{
    (void)state;
    start(WRITES);
    scripts[2].how = CONFLICTS;
    assert_int_equal(batch_run(&batch), ERR_NONE);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(scripts[i].change.run, i != 2);
    assert_true(scripts[2].change.apart);
    assert_int_equal(scripts[3].seq, 103);
    expect(MANY - 1, MANY - 1, MANY - 1, MANY - 1);
    end();
}

/* Else each would have all before it run again.  It is no conflict, after which tickets are taken.
 */
static void
test_a_batch_of_many_that_fail_after_sending_falls_apart(void **state)
{
    (void)state;
    start(FAILS_AFTER_SENDING);
    assert_int_equal(batch_run(&batch), ERR_BUSY);
    assert_true(db.begins < MANY);
    expect(0, 0, 0, 0);
    end();
}

/*
 * A document that was read before the transaction only counts for a write, which checks it.  A
 * change that has not used it fails at once: a second run would have the same result.
 */
static void
test_no_error_and_no_idleness_comes_from_a_document_read_before(void **state)
{
    static const enum script_way ways[] = {FAILS, NOTHING, WRITES};
    const bson_oid_t id = {{1}};
    bson_t *seen = BCON_NEW("_id", BCON_OID(&id));

    (void)state;
    for (int i = 0; i < 6; i++) {
        bool used = i < 3;
        enum script_way way = ways[i % 3];

        start(way);
        scripts[0].plan.reads = STORE_TASKS;
        scripts[0].plan.seen = seen;
        scripts[0].reads = used ? &id : NULL;
        batch.count = 1;
        assert_int_equal(batch_run(&batch), ERR_NONE);
        assert_true(scripts[0].change.run);
        assert_int_equal(scripts[0].runs, used && way != WRITES ? 2 : 1);
        end();
    }
    bson_destroy(seen);
}

static void
test_what_changes_nothing_keeps_its_record_and_takes_no_number(void **state)
{
    (void)state;
    start(WRITES);
    scripts[2].how = scripts[MANY - 1].how = NOTHING;
    assert_int_equal(batch_run(&batch), ERR_NONE);
    assert_true(scripts[2].change.undone);
    assert_int_equal(scripts[3].seq, 103);
    expect(MANY - 2, MANY - 2, MANY - 2, MANY);
    end();
}

static void
test_where_nothing_changes_only_the_records_are_written(void **state)
{
    (void)state;
    start(NOTHING);
    scripts[1].how = FAILS;
    assert_int_equal(batch_run(&batch), ERR_NONE);
    expect(0, 0, 0, MANY - 1);
    assert_int_equal(db.aborts, 1);
    assert_int_equal(db.commits, 1);
    end();
}

static void
test_a_change_may_need_more_numbers_than_its_plan_said(void **state)
{
    (void)state;
    start(WRITES);
    scripts[1].how = TWO_EVENTS;
    assert_int_equal(batch_run(&batch), ERR_NONE);
    assert_int_equal(scripts[2].seq, 104);
    expect(MANY + 1, MANY, MANY + 1, MANY);
    end();
}

/* Two of them exceed the limit of bytes: the third and later ones are left for another batch. */
static void
test_what_does_not_fit_runs_next(void **state)
{
    (void)state;
    start(LARGE);
    assert_int_equal(batch_run(&batch), ERR_NONE);
    assert_true(scripts[1].change.run && !scripts[2].change.run);
    expect(2, 2, 2, 2);
    batch_free(&batch);
    batch = (struct batch){.store = &store, .changes = changes + 2, .count = MANY - 2};
    assert_int_equal(batch_run(&batch), ERR_NONE);
    assert_int_equal(scripts[2].seq, 103);
    expect(4, 4, 4, 4);
    end();
}

static void
test_a_commit_that_fails_changes_nothing(void **state)
{
    static const enum err answers[] = {ERR_RETRY, ERR_STORE};

    (void)state;
    for (int i = 0; i < 2; i++) {
        start(WRITES);
        db.commit_answer = answers[i];
        assert_int_equal(batch_run(&batch), answers[i]);
        assert_int_equal(batch.unknown, answers[i] == ERR_STORE);
        expect(0, 0, 0, 0);
        end();
    }
}

static enum err
adopt_script(struct change *c, void *arg)
{
    struct script *s = arg;

    return change_adopt(c, &s->plan);
}

/* The changes as steps that state their plan when they run. */
static void
start_steps(enum script_way how, bool atomic)
{
    start(how);
    for (int i = 0; i < MANY; i++) {
        struct script *s = &scripts[i];

        s->step = (struct change_plan){.fn = adopt_script, .arg = s};
        s->change.plan = s->change.given = &s->step;
    }
    batch.ordered = true;
    batch.atomic = atomic;
}

/* A step that must run again by itself is overtaken by none: the steps before it are committed. */
static void
test_steps_keep_their_order(void **state)
{
    static const enum script_way ways[] = {FAILS, FAILS_AFTER_GATHERING, FAILS_AFTER_SENDING};

    (void)state;
    for (int way = 0; way < 3; way++) {
        for (int k = 0; k < MANY; k++) {
            int done = 0;

            start_steps(WRITES, false);
            scripts[k].how = ways[way];
            while (done < MANY) {
                batch_free(&batch);
                batch = (struct batch){.store = &store,
                                       .changes = changes + done,
                                       .count = MANY - done,
                                       .ordered = true};
                assert_int_equal(batch_run(&batch), ERR_NONE);
                assert_true(changes[done]->run);
                while (done < MANY && changes[done]->run &&
                       done - (batch.changes - changes) < batch.count)
                    done++;
            }
            for (int i = 0; i < MANY; i++)
                if (i != k)
                    assert_int_equal(scripts[i].seq, 101 + i - (i > k));
            assert_int_equal(scripts[k].change.err, ways[way] == FAILS ? ERR_STALE : ERR_INVALID);
            expect(MANY - 1, MANY - 1, MANY - 1, MANY - 1);
            end();
        }
    }
}

static void
test_of_an_atomic_set_one_failure_undoes_all(void **state)
{
    static const enum script_way ways[] = {FAILS, FAILS_AFTER_GATHERING, FAILS_AFTER_SENDING};

    (void)state;
    for (int way = 0; way < 3; way++) {
        for (int k = 0; k < MANY; k++) {
            start_steps(WRITES, true);
            scripts[k].how = ways[way];
            assert_int_equal(batch_run(&batch), ways[way] == FAILS ? ERR_STALE : ERR_INVALID);
            assert_int_equal(batch.failed, k);
            expect(0, 0, 0, 0);
            end();
        }
    }
    start_steps(WRITES, true);
    scripts[2].how = NOTHING;
    assert_int_equal(batch_run(&batch), ERR_NONE);
    expect(MANY - 1, MANY - 1, MANY - 1, MANY);
    end();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_follow_the_order_of_arrival_and_each_step_is_taken_once),
        cmocka_unit_test(test_one_that_fails_leaves_no_trace),
        cmocka_unit_test(test_one_that_conflicts_is_left_for_later),
        cmocka_unit_test(test_a_batch_of_many_that_fail_after_sending_falls_apart),
        cmocka_unit_test(test_no_error_and_no_idleness_comes_from_a_document_read_before),
        cmocka_unit_test(test_what_changes_nothing_keeps_its_record_and_takes_no_number),
        cmocka_unit_test(test_where_nothing_changes_only_the_records_are_written),
        cmocka_unit_test(test_a_change_may_need_more_numbers_than_its_plan_said),
        cmocka_unit_test(test_what_does_not_fit_runs_next),
        cmocka_unit_test(test_a_commit_that_fails_changes_nothing),
        cmocka_unit_test(test_steps_keep_their_order),
        cmocka_unit_test(test_of_an_atomic_set_one_failure_undoes_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
