/*
 * Domains go through UTS 46 without transitional processing, as browsers do.
 */
#include "common/text/email.h"

#include <ctype.h>
#include <idn2.h>
#include <stdlib.h>
#include <string.h>

#include "common/text/text.h"
#include "common/text/unicode.h"

#define LOCAL_MAX 64 /* bytes before the @ (RFC 5321, 4.5.3.1.1) */
#define LABEL_MAX 63

/* Words of "atext" with single dots between them. */
static bool
is_dot_atom(const char *text, size_t len)
{
    if (len == 0 || len > LOCAL_MAX || text[0] == '.' || text[len - 1] == '.')
        return false;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c == '.' ? text[i - 1] == '.' : !isalnum(c) && strchr("!#$%&'*+-/=?^_`{|}~", c) == NULL)
            return false;
    }
    return true;
}

/* Labels that follow the rules for host names; ASCII, lower-case. */
static bool
is_host(const char *domain)
{
    int labels = 0;
    bool number = false;

    for (;; domain++) {
        size_t len = strspn(domain, "abcdefghijklmnopqrstuvwxyz0123456789-");

        if (len == 0 || len > LABEL_MAX || domain[0] == '-' || domain[len - 1] == '-')
            return false;
        number = strspn(domain, "0123456789") == len;
        labels++;
        domain += len;
        if (*domain == '\0')
            return labels > 1 && !number;
        if (*domain != '.')
            return false;
    }
}

char *
email_normal(const char *typed)
{
    char *address = unicode_typed(typed), *at = strchr(address, '@'), *domain = NULL;
    struct text out = {0};

    if (at == NULL || !is_dot_atom(address, (size_t)(at - address)) || strspn(at + 1, ".") > 0 ||
        idn2_to_ascii_8z(at + 1, &domain, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK ||
        !is_host(domain)) {
        free(address);
        idn2_free(domain);
        return NULL;
    }
    text_add(&out, address, (size_t)(at - address) + 1);
    for (char *p = out.bytes; *p != '\0'; p++)
        *p = (char)tolower((unsigned char)*p);
    text_puts(&out, domain);
    free(address);
    idn2_free(domain);
    if (out.len <= EMAIL_MAX)
        return out.bytes;
    text_free(&out);
    return NULL;
}
