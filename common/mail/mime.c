/*
 * ASCII bodies are left unchanged, others become quoted-printable; header words that are not ASCII
 * become RFC 2047 encoded words.
 */
#include "common/mail/mime.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/text/text.h"

#define LINE_MAX_QP    76  /* RFC 2045 */
#define LINE_MAX_PLAIN 900 /* RFC 5322 allows 998 */
#define WORD_BYTES     42  /* per encoded word: 56 in base64, 68 with delimiters (75 allowed) */

static bool
is_plain(const char *s)
{
    size_t line = 0;

    for (; *s != '\0'; s++) {
        line = *s == '\n' ? 0 : line + 1;
        if (line > LINE_MAX_PLAIN || ((unsigned char)*s < ' ' && *s != '\n') || *s >= 0x7F ||
            *s < 0)
            return false;
    }
    return true;
}

/* How many bytes of s, at most WORD_BYTES, end at a character boundary. */
static size_t
word_length(const char *s)
{
    size_t len = strlen(s);

    if (len <= WORD_BYTES)
        return len;
    for (len = WORD_BYTES; len > 1 && ((unsigned char)s[len] & 0xC0) == 0x80; len--) {
    }
    return len;
}

/* The text of a header; control characters, which could start another header, are removed. */
static void
write_words(struct text *out, const char *words)
{
    struct text clean = {0};
    unsigned char base64[WORD_BYTES * 2];
    const char *p;

    text_puts(&clean, "");
    for (p = words; *p != '\0'; p++)
        text_putc(&clean, (unsigned char)*p < ' ' || *p == 0x7F ? ' ' : *p);
    p = clean.bytes;
    if (is_plain(p) && strstr(p, "=?") == NULL) {
        text_puts(out, p);
        text_free(&clean);
        return;
    }
    while (*p != '\0') {
        size_t len = word_length(p);

        EVP_EncodeBlock(base64, (const unsigned char *)p, (int)len);
        text_printf(out, "=?UTF-8?B?%s?=", (char *)base64);
        p += len;
        if (*p != '\0')
            text_puts(out, "\r\n ");
    }
    text_free(&clean);
}

static void
write_quoted_printable(struct text *out, const char *s)
{
    size_t column = 0;

    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;
        bool before_end = s[1] == '\n' || s[1] == '\0';
        bool as_is = (c > ' ' && c < 0x7F && c != '=') || (c == ' ' && !before_end);

        if (c == '\n') {
            text_puts(out, "\r\n");
            column = 0;
            continue;
        }
        if (column + (as_is ? 1 : 3) > LINE_MAX_QP - 1) {
            text_puts(out, "=\r\n");
            column = 0;
        }
        if (as_is)
            text_putc(out, (char)c);
        else
            text_printf(out, "=%02X", c);
        column += as_is ? 1 : 3;
    }
}

static void
write_part(struct text *out, const char *boundary, const char *type, const char *body)
{
    bool plain = is_plain(body);

    text_printf(out,
                "--%s\r\nContent-Type: %s; charset=utf-8\r\n"
                "Content-Transfer-Encoding: %s\r\n\r\n",
                boundary, type, plain ? "7bit" : "quoted-printable");
    if (!plain)
        write_quoted_printable(out, body);
    for (; plain && *body != '\0'; body++)
        text_puts(out, *body == '\n' ? "\r\n" : (char[]){*body, '\0'});
    text_puts(out, "\r\n");
}

const char *
mime_address(const char *from, int *len)
{
    const char *open = strrchr(from, '<'), *close = open == NULL ? NULL : strchr(open, '>');

    if (close == NULL) {
        *len = (int)strlen(from);
        return from;
    }
    *len = (int)(close - open - 1);
    return open + 1;
}

/* `Name <address>`, the name quoted or encoded. */
static void
write_from(struct text *out, const char *from)
{
    int len;
    const char *address = mime_address(from, &len);
    size_t name = address == from ? 0 : (size_t)(address - 1 - from);
    struct text words = {0};

    while (name > 0 && from[name - 1] == ' ')
        name--;
    if (name > 0) {
        text_add(&words, from, name);
        if (is_plain(words.bytes) && strpbrk(words.bytes, "\"\\") == NULL)
            text_printf(out, "\"%s\"", words.bytes);
        else
            write_words(out, words.bytes);
        text_putc(out, ' ');
    }
    text_printf(out, "<%.*s>", len, address);
    text_free(&words);
}

static void
write_date(struct text *out, int64_t at)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t seconds = at / 1000;
    struct tm tm;

    gmtime_r(&seconds, &tm);
    text_printf(out, "Date: %.3s, %02d %.3s %d %02d:%02d:%02d +0000\r\n", days + 3 * tm.tm_wday,
                tm.tm_mday, months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
                tm.tm_sec);
}

void
mime_write(struct text *out, const struct email *l, const char *from, int64_t at)
{
    char boundary[80];
    int len;
    const char *address = mime_address(from, &len), *domain = memchr(address, '@', (size_t)len);

    snprintf(boundary, sizeof(boundary), "=_%.60s", l->id);
    write_date(out, at);
    text_puts(out, "From: ");
    write_from(out, from);
    text_printf(out, "\r\nTo: <%s>\r\nSubject: ", l->to);
    write_words(out, l->subject);
    text_printf(out, "\r\nMessage-ID: <%s%.*s>\r\n", l->id,
                domain == NULL ? 0 : (int)(address + len - domain), domain == NULL ? "" : domain);
    text_printf(out,
                "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
                "Content-Type: multipart/alternative; boundary=\"%s\"\r\n\r\n",
                boundary);
    write_part(out, boundary, "text/plain", l->plain);
    write_part(out, boundary, "text/html", l->html);
    text_printf(out, "--%s--\r\n", boundary);
}
