/*
 * Lists over many projects: queried in parts that the server merges, one page in order whatever the
 * parts.
 */
#include "api/crud/list_find.h"

#include <stdio.h>
#include <string.h>

#include "api/crud/match_find.h"
#include "api/crud/query.h"
#include "api/schema/doc.h"
#include "tests/unit/request_fixture.h"
#include "tests/unit/unit.h"

#define LIMIT 7
#define TASKS 2000

/* What a made-up database has: task n is in project n % projects, at a position of its own. */
static int projects, questions, largest, read_count;
static bool bounded; /* every query but the first had a bound on its first key */

static struct order by_position = {"position", {"position"}},
                    by_priority = {"priority", {"priority"}},
                    by_due = {"dueAt", {"dueKey", "priority"}, .due = true},
                    small = {"position", {"position"}, .unindexed = true};

static int
position_of(int n)
{
    return n * 7919 % TASKS;
}

static bson_t *
task(int n)
{
    char position[16];
    bson_oid_t id = {{0}};

    snprintf(position, sizeof(position), "%06d", position_of(n));
    id.bytes[10] = (uint8_t)(n >> 8);
    id.bytes[11] = (uint8_t)n;
    return BCON_NEW("_id", BCON_OID(&id), "rev", BCON_INT32(1), "position", BCON_UTF8(position),
                    "priority", BCON_INT32(position_of(n) % 5), "n", BCON_INT32(n));
}

static bson_oid_t
project(int n)
{
    bson_oid_t id = {{0}};

    memcpy(id.bytes, &n, sizeof(n));
    return id;
}

struct asked {
    bool in[TASKS]; /* by project */
    bool ids;       /* only those with these ids */
    bool id[TASKS];
    const char *end; /* of positions */
};

static int
read_in(const bson_t *filter, struct asked *asked)
{
    bson_iter_t iter, in, items;
    int count = 0, n;

    assert_true(bson_iter_init_find(&iter, filter, "projectId") && bson_iter_recurse(&iter, &in));
    assert_true(bson_iter_find(&in, "$in") && bson_iter_recurse(&in, &items));
    for (; bson_iter_next(&items); count++) {
        memcpy(&n, bson_iter_oid(&items)->bytes, sizeof(n));
        assert_false(asked->in[n]);
        asked->in[n] = true;
    }
    asked->ids = bson_iter_init_find(&iter, filter, "_id");
    if (asked->ids && bson_iter_recurse(&iter, &in) && bson_iter_find(&in, "$in") &&
        bson_iter_recurse(&in, &items))
        while (bson_iter_next(&items))
            asked->id[bson_iter_oid(&items)->bytes[10] << 8 | bson_iter_oid(&items)->bytes[11]] =
                true;
    if (bson_iter_init_find(&iter, filter, "position") && bson_iter_recurse(&iter, &in) &&
        bson_iter_find(&in, "$lte"))
        asked->end = bson_iter_utf8(&in, NULL);
    return count;
}

static int
place_of(const bson_t *sort, int n)
{
    bson_iter_t first;

    bson_iter_init(&first, sort);
    bson_iter_next(&first);
    return strcmp(bson_iter_key(&first), "priority") == 0 ? position_of(n) % 5 * TASKS + n
                                                          : position_of(n);
}

enum err __wrap_store_find(struct store *store, const struct store_query *query, store_each each,
                           void *arg);

/* Gives the tasks in the order of opts, if there is one. */
enum err
__wrap_store_find(struct store *store, const struct store_query *query, store_each each, void *arg)
{
    const bson_t none = BSON_INITIALIZER, *filter = query->filter,
                 *opts = query->opts != NULL ? query->opts : &none;
    struct asked asked = {0};
    bson_iter_t iter, sub;
    int count = read_in(filter, &asked), at[5 * TASKS], given = 0, limit;
    enum err err = ERR_NONE;
    bool sorted = bson_iter_init_find(&iter, opts, "sort");
    bson_t sort;

    (void)store;
    (void)sub;
    questions++;
    largest = count > largest ? count : largest;
    bounded = bounded && (questions == 1 || asked.end != NULL);
    memset(at, -1, sizeof(at));
    if (sorted) {
        const uint8_t *bytes;
        uint32_t len;

        bson_iter_document(&iter, &len, &bytes);
        bson_init_static(&sort, bytes, len);
    }
    for (int n = 0; n < TASKS; n++)
        if (asked.in[n % projects] && (!asked.ids || asked.id[n]))
            at[sorted ? place_of(&sort, n) : n] = n;
    limit = bson_iter_init_find(&iter, opts, "limit") ? (int)bson_iter_as_int64(&iter) : TASKS;
    for (int i = 0; i < 5 * TASKS && given < limit && err == ERR_NONE; i++) {
        bson_t *doc;

        if (at[i] < 0)
            continue;
        doc = task(at[i]);
        if (asked.end == NULL || strcmp(doc_text(doc, "position"), asked.end) <= 0) {
            given++;
            read_count++;
            err = each(arg, doc);
        }
        bson_destroy(doc);
    }
    return err;
}

struct found {
    int n[LIMIT + 1], count;
};

static enum err
collect(void *arg, const bson_t *doc)
{
    struct found *h = arg;

    assert_in_range(h->count, 0, LIMIT);
    h->n[h->count++] = (int)doc_int(doc, "n");
    return ERR_NONE;
}

/* How the tasks are asked for: with a condition that no index answers, or all. */
static const struct query_match *condition;

/* Asks for the tasks of so many projects; `more` is added to the filter. */
static struct found
ask(int count, const struct order *order, const char *more)
{
    bool follow;
    struct request *r = fixture_request("GET", "/v1/tasks");
    bson_t *filter = fixture_bson(r, more), *all = request_keep(r, bson_new()), in, list;
    struct query q = {
        .filter = filter, .opts = fixture_bson(r, "{}"), .limit = LIMIT, .order = order};
    struct found found = {0};
    char key[16];

    BSON_APPEND_INT64(q.opts, "limit", LIMIT + 1);
    BSON_APPEND_DOCUMENT_BEGIN(all, "projectId", &in);
    BSON_APPEND_ARRAY_BEGIN(&in, "$in", &list);
    for (int i = 0; i < count; i++) {
        bson_oid_t id = project(i);

        snprintf(key, sizeof(key), "%d", i);
        BSON_APPEND_OID(&list, key, &id);
    }
    bson_append_array_end(&in, &list);
    bson_append_document_end(all, &in);
    bson_concat(all, filter);
    q.filter = all;
    projects = count;
    questions = largest = read_count = 0;
    bounded = true;
    q.match = condition;
    assert_int_equal(condition != NULL ? match_find(r, &q, collect, &found, &follow)
                                       : list_find(r, &q, q.filter, collect, &found),
                     ERR_NONE);
    return found;
}

#define LIVING "{\"state\":{\"$in\":[\"done\",\"open\"]}}"
#define OPEN   "{\"state\":\"open\"}"
#define NEVER  "{\"state\":{\"$in\":[\"done\",\"open\"]},\"dueKey\":null}"
#define MINE   "{\"assigneeIds\":1,\"state\":\"open\"}"
#define THESE  "{\"_id\":{\"$in\":[]},\"state\":\"open\"}"

/* No more than 200 scans for one query: projects times states times points of null. */
static void
test_how_many_projects_at_once(void **state)
{
    static const struct {
        int projects;
        const char *filter;
        const struct order *order;
        int questions, largest;
    } rows[] = {
        {1, LIVING, &by_position, 1, 1},      {100, LIVING, &by_position, 1, 100},
        {101, LIVING, &by_position, 2, 100},  {1000, LIVING, &by_position, 10, 100},
        {200, OPEN, &by_position, 1, 200},    {201, OPEN, &by_position, 2, 200},
        {101, NEVER, &by_due, 3, 50},         {1000, MINE, &by_position, 1, 1000},
        {1000, THESE, &by_position, 1, 1000},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        ask(rows[i].projects, rows[i].order, rows[i].filter);
        if (questions != rows[i].questions || largest != rows[i].largest)
            unit_wrong("%d projects, %s: %d questions, of %d projects at most", rows[i].projects,
                       rows[i].filter, questions, largest);
    }
    unit_rows_done();
}

/* The page is the same whether the projects are asked about at once or in parts. */
static void
test_one_page_in_order(void **state)
{
    static const int counts[] = {1, 99, 100, 101, 250, 777, 2000};

    (void)state;
    for (size_t i = 0; i < COUNT(counts); i++) {
        struct found position = ask(counts[i], &by_position, LIVING);

        assert_true(bounded);
        assert_int_equal(position.count, LIMIT + 1);
        for (int k = 0; k <= LIMIT; k++)
            assert_int_equal(position_of(position.n[k]), k);
    }
    for (size_t i = 0; i < COUNT(counts); i++) {
        struct found priority = ask(counts[i], &by_priority, LIVING);
        int last = -1;

        assert_int_equal(priority.count, LIMIT + 1);
        for (int k = 0; k <= LIMIT; k++) { /* of equal ones the least id */
            assert_int_equal(position_of(priority.n[k]) % 5, 0);
            assert_true(priority.n[k] > last);
            last = priority.n[k];
        }
        assert_int_equal(last, 5 * LIMIT);
    }
}

/* Without the bound each part would give a whole page. */
static void
test_no_part_gives_what_stands_behind_the_page(void **state)
{
    (void)state;
    ask(2000, &by_position, LIVING);
    assert_int_equal(questions, 20);
    assert_true(read_count < questions * (LIMIT + 1) / 2);
}

/* An order without an index: all keys, then the documents of the page. */
static void
test_an_order_of_ours(void **state)
{
    struct found found = ask(150, &small, "{}");

    (void)state;
    assert_int_equal(questions, 2);
    assert_int_equal(read_count, TASKS + LIMIT + 1);
    assert_int_equal(found.count, LIMIT + 1);
    for (int k = 0; k <= LIMIT; k++)
        assert_int_equal(position_of(found.n[k]), k);
}

/* The tasks at these positions. */
static bool
is_between(const void *arg, const bson_t *task)
{
    const int *range = arg;
    int position = position_of((int)doc_int(task, "n"));

    return position >= range[0] && position < range[1];
}

static void
no_fields(const void *arg, bson_t *projection)
{
    (void)arg;
    (void)projection;
}

/* One query examines the tasks until the page is full, another reads those of the page. */
static void
test_a_condition_without_an_index(void **state)
{
    static const struct {
        int range[2], projects, found, questions, read;
    } rows[] = {
        {{0, 2000}, 100, LIMIT, 2, 2 * LIMIT + 1},
        {{900, 2000}, 100, LIMIT, 2, 900 + 2 * LIMIT + 1},
        {{998, 2000}, 100, 2, 2, MATCH_EXAMINED + 1 + 2},
        {{1000, 2000}, 100, 0, 1, MATCH_EXAMINED + 1},
        /* of many projects all are read before the first is known: in steps */
        {{0, 2000}, 200, LIMIT, 3, 201 + 201 + 2 * LIMIT},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct query_match match = {is_between, rows[i].range, no_fields};
        struct found found;

        condition = &match;
        found = ask(rows[i].projects, &by_position, LIVING);
        condition = NULL;
        if (found.count != rows[i].found || questions != rows[i].questions ||
            read_count > rows[i].read)
            unit_wrong("%d to %d: %d found by %d questions, %d read", rows[i].range[0],
                       rows[i].range[1], found.count, questions, read_count);
    }
    unit_rows_done();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_how_many_projects_at_once),
        cmocka_unit_test(test_one_page_in_order),
        cmocka_unit_test(test_no_part_gives_what_stands_behind_the_page),
        cmocka_unit_test(test_an_order_of_ours),
        cmocka_unit_test(test_a_condition_without_an_index),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    fixture_done();
    return failed;
}
