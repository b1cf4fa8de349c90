/*
 * Growing text, and small string functions: UTF-8, hex, base64url.
 */
#ifndef COMMON_TEXT_TEXT_H
#define COMMON_TEXT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/base/err.h"

/* Text that grows; bytes is NUL-terminated once something has been added. */
struct text {
    char *bytes;
    size_t len, size;
};

/* Makes room for len more bytes and a NUL. */
void text_grow(struct text *t, size_t len);

/*
 * Space for len more bytes; they become part of the text when text_end() is called with their end.
 */
static inline char *
text_room(struct text *t, size_t len)
{
    if (t->size <= t->len + len)
        text_grow(t, len);
    return t->bytes + t->len;
}

static inline void
text_end(struct text *t, char *end)
{
    *end = '\0';
    t->len = (size_t)(end - t->bytes);
}

static inline void
text_add(struct text *t, const char *bytes, size_t len)
{
    char *p = text_room(t, len);

    if (len > 0)
        memcpy(p, bytes, len);
    text_end(t, p + len);
}

static inline void
text_puts(struct text *t, const char *string)
{
    text_add(t, string, strlen(string));
}

static inline void
text_putc(struct text *t, char c)
{
    text_add(t, &c, 1);
}

void text_int(struct text *t, int64_t number);
void text_printf(struct text *t, const char *format, ...) PRINTF_LIKE(2, 3);

/* Empties the text but keeps the memory. */
void text_clear(struct text *t);

/* Frees the memory; takes void * so that arena_defer() can call it. */
void text_free(void *t);

/* A malloc'ed copy; ends the process if there is no memory. */
char *text_dup(const char *string);

/* Is it well-formed UTF-8 (no overlong forms, no surrogates)? */
bool text_utf8(const char *bytes, size_t len);

/* The number of Unicode code points in well-formed UTF-8. */
size_t text_points(const char *bytes, size_t len);

/* bytes as 2*len lower-case hex digits and a NUL. */
void text_hex(char *out, const unsigned char *bytes, size_t len);

/* Reads exactly 2*len hex digits of hex into out. */
bool text_unhex(unsigned char *out, size_t len, const char *hex);

/* Unpadded base64url of len bytes; out needs TEXT_BASE64(len) bytes. */
#define TEXT_BASE64(len) (((len)*4 + 2) / 3 + 1)
void text_base64url(char *out, const unsigned char *bytes, size_t len);

/* Reads unpadded base64url; returns the number of bytes, or -1 if malformed or longer than size. */
long text_unbase64url(unsigned char *out, size_t size, const char *in, size_t len);

/* SHA-256 as 64 hex digits and a NUL. */
void text_sha256(char out[65], const char *bytes, size_t len);

/* SHA-256 of bytes that come in pieces: text_digest_end() writes it as text_sha256() does. */
struct text_digest;
struct text_digest *text_digest_new(void);
void text_digest_add(struct text_digest *d, const char *bytes, size_t len);
void text_digest_end(struct text_digest *d, char out[65]);

/* Takes void * so that arena_defer() can call it. */
void text_digest_free(void *d);

/* Fills bytes from the kernel's generator; ends the process if it cannot. */
void text_random(unsigned char *bytes, size_t len);

#endif
