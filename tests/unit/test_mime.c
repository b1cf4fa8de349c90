/*
 * Emails as RFC 5322 text.
 */
#include "common/mail/mime.h"

#include <string.h>

#include "common/text/text.h"
#include "tests/unit/unit.h"

#define FROM "Taskwire <noreply@example.org>"

static const struct email plain = {"id1", "anna@example.com", "Hello", "Hi,\n\nbye\n",
                                   "<p>Hi</p>\n"};

static void
test_a_plain_email(void **state)
{
    struct text t = {0};

    (void)state;
    mime_write(&t, &plain, FROM, 1769850000000);
    assert_string_equal(t.bytes, "Date: Sat, 31 Jan 2026 09:00:00 +0000\r\n"
                                 "From: \"Taskwire\" <noreply@example.org>\r\n"
                                 "To: <anna@example.com>\r\n"
                                 "Subject: Hello\r\n"
                                 "Message-ID: <id1@example.org>\r\n"
                                 "Auto-Submitted: auto-generated\r\n"
                                 "MIME-Version: 1.0\r\n"
                                 "Content-Type: multipart/alternative; boundary=\"=_id1\"\r\n\r\n"
                                 "--=_id1\r\n"
                                 "Content-Type: text/plain; charset=utf-8\r\n"
                                 "Content-Transfer-Encoding: 7bit\r\n\r\n"
                                 "Hi,\r\n\r\nbye\r\n\r\n"
                                 "--=_id1\r\n"
                                 "Content-Type: text/html; charset=utf-8\r\n"
                                 "Content-Transfer-Encoding: 7bit\r\n\r\n"
                                 "<p>Hi</p>\r\n\r\n"
                                 "--=_id1--\r\n");
    text_free(&t);
}

/* clang-format off */
static const struct {
    const char *subject, *line; /* as it is in the email */
} subjects[] = {
    {"Hello, \"world\"",          "Subject: Hello, \"world\"\r\n"},
    {"Gr\xC3\xBC\xC3\x9F" "e",    "Subject: =?UTF-8?B?R3LDvMOfZQ==?=\r\n"},
    {"=?UTF-8?B?WA==?=",          "Subject: =?UTF-8?B?PT9VVEYtOD9CP1dBPT0/PQ==?=\r\n"},
    {"a\r\nBcc: eve@example.com", "Subject: a  Bcc: eve@example.com\r\n"},
    {"a\nb\tc\x7F" "d",           "Subject: a b c d\r\n"},
    {"",                          "Subject: \r\n"},
};

static const struct {
    const char *from, *line;
} senders[] = {
    {"noreply@example.org",            "From: <noreply@example.org>\r\n"},
    {"<noreply@example.org>",          "From: <noreply@example.org>\r\n"},
    {"Our Team <noreply@example.org>", "From: \"Our Team\" <noreply@example.org>\r\n"},
    {"J\xC3\xB6rg <j@example.org>",    "From: =?UTF-8?B?SsO2cmc=?= <j@example.org>\r\n"},
};

static const struct {
    const char *body, *encoded;
} bodies[] = {
    {"caf\xC3\xA9\n",           "caf=C3=A9\r\n"},
    {"\xC3\xA9 = a\n",          "=C3=A9 =3D a\r\n"},
    {"\xC3\xA9 \n",             "=C3=A9=20\r\n"},
    {"\xC3\xA9\t\r\n",          "=C3=A9=09=0D\r\n"},
    {"\xC3\xA9\n.\n",           "=C3=A9\r\n.\r\n"},
};
/* clang-format on */

static void
expect(const struct email *email, const char *from, const char *part)
{
    struct text t = {0};

    mime_write(&t, email, from, 0);
    if (strstr(t.bytes, part) == NULL)
        unit_wrong("%s\nis not in:\n%s", part, t.bytes);
    for (const char *p = t.bytes; *p != '\0'; p++) {
        if (*p == '\n' && (p == t.bytes || p[-1] != '\r'))
            unit_wrong("a bare line end in:\n%s", t.bytes);
        if ((unsigned char)*p >= 0x7F)
            unit_wrong("a byte beyond ASCII in:\n%s", t.bytes);
    }
    text_free(&t);
}

static void
test_headers(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(subjects); i++) {
        struct email email = plain;

        email.subject = subjects[i].subject;
        expect(&email, FROM, subjects[i].line);
    }
    for (size_t i = 0; i < COUNT(senders); i++)
        expect(&plain, senders[i].from, senders[i].line);
    unit_rows_done();
}

static void
test_bodies(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bodies); i++) {
        struct email email = plain;

        email.plain = bodies[i].body;
        expect(&email, FROM, bodies[i].encoded);
        email.plain = plain.plain;
        email.html = bodies[i].body;
        expect(&email, FROM, bodies[i].encoded);
    }
    unit_rows_done();
}

/* No line of an email is longer than a relay must accept. */
static void
test_lines_are_short(void **state)
{
    struct text body = {0}, t = {0};
    struct email email = plain;

    (void)state;
    for (int i = 0; i < 3000; i++)
        text_puts(&body, i % 3 == 0 ? "\xC3\xA4" : "= ");
    email.plain = body.bytes;
    email.subject = body.bytes;
    mime_write(&t, &email, FROM, 0);
    for (const char *p = t.bytes; *p != '\0';) {
        size_t len = strcspn(p, "\r");

        if (len > 88)
            unit_wrong("%.*s", (int)len, p);
        p += len + 2;
    }
    email = plain;
    text_clear(&body);
    for (int i = 0; i < 3000; i++)
        text_putc(&body, 'a');
    email.html = body.bytes;
    text_clear(&t);
    mime_write(&t, &email, FROM, 0);
    for (const char *p = t.bytes; *p != '\0'; p += strcspn(p, "\r") + 2)
        if (strcspn(p, "\r") > 998)
            unit_wrong("a line of %zu", strcspn(p, "\r"));
    text_free(&body);
    text_free(&t);
    unit_rows_done();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_plain_email),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_lines_are_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
