/*
 * Email addresses and phone numbers as people type them.
 */
#include "api/account/account.h"

#include <string.h>

#include "tests/unit/request_fixture.h"
#include "tests/unit/unit.h"

#define A63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* clang-format off */
static const struct {
    const char *typed, *out; /* NULL: refused */
} emails[] = {
    {"anna@example.com",           "anna@example.com"},
    {"Anna.B+tag@Example.COM",     "anna.b+tag@example.com"},
    {"a@b.c",                      "a@b.c"},
    {A64 "@example.com",           A64 "@example.com"},
    {"j\xC3\xB6rg@example.com",    NULL},
    {A64 "a@example.com",          NULL},
    {"",                           NULL},
    {"@",                          NULL},
    {"anna",                       NULL},
    {"anna@",                      NULL},
    {"@example.com",               NULL},
    {"anna@example",               NULL},
    {"anna@.com",                  NULL},
    {"anna@example.com.",          NULL},
    {".a@x.org",                   NULL},
    {"a.@x.org",                   NULL},
    {"a..b@x.org",                 NULL},
    {"a.b@x.org",                  "a.b@x.org"},
    {"a@x..com",                   NULL},
    {"a@-x.com",                   NULL},
    {"a@x-.com",                   NULL},
    {"a@x.org-",                   NULL},
    {"a@x_y.org",                  NULL},
    {"a@192.168.0.1",              NULL},
    {"a@4you.org",                 "a@4you.org"},
    {"a@" A63 ".org",              "a@" A63 ".org"},
    {"a@a" A63 ".org",             NULL},
    {"a@\xC3\xBC.de",              "a@xn--tda.de"},
    {"a@\xC3\x9C.DE",              "a@xn--tda.de"},
    {"a@u\xCC\x88.de",             "a@xn--tda.de"},
    {"a@XN--TDA.de",               "a@xn--tda.de"},
    {"a@stra\xC3\x9F" "e.de",      "a@xn--strae-oqa.de"},
    {"a@\xE4\xBE\x8B\xE3\x81\x88\xE3\x80\x82\xE3\x83\x86\xE3\x82\xB9\xE3\x83\x88", "a@xn--r8jz45g.xn--zckzah"},
    {"\xEF\xBD\x81\xEF\xBC\xA0x.org", "a@x.org"}, /* wide letters */
    {"a@x\xE2\x80\x91y.org",      "a@x-y.org"},
    {"\xE2\x80\xAA" "a@x.org\xE2\x80\xAC", "a@x.org"},
    {"a\xE2\x80\x8B@x.org",       "a@x.org"},
    {"\xC2\xA0" "a@x.org\n",      "a@x.org"},
    {"anna@@example.com",          NULL},
    {"anna@b@example.com",         NULL},
    {" anna@example.com",          "anna@example.com"},
    {"anna@example.com ",          "anna@example.com"},
    {"an na@example.com",          NULL},
    {"anna@exam\nple.com",         NULL},
    {"anna@example.com\r\nBcc:x",  NULL},
    {"Anna <anna@example.com>",    NULL},
    {"\"anna\"@example.com",       NULL},
    {"anna,ben@example.com",       NULL},
    {"anna;ben@example.com",       NULL},
    {"anna\x7F@example.com",       NULL},
};

static const struct {
    const char *typed, *out;
} phones[] = {
    {"+4915112345678",       "+4915112345678"},
    {"+49 151 123-456-78",   "+4915112345678"},
    {"+1 (555) 010.9999",    "+15550109999"},
    {"+12345678",            "+12345678"},
    {"+123456789012345",     "+123456789012345"},
    {"+1234567",             NULL},
    {"+1234567890123456",    NULL},
    {"015112345678",         NULL},
    {"+015112345678",        NULL},
    {"004915112345678",      NULL},
    {"+49151+2345678",       NULL},
    {"+49151x2345678",       NULL},
    {"+",                    NULL},
    {"",                     NULL},
    {"+\xD9\xA1\xD9\xA2\xD9\xA3\xD9\xA4\xD9\xA5\xD9\xA6\xD9\xA7\xD9\xA8", "+12345678"},
    {" +4915112345678 ",     "+4915112345678"},
    {"\xE2\x80\xAD+49 151 12345678\xE2\x80\xAC", "+4915112345678"}, /* U+202D ... U+202C */
    {"+49\xC2\xA0" "151\xE2\x80\xAF" "1234\xE2\x80\x91" "5678", "+4915112345678"},
    {"\xEF\xBC\x8B\xEF\xBC\x94\xEF\xBC\x99 151 12345678", "+4915112345678"}, /* wide + and 49 */
    {"+49 151\xE2\x80\x93" "12345678", "+4915112345678"}, /* a dash */
    {"+6834000",             "+6834000"}, /* Niue */
    {"+6903123",             "+6903123"}, /* Tokelau */
    {"+2908123",             "+2908123"}, /* Tristan da Cunha */
    {"+683400",              NULL},
    {"+6774000",             NULL},
};
/* clang-format on */

static void
check(const char *typed, const char *wanted,
      bool (*read)(struct request *, const char *, const char **))
{
    struct request *r = fixture_request("POST", "/");
    const char *out = NULL;
    bool ok = read(r, typed, &out);

    if (ok != (wanted != NULL) || (ok && !unit_same(out, wanted)))
        unit_wrong("'%s': %s %s", typed, ok ? "good" : "bad", out);
}

static void
test_emails(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(emails); i++)
        check(emails[i].typed, emails[i].out, account_email);
    unit_rows_done();
}

static void
test_phones(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(phones); i++)
        check(phones[i].typed, phones[i].out, account_phone);
    unit_rows_done();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_emails),
        cmocka_unit_test(test_phones),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    fixture_done();
    return failed;
}
