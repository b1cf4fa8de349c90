/*
 * Growing text, UTF-8, hex and base64url.
 */
#include "common/text/text.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/base/must.h"

#define PRINTF_ROOM 128  /* bytes; most output fits and is formatted only once */
#define FIRST_SIZE  1024 /* the largest power of two that malloc() caches in each thread */

static const char HEX[] = "0123456789abcdef";
static const char B64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void
text_grow(struct text *t, size_t more)
{
    size_t need = t->len + more + 1, size = t->size == 0 ? FIRST_SIZE : t->size;

    if (need <= t->size)
        return;
    while (size < need)
        size *= 2;
    t->bytes = must_resize(t->bytes, size);
    t->size = size;
}

void
text_int(struct text *t, int64_t number)
{
    char digits[24], *p = digits + sizeof(digits);
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;

    do
        *--p = (char)('0' + rest % 10);
    while ((rest /= 10) > 0);
    if (number < 0)
        *--p = '-';
    text_add(t, p, (size_t)(digits + sizeof(digits) - p));
}

void
text_printf(struct text *t, const char *format, ...)
{
    va_list args;
    size_t room;
    int len;

    text_grow(t, PRINTF_ROOM);
    room = t->size - t->len;
    va_start(args, format);
    len = vsnprintf(t->bytes + t->len, room, format, args);
    va_end(args);
    if ((size_t)len >= room) {
        text_grow(t, (size_t)len);
        va_start(args, format);
        vsnprintf(t->bytes + t->len, (size_t)len + 1, format, args);
        va_end(args);
    }
    t->len += (size_t)len;
}

void
text_clear(struct text *t)
{
    t->len = 0;
    if (t->bytes != NULL)
        t->bytes[0] = '\0';
}

void
text_free(void *what)
{
    struct text *t = what;

    free(t->bytes);
    *t = (struct text){0};
}

char *
text_dup(const char *string)
{
    size_t size = strlen(string) + 1;

    return memcpy(must_resize(NULL, size), string, size);
}

/* The length of the well-formed UTF-8 sequence at p, 0 if there is none. */
static size_t
sequence(const unsigned char *p, size_t left)
{
    unsigned char low = 0x80, high = 0xBF;
    size_t len;

    if (p[0] < 0x80)
        return 1;
    if (p[0] >= 0xC2 && p[0] <= 0xDF)
        len = 2;
    else if (p[0] >= 0xE0 && p[0] <= 0xEF)
        len = 3;
    else if (p[0] >= 0xF0 && p[0] <= 0xF4)
        len = 4;
    else
        return 0;
    if (len > left)
        return 0;
    if (p[0] == 0xE0)
        low = 0xA0; /* shorter forms exist */
    else if (p[0] == 0xED)
        high = 0x9F; /* surrogates */
    else if (p[0] == 0xF0)
        low = 0x90;
    else if (p[0] == 0xF4)
        high = 0x8F; /* beyond U+10FFFF */
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    return len;
}

bool
text_utf8(const char *bytes, size_t len)
{
    const unsigned char *p = (const unsigned char *)bytes;

    while (len > 0) {
        size_t n = sequence(p, len);

        if (n == 0)
            return false;
        p += n;
        len -= n;
    }
    return true;
}

size_t
text_points(const char *bytes, size_t len)
{
    size_t points = 0;

    for (size_t i = 0; i < len; i++)
        points += ((unsigned char)bytes[i] & 0xC0) != 0x80;
    return points;
}

void
text_hex(char *out, const unsigned char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        *out++ = HEX[bytes[i] >> 4];
        *out++ = HEX[bytes[i] & 15];
    }
    *out = '\0';
}

static int
nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool
text_unhex(unsigned char *out, size_t len, const char *hex)
{
    for (size_t i = 0; i < len; i++) {
        int high = nibble(hex[2 * i]), low = high < 0 ? -1 : nibble(hex[2 * i + 1]);

        if (low < 0)
            return false;
        out[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

void
text_base64url(char *out, const unsigned char *bytes, size_t len)
{
    uint32_t bits = 0;
    int have = 0;

    for (size_t i = 0; i < len; i++) {
        bits = bits << 8 | bytes[i];
        for (have += 8; have >= 6; have -= 6)
            *out++ = B64[bits >> (have - 6) & 63];
    }
    if (have > 0)
        *out++ = B64[bits << (6 - have) & 63];
    *out = '\0';
}

long
text_unbase64url(unsigned char *out, size_t size, const char *in, size_t len)
{
    uint32_t bits = 0;
    int have = 0;
    size_t n = 0;

    if (len % 4 == 1)
        return -1;
    for (size_t i = 0; i < len; i++) {
        const char *at = in[i] == '\0' ? NULL : strchr(B64, in[i]);

        if (at == NULL)
            return -1;
        bits = bits << 6 | (uint32_t)(at - B64);
        have += 6;
        if (have >= 8) {
            if (n == size)
                return -1;
            have -= 8;
            out[n++] = (unsigned char)(bits >> have & 255);
        }
    }
    return (long)n;
}

void
text_sha256(char out[65], const char *bytes, size_t len)
{
    unsigned char digest[32];

    if (EVP_Digest(bytes, len, digest, NULL, EVP_sha256(), NULL) != 1)
        must_not_happen("text: SHA-256 failed");
    text_hex(out, digest, sizeof(digest));
}

struct text_digest {
    EVP_MD_CTX *context;
};

struct text_digest *
text_digest_new(void)
{
    struct text_digest *d = must_alloc(1, sizeof(*d));

    d->context = EVP_MD_CTX_new();
    if (d->context == NULL || EVP_DigestInit_ex(d->context, EVP_sha256(), NULL) != 1)
        must_not_happen("text: SHA-256 failed");
    return d;
}

void
text_digest_add(struct text_digest *d, const char *bytes, size_t len)
{
    if (EVP_DigestUpdate(d->context, bytes, len) != 1)
        must_not_happen("text: SHA-256 failed");
}

void
text_digest_end(struct text_digest *d, char out[65])
{
    unsigned char digest[32];

    if (EVP_DigestFinal_ex(d->context, digest, NULL) != 1)
        must_not_happen("text: SHA-256 failed");
    text_hex(out, digest, sizeof(digest));
}

void
text_digest_free(void *what)
{
    struct text_digest *d = what;

    if (d == NULL)
        return;
    EVP_MD_CTX_free(d->context);
    free(d);
}

void
text_random(unsigned char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = getrandom(bytes, len, 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            must_not_happen("text: the kernel gives no random bytes");
        bytes += n;
        len -= (size_t)n;
    }
}
