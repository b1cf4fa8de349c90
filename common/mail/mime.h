/*
 * An email as RFC 5322 text: correctly encoded headers, a plain and an HTML part.  Pure.
 */
#ifndef COMMON_MAIL_MIME_H
#define COMMON_MAIL_MIME_H

#include <stdint.h>

struct text;

struct email {
    const char *id;      /* unique; the same at each try, so that a receiver can tell */
    const char *to;      /* an address */
    const char *subject; /* UTF-8, one line */
    const char *plain, *html;
};

/* Appends the email with CRLF line ends. from: `Name <address>` or an address. */
void mime_write(struct text *out, const struct email *email, const char *from, int64_t at);

/* The address within `Name <address>`, of *len bytes. */
const char *mime_address(const char *from, int *len);

#endif
