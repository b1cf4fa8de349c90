/*
 * Reading the log of ended sessions by its numbers, from a database that sometimes fails and may be
 * restored to an earlier state.
 */
#include "common/change/revocation.h"

#include "common/change/event_log.h"
#include "common/store/store.h"
#include "tests/unit/unit.h"

#define MINUTE_US 60000000

static struct fake_log {
    int64_t head, first; /* of the topic; the log holds the entries from first to head */
    enum err failure;    /* of a page */
    int64_t now;
} database;
static int64_t received[16];
static int received_count;

enum err __wrap_event_log_head(struct store *store, const char *topic, int64_t *seq);
enum err __wrap_store_find(struct store *store, const struct store_query *query, store_each each,
                           void *arg);
int64_t __wrap_clock_steady(void);

enum err
__wrap_event_log_head(struct store *store, const char *topic, int64_t *seq)
{
    (void)store, (void)topic;
    *seq = database.head;
    return ERR_NONE;
}

int64_t
__wrap_clock_steady(void)
{
    return database.now;
}

enum err
__wrap_store_find(struct store *store, const struct store_query *query, store_each each, void *arg)
{
    const bson_t *filter = query->filter;
    bson_iter_t iter, after;
    int64_t seq;

    (void)store;
    if (database.failure != ERR_NONE)
        return database.failure;
    if (!bson_iter_init(&iter, filter) || !bson_iter_find_descendant(&iter, "_id.$gt", &after))
        fail_msg("a filter without its number");
    seq = bson_iter_as_int64(&after) + 1;
    for (seq = seq < database.first ? database.first : seq; seq <= database.head; seq++) {
        bson_oid_t id = {0};
        bson_t *doc = BCON_NEW("_id", BCON_INT64(seq), "userId", BCON_OID(&id), "generation",
                               BCON_INT64(seq));
        enum err err = each(arg, doc);

        bson_destroy(doc);
        if (err != ERR_NONE)
            return err;
    }
    return ERR_NONE;
}

static void
receive(void *arg, const struct revocation *r)
{
    (void)arg;
    assert_true(received_count < 16);
    received[received_count++] = r->generation;
}

static enum err
read_all(struct revocation_reader *reader)
{
    received_count = 0;
    return revocation_read(NULL, reader, receive, NULL);
}

static void
assert_received(int64_t first, int64_t last)
{
    assert_int_equal(received_count, last - first + 1);
    for (int i = 0; i < received_count; i++)
        assert_int_equal(received[i], first + i);
}

static void
test_each_entry_is_reported_once(void **state)
{
    struct revocation_reader reader = {0};

    (void)state;
    database = (struct fake_log){.head = 5, .first = 3, .now = MINUTE_US};
    assert_int_equal(read_all(&reader), ERR_NONE);
    assert_received(3, 5);
    database.head = 7;
    assert_int_equal(read_all(&reader), ERR_NONE);
    assert_received(6, 7);
    assert_int_equal(read_all(&reader), ERR_NONE);
    assert_int_equal(received_count, 0);
}

static void
test_a_failed_first_reading_is_repeated(void **state)
{
    struct revocation_reader reader = {0};

    (void)state;
    database = (struct fake_log){.head = 2, .first = 1, .failure = ERR_STORE, .now = MINUTE_US};
    assert_int_equal(read_all(&reader), ERR_STORE);
    database.failure = ERR_NONE;
    assert_int_equal(read_all(&reader), ERR_NONE);
    assert_received(1, 2);
}

/* Once: the entries of the restored database were taken for read although their page had failed. */
static void
test_a_failed_reading_after_a_restore_is_repeated(void **state)
{
    struct revocation_reader reader = {0};

    (void)state;
    database = (struct fake_log){.head = 5, .first = 1, .now = MINUTE_US};
    assert_int_equal(read_all(&reader), ERR_NONE);
    database.head = 2;
    database.now += MINUTE_US;
    database.failure = ERR_STORE;
    assert_int_equal(read_all(&reader), ERR_STORE);
    database.failure = ERR_NONE;
    assert_int_equal(read_all(&reader), ERR_NONE);
    assert_received(1, 2);
    database.head = 3;
    assert_int_equal(read_all(&reader), ERR_NONE);
    assert_received(3, 3);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_entry_is_reported_once),
        cmocka_unit_test(test_a_failed_first_reading_is_repeated),
        cmocka_unit_test(test_a_failed_reading_after_a_restore_is_repeated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
