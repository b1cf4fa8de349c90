/*
 * Words: what is stored of a text, and what a query looks for.
 */
#include <stdio.h>
#include <string.h>

#include "api/crud/due.h"
#include "api/crud/due_range.h"
#include "api/crud/query.h"
#include "api/v1/tasks/search.h"
#include "common/text/terms.h"
#include "tests/unit/request_fixture.h"
#include "tests/unit/unit.h"

/* clang-format off */
static const struct {
    const char *title, *description;
    const char *terms; /* sorted, with spaces between */
} rows[] = {
    {"Buy milk", NULL, "buy milk"},
    {"Buy milk", "milk, bread & MILK", "bread buy milk"},
    {"", "", ""},
    {NULL, NULL, ""},
    {"...!?", "-- ,,", ""},
    {"Stra\xC3\x9F" "e STRASSE stra\xC3\x9F" "e", NULL, "strasse"},
    {"\xC3\x89" "cole e\xCC\x81" "cole ECOLE", NULL, "ecole"},
    {"na\xC3\xAFve caf\xC3\xA9", NULL, "cafe naive"},
    {"\xEF\xBC\xA1\xEF\xBC\xA2\xEF\xBC\xA3 \xEF\xAC\x81sh", NULL, "abc fish"}, /* wide letters, a ligature */
    {"\xD0\x9C\xD0\x9E\xD0\xA1\xD0\x9A\xD0\x92\xD0\x90", NULL, "\xD0\xBC\xD0\xBE\xD1\x81\xD0\xBA\xD0\xB2\xD0\xB0"},
    /* Scripts without spaces: pairs of neighbours, and the last one. */
    {"\xE6\x9D\xB1" "\xE4\xBA\xAC" "", NULL, "\xE4\xBA\xAC" " \xE6\x9D\xB1" "\xE4\xBA\xAC" ""}, /* 東京 */
    {"\xE6\xBA\x96" "\xE5\x82\x99" "\xE6\x90\xAC" "\xE5\xAE\xB6" "\xE4\xBA\x86" "", NULL, "\xE4\xBA\x86" " \xE5\x82\x99" "\xE6\x90\xAC" " \xE5\xAE\xB6" "\xE4\xBA\x86" " \xE6\x90\xAC" "\xE5\xAE\xB6" " \xE6\xBA\x96" "\xE5\x82\x99" ""}, /* 準備搬家了 */
    {"\xE5\xAE\xB6" "", NULL, "\xE5\xAE\xB6" ""}, /* 家 */
    {"\xE3\x82\xAB" "\xE3\x82\xBF" "\xE3\x82\xAB" "\xE3\x83\x8A" "", NULL, "\xE3\x82\xAB" "\xE3\x82\xBF" " \xE3\x82\xAB" "\xE3\x83\x8A" " \xE3\x82\xBF" "\xE3\x82\xAB" " \xE3\x83\x8A" ""}, /* カタカナ */
    {"\xE7\xAC\xAC" "3\xE5\x9B\x9E" "", NULL, "3 \xE5\x9B\x9E" " \xE7\xAC\xAC" ""}, /* 第3回 */
    {"iPhone\xE7\x94\xA8" "\xE3\x82\xB1" "\xE3\x83\xBC" "\xE3\x82\xB9" "", NULL, "iphone \xE3\x82\xB1" "\xE3\x83\xBC" " \xE3\x82\xB9" " \xE3\x83\xBC" "\xE3\x82\xB9" " \xE7\x94\xA8" "\xE3\x82\xB1" ""}, /* iPhone用ケース */
    {"\xE0\xB8\xA2" "\xE0\xB9\x89" "\xE0\xB8\xB2" "\xE0\xB8\xA2" "", NULL, "\xE0\xB8\xA2" " \xE0\xB8\xA2" "\xE0\xB9\x89" " \xE0\xB8\xB2" "\xE0\xB8\xA2" " \xE0\xB9\x89" "\xE0\xB8\xB2" ""}, /* ย้าย */
    {"\xEC\x84\x9C" "\xEC\x9A\xB8" "\xEC\x97\x90" "\xEC\x84\x9C" "", NULL, "\xEC\x84\x9C" " \xEC\x84\x9C" "\xEC\x9A\xB8" " \xEC\x97\x90" "\xEC\x84\x9C" " \xEC\x9A\xB8" "\xEC\x97\x90" ""}, /* 서울에서 */
    {"v1.2-rc3", NULL, "2 rc3 v1"},
    {"it's", NULL, "it s"},
    {"snake_case", NULL, "case snake"},
    {"a\xC2\xA0" "b\xE2\x80\x94" "c", NULL, "a b c"},
    {"\xF0\x9F\x98\x80 smile\xF0\x9F\x98\x80", NULL, "smile \xF0\x9F\x98\x80"},
    {"C++, 5\xE2\x82\xAC", NULL, "+ 5 c \xE2\x82\xAC"},
    {"0123456789012345678901234567890123456789TAIL", NULL, "0123456789012345678901234567890123456789"},
    {"bad \xFF utf8", NULL, ""},
};

static const struct {
    const char *q, *words; /* NULL: ERR_BAD_PARAMETER */
} queries[] = {
    {"milk", "milk"},
    {"Milk BREAD", "=milk bread"},
    {"\xC3\x89" "COLE!", "ecole"},
    {"a b c d e f g h i j k l", "=a =b =c =d =e =f =g =h =i =j =k l"},
    {"", NULL},
    {" ", NULL},
    {"!!", NULL},
    {"milk ", "milk"},
    {"\xF0\x9F\x98\x80", "=\xF0\x9F\x98\x80"},
    {"\xE6\x90\xAC" "\xE5\xAE\xB6" "", "=\xE6\x90\xAC" "\xE5\xAE\xB6" ""}, /* 搬家 */
    {"\xE5\xAE\xB6" "", "\xE5\xAE\xB6" ""}, /* 家 */
    {"\xE6\xBA\x96" "\xE5\x82\x99" "\xE6\x90\xAC" "\xE5\xAE\xB6" "", "=\xE6\xBA\x96" "\xE5\x82\x99" " =\xE5\x82\x99" "\xE6\x90\xAC" " =\xE6\x90\xAC" "\xE5\xAE\xB6" ""}, /* 準備搬家 */
    {"\xE5\xAE\xB6" " \xE4\xBC\x9A" "", "\xE5\xAE\xB6" " \xE4\xBC\x9A" ""}, /* 家 会 */
    {"\xE7\xAC\xAC" "3\xE5\x9B\x9E" "", "\xE7\xAC\xAC" " =3 \xE5\x9B\x9E" ""}, /* 第3回 */
    {"iphone\xE7\x94\xA8" "", "=iphone \xE7\x94\xA8" ""}, /* iphone用 */
    {"\xC4\xB0" "STANBUL", "istanbul"}, /* İSTANBUL */
};
/* clang-format on */

/* The texts of an array, or a query's conditions: "=word", or a prefix. */
static const char *
words_of(struct request *r, const bson_t *array, bool conditions)
{
    const char *words = "";
    bson_iter_t iter, match, range;

    bson_iter_init(&iter, array);
    while (bson_iter_next(&iter)) {
        if (conditions && bson_iter_recurse(&iter, &match) && bson_iter_next(&match) &&
            bson_iter_recurse(&match, &range) && bson_iter_next(&range))
            words = arena_printf(r->arena, "%s%s%s%s", words, *words == '\0' ? "" : " ",
                                 strcmp(bson_iter_key(&range), "$eq") == 0 ? "=" : "",
                                 bson_iter_utf8(&range, NULL));
        else if (!conditions)
            words = arena_printf(r->arena, "%s%s%s", words, *words == '\0' ? "" : " ",
                                 bson_iter_utf8(&iter, NULL));
    }
    return words;
}

static void
test_terms(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct request *r = fixture_request("POST", "/");
        const char *texts[] = {rows[i].title, rows[i].description};
        bson_t terms = BSON_INITIALIZER;

        terms_append(&terms, texts, 2);
        if (!unit_same(words_of(r, &terms, false), rows[i].terms))
            unit_wrong("'%s': %s", rows[i].title, words_of(r, &terms, false));
        bson_destroy(&terms);
    }
    unit_rows_done();
}

static void
test_queries(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(queries); i++) {
        struct request *r = fixture_request("GET", "/");
        bson_t *filter = request_keep(r, bson_new()), all;
        bson_iter_t iter;
        const char *found = NULL;
        enum err err = search_filter(r, queries[i].q, filter);

        if (err == ERR_NONE && bson_iter_init(&iter, filter) &&
            bson_iter_find_descendant(&iter, "terms.$all", &iter)) {
            const uint8_t *bytes;
            uint32_t len;

            bson_iter_array(&iter, &len, &bytes);
            assert_true(bson_init_static(&all, bytes, len));
            found = words_of(r, &all, true);
        }
        if (!unit_same(found, queries[i].words))
            unit_wrong("'%s': %s", queries[i].q, found);
    }
    unit_rows_done();
}

static void
test_a_query_is_bounded(void **state)
{
    struct request *r = fixture_request("GET", "/");
    char q[502];

    (void)state;
    memset(q, 'a', 501);
    q[501] = '\0';
    assert_int_equal(search_filter(r, q, request_keep(r, bson_new())), ERR_BAD_PARAMETER);
    assert_string_equal(r->parameter, "q");
    assert_int_equal(search_filter(r, q + 1, request_keep(r, bson_new())), ERR_NONE);
}

/* A long description: all of its words, each once, in order. */
static void
test_no_term_is_left_out(void **state)
{
    struct text words = {0};
    const char *texts[1], *last = "";
    bson_t terms = BSON_INITIALIZER;
    bson_iter_t iter;
    int count = 0;

    (void)state;
    for (int i = 0; i < 9000; i++)
        text_printf(&words, "word%d ", i % 4500);
    texts[0] = words.bytes;
    terms_append(&terms, texts, 1);
    bson_iter_init(&iter, &terms);
    while (bson_iter_next(&iter)) {
        assert_true(strcmp(last, bson_iter_utf8(&iter, NULL)) < 0);
        last = bson_iter_utf8(&iter, NULL);
        count++;
    }
    assert_int_equal(count, 4500);
    bson_destroy(&terms);
    text_free(&words);
}

/* A database in which so many tasks match any query. */
static int matches, questions;

enum err __wrap_store_find(struct store *store, const struct store_query *query, store_each each,
                           void *arg);

enum err
__wrap_store_find(struct store *store, const struct store_query *query, store_each each, void *arg)
{
    const bson_t *filter = query->filter, *opts = query->opts;
    bson_iter_t limit;
    int most = bson_iter_init_find(&limit, opts, "limit") ? (int)bson_iter_as_int64(&limit) : 0;
    enum err err = ERR_NONE;

    (void)store;
    assert_int_equal(query->name, STORE_TASKS);
    assert_false(bson_has_field(filter, "_id"));
    assert_false(bson_has_field(opts, "sort") || bson_has_field(filter, "$or"));
    questions++;
    for (int i = 0; err == ERR_NONE && i < matches && i < most; i++) {
        bson_oid_t id = {{0}};
        bson_t *task;

        memcpy(id.bytes, &i, sizeof(i));
        task = BCON_NEW("_id", BCON_OID(&id));
        err = each(arg, task);
        bson_destroy(task);
    }
    return err;
}

/* How many ids the filter then has first, before all that it had; -1: none. */
static int
narrowed(int count, const char *filter, bool due, bool due_order)
{
    struct request *r = fixture_request("GET", "/v1/tasks");
    struct due_range range = {.first = "", .end = ":"};
    struct order order = {"x", {"x"}, .due = due_order};
    struct query q = {.store = STORE_TASKS, .filter = fixture_bson(r, filter), .order = &order};
    bson_t *before = q.filter, rest = BSON_INITIALIZER, ids;
    bson_iter_t iter;
    const uint8_t *bytes;
    uint32_t len;

    matches = count;
    questions = 0;
    r->due = due ? &range : NULL;
    assert_int_equal(search_narrow(r, &q), ERR_NONE);
    bson_copy_to_excluding_noinit(q.filter, &rest, "_id", NULL);
    assert_true(bson_equal(&rest, before));
    bson_destroy(&rest);
    if (!bson_iter_init(&iter, q.filter) || !bson_iter_next(&iter) ||
        strcmp(bson_iter_key(&iter), "_id") != 0)
        return -1;
    assert_true(bson_iter_recurse(&iter, &iter) && bson_iter_find(&iter, "$in"));
    bson_iter_array(&iter, &len, &bytes);
    assert_true(bson_init_static(&ids, bytes, len));
    return (int)bson_count_keys(&ids);
}

#define WORDS "{\"projectId\":1,\"terms\":1}"
#define PLAIN "{\"projectId\":1,\"$or\":[]}"

/* Few matches are named by their ids, and every other condition stays. */
static void
test_few_matches_are_named(void **state)
{
    (void)state;
    assert_int_equal(narrowed(0, WORDS, false, false), 0);
    assert_int_equal(narrowed(1, WORDS, false, false), 1);
    assert_int_equal(narrowed(SEARCH_FOUND, WORDS, false, true), SEARCH_FOUND);
    assert_int_equal(narrowed(SEARCH_FOUND + 1, WORDS, false, false), -1);
    assert_int_equal(questions, 1);
    /* A due time: dates and instants. */
    assert_int_equal(narrowed(SEARCH_FOUND / 2, PLAIN, true, false), SEARCH_FOUND);
    assert_int_equal(questions, 2);
    assert_int_equal(narrowed(SEARCH_FOUND / 2 + 1, PLAIN, true, false), -1);
    /* Served by the order's own index. */
    assert_int_equal(narrowed(1, PLAIN, true, true), -1);
    assert_int_equal(questions, 0);
    assert_int_equal(narrowed(1, PLAIN, false, false), -1);
    assert_int_equal(questions, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_terms),
        cmocka_unit_test(test_queries),
        cmocka_unit_test(test_a_query_is_bounded),
        cmocka_unit_test(test_no_term_is_left_out),
        cmocka_unit_test(test_few_matches_are_named),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    fixture_done();
    return failed;
}
