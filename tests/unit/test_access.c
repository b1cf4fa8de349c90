/*
 * Permissions: every cell of the table of roles and actions.
 */
#include "api/access/access.h"

#include <string.h>

#include "tests/unit/request_fixture.h"
#include "tests/unit/unit.h"

/* clang-format off */
#define ME    FIXTURE_USER
#define ANNA  "aaaaaaaaaaaaaaaaaaaaaaaa"
#define BEN   "bbbbbbbbbbbbbbbbbbbbbbbb"
#define OID(id) "{\"$oid\":\"" id "\"}"
#define MEMBER(id, role) "{\"userId\":" OID(id) ",\"role\":\"" role "\"}"

#define NOT_MINE "{\"members\":[" MEMBER(ANNA, "owner") "]}"
#define MINE     "{\"members\":[" MEMBER(ANNA, "owner") "," MEMBER(ME, "%s") "]}"

#define YES ERR_NONE
#define NO  ERR_FORBIDDEN
static const struct {
    const char *role; /* NULL: none */
    enum role value;
    enum err answers[ACTION__COUNT]; /* read, comment, write, manage, own */
} cells[] = {
    {NULL,        ROLE_NONE,      {ERR_NOT_FOUND, ERR_NOT_FOUND, ERR_NOT_FOUND, ERR_NOT_FOUND, ERR_NOT_FOUND}},
    {"viewer",    ROLE_VIEWER,    {YES,           NO,            NO,            NO,            NO}},
    {"commenter", ROLE_COMMENTER, {YES,           YES,           NO,            NO,            NO}},
    {"member",    ROLE_MEMBER,    {YES,           YES,           YES,           NO,            NO}},
    {"admin",     ROLE_ADMIN,     {YES,           YES,           YES,           YES,           NO}},
    {"owner",     ROLE_OWNER,     {YES,           YES,           YES,           YES,           YES}},
    {"Owner",     ROLE_NONE,      {ERR_NOT_FOUND, ERR_NOT_FOUND, ERR_NOT_FOUND, ERR_NOT_FOUND, ERR_NOT_FOUND}},
    {"",          ROLE_NONE,      {ERR_NOT_FOUND, ERR_NOT_FOUND, ERR_NOT_FOUND, ERR_NOT_FOUND, ERR_NOT_FOUND}},
};

/* Stored data may be anything: it must never grant a right by accident. */
static const struct {
    const char *project;
    enum role role, member;
    int owners;
} projects[] = {
    {"{}", ROLE_NONE, ROLE_NONE, 0},
    {"{\"members\":[]}", ROLE_NONE, ROLE_NONE, 0},
    {"{\"members\":null}", ROLE_NONE, ROLE_NONE, 0},
    {"{\"members\":\"owner\"}", ROLE_NONE, ROLE_NONE, 0},
    {"{\"members\":[null,1,\"x\",[]]}", ROLE_NONE, ROLE_NONE, 0},
    {"{\"members\":[{\"userId\":\"" ME "\",\"role\":\"owner\"}]}", ROLE_NONE, ROLE_NONE, 0},
    {"{\"members\":[{\"userId\":" OID(ME) "}]}", ROLE_NONE, ROLE_NONE, 0},
    {"{\"members\":[{\"userId\":" OID(ME) ",\"role\":5}]}", ROLE_NONE, ROLE_NONE, 0},
    {"{\"members\":[{\"role\":\"admin\",\"userId\":" OID(ME) "}]}", ROLE_ADMIN, ROLE_ADMIN, 0},
    {"{\"members\":[" MEMBER(ANNA, "owner") "," MEMBER(ME, "viewer") "," MEMBER(BEN, "owner") "]}", ROLE_VIEWER, ROLE_VIEWER, 2},
    {"{\"members\":[" MEMBER(ANNA, "owner") "]}", ROLE_NONE, ROLE_NONE, 1},
    {"{\"access\":\"everyone\",\"members\":[" MEMBER(ANNA, "owner") "]}", ROLE_VIEWER, ROLE_NONE, 1},
    {"{\"access\":\"everyone\",\"accessRole\":\"member\",\"members\":[]}", ROLE_MEMBER, ROLE_NONE, 0},
    {"{\"access\":\"everyone\",\"accessRole\":\"commenter\",\"deletedAt\":null}", ROLE_COMMENTER, ROLE_NONE, 0},
    {"{\"access\":\"everyone\",\"accessRole\":\"member\",\"deletedAt\":1}", ROLE_NONE, ROLE_NONE, 0},
    {"{\"access\":\"everyone\",\"accessRole\":5}", ROLE_VIEWER, ROLE_NONE, 0},
    {"{\"access\":\"members\",\"accessRole\":\"member\"}", ROLE_NONE, ROLE_NONE, 0},
    {"{\"access\":\"everyone\",\"accessRole\":\"member\",\"members\":[" MEMBER(ME, "viewer") "]}", ROLE_MEMBER, ROLE_VIEWER, 0},
    {"{\"access\":\"everyone\",\"members\":[" MEMBER(ME, "commenter") "]}", ROLE_COMMENTER, ROLE_COMMENTER, 0},
    {"{\"access\":\"everyone\",\"members\":[" MEMBER(ME, "admin") "]}", ROLE_ADMIN, ROLE_ADMIN, 0},
    {"{\"access\":\"members\",\"members\":[" MEMBER(ANNA, "owner") "]}", ROLE_NONE, ROLE_NONE, 1},
    {"{\"access\":\"Everyone\"}", ROLE_NONE, ROLE_NONE, 0},
    {"{\"access\":true}", ROLE_NONE, ROLE_NONE, 0},
    {"{\"access\":[\"everyone\"]}", ROLE_NONE, ROLE_NONE, 0},
};
/* clang-format on */

static void
test_every_cell(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cells); i++) {
        struct request *r = fixture_request("GET", "/");
        const char *role = cells[i].role;
        bson_t *project =
            fixture_bson(r, role == NULL ? NOT_MINE : arena_printf(r->arena, MINE, role));

        for (int action = 0; action < ACTION__COUNT; action++) {
            enum err err = access_allows(access_role(project, &r->user_id), (enum action)action);

            if (err != cells[i].answers[action])
                unit_wrong("%s, action %d: %s", role, action, fixture_slug(err));
        }
        if (role != NULL && role_named(role) != cells[i].value)
            unit_wrong("%s is role %d", role, (int)role_named(role));
        if (cells[i].value != ROLE_NONE && !unit_same(role_names[cells[i].value], role))
            unit_wrong("%s has the name %s", role, role_names[cells[i].value]);
    }
    unit_rows_done();
}

static void
test_projects(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(projects); i++) {
        struct request *r = fixture_request("GET", "/");
        bson_t *project = fixture_bson(r, projects[i].project);

        if (access_role(project, &r->user_id) != projects[i].role ||
            access_member(project, &r->user_id) != projects[i].member ||
            access_owners(project) != projects[i].owners)
            unit_wrong("%s: role %d, member %d, %d owners", projects[i].project,
                       (int)access_role(project, &r->user_id),
                       (int)access_member(project, &r->user_id), access_owners(project));
    }
    unit_rows_done();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cell),
        cmocka_unit_test(test_projects),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    fixture_done();
    return failed;
}
