/*
 * Who is involved in a task through its comments.
 */
#include <stdio.h>

#include "api/schema/doc.h"
#include "api/v1/tasks/task_watchers.h"
#include "tests/unit/unit.h"

/* The n-th user. */
static bson_oid_t
user(uint32_t n)
{
    bson_oid_t id = {{0}};

    id.bytes[10] = (uint8_t)(n >> 8);
    id.bytes[11] = (uint8_t)n;
    return id;
}

/* A document with an author (createdBy), and a list of users from `first` on. */
static bson_t *
doc_of(uint32_t author, const char *list, uint32_t first, uint32_t count)
{
    bson_oid_t id = user(author);
    bson_t *doc = BCON_NEW("createdBy", BCON_OID(&id)), items;
    struct doc_array array = {&items, 0};

    BSON_APPEND_ARRAY_BEGIN(doc, list, &items);
    for (uint32_t i = 0; i < count; i++) {
        id = user(first + i);
        doc_array_add_id(&array, &id);
    }
    bson_append_array_end(doc, &items);
    return doc;
}

static uint32_t
count_of(const bson_t *doc)
{
    bson_iter_t iter, list;
    uint32_t count = 0;

    if (bson_iter_init_find(&iter, doc, "involvedIds") && bson_iter_recurse(&iter, &list))
        while (bson_iter_next(&list))
            count++;
    return count;
}

/*
 * A task with those users from 1 on, and a comment of `author` that mentions those from 1,000 on:
 * how many users are involved then; 0: as before.
 */
static const struct {
    uint32_t involved, author, mentions, expected;
} rows[] = {
    {0, 1, 0, 1},
    {1, 1, 0, 0},
    {1, 2, 0, 2},
    {3, 1, 2, 5},
    {TASK_WATCHERS_INVOLVED - 1, 999, 0, TASK_WATCHERS_INVOLVED},
    {TASK_WATCHERS_INVOLVED, 999, 50, TASK_WATCHERS_INVOLVED},
    {TASK_WATCHERS_INVOLVED, 1, 0, 0},
};

static void
test_a_comment_involves_its_author_and_those_it_mentions(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bson_t *task = doc_of(7777, "involvedIds", 1, rows[i].involved), *set = bson_new();
        bson_t *comment = doc_of(rows[i].author, "mentions", 1000, rows[i].mentions);
        bson_oid_t author = user(rows[i].author);

        assert_int_equal(task_watchers_involve(task, comment, set), rows[i].expected > 0);
        assert_int_equal(count_of(set), rows[i].expected);
        if (rows[i].expected > 0)
            assert_true(doc_lists(set, "involvedIds", &author));
        for (uint32_t m = 0; m < rows[i].mentions; m++) {
            bson_oid_t mentioned = user(1000 + m);

            assert_true(doc_lists(set, "involvedIds", &mentioned));
        }
        bson_destroy(task);
        bson_destroy(comment);
        bson_destroy(set);
    }
}

static void
test_creator_assignees_and_involved_watch_by_default(void **state)
{
    bson_t *by_creator = doc_of(1, "assigneeIds", 2, 2),
           *by_comment = doc_of(1, "involvedIds", 4, 2);

    (void)state;
    for (uint32_t n = 0; n < 7; n++) {
        bson_oid_t id = user(n);

        assert_int_equal(task_watchers_by_default(by_creator, &id), n >= 1 && n <= 3);
        assert_int_equal(task_watchers_by_default(by_comment, &id), n == 1 || n == 4 || n == 5);
    }
    bson_destroy(by_creator);
    bson_destroy(by_comment);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_comment_involves_its_author_and_those_it_mentions),
        cmocka_unit_test(test_creator_assignees_and_involved_watch_by_default),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
