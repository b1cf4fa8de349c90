/*
 * The settings of a connection, whatever MONGODB_URI says.
 */
#include <mongoc/mongoc.h>

#include "common/log.h"
#include "common/store/store.h"
#include "common/store/store_connect.h"
#include "tests/unit/unit.h"

static void
test_concerns_do_not_depend_on_the_uri(void **state)
{
    static const char *const texts[] = {
        "mongodb://a/",
        "mongodb://a,b/?replicaSet=rs&w=1&journal=false&wtimeoutMS=1",
        "mongodb://a/?w=0&readConcernLevel=local",
        "mongodb://a,b/?replicaSet=rs&readPreference=secondaryPreferred&readPreferenceTags=dc:x",
        "mongodb://a/?retryWrites=false&retryReads=false&socketTimeoutMS=0",
    };

    (void)state;
    log_open("test-program", LOG_ERROR);
    mongoc_init();
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        mongoc_uri_t *uri = store_connect_uri(texts[i], 3);
        const mongoc_read_prefs_t *prefs;

        assert_non_null(uri);
        assert_string_equal(mongoc_uri_get_appname(uri), "test-program");
        prefs = mongoc_uri_get_read_prefs_t(uri);
        assert_true(mongoc_write_concern_get_wmajority(mongoc_uri_get_write_concern(uri)));
        assert_string_equal(mongoc_read_concern_get_level(mongoc_uri_get_read_concern(uri)),
                            MONGOC_READ_CONCERN_LEVEL_MAJORITY);
        assert_int_equal(mongoc_read_prefs_get_mode(prefs), MONGOC_READ_PRIMARY);
        assert_true(bson_empty(mongoc_read_prefs_get_tags(prefs)));
        assert_true(mongoc_uri_get_option_as_bool(uri, MONGOC_URI_RETRYWRITES, false));
        assert_true(mongoc_uri_get_option_as_bool(uri, MONGOC_URI_RETRYREADS, false));
        assert_int_not_equal(mongoc_uri_get_option_as_int32(uri, MONGOC_URI_SOCKETTIMEOUTMS, 0), 0);
        mongoc_uri_destroy(uri);
    }
}

static void
test_a_transaction_reads_a_snapshot_and_commits_with_a_majority(void **state)
{
    mongoc_transaction_opt_t *opts = store_connect_transaction();

    (void)state;
    assert_string_equal(
        mongoc_read_concern_get_level(mongoc_transaction_opts_get_read_concern(opts)),
        MONGOC_READ_CONCERN_LEVEL_SNAPSHOT);
    assert_true(
        mongoc_write_concern_get_wmajority(mongoc_transaction_opts_get_write_concern(opts)));
    assert_true(mongoc_transaction_opts_get_max_commit_time_ms(opts) > 0);
    mongoc_transaction_opts_destroy(opts);
}

static void
test_a_malformed_uri_is_refused(void **state)
{
    struct store_pool *pool;

    (void)state;
    assert_null(store_connect_uri("http://a/", 3));
    assert_int_equal(store_pool_open("http://a/", "d", 3, &pool), ERR_INVALID);
    assert_null(pool);
}

/* Names under .invalid (RFC 6761) exist nowhere, as others do not while DNS is away. */
static void
test_a_failed_srv_query_can_succeed_later(void **state)
{
    struct store_pool *pool;

    (void)state;
    assert_int_equal(store_pool_open("mongodb+srv://db.taskwire.invalid/", "d", 3, &pool),
                     ERR_STORE);
    assert_null(pool);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_concerns_do_not_depend_on_the_uri),
        cmocka_unit_test(test_a_transaction_reads_a_snapshot_and_commits_with_a_majority),
        cmocka_unit_test(test_a_malformed_uri_is_refused),
        cmocka_unit_test(test_a_failed_srv_query_can_succeed_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
