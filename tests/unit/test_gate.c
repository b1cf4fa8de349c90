/*
 * The checks before a handler runs: who the caller is, what kind of body there is, and whether the
 * request was answered before.
 */
#include "api/server/gate.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "api/access/session_revocation.h"
#include "api/http/doc_read.h"
#include "api/http/reply.h"
#include "api/http/router.h"
#include "common/change/revocation.h"
#include "common/secrets/token.h"
#include "tests/unit/fake_store.h"
#include "tests/unit/forge.h"
#include "tests/unit/request_fixture.h"
#include "tests/unit/unit.h"

#define TASKS "/v1/tasks"
#define TASK  "/v1/tasks/" FIXTURE_USER
#define LOGIN "/v1/sessions"
#define JSON  "application/json"
#define TOKEN "@" /* stands for a good token */
#define KEY_255                                                                                    \
    "0123456789012345678901234567890123456789012345678901234567890123"                             \
    "0123456789012345678901234567890123456789012345678901234567890123"                             \
    "0123456789012345678901234567890123456789012345678901234567890123"                             \
    "012345678901234567890123456789012345678901234567890123456789012"

static struct session_revocation *revocation;

/* An empty log that was read. */
static struct session_revocation *
known_revoked(void)
{
    struct session_revocation *r = session_revocation_new();

    session_revocation_read(r);
    return r;
}
static char *token;

/* clang-format off */
static const struct {
    const char *method, *target, *authorization, *type, *body, *key;
    const char *slug;
} rows[] = {
    {"GET",    "/v1/health", NULL,              NULL, NULL, NULL, "ok"},
    {"GET",    "/v1/nothing", NULL,             NULL, NULL, NULL, "not-found"},
    {"PUT",    TASKS,        NULL,              NULL, NULL, NULL, "method-not-allowed"},
    {"GET",    "/v1/health?a=%", NULL,          NULL, NULL, NULL, "bad-parameter"},
    {"GET",    TASKS,        NULL,              NULL, NULL, NULL, "unauthenticated"},
    {"GET",    TASKS,        "",                NULL, NULL, NULL, "unauthenticated"},
    {"GET",    TASKS,        "Bearer",          NULL, NULL, NULL, "unauthenticated"},
    {"GET",    TASKS,        "Bearer ",         NULL, NULL, NULL, "unauthenticated"},
    {"GET",    TASKS,        "Bearer x",        NULL, NULL, NULL, "unauthenticated"},
    {"GET",    TASKS,        "Basic " TOKEN,    NULL, NULL, NULL, "unauthenticated"},
    {"GET",    TASKS,        TOKEN,             NULL, NULL, NULL, "unauthenticated"},
    {"GET",    TASKS,        "Bearer  " TOKEN,  NULL, NULL, NULL, "unauthenticated"},
    {"GET",    TASKS,        "Bearer " TOKEN,   NULL, NULL, NULL, "ok"},
    {"GET",    TASKS,        "bearer " TOKEN,   NULL, NULL, NULL, "ok"},
    {"HEAD",   TASKS,        "Bearer " TOKEN,   NULL, NULL, NULL, "ok"},
    {"GET",    "/v1/health", "Bearer x",        NULL, NULL, NULL, "ok"}, /* not checked */

    {"POST",   LOGIN,        NULL, JSON,                          "{}",   NULL, "ok"},
    {"POST",   LOGIN,        NULL, "application/json; charset=utf-8", "{}", NULL, "ok"},
    {"POST",   LOGIN,        NULL, "Application/JSON ;charset=utf-8", "{}", NULL, "ok"},
    {"PATCH",  TASK,         "Bearer " TOKEN, "application/merge-patch+json", "{}", NULL, "ok"},
    {"POST",   LOGIN,        NULL, NULL,                          "{}",   NULL, "unsupported-media-type"},
    {"POST",   LOGIN,        NULL, "",                            "{}",   NULL, "unsupported-media-type"},
    {"POST",   LOGIN,        NULL, "text/plain",                  "{}",   NULL, "unsupported-media-type"},
    {"POST",   LOGIN,        NULL, "application/jsonp",           "{}",   NULL, "unsupported-media-type"},
    {"POST",   LOGIN,        NULL, "application/x-www-form-urlencoded", "a=1", NULL, "unsupported-media-type"},
    {"POST",   LOGIN,        NULL, JSON,                          "",     NULL, "malformed"},
    {"POST",   LOGIN,        NULL, JSON,                          "{",    NULL, "malformed"},
    {"POST",   LOGIN,        NULL, JSON,                          "{\"a\":1,\"a\":2}", NULL, "malformed"},
    {"POST",   LOGIN,        NULL, JSON,                          "null", NULL, "ok"}, /* doc_read() refuses it */
    {"PATCH",  TASK,         NULL, JSON,                          "{",    NULL, "unauthenticated"}, /* first who */
    {"DELETE", TASK,         "Bearer " TOKEN, NULL,               NULL,   NULL, "ok"},
    {"DELETE", TASK,         "Bearer " TOKEN, "text/plain",       "x",    NULL, "ok"},
    {"POST",   TASK "/restore", "Bearer " TOKEN, NULL,            "",     NULL, "ok"},

    {"POST",   LOGIN,        NULL, JSON, "{}", "k",            "ok"},
    {"POST",   LOGIN,        NULL, JSON, "{}", KEY_255,        "ok"},
    {"POST",   LOGIN,        NULL, JSON, "{}", KEY_255 "6",    "malformed"},
    {"POST",   LOGIN,        NULL, JSON, "{}", "",             "malformed"},
    {"POST",   LOGIN,        NULL, JSON, "{}", "a\tb",         "malformed"},
    {"POST",   LOGIN,        NULL, JSON, "{}", "\xC3\xA9",     "malformed"},
    {"GET",    TASKS,        "Bearer " TOKEN, NULL, NULL, "",  "ok"}, /* no meaning here */
};
/* clang-format on */

static struct request *
make(const char *method, const char *target, const char *authorization, const char *type,
     const char *body, const char *key)
{
    struct request *r = fixture_request(method, target);

    r->user[0] = r->session[0] = '\0';
    r->revocation = revocation;
    r->authorization = authorization;
    if (authorization != NULL && strchr(authorization, '@') != NULL)
        r->authorization = arena_printf(r->arena, "%.*s%s", (int)strcspn(authorization, "@"),
                                        authorization, token);
    r->content_type = type;
    r->body = body;
    r->body_len = body == NULL ? 0 : strlen(body);
    r->idempotency_key = key;
    return r;
}

static void
test_verdicts(void **state)
{
    (void)state;
    fake_store_clear();
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct request *r = make(rows[i].method, rows[i].target, rows[i].authorization,
                                 rows[i].type, rows[i].body, rows[i].key);
        enum err err = gate_check(r);

        if (!unit_same(fixture_slug(err), rows[i].slug))
            unit_wrong("%s %s, %s, %s, %s: %s", rows[i].method, rows[i].target,
                       rows[i].authorization, rows[i].type, rows[i].body, fixture_slug(err));
    }
    unit_rows_done();
}

static void
test_who_asks_is_known_then(void **state)
{
    struct request *r = make("GET", TASKS, "Bearer " TOKEN, NULL, NULL, NULL);

    (void)state;
    assert_int_equal(gate_check(r), ERR_NONE);
    assert_string_equal(r->user, FIXTURE_USER);
    assert_string_equal(r->session, FIXTURE_SESSION);
    r = make("GET", "/v1/health", "Bearer " TOKEN, NULL, NULL, NULL);
    assert_int_equal(gate_check(r), ERR_NONE);
    assert_string_equal(r->user, "");
}

static void
test_too_large(void **state)
{
    struct request *r = make("POST", LOGIN, NULL, JSON, "{}", NULL);

    (void)state;
    r->body_too_large = true;
    assert_int_equal(gate_check(r), ERR_TOO_LARGE);
}

/* A key is one user's and one request's. */
static void
test_keys_and_digests_differ(void **state)
{
    static const struct {
        const char *method, *target, *authorization, *body, *key;
        bool same_key, same_digest;
    } others[] = {
        {"POST", TASKS, "Bearer " TOKEN, "{\"title\":\"a\"}", "k", true, true},
        {"POST", TASKS, "Bearer " TOKEN, "{\"title\":\"b\"}", "k", true, false},
        {"POST", TASKS "?x=1", "Bearer " TOKEN, "{\"title\":\"a\"}", "k", true, false},
        {"PATCH", TASK, "Bearer " TOKEN, "{\"title\":\"a\"}", "k", true, false},
        {"POST", TASKS, "Bearer " TOKEN, " { \"title\" :\n\"\\u0061\" } ", "k", true, true},
        {"POST", TASKS, "Bearer " TOKEN, "{\"title\":\"a\"}", "K", false, true},
        {"POST", LOGIN, NULL, "{\"title\":\"a\"}", "k", false, false},
    };
    char key[65] = "", digest[65] = "";

    (void)state;
    fake_store_clear();
    for (size_t i = 0; i < COUNT(others); i++) {
        struct request *r = make(others[i].method, others[i].target, others[i].authorization, JSON,
                                 others[i].body, others[i].key);

        assert_int_equal(gate_check(r), ERR_NONE);
        if (i == 0) {
            memcpy(key, r->key, 65);
            memcpy(digest, r->digest, 65);
        }
        if (unit_same(key, r->key) != others[i].same_key ||
            unit_same(digest, r->digest) != others[i].same_digest)
            unit_wrong("row %zu", i);
    }
    unit_rows_done();
}

static void
test_an_answer_is_given_again(void **state)
{
    struct request *r = make("POST", TASKS, "Bearer " TOKEN, JSON, "{\"title\":\"a\"}", "k");
    char record[1024];

    (void)state;
    fake_store_clear();
    assert_int_equal(gate_check(r), ERR_NONE);
    snprintf(record, sizeof(record),
             "{\"_id\":\"%s\",\"digest\":\"%s\",\"status\":201,\"etag\":\"\\\"1\\\"\","
             "\"location\":\"/v1/tasks/x\",\"body\":\"{\\\"id\\\":1}\"}",
             r->key, r->digest);
    fake_store_put(STORE_IDEMPOTENCY, record);
    r = make("POST", TASKS, "Bearer " TOKEN, JSON, "{\"title\":\"a\"}", "k");
    gate_serve(r);
    assert_true(r->reply.replayed);
    assert_int_equal(r->reply.status, 201);
    assert_string_equal(r->reply.body.bytes, "{\"id\":1}");
    assert_string_equal(r->reply.etag, "\"1\"");
    assert_string_equal(r->reply.location, "/v1/tasks/x");
    r = make("POST", TASKS, "Bearer " TOKEN, JSON, "{\"title\":\"b\"}", "k");
    gate_serve(r);
    assert_int_equal(r->reply.status, problems[ERR_KEY_REUSED].status);
    fake_store_fails(ERR_STORE);
    r = make("POST", TASKS, "Bearer " TOKEN, JSON, "{\"title\":\"a\"}", "k");
    gate_serve(r);
    assert_int_equal(r->reply.status, problems[ERR_STORE].status);
    fake_store_clear();
}

/* Is the caller's token, whose generation is 0, still good? */
static bool
gets_in(void)
{
    struct request *r = make("GET", TASKS, "Bearer " TOKEN, NULL, NULL, NULL);

    return gate_check(r) == ERR_NONE;
}

static void
ends(enum revocation_kind kind, int64_t generation, const char *user, const char *session)
{
    struct revocation entry = {.kind = kind, .generation = generation};

    bson_oid_init_from_string(&entry.user, user);
    if (session != NULL)
        bson_oid_init_from_string(&entry.session, session);
    session_revocation_add(revocation, &entry);
}

static void
test_a_session_ends(void **state)
{
    struct request *r;

    (void)state;
    revocation = known_revoked();
    ends(REVOKED_SESSION, 0, FIXTURE_USER, FIXTURE_USER); /* another one */
    assert_true(gets_in());
    ends(REVOKED_SESSION, 0, FIXTURE_USER, FIXTURE_SESSION);
    assert_false(gets_in());
    r = make("GET", TASKS, "Bearer " TOKEN, NULL, NULL, NULL);
    assert_int_equal(gate_check(r), ERR_NO_AUTH);
    assert_string_equal(r->user, "");
}

/* All sessions of a generation end but the one that is kept, until the next generation ends. */
static void
test_a_generation_ends(void **state)
{
    (void)state;
    revocation = known_revoked();
    ends(REVOKED_GENERATION, 0, FIXTURE_SESSION, NULL); /* another user's */
    ends(REVOKED_GENERATION, 1, FIXTURE_USER, NULL);    /* the next */
    assert_true(gets_in());
    revocation = known_revoked();
    ends(REVOKED_GENERATION, 0, FIXTURE_USER, FIXTURE_USER); /* another is kept */
    assert_false(gets_in());
    revocation = known_revoked();
    ends(REVOKED_GENERATION, 0, FIXTURE_USER, FIXTURE_SESSION);
    assert_true(gets_in());
    ends(REVOKED_GENERATION, 1, FIXTURE_USER, FIXTURE_SESSION);
    assert_true(gets_in());
    ends(REVOKED_GENERATION, 2, FIXTURE_USER, FIXTURE_USER);
    assert_false(gets_in());
}

/* Before the log of ended sessions was read, no request can be accepted. */
static void
test_nobody_gets_in_before_the_log_was_read(void **state)
{
    struct request *r = make("GET", TASKS, "Bearer " TOKEN, NULL, NULL, NULL);
    struct session_revocation *before = revocation;

    (void)state;
    r->revocation = session_revocation_new();
    assert_int_equal(gate_check(r), ERR_STORE);
    revocation = before;
}

static void
test_options_and_problems_are_served(void **state)
{
    struct request *r = make("OPTIONS", TASKS, NULL, NULL, NULL, NULL);

    (void)state;
    gate_serve(r);
    assert_int_equal(r->reply.status, 204);
    assert_string_equal(r->reply.allow, "GET, HEAD, POST, OPTIONS");
    r = make("OPTIONS", "/nothing", NULL, NULL, NULL, NULL);
    gate_serve(r);
    assert_int_equal(r->reply.status, 404);
    r = make("GET", TASKS, NULL, NULL, NULL, NULL);
    gate_serve(r);
    assert_int_equal(r->reply.status, 401);
    r = make("GET", "/v1/health", NULL, NULL, NULL, NULL);
    gate_serve(r);
    assert_int_equal(r->reply.status, 200);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_who_asks_is_known_then),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_keys_and_digests_differ),
        cmocka_unit_test(test_an_answer_is_given_again),
        cmocka_unit_test(test_options_and_problems_are_served),
        cmocka_unit_test(test_a_session_ends),
        cmocka_unit_test(test_a_generation_ends),
        cmocka_unit_test(test_a_generation_ends),
        cmocka_unit_test(
            test_nobody_gets_in_before_the_log_was_read), /* the last: it does not come back */
    };
    struct token claims = {FIXTURE_USER, FIXTURE_SESSION, FAKE_STORE_NOW / 1000 + TOKEN_SECONDS};
    int failed;

    if (token_open("k1 " FORGE_KEY) != ERR_NONE)
        return 1;
    revocation = known_revoked();
    token = token_sign(&claims);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(token);
    fake_store_clear();
    fixture_done();
    return failed;
}
