/*
 * Mail addresses and numbers as people type them.
 */
#include "api/v1/account.h"

#include <string.h>

#include "tests/unit/plain.h"
#include "tests/unit/unit.h"

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
    {"anna@@example.com",          NULL},
    {"anna@b@example.com",         NULL},
    {" anna@example.com",          NULL},
    {"anna@example.com ",          NULL},
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
    {"+\xD9\xA1\xD9\xA2\xD9\xA3\xD9\xA4\xD9\xA5\xD9\xA6\xD9\xA7\xD9\xA8", NULL},
};
/* clang-format on */

static void
check(const char *typed, const char *wanted,
      bool (*read)(struct request *, const char *, const char **))
{
    struct request *r = plain_request("POST", "/");
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

    plain_done();
    return failed;
}
