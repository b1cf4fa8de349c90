/*
 * The file of a message: `Subject: ` and a line, an empty line, then paragraphs with empty lines
 * between them. {names} are replaced by values.  In HTML a paragraph that is only {link} becomes a
 * link, one that is only {code} is emphasized.
 */
#include "api/queue/messages.h"

#include <string.h>

#include "api/schema/doc.h"
#include "common/base/embed.h"
#include "common/text/text.h"

#define FILE_OF(name, file) EMBED(name, "api/queue/messages/" file)

FILE_OF(message_frame, "frame.html");
FILE_OF(message_password_reset, "password-reset.txt");
FILE_OF(message_password_changed, "password-changed.txt");
FILE_OF(message_verify_email, "verify-email.txt");
FILE_OF(message_change_email, "change-email.txt");
FILE_OF(message_email_changed, "email-changed.txt");
FILE_OF(message_phone_changed, "phone-changed.txt");
FILE_OF(message_new_device, "new-device.txt");
FILE_OF(message_session_ended, "session-ended.txt");
FILE_OF(message_second_factor, "second-factor.txt");
FILE_OF(message_api_token, "api-token.txt");
FILE_OF(message_account_deleted, "account-deleted.txt");
FILE_OF(message_account_kept, "account-kept.txt");
FILE_OF(message_phone_code, "phone-code.txt");
FILE_OF(message_phone_moved, "phone-moved.txt");
FILE_OF(message_invitation, "invitation.txt");
FILE_OF(message_open_account, "open-account.txt");
FILE_OF(message_account_exists, "account-exists.txt");

static const char *const files[MESSAGE__COUNT] = {
    [MESSAGE_PASSWORD_RESET] = message_password_reset,
    [MESSAGE_PASSWORD_CHANGED] = message_password_changed,
    [MESSAGE_VERIFY_EMAIL] = message_verify_email,
    [MESSAGE_CHANGE_EMAIL] = message_change_email,
    [MESSAGE_EMAIL_CHANGED] = message_email_changed,
    [MESSAGE_PHONE_CHANGED] = message_phone_changed,
    [MESSAGE_NEW_DEVICE] = message_new_device,
    [MESSAGE_SESSION_ENDED] = message_session_ended,
    [MESSAGE_SECOND_FACTOR] = message_second_factor,
    [MESSAGE_API_TOKEN] = message_api_token,
    [MESSAGE_ACCOUNT_DELETED] = message_account_deleted,
    [MESSAGE_ACCOUNT_KEPT] = message_account_kept,
    [MESSAGE_PHONE_CODE] = message_phone_code,
    [MESSAGE_PHONE_MOVED] = message_phone_moved,
    [MESSAGE_INVITATION] = message_invitation,
    [MESSAGE_OPEN_ACCOUNT] = message_open_account,
    [MESSAGE_ACCOUNT_EXISTS] = message_account_exists,
};

static void
escape(struct text *out, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (s[i] == '<')
            text_puts(out, "&lt;");
        else if (s[i] == '>')
            text_puts(out, "&gt;");
        else if (s[i] == '&')
            text_puts(out, "&amp;");
        else if (s[i] == '"')
            text_puts(out, "&quot;");
        else
            text_putc(out, s[i]);
    }
}

static void
put(struct text *out, const char *s, size_t len, bool html)
{
    if (html)
        escape(out, s, len);
    else
        text_add(out, s, len);
}

/* Appends len bytes of a file with {names} replaced by their values. */
static void
fill_in(struct text *out, const char *s, size_t len, const bson_t *values, bool html)
{
    const char *end = s + len;
    char name[32];

    while (s < end) {
        size_t n = strcspn(s, "{"), close;
        const char *value;

        n = n < (size_t)(end - s) ? n : (size_t)(end - s);
        put(out, s, n, html);
        s += n;
        if (s == end)
            return;
        close = strcspn(s, "}");
        bson_snprintf(name, sizeof(name), "%.*s", (int)close - 1, s + 1);
        value = doc_text(values, name);
        put(out, value == NULL ? "" : value, value == NULL ? 0 : strlen(value), html);
        s += close + 1;
    }
}

static bool
is(const char *paragraph, size_t len, const char *what)
{
    return len == strlen(what) && memcmp(paragraph, what, len) == 0;
}

static void
write_paragraph(struct text *out, const char *p, size_t len, const bson_t *values)
{
    if (is(p, len, "{link}"))
        text_puts(out, "<p><a class=\"link\" href=\"");
    else
        text_puts(out, is(p, len, "{code}") ? "<p class=\"code\">" : "<p>");
    fill_in(out, p, len, values, true);
    if (is(p, len, "{link}")) {
        text_puts(out, "\">");
        fill_in(out, p, len, values, true);
        text_puts(out, "</a>");
    }
    text_puts(out, "</p>\n");
}

/* Appends the paragraphs of a file's body, within the frame. */
static void
write_html(struct text *out, const char *body, const bson_t *values)
{
    const char *place = strstr(message_frame, "{body}");

    text_add(out, message_frame, (size_t)(place - message_frame));
    while (*body != '\0') {
        const char *end = strstr(body, "\n\n");
        size_t len = end == NULL ? strlen(body) : (size_t)(end - body), used = len;

        while (used > 0 && body[used - 1] == '\n')
            used--;
        write_paragraph(out, body, used, values);
        body += len + (end == NULL ? 0 : 2);
    }
    text_puts(out, place + strlen("{body}"));
}

enum err
messages_write(const bson_t *content, struct text *subject, struct text *plain, struct text *html)
{
    int64_t message = doc_int(content, "letter");
    const char *file, *line;

    if (message < 0 || message >= MESSAGE__COUNT)
        return ERR_INVALID;
    file = files[message];
    line = file + strlen("Subject: ");
    fill_in(subject, line, strcspn(line, "\n"), content, false);
    file = strstr(file, "\n\n") + 2;
    fill_in(plain, file, strlen(file), content, false);
    write_html(html, file, content);
    return ERR_NONE;
}
