/*
 * What a transaction keeps of its documents, and which commands it sends, on a database that only
 * notes them.
 */
#include "common/store/store_gather.h"

#include <stdio.h>
#include <string.h>

#include "common/store/store_inside.h"
#include "common/text/doc.h"
#include "common/text/text.h"
#include "tests/unit/unit.h"

#define ID(n)   "{\"$oid\":\"00000000000000000000000" #n "\"}"
#define FILTER  "{ \"_id\" : { \"$oid\" : \"000000000000000000000001\" } }"
#define GUARDED "{ \"_id\" : { \"$oid\" : \"000000000000000000000001\" }, \"rev\" : 1 }"
#define ENTRIES 4

/* The database: tasks, and what was asked of it. */
static struct {
    bson_t *tasks[ENTRIES];
    int count;
    int64_t unmatched; /* statements that find no document */
    enum err answer;
    struct text sent;
} db;
static struct store store;

enum err __wrap_store_get(struct store *s, enum store_name name, const bson_t *filter,
                          const bson_t *opts, bson_t **out);
enum err __wrap_store_find(struct store *s, const struct store_query *query, store_each each,
                           void *arg);
enum err __wrap_store_insert_many(struct store *s, enum store_name name, const bson_t **docs,
                                  size_t count);
enum err __wrap_store_update_each(struct store *s, enum store_name name,
                                  const struct store_statement *statements, size_t count,
                                  int64_t *matched);

static void
note(const char *what, const bson_t *doc)
{
    char *json = bson_as_relaxed_extended_json(doc, NULL);

    text_printf(&db.sent, "%s%s", what, json);
    bson_free(json);
}

static const bson_t *
stored(const bson_oid_t *id)
{
    for (int i = 0; i < db.count; i++)
        if (bson_oid_equal(doc_id(db.tasks[i], "_id"), id))
            return db.tasks[i];
    return NULL;
}

enum err
__wrap_store_get(struct store *s, enum store_name name, const bson_t *filter, const bson_t *opts,
                 bson_t **out)
{
    const bson_t *doc = stored(doc_id(filter, "_id"));

    (void)s;
    (void)opts;
    assert_int_equal(name, STORE_TASKS);
    text_puts(&db.sent, "get ");
    *out = doc == NULL ? NULL : bson_copy(doc);
    return doc == NULL ? ERR_NOT_FOUND : ERR_NONE;
}

enum err
__wrap_store_find(struct store *s, const struct store_query *query, store_each each, void *arg)
{
    bson_iter_t iter, ids;
    enum err err = db.answer;

    (void)s;
    text_puts(&db.sent, "find ");
    assert_true(bson_iter_init(&iter, query->filter));
    assert_true(bson_iter_find_descendant(&iter, "_id.$in", &ids));
    assert_true(bson_iter_recurse(&ids, &iter));
    while (err == ERR_NONE && bson_iter_next(&iter)) {
        const bson_t *doc = stored(bson_iter_oid(&iter));

        if (doc != NULL)
            err = each(arg, doc);
    }
    return err;
}

enum err
__wrap_store_insert_many(struct store *s, enum store_name name, const bson_t **docs, size_t count)
{
    (void)s;
    if (count > 0)
        text_printf(&db.sent, "insert %s ", store_names[name]);
    for (size_t i = 0; i < count; i++)
        note("", docs[i]);
    return db.answer;
}

enum err
__wrap_store_update_each(struct store *s, enum store_name name,
                         const struct store_statement *statements, size_t count, int64_t *matched)
{
    (void)s;
    text_printf(&db.sent, "update %s ", store_names[name]);
    for (size_t i = 0; i < count; i++) {
        note("", statements[i].filter);
        note(statements[i].whole ? " whole " : " ", statements[i].doc);
    }
    *matched = (int64_t)count - db.unmatched;
    return db.answer;
}

static bson_t *
parse(const char *json)
{
    bson_t *doc = bson_new_from_json((const uint8_t *)json, -1, NULL);

    assert_non_null(doc);
    return doc;
}

static bson_oid_t
id_of(int n)
{
    bson_oid_t id = {{0}};

    id.bytes[11] = (uint8_t)n;
    return id;
}

/* A database with tasks 1 and 2 of rev 1, and an open transaction. */
static int
start(void **state)
{
    (void)state;
    memset(&db, 0, sizeof(db));
    db.tasks[db.count++] = parse("{\"_id\":" ID(1) ",\"rev\":1,\"title\":\"a\",\"note\":\"x\"}");
    db.tasks[db.count++] = parse("{\"_id\":" ID(2) ",\"rev\":1,\"title\":\"b\"}");
    store = (struct store){.open = true};
    text_puts(&db.sent, "");
    return 0;
}

static int
end(void **state)
{
    (void)state;
    store_gather_free(&store);
    while (db.count > 0)
        bson_destroy(db.tasks[--db.count]);
    text_free(&db.sent);
    return 0;
}

static void
expect_sent(const char *text)
{
    assert_string_equal(db.sent.bytes, text);
    text_free(&db.sent);
    text_puts(&db.sent, "");
}

/* The title of a task as the transaction sees it; NULL: there is no such task. */
static void
expect_title(int n, const char *title)
{
    bson_oid_t id = id_of(n);
    bson_t *doc;
    enum err err = store_gather_get(&store, STORE_TASKS, &id, &doc);

    assert_int_equal(err, title == NULL ? ERR_NOT_FOUND : ERR_NONE);
    if (title == NULL)
        return;
    assert_string_equal(doc_text(doc, "title"), title);
    bson_destroy(doc);
}

static void
replace(int64_t rev, const char *json)
{
    bson_t *doc = parse(json);

    store_gather_replace(&store, STORE_TASKS, rev, doc);
    bson_destroy(doc);
}

static void
insert(enum store_name name, const char *json)
{
    bson_t *doc = parse(json);

    store_gather_insert(&store, name, doc);
    bson_destroy(doc);
}

static void
test_a_document_is_read_once_whether_it_exists_or_not(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        expect_title(1, "a");
        expect_title(9, NULL);
    }
    expect_sent("get get ");
}

static void
test_without_a_transaction_each_read_goes_to_the_database(void **state)
{
    (void)state;
    store.open = false;
    expect_title(1, "a");
    expect_title(1, "a");
    expect_sent("get get ");
}

static void
test_several_are_read_by_one_command_without_those_that_are_here(void **state)
{
    bson_oid_t ids[] = {id_of(1), id_of(2), id_of(9), id_of(2)};

    (void)state;
    assert_int_equal(store_gather_read(&store, STORE_TASKS, ids, 4), ERR_NONE);
    expect_title(1, "a");
    expect_title(2, "b");
    expect_title(9, NULL);
    assert_int_equal(store_gather_read(&store, STORE_TASKS, ids, 4), ERR_NONE);
    expect_sent("find ");
}

static void
test_a_failed_read_leaves_nothing_that_looks_absent(void **state)
{
    bson_oid_t id = id_of(1);

    (void)state;
    db.answer = ERR_RETRY;
    assert_int_equal(store_gather_read(&store, STORE_TASKS, &id, 1), ERR_RETRY);
    expect_title(1, "a");
}

/* Nothing guards it: what the transaction has read cannot change before it is committed. */
static void
test_of_a_document_that_was_read_only_changed_fields_are_sent(void **state)
{
    (void)state;
    expect_title(1, "a");
    replace(1, "{\"_id\":" ID(1) ",\"rev\":2,\"title\":\"new\",\"due\":null}");
    expect_title(1, "new");
    expect_sent("get ");
    assert_int_equal(store_gather_flush(&store), ERR_NONE);
    expect_sent("update tasks " FILTER " { \"$set\" : { \"rev\" : 2, \"title\" : \"new\", "
                "\"due\" : null }, \"$unset\" : { \"note\" : true } }");
    assert_int_equal(store_gather_flush(&store), ERR_NONE);
    expect_sent("");
}

/* The document was never read here, or another revision of it. */
static void
test_without_the_revision_before_the_whole_document_is_sent(void **state)
{
    (void)state;
    replace(1, "{\"_id\":" ID(1) ",\"rev\":2,\"title\":\"new\"}");
    assert_int_equal(store_gather_flush(&store), ERR_NONE);
    expect_sent("update tasks " GUARDED " whole { \"_id\" : { \"$oid\" : "
                "\"000000000000000000000001\" }, \"rev\" : 2, \"title\" : \"new\" }");
    expect_title(2, "b");
    replace(7, "{\"_id\":" ID(2) ",\"rev\":8,\"title\":\"new\"}");
    assert_int_equal(store_gather_flush(&store), ERR_NONE);
    assert_non_null(strstr(db.sent.bytes, " whole "));
}

/* An update without any operator would be taken for an empty document. */
static void
test_a_document_that_did_not_change_is_not_emptied(void **state)
{
    (void)state;
    expect_title(2, "b");
    replace(1, "{\"_id\":" ID(2) ",\"rev\":1,\"title\":\"b\"}");
    assert_int_equal(store_gather_flush(&store), ERR_NONE);
    assert_non_null(strstr(db.sent.bytes, " whole { \"_id\""));
}

static void
test_several_changes_of_a_document_are_sent_as_one(void **state)
{
    (void)state;
    expect_title(1, "a");
    replace(1, "{\"_id\":" ID(1) ",\"rev\":2,\"title\":\"one\",\"note\":\"x\"}");
    replace(2, "{\"_id\":" ID(1) ",\"rev\":3,\"title\":\"one\",\"note\":\"y\"}");
    assert_int_equal(store_gather_flush(&store), ERR_NONE);
    expect_sent("get update tasks " FILTER
                " { \"$set\" : { \"rev\" : 3, \"title\" : \"one\", \"note\" : \"y\" } }");
    replace(3, "{\"_id\":" ID(1) ",\"rev\":4,\"title\":\"two\",\"note\":\"y\"}");
    assert_int_equal(store_gather_flush(&store), ERR_NONE);
    expect_sent("update tasks " FILTER " { \"$set\" : { \"rev\" : 4, \"title\" : \"two\" } }");
}

static void
test_a_new_document_that_changes_is_inserted_once(void **state)
{
    (void)state;
    insert(STORE_TASKS, "{\"_id\":" ID(3) ",\"rev\":1,\"title\":\"c\"}");
    replace(1, "{\"_id\":" ID(3) ",\"rev\":2,\"title\":\"d\"}");
    expect_title(3, "d");
    assert_int_equal(store_gather_flush(&store), ERR_NONE);
    expect_sent("insert tasks { \"_id\" : { \"$oid\" : \"000000000000000000000003\" }, "
                "\"rev\" : 2, \"title\" : \"d\" }");
}

/* Of two collections, and of documents that are new and changed ones. */
static void
test_each_kind_of_write_to_a_collection_is_one_command(void **state)
{
    (void)state;
    expect_title(1, "a");
    expect_title(2, "b");
    insert(STORE_COMMENTS, "{\"_id\":" ID(5) "}");
    replace(1, "{\"_id\":" ID(1) ",\"rev\":2,\"title\":\"a\",\"note\":\"x\"}");
    insert(STORE_TASKS, "{\"_id\":" ID(3) "}");
    replace(1, "{\"_id\":" ID(2) ",\"rev\":2,\"title\":\"b\"}");
    insert(STORE_TASKS, "{\"_id\":" ID(4) "}");
    assert_int_equal(store_gather_flush(&store), ERR_NONE);
    expect_sent("get get insert tasks { \"_id\" : { \"$oid\" : \"000000000000000000000003\" } }"
                "{ \"_id\" : { \"$oid\" : \"000000000000000000000004\" } }"
                "update tasks " FILTER " { \"$set\" : { \"rev\" : 2 } }"
                "{ \"_id\" : { \"$oid\" : \"000000000000000000000002\" } } "
                "{ \"$set\" : { \"rev\" : 2 } }"
                "insert comments { \"_id\" : { \"$oid\" : \"000000000000000000000005\" } }");
}

/* What was read before the transaction is guarded by its revision. */
static void
test_a_stale_document_is_a_conflict(void **state)
{
    bson_t *seen = parse("{\"_id\":" ID(1) ",\"rev\":1,\"title\":\"old\"}");

    (void)state;
    store_gather_seen(&store, STORE_TASKS, seen);
    assert_false(store_gather_used_seen(&store));
    expect_title(1, "old");
    assert_true(store_gather_used_seen(&store));
    replace(1, "{\"_id\":" ID(1) ",\"rev\":2,\"title\":\"new\"}");
    db.unmatched = 1;
    assert_int_equal(store_gather_flush(&store), ERR_RETRY);
    expect_sent("update tasks " GUARDED " { \"$set\" : { \"rev\" : 2, \"title\" : \"new\" } }");
    bson_destroy(seen);
}

/*
 * Counters change without the revision: a change of either kind is guarded by how often they had
 * changed when the document was read.
 */
static void
test_a_document_with_counters_is_guarded_by_them_too(void **state)
{
    bson_t *seen = parse("{\"_id\":" ID(1) ",\"rev\":1,\"title\":\"a\",\"counted\":3}");
    const char *filter = "update tasks { \"_id\" : { \"$oid\" : \"000000000000000000000001\" }, "
                         "\"rev\" : 1, \"counted\" : 3 } ";

    (void)state;
    store_gather_seen(&store, STORE_TASKS, seen);
    expect_title(1, "a");
    replace(1, "{\"_id\":" ID(1) ",\"rev\":1,\"title\":\"a\",\"counted\":4}");
    replace(1, "{\"_id\":" ID(1) ",\"rev\":2,\"title\":\"b\",\"counted\":4}");
    assert_int_equal(store_gather_flush(&store), ERR_NONE);
    assert_memory_equal(db.sent.bytes, filter, strlen(filter));
    bson_destroy(seen);
}

static void
test_another_write_to_the_collection_is_preceded_by_what_is_gathered(void **state)
{
    (void)state;
    expect_title(1, "a");
    replace(1, "{\"_id\":" ID(1) ",\"rev\":2,\"title\":\"new\"}");
    assert_int_equal(store_gather_before(&store, STORE_TASKS), ERR_NONE);
    assert_non_null(strstr(db.sent.bytes, "update tasks "));
    expect_title(1, "a"); /* read again: the write may have changed it */
    assert_int_equal(store_gather_before(&store, STORE_COMMENTS), ERR_NONE);
    text_free(&db.sent);
    text_puts(&db.sent, "");
    expect_title(1, "a");
    expect_sent("");
}

static void
test_writes_are_undone_back_to_the_mark(void **state)
{
    struct store_mark mark;
    size_t bytes;

    (void)state;
    expect_title(1, "a");
    replace(1, "{\"_id\":" ID(1) ",\"rev\":2,\"title\":\"first\"}");
    mark = store_gather_mark(&store);
    bytes = store_gather_bytes(&store);
    replace(2, "{\"_id\":" ID(1) ",\"rev\":3,\"title\":\"second\"}");
    insert(STORE_TASKS, "{\"_id\":" ID(3) ",\"title\":\"c\"}");
    assert_true(store_gather_bytes(&store) > bytes);
    assert_true(store_gather_undo(&store, &mark));
    assert_int_equal(store_gather_bytes(&store), bytes);
    expect_title(1, "first");
    expect_title(3, NULL);
}

/* Neither what was gathered and sent since the mark, nor another write. */
static void
test_what_was_sent_cannot_be_undone(void **state)
{
    struct store_mark mark = store_gather_mark(&store);

    (void)state;
    insert(STORE_TASKS, "{\"_id\":" ID(3) "}");
    assert_int_equal(store_gather_flush(&store), ERR_NONE);
    assert_false(store_gather_undo(&store, &mark));
    mark = store_gather_mark(&store);
    assert_true(store_gather_undo(&store, &mark));
    assert_int_equal(store_gather_before(&store, STORE_EVENTS), ERR_NONE);
    assert_false(store_gather_undo(&store, &mark));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)
        TEST(test_a_document_is_read_once_whether_it_exists_or_not),
        TEST(test_without_a_transaction_each_read_goes_to_the_database),
        TEST(test_several_are_read_by_one_command_without_those_that_are_here),
        TEST(test_a_failed_read_leaves_nothing_that_looks_absent),
        TEST(test_of_a_document_that_was_read_only_changed_fields_are_sent),
        TEST(test_without_the_revision_before_the_whole_document_is_sent),
        TEST(test_a_document_that_did_not_change_is_not_emptied),
        TEST(test_several_changes_of_a_document_are_sent_as_one),
        TEST(test_a_new_document_that_changes_is_inserted_once),
        TEST(test_each_kind_of_write_to_a_collection_is_one_command),
        TEST(test_a_stale_document_is_a_conflict),
        TEST(test_a_document_with_counters_is_guarded_by_them_too),
        TEST(test_another_write_to_the_collection_is_preceded_by_what_is_gathered),
        TEST(test_writes_are_undone_back_to_the_mark),
        TEST(test_what_was_sent_cannot_be_undone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
