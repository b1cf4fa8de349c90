/*
 * The rules between a task's fields, and derived fields.  The time is 2026-01-31T09:00:00Z.
 */
#include <string.h>

#include "api/schema/doc.h"
#include "api/v1/tasks/tasks.h"
#include "tests/unit/fake_store.h"
#include "tests/unit/request_fixture.h"
#include "tests/unit/unit.h"

/* clang-format off */
#define OID(id) "{\"$oid\":\"" id "\"}"
#define TASK    "111111111111111111111111"
#define PARENT  "222222222222222222222222"
#define CHILD   "333333333333333333333333"
#define GONE    "444444444444444444444444"
#define FOREIGN "555555555555555555555555"
#define P       "aaaaaaaaaaaaaaaaaaaaaaaa"
#define OTHER_P "bbbbbbbbbbbbbbbbbbbbbbbb"
#define ANNA    "cccccccccccccccccccccccc"
#define STRANGER "dddddddddddddddddddddddd"
#define DATE(ms) "{\"$date\":{\"$numberLong\":\"" ms "\"}}"
#define NINE    DATE("1769850000000") /* 2026-01-31T09:00 */
#define TEN     DATE("1769853600000")
#define BERLIN_LAST DATE("1769900399999") /* of its 2026-01-31 */
#define BERLIN_NEXT DATE("1769900400000")

#define PROJECT                                                                                    \
    "{\"_id\":" OID(P) ",\"access\":\"members\",\"members\":[{\"userId\":" OID(ANNA)               \
    ",\"role\":\"member\"}],\"statuses\":[{\"id\":\"idea\",\"kind\":\"done\"},"                    \
    "{\"id\":\"todo\",\"kind\":\"open\"},{\"id\":\"done\",\"kind\":\"done\"}],"                    \
    "\"labels\":[{\"id\":\"red\"}]}"

/* A task as it was, and what a client changes of it. */
#define BASE(more)                                                                                 \
    "{\"_id\":" OID(TASK) ",\"projectId\":" OID(P) ",\"title\":\"t\",\"description\":\"\","        \
    "\"status\":\"todo\",\"startAt\":null,\"startDate\":null,\"dueAt\":null,\"dueDate\":null,"     \
    "\"assigneeIds\":[],\"labelIds\":[],\"parentId\":null,\"relations\":[],"                       \
    "\"completedAt\":null,\"archivedAt\":null" more "}"

static const struct {
    const char *change;
    const char *complaints; /* "": none */
    const char *extra;      /* relaxed JSON, NULL: does not matter */
} creations[] = {
    {"{}", "", "{ \"dueKey\" : null, \"terms\" : [ \"t\" ] }"},
    {"{\"title\":\"Buy milk\",\"description\":\"buy bread\"}", "",
     "{ \"dueKey\" : null, \"terms\" : [ \"bread\", \"buy\", \"milk\" ] }"},
    {"{\"dueAt\":" NINE "}", "", "{ \"dueKey\" : { \"$date\" : \"2026-01-31T09:00:00Z\" }, \"terms\" : [ \"t\" ] }"},
    {"{\"dueDate\":\"2026-01-31\"}", "", "{ \"dueKey\" : \"2026-01-31\", \"terms\" : [ \"t\" ] }"},
    {"{\"dueDate\":\"9999-12-31\"}", "", "{ \"dueKey\" : \"9999-12-31\", \"terms\" : [ \"t\" ] }"},
    {"{\"dueAt\":" NINE ",\"dueDate\":\"2026-01-31\"}", "/dueDate exclusive", NULL},
    {"{\"startAt\":" NINE ",\"startDate\":\"2026-01-31\"}", "/startDate exclusive", NULL},
    {"{\"startAt\":" TEN ",\"dueAt\":" NINE "}", "/startAt order", NULL},
    {"{\"startAt\":" NINE ",\"dueAt\":" NINE "}", "", NULL},
    {"{\"startAt\":" NINE ",\"dueDate\":\"2026-01-31\"}", "", NULL},
    {"{\"startDate\":\"2026-01-31\",\"dueAt\":" NINE "}", "", NULL},
    {"{\"startDate\":\"2026-02-01\",\"dueAt\":" NINE "}", "/startDate order", NULL},
    {"{\"startDate\":\"2026-02-01\",\"dueDate\":\"2026-01-31\"}", "/startDate order", NULL},
    /* In Berlin it is 2026-01-31 until 23:00 UTC. */
    {"{\"startAt\":" BERLIN_LAST ",\"dueDate\":\"2026-01-31\"}", "", NULL},
    {"{\"startAt\":" BERLIN_NEXT ",\"dueDate\":\"2026-01-31\"}", "/startAt order", NULL},
    {"{\"startDate\":\"2026-02-01\",\"dueAt\":" BERLIN_LAST "}", "/startDate order", NULL},
    {"{\"startDate\":\"2026-02-01\",\"dueAt\":" BERLIN_NEXT "}", "", NULL},
    {"{\"startAt\":" TEN "}", "", NULL},
    {"{\"status\":\"-\"}", "",
     "{ \"dueKey\" : null, \"status\" : \"todo\", \"terms\" : [ \"t\" ] }"}, /* the first open one */
    {"{\"status\":\"done\"}", "",
     "{ \"dueKey\" : null, \"completedAt\" : { \"$date\" : \"2026-01-31T09:00:00Z\" }, \"terms\" : [ \"t\" ] }"},
    {"{\"status\":\"nope\"}", "/status choice", NULL},
    {"{\"labelIds\":[\"red\"]}", "", NULL},
    {"{\"labelIds\":[\"red\",\"blue\"]}", "/labelIds/1 not-found", NULL},
    {"{\"assigneeIds\":[" OID(ANNA) "]}", "", NULL},
    {"{\"assigneeIds\":[" OID(ANNA) "," OID(STRANGER) "]}", "/assigneeIds/1 not-member", NULL},
    {"{\"parentId\":" OID(PARENT) "}", "", NULL},
    {"{\"parentId\":" OID(CHILD) "}", "/parentId nested", NULL},
    {"{\"parentId\":" OID(GONE) "}", "/parentId not-found", NULL},
    {"{\"parentId\":" OID(FOREIGN) "}", "/parentId not-found", NULL},
    {"{\"parentId\":" OID(STRANGER) "}", "/parentId not-found", NULL},
    {"{\"relations\":[{\"kind\":\"blocks\",\"taskId\":" OID(PARENT) "}]}", "", NULL},
    {"{\"relations\":[{\"kind\":\"blocks\",\"taskId\":" OID(PARENT) "},{\"kind\":\"blocks\",\"taskId\":" OID(FOREIGN) "}]}",
     "/relations/1/taskId not-found", NULL},
    {"{\"archived\":true}", "",
     "{ \"dueKey\" : null, \"terms\" : [ \"t\" ], \"archivedAt\" : { \"$date\" : \"2026-01-31T09:00:00Z\" } }"},
    {"{\"status\":\"nope\",\"labelIds\":[\"x\"],\"dueAt\":" NINE ",\"startAt\":" TEN "}",
     "/startAt order; /status choice; /labelIds/0 not-found", NULL},
};

static const struct {
    const char *more; /* of the task before */
    const char *change, *complaints, *extra;
} changes[] = {
    {"", "{\"title\":\"u\"}", "", "{ \"dueKey\" : null, \"terms\" : [ \"u\" ] }"},
    {"", "{\"priority\":3}", "", "{ \"dueKey\" : null }"},
    /* Setting the one of a pair clears the other. */
    {",\"dueDate\":\"2026-02-01\"", "{\"dueAt\":" NINE "}", "", "{ \"dueDate\" : null, \"dueKey\" : { \"$date\" : \"2026-01-31T09:00:00Z\" } }"},
    {",\"dueAt\":" NINE, "{\"dueDate\":\"2026-02-01\"}", "", "{ \"dueAt\" : null, \"dueKey\" : \"2026-02-01\" }"},
    {",\"dueAt\":" NINE, "{\"dueAt\":" TEN ",\"dueDate\":\"2026-02-01\"}", "/dueDate exclusive", NULL},
    {",\"dueAt\":" NINE, "{\"dueAt\":null}", "", "{ \"dueKey\" : null }"},
    {",\"dueAt\":" NINE, "{\"startAt\":" TEN "}", "/startAt order", NULL},
    /* Reopening clears completedAt; doing it again keeps the first. */
    {"", "{\"status\":\"done\"}", "", "{ \"dueKey\" : null, \"completedAt\" : { \"$date\" : \"2026-01-31T09:00:00Z\" } }"},
    {",\"status\":\"done\",\"completedAt\":" TEN, "{\"status\":\"todo\"}", "", "{ \"dueKey\" : null, \"completedAt\" : null }"},
    {",\"status\":\"done\",\"completedAt\":" TEN, "{\"status\":\"idea\"}", "", "{ \"dueKey\" : null }"},
    /* What was valid when it was set is not checked again by another change. */
    {",\"startAt\":" TEN ",\"dueAt\":" NINE, "{\"title\":\"t2\"}", "", NULL},
    {",\"labelIds\":[\"gone\"]", "{\"title\":\"t2\"}", "", NULL},
    {",\"labelIds\":[\"gone\"]", "{\"labelIds\":[\"gone\",\"red\"]}", "", NULL},
    {",\"labelIds\":[\"gone\"]", "{\"labelIds\":[\"red\",\"gone\"]}", "", NULL},
    {",\"labelIds\":[\"gone\"]", "{\"labelIds\":[]}", "", NULL},
    {",\"labelIds\":[\"gone\"]", "{\"labelIds\":[\"lost\",\"gone\"]}", "/labelIds/0 not-found", NULL},
    {",\"assigneeIds\":[" OID(STRANGER) "," OID(ANNA) "]", "{\"assigneeIds\":[" OID(STRANGER) "]}", "", NULL},
    {",\"assigneeIds\":[" OID(STRANGER) "]", "{\"assigneeIds\":[" OID(ANNA) "," OID(STRANGER) "]}", "", NULL},
    {",\"assigneeIds\":[" OID(ANNA) "]", "{\"assigneeIds\":[" OID(ANNA) "," OID(STRANGER) "]}", "/assigneeIds/1 not-member", NULL},
    {",\"relations\":[{\"kind\":\"blocks\",\"taskId\":" OID(GONE) "}]",
     "{\"relations\":[{\"kind\":\"blocks\",\"taskId\":" OID(PARENT) "},{\"kind\":\"blocks\",\"taskId\":" OID(GONE) "}]}", "", NULL},
    {",\"relations\":[{\"kind\":\"blocks\",\"taskId\":" OID(GONE) "}]",
     "{\"relations\":[{\"kind\":\"relates\",\"taskId\":" OID(GONE) "}]}", "/relations/0/taskId not-found", NULL},
    {",\"status\":\"lost\"", "{\"title\":\"t2\"}", "", NULL},
    {",\"status\":\"lost\"", "{\"status\":\"todo\"}", "", NULL},
    {"", "{\"status\":\"lost\"}", "/status choice", NULL},
    {",\"assigneeIds\":[" OID(STRANGER) "]", "{\"title\":\"t2\"}", "", NULL},
    {",\"parentId\":" OID(GONE), "{\"title\":\"t2\"}", "", NULL},
    {"", "{\"parentId\":" OID(TASK) "}", "/parentId not-found", NULL},
    {",\"archivedAt\":" TEN, "{\"archived\":true}", "", "{ \"dueKey\" : null }"},
    {",\"archivedAt\":" TEN, "{\"archived\":false}", "", "{ \"dueKey\" : null, \"archivedAt\" : null }"},
};
/* clang-format on */

static void
fake_database(void)
{
    fake_store_clear();
    fake_store_put(STORE_TASKS, "{\"_id\":" OID(TASK) ",\"projectId\":" OID(P) "}");
    fake_store_put(STORE_TASKS, "{\"_id\":" OID(PARENT) ",\"projectId\":" OID(P) "}");
    fake_store_put(STORE_TASKS, "{\"_id\":" OID(CHILD) ",\"projectId\":" OID(
                                    P) ",\"parentId\":" OID(PARENT) "}");
    fake_store_put(STORE_TASKS,
                   "{\"_id\":" OID(GONE) ",\"projectId\":" OID(P) ",\"deletedAt\":" NINE "}");
    fake_store_put(STORE_TASKS, "{\"_id\":" OID(FOREIGN) ",\"projectId\":" OID(OTHER_P) "}");
    fake_store_put(STORE_USERS, "{\"_id\":" OID(STRANGER) "}");
    fake_store_put(STORE_USERS, "{\"_id\":" OID(FIXTURE_USER) ",\"timeZone\":\"Europe/Berlin\"}");
}

static void
check(const char *before, const char *change, const char *complaints, const char *extra)
{
    struct request *r = fixture_request("PATCH", "/");
    bson_t *project = fixture_bson(r, PROJECT),
           *base = fixture_bson(r, before == NULL ? BASE("") : before);
    bson_t *after = request_keep(r, doc_merge(base, fixture_bson(r, change)));
    bson_t *more = request_keep(r, bson_new());
    enum err err = task_rules(
        &(struct entity_rules){r, NULL, project, before == NULL ? NULL : base, after, more});
    char *json = bson_as_relaxed_extended_json(more, NULL);

    if (err != ERR_NONE || !unit_same(fixture_complaints(r), complaints) ||
        (extra != NULL && !unit_same(json, extra)))
        unit_wrong("%s: %s, '%s'\n%s", change, fixture_slug(err), fixture_complaints(r), json);
    bson_free(json);
}

static void
test_creations(void **state)
{
    (void)state;
    fake_database();
    for (size_t i = 0; i < COUNT(creations); i++)
        check(NULL, creations[i].change, creations[i].complaints, creations[i].extra);
    unit_rows_done();
}

/* Members of the base that the row overrides. */
static const char *
task_before(const char *more)
{
    static char json[4096];
    struct request *r = fixture_request("PATCH", "/");
    bson_t *change =
        fixture_bson(r, *more == '\0' ? "{}" : arena_printf(r->arena, "{%s}", more + 1));
    bson_t *doc = request_keep(r, doc_merge(fixture_bson(r, BASE("")), change));

    snprintf(json, sizeof(json), "%s", fixture_json(r, doc));
    return json;
}

static void
test_changes(void **state)
{
    (void)state;
    fake_database();
    for (size_t i = 0; i < COUNT(changes); i++)
        check(task_before(changes[i].more), changes[i].change, changes[i].complaints,
              changes[i].extra);
    unit_rows_done();
}

/* A task with subtasks cannot become one. */
static void
test_no_deeper_than_one_level(void **state)
{
    (void)state;
    fake_database();
    fake_store_put(STORE_TASKS,
                   "{\"_id\":" OID(ANNA) ",\"projectId\":" OID(P) ",\"parentId\":" OID(TASK) "}");
    check(BASE(""), "{\"parentId\":" OID(PARENT) "}", "/parentId nested", NULL);
    unit_rows_done();
}

/* In a project open to everyone, too, only members can be assigned; who left may stay assigned. */
static void
test_assignees_of_an_open_project(void **state)
{
    struct request *r = fixture_request("PATCH", "/");
    bson_t *project = fixture_bson(r, "{\"access\":\"everyone\",\"members\":[],\"statuses\":["
                                      "{\"id\":\"todo\",\"kind\":\"open\"}]}");
    bson_t *after = fixture_bson(r, BASE(",\"assigneeIds\":[]")),
           *extra = request_keep(r, bson_new());
    bson_t *change = fixture_bson(r, "{\"assigneeIds\":[" OID(STRANGER) "," OID(TASK) "]}"),
           *before;

    (void)state;
    fake_database();
    after = request_keep(r, doc_merge(fixture_bson(r, BASE("")), change));
    assert_int_equal(task_rules(&(struct entity_rules){r, NULL, project, NULL, after, extra}),
                     ERR_NONE);
    assert_string_equal(fixture_complaints(r),
                        "/assigneeIds/0 not-member; /assigneeIds/1 not-member");
    request_clear_complaints(r);
    change = fixture_bson(r, "{\"assigneeIds\":[" OID(STRANGER) "]}");
    before = request_keep(r, doc_merge(fixture_bson(r, BASE("")), change));
    assert_int_equal(task_rules(&(struct entity_rules){r, NULL, project, before, after, extra}),
                     ERR_NONE);
    assert_string_equal(fixture_complaints(r), "/assigneeIds/1 not-member");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_creations),
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_no_deeper_than_one_level),
        cmocka_unit_test(test_assignees_of_an_open_project),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    fake_store_clear();
    fixture_done();
    return failed;
}
