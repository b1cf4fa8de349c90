/*
 * Problems and 304.
 */
#include "api/http/reply.h"

#include <json-c/json.h>
#include <string.h>

#include "common/text/json.h"
#include "tests/unit/request_fixture.h"
#include "tests/unit/unit.h"

static void
test_no_problem_is_missing(void **state)
{
    (void)state;
    for (int err = ERR_NONE + 1; err < ERR__COUNT; err++) {
        const struct problem *p = &problems[err];

        if (p->slug == NULL || p->title == NULL) {
            unit_wrong("error %d has no problem", err);
            continue;
        }
        if (p->status < 400 || p->status > 599 || *p->title == '\0' || *p->slug == '\0' ||
            strspn(p->slug, "abcdefghijklmnopqrstuvwxyz-") != strlen(p->slug))
            unit_wrong("error %d: %d %s %s", err, p->status, p->slug, p->title);
        for (int other = ERR_NONE; other < err && err != ERR_RETRY; other++)
            if (unit_same(p->slug, problems[other].slug))
                unit_wrong("the slug %s is there twice", p->slug);
    }
    unit_rows_done();
}

static const char *
member(struct json_object *json, const char *name)
{
    return json_object_get_string(json_object_object_get(json, name));
}

/* Whatever it contains: one JSON object with the five members. */
static void
test_every_problem_is_json(void **state)
{
    (void)state;
    for (int err = ERR_NONE + 1; err < ERR__COUNT; err++) {
        struct request *r = fixture_request("GET", "/");
        struct json_object *json;
        const char *why;

        request_fail(r, (enum err)err, "\"quotes\" \\ and \n %s", "more");
        request_complain(r, "/a~1\"b", "code", "with \t and \xC3\xA9");
        request_complain(r, "/c", "code", "another");
        r->parameter = "\"name";
        r->current = "{\"id\":1}";
        r->reply.etag = "\"1\"";
        r->reply.location = "/v1/x";
        reply_problem(r, (enum err)err);
        assert_int_equal(json_parse(r->reply.body.bytes, r->reply.body.len, &json, &why), ERR_NONE);
        if (r->reply.status != problems[err].status || r->reply.etag != NULL ||
            r->reply.location != NULL || !unit_same(r->reply.type, "application/problem+json") ||
            !unit_same(member(json, "title"), problems[err].title) ||
            !unit_same(member(json, "detail"), "\"quotes\" \\ and \n more") ||
            !unit_same(member(json, "parameter"), "\"name") ||
            !unit_same(member(json, "requestId"), "test") ||
            json_object_get_int(json_object_object_get(json, "status")) != r->reply.status)
            unit_wrong("error %d: %s", err, r->reply.body.bytes);
        if ((member(json, "errors") != NULL) != (r->reply.status == 422 || err == ERR_CONFLICT) ||
            (member(json, "current") != NULL) != (err == ERR_STALE) ||
            (r->reply.retry_after > 0) != (r->reply.status == 503))
            unit_wrong("error %d tells too much or too little: %s", err, r->reply.body.bytes);
        json_object_put(json);
    }
    unit_rows_done();
}

static void
test_a_problem_speaks_without_being_told(void **state)
{
    struct request *r = fixture_request("GET", "/");

    (void)state;
    reply_problem(r, ERR_NOT_FOUND);
    assert_string_equal(
        r->reply.body.bytes,
        "{\"type\":\"/problems/not-found\",\"title\":\"The resource does not exist\","
        "\"status\":404,\"detail\":\"The resource does not exist\","
        "\"requestId\":\"test\"}");
}

/* clang-format off */
static const struct {
    const char *method, *if_none_match, *etag;
    int status, wanted;
} rows[] = {
    {"GET",   "\"5\"",          "\"5\"", 200, 304},
    {"GET",   "W/\"5\"",        "\"5\"", 200, 304},
    {"GET",   "\"4\", \"5\"",   "\"5\"", 200, 304},
    {"GET",   "*",              "\"5\"", 200, 304},
    {"GET",   "\"4\"",          "\"5\"", 200, 200},
    {"GET",   "\"15\"",         "\"5\"", 200, 200},
    {"GET",   "\"50\"",         "\"5\"", 200, 200},
    {"GET",   "5",              "\"5\"", 200, 200},
    {"GET",   "",               "\"5\"", 200, 200},
    {"GET",   NULL,             "\"5\"", 200, 200},
    {"GET",   "*",              NULL,    200, 200},
    {"PATCH", "\"5\"",          "\"5\"", 200, 200},
    {"GET",   "\"5\"",          "\"5\"", 404, 404},
};
/* clang-format on */

static void
test_not_modified(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct request *r = fixture_request(rows[i].method, "/");

        r->method = strcmp(rows[i].method, "GET") == 0 ? GET : PATCH;
        r->if_none_match = rows[i].if_none_match;
        text_puts(reply_json(r, rows[i].status), "{}");
        r->reply.etag = rows[i].etag;
        reply_unchanged(r);
        if (r->reply.status != rows[i].wanted ||
            r->reply.body.len != (rows[i].wanted == 304 ? 0u : 2u) ||
            (r->reply.type == NULL) != (rows[i].wanted == 304))
            unit_wrong("%s %s: %d", rows[i].method, rows[i].if_none_match, r->reply.status);
    }
    unit_rows_done();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_problem_is_missing),
        cmocka_unit_test(test_every_problem_is_json),
        cmocka_unit_test(test_a_problem_speaks_without_being_told),
        cmocka_unit_test(test_not_modified),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    fixture_done();
    return failed;
}
