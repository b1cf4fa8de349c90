/*
 * Query strings, complaints, ids and preconditions.
 */
#include "api/http/request.h"

#include <string.h>

#include "tests/unit/request_fixture.h"
#include "tests/unit/unit.h"

/* clang-format off */
static const struct {
    const char *query;
    const char *params; /* "name=value;" in order; NULL: ERR_BAD_PARAMETER */
} queries[] = {
    {"", ""},
    {"&", ""},
    {"&&a=1&&", "a=1;"},
    {"a=1&b=2", "a=1;b=2;"},
    {"a", "a=;"},
    {"a=", "a=;"},
    {"=", "=;"},
    {"=x", "=x;"},
    {"a=b=c", "a=b=c;"},
    {"a=1+2", "a=1 2;"},
    {"a=1%202", "a=1 2;"},
    {"a=%2B", "a=+;"},
    {"%61=%62", "a=b;"},
    {"a%3Db=%26", "a=b=&;"},
    {"q=%C3%A9", "q=\xC3\xA9;"},
    {"q=\xC3\xA9", "q=\xC3\xA9;"},
    {"q=%f0%9F%98%80", "q=\xF0\x9F\x98\x80;"},
    {"a=1;b=2", "a=1;b=2;"},
    {"a=%25", "a=%;"},
    {"a=%2525", "a=%25;"},
    {"a[$ne]=1", "a[$ne]=1;"},
    {"a=%", NULL},
    {"a=%4", NULL},
    {"a=%4&b=1", NULL},
    {"a=%zz", NULL},
    {"%=1", NULL},
    {"a=%00", NULL},
    {"%00=1", NULL},
    {"a=%C3", NULL},
    {"a=%ED%A0%80", NULL},
    {"a=%C0%AF", NULL},
    {"a=\xFF", NULL},
    {"a=%FF", NULL},
    {"a=1&a=1", NULL},
    {"a=1&%61=2", NULL},
    {"a&a", NULL},
    {"a=1&b=2&=&=", NULL},
    {"1&2&3&4&5&6&7&8&9&10&11&12&13&14&15&16&17&18&19&20&21&22&23&24&25&26&27&28&29&30&31&32",
     "1=;2=;3=;4=;5=;6=;7=;8=;9=;10=;11=;12=;13=;14=;15=;16=;17=;18=;19=;20=;21=;22=;23=;24=;25=;26=;27=;28=;29=;30=;31=;32=;"},
    {"1&2&3&4&5&6&7&8&9&10&11&12&13&14&15&16&17&18&19&20&21&22&23&24&25&26&27&28&29&30&31&32&33", NULL},
};

static const struct {
    const char *if_match;
    bool demanded;
    enum err err; /* for rev 5 */
} preconditions[] = {
    {NULL,                  false, ERR_NONE},
    {NULL,                  true,  ERR_UNCONDITIONAL},
    {"\"5\"",               false, ERR_NONE},
    {"\"5\"",               true,  ERR_NONE},
    {"W/\"5\"",             false, ERR_NONE},
    {"*",                   false, ERR_NONE},
    {" *",                  true,  ERR_NONE},
    {"\"4\", \"5\"",        false, ERR_NONE},
    {"\"4\",W/\"5\",\"6\"", false, ERR_NONE},
    {"\"5\" ,\"6\"",        false, ERR_NONE},
    {"\"4\"",               false, ERR_STALE},
    {"\"4\"",               true,  ERR_STALE},
    {"\"50\"",              false, ERR_STALE},
    {"\"15\"",              false, ERR_STALE},
    {"5",                   false, ERR_STALE},
    {"*)(uid=*",            false, ERR_STALE},
    {"\"5\"x",              false, ERR_STALE},
    {"\"5",                 false, ERR_STALE},
    {"'5'",                 false, ERR_STALE},
    {"w/\"5\"",             false, ERR_STALE},
    {"",                    false, ERR_STALE},
    {",",                   false, ERR_STALE},
    {"\"\"",                false, ERR_STALE},
    {"\"-5\"",              false, ERR_STALE},
};

static const struct {
    const char *arg; /* NULL: the route has none */
    enum err err;
} ids[] = {
    {"0123456789abcdef01234567",  ERR_NONE},
    {"0123456789ABCDEF01234567",  ERR_NONE},
    {"0123456789abcdef0123456",   ERR_NOT_FOUND},
    {"0123456789abcdef012345678", ERR_NOT_FOUND},
    {"0123456789abcdef0123456g",  ERR_NOT_FOUND},
    {"123456789012",              ERR_NOT_FOUND}, /* which libbson would take for 12 bytes */
    {"current",                   ERR_NOT_FOUND},
    {"%24ne",                     ERR_NOT_FOUND},
    {"",                          ERR_NOT_FOUND},
    {NULL,                        ERR_NOT_FOUND},
};
/* clang-format on */

static void
test_query_strings(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(queries); i++) {
        struct request *r = fixture_request("GET", "/");
        const char *found = NULL;

        r->query = queries[i].query;
        if (request_parse_query(r) == ERR_NONE) {
            found = "";
            for (int n = 0; n < r->param_count; n++)
                found = arena_printf(r->arena, "%s%s=%s;", found, r->params[n].name,
                                     r->params[n].value);
        } else if (r->detail == NULL || !text_utf8(r->detail, strlen(r->detail))) {
            unit_wrong("'%s': no reason", queries[i].query);
        }
        if (!unit_same(found, queries[i].params))
            unit_wrong("'%s': %s", queries[i].query, found);
    }
    unit_rows_done();
}

static void
test_no_query_string(void **state)
{
    (void)state;
    assert_int_equal(request_parse_query(fixture_request("GET", "/")), ERR_NONE);
}

static void
test_parameters_that_nobody_asked_for(void **state)
{
    struct request *r = fixture_request("GET", "/?known=1&other=2");

    (void)state;
    assert_int_equal(request_parse_query(r), ERR_NONE);
    assert_string_equal(request_param(r, "known"), "1");
    assert_null(request_param(r, "absent"));
    assert_int_equal(request_params_done(r), ERR_BAD_PARAMETER);
    assert_string_equal(r->parameter, "other");
    assert_string_equal(request_param(r, "other"), "2");
    assert_int_equal(request_params_done(r), ERR_NONE);
}

/* A name of any length is shown cut, and never within a character. */
static void
test_long_names_are_cut(void **state)
{
    struct request *r = fixture_request("GET", "/");

    (void)state;
    for (size_t len = 60; len < 70; len++) {
        char name[128];

        memset(name, 'a', len);
        strcpy(name + len, "\xF0\x9F\x98\x80\xC3\xA9");
        assert_int_equal(request_bad_param(r, name, "is bad"), ERR_BAD_PARAMETER);
        assert_true(strlen(r->parameter) < 65);
        assert_true(text_utf8(r->parameter, strlen(r->parameter)));
    }
}

static void
test_preconditions(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(preconditions); i++) {
        struct request *r = fixture_request("PATCH", "/");
        enum err err;

        r->if_match = preconditions[i].if_match;
        err = request_precondition(r, 5, preconditions[i].demanded);
        if (err != preconditions[i].err)
            unit_wrong("If-Match: %s: %s", preconditions[i].if_match, fixture_slug(err));
    }
    unit_rows_done();
}

static void
test_ids(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(ids); i++) {
        struct request *r = fixture_request("GET", "/");
        bson_oid_t id;
        enum err err;

        r->args[0] = ids[i].arg;
        err = request_id_arg(r, 0, &id);
        if (err != ids[i].err)
            unit_wrong("'%s': %s", ids[i].arg, fixture_slug(err));
    }
    unit_rows_done();
}

static void
test_complaints_keep_their_order(void **state)
{
    struct request *r = fixture_request("POST", "/");

    (void)state;
    assert_int_equal(request_validated(r), ERR_NONE);
    request_complain(r, "/a", "one", "%s", "first");
    request_complain(r, "/b", "two", "%d%%", 2);
    request_complain(r, "/c", "three", "%0300d", 3); /* cut, not overrun */
    assert_int_equal(request_validated(r), ERR_INVALID);
    assert_string_equal(fixture_complaints(r), "/a one; /b two; /c three");
    assert_string_equal(r->complaints->next->detail, "2%");
    r->complaints = NULL; /* as a transaction that runs again does */
    request_complain(r, "/d", "four", "again");
    assert_string_equal(fixture_complaints(r), "/d four");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_query_strings),
        cmocka_unit_test(test_no_query_string),
        cmocka_unit_test(test_parameters_that_nobody_asked_for),
        cmocka_unit_test(test_long_names_are_cut),
        cmocka_unit_test(test_preconditions),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_complaints_keep_their_order),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    fixture_done();
    return failed;
}
