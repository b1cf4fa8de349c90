/*
 * The refresh token as a cookie: what is read from the header, and which pages may use it.  The
 * public URL is https://tasks.example.org.
 */
#include "api/http/cookie.h"

#include <string.h>

#include "common/config.h"
#include "tests/unit/request_fixture.h"
#include "tests/unit/unit.h"

#define NAME "__Host-taskwire_refresh"
#define OURS "https://tasks.example.org"

/* clang-format off */
static const struct {
    const char *header, *value;
} cookies[] = {
    {NAME "=abc.def",                  "abc.def"},
    {"a=1; " NAME "=abc; b=2",         "abc"},
    {"a=1;" NAME "=abc;b=2",           "abc"},
    {"  " NAME "=abc ",                "abc"},
    {NAME "=",                         ""},
    {NAME "=a=b",                      "a=b"},
    {NAME "=first; " NAME "=second",   "first"},
    {"x" NAME "=abc",                  NULL},
    {NAME "x=abc",                     NULL},
    {NAME,                             NULL},
    {"taskwire_refresh=abc",           NULL}, /* any page on http could have set it */
    {"__secure-taskwire_refresh=abc",  NULL},
    {"a=" NAME "=abc",                 NULL},
    {"a=1, " NAME "=abc",              NULL},
    {";;;; ;",                         NULL},
    {"",                               NULL},
    {NULL,                             NULL},
};

static const struct {
    const char *origin, *fetch_site;
    bool good;
} pages[] = {
    {NULL,                              NULL,          true}, /* no browser */
    {OURS,                              "same-origin", true},
    {OURS,                              NULL,          true},
    {"https://other.example.org",       NULL,          true}, /* the second one allowed */
    {NULL,                              "same-origin", true},
    {NULL,                              "none",        true},
    {NULL,                              "cross-site",  false},
    {NULL,                              "same-site",   false},
    {NULL,                              "",            false},
    {"https://evil.example.com",        "cross-site",  false},
    {"https://evil.example.com",        "same-origin", false},
    {"http://tasks.example.org",        NULL,          false},
    {"https://tasks.example.org:444",   NULL,          false},
    {"https://tasks.example.org.evil.com", NULL,       false},
    {"https://tasks.example",           NULL,          false},
    {"null",                            NULL,          false},
    {"",                                NULL,          false},
    {OURS ",https://other.example.org", NULL,          false},
};
/* clang-format on */

static const struct config config = {.public_url = OURS,
                                     .allowed_origins = OURS ", https://other.example.org"};

static struct request *
make(void)
{
    struct request *r = fixture_request("POST", "/v1/sessions/refresh");

    r->config = &config;
    return r;
}

static void
test_headers(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cookies); i++) {
        struct request *r = make();

        r->cookie = cookies[i].header;
        if (!unit_same(cookie_read(r), cookies[i].value))
            unit_wrong("'%s': %s", cookies[i].header, cookie_read(r));
    }
    unit_rows_done();
}

static void
test_pages(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(pages); i++) {
        struct request *r = make();
        enum err err;

        r->origin = pages[i].origin;
        r->fetch_site = pages[i].fetch_site;
        err = cookie_same_site(r);
        if (err != (pages[i].good ? ERR_NONE : ERR_FORBIDDEN))
            unit_wrong("%s, %s: %s", pages[i].origin, pages[i].fetch_site, fixture_slug(err));
    }
    unit_rows_done();
}

static void
test_how_it_is_set(void **state)
{
    static const struct config local = {.public_url = "http://127.0.0.1:8080"};
    struct request *r = make();

    (void)state;
    cookie_set(r, "abc");
    assert_string_equal(r->reply.cookie,
                        NAME "=abc; Path=/; HttpOnly; SameSite=Strict; Max-Age=2592000"
                             "; Secure");
    cookie_clear(r);
    assert_string_equal(r->reply.cookie,
                        NAME "=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0; Secure");
    r->config = &local;
    cookie_set(r, "abc");
    assert_string_equal(r->reply.cookie, "taskwire_refresh=abc; Path=/v1/sessions; HttpOnly; "
                                         "SameSite=Strict; Max-Age=2592000");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_how_it_is_set),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    fixture_done();
    return failed;
}
