/*
 * Derived fields of documents that earlier versions wrote.
 */
#include "common/store/derived.h"

#include "tests/unit/unit.h"

/* clang-format off */
#define OLD_NEVER "{\"$date\":{\"$numberLong\":\"253402300799999\"}}" /* dueKey of what had no date */
#define DAY_END   "{\"$date\":{\"$numberLong\":\"1769903999999\"}}"   /* of 2026-01-31 in UTC */
#define NINE      "{\"$date\":{\"$numberLong\":\"1769850000000\"}}"

static const struct {
    bool (*derive)(const bson_t *, bson_t *);
    const char *doc, *set; /* NULL: nothing is to be done */
} rows[] = {
    {derived_task, "{\"title\":\"t\",\"dueAt\":null,\"dueDate\":null,\"dueKey\":" OLD_NEVER ",\"terms\":[\"t\"]}",
     "{ \"dueKey\" : null, \"state\" : \"open\" }"},
    {derived_task, "{\"title\":\"t\",\"dueAt\":null,\"dueDate\":\"2026-01-31\",\"dueKey\":" DAY_END ",\"terms\":[\"t\"],\"completedAt\":" NINE "}",
     "{ \"dueKey\" : \"2026-01-31\", \"state\" : \"done\" }"},
    {derived_task, "{\"title\":\"t\",\"dueAt\":" NINE ",\"dueKey\":" NINE ",\"terms\":[\"t\"],\"state\":\"open\"}", NULL},
    {derived_task, "{\"title\":\"\xE6\x90\xAC\xE5\xAE\xB6\",\"dueKey\":null,\"terms\":[\"\xE6\x90\xAC\xE5\xAE\xB6\"],\"state\":\"open\"}",
     "{ \"terms\" : [ \"\xE5\xAE\xB6\", \"\xE6\x90\xAC\xE5\xAE\xB6\" ] }"},
    {derived_task, "{\"title\":\"b a\",\"description\":\"c\"}", "{ \"dueKey\" : null, \"terms\" : [ \"a\", \"b\", \"c\" ], \"state\" : \"open\" }"},
    {derived_task, "{\"title\":\"a\",\"dueKey\":null,\"terms\":[\"a\"],\"state\":\"open\"}", NULL},
    {derived_task, "{\"title\":\"a\",\"dueKey\":null,\"terms\":[\"a\"],\"state\":\"open\",\"archivedAt\":" NINE ",\"completedAt\":" NINE "}", "{ \"state\" : \"archived\" }"},
    {derived_task, "{\"title\":\"a\",\"dueKey\":null,\"terms\":[\"a\"],\"state\":\"open\",\"archivedAt\":" NINE ",\"deletedAt\":" NINE "}", "{ \"state\" : \"trashed\" }"},
    {derived_task, "{\"title\":\"a\",\"dueKey\":null,\"terms\":[\"a\"],\"state\":\"trashed\",\"deletedAt\":null}", "{ \"state\" : \"open\" }"},
    {derived_task, "{\"_id\":1}", NULL},
    {derived_project, "{\"name\":\"\xC3\x84pfel\"}", "{ \"nameKey\" : \"apfel\" }"},
    {derived_project, "{\"name\":\"a\",\"nameKey\":\"b\"}", "{ \"nameKey\" : \"a\" }"},
    {derived_project, "{\"name\":\"A\",\"nameKey\":\"a\"}", NULL},
    {derived_project, "{}", NULL},
    {derived_comment, "{\"text\":\"Hi there\"}", "{ \"terms\" : [ \"hi\", \"there\" ] }"},
    {derived_comment, "{\"text\":\"\",\"terms\":[\"hi\"]}", "{ \"terms\" : [  ] }"},
    {derived_comment, "{\"text\":\"\",\"terms\":[]}", NULL},
    {derived_comment, "{}", NULL},
};
/* clang-format on */

static void
test_old_documents_are_updated(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        bson_t *doc = bson_new_from_json((const uint8_t *)rows[i].doc, -1, NULL), *set = bson_new();
        bool differs = rows[i].derive(doc, set);
        char *json = bson_as_relaxed_extended_json(set, NULL);

        if (!unit_same(differs ? json : NULL, rows[i].set))
            unit_wrong("%s: %s", rows[i].doc, json);
        bson_free(json);
        bson_destroy(set);
        bson_destroy(doc);
    }
    unit_rows_done();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_old_documents_are_updated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
