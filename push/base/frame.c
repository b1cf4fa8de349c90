/*
 * What a server sends is not masked, so header and text are the same bytes for every socket
 * (RFC 6455, 5.2).
 */
#include "push/base/frame.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/must.h"

#define FIN_TEXT 0x81

/* Writes the header; returns its length. */
static uint32_t
write_header(unsigned char *out, size_t len)
{
    int digits = len < 126 ? 0 : len < 65536 ? 2 : 8;

    out[0] = FIN_TEXT;
    out[1] = (unsigned char)(digits == 0 ? len : digits == 2 ? 126 : 127);
    for (int i = 0; i < digits; i++)
        out[2 + i] = (unsigned char)((uint64_t)len >> 8 * (digits - 1 - i));
    return (uint32_t)(2 + digits);
}

struct frame *
frame_new(const char *text, size_t len)
{
    unsigned char header[10];
    uint32_t head = write_header(header, len);
    struct frame *f = must_resize(NULL, sizeof(*f) + head + len);

    f->refs = 1;
    f->head = head;
    f->len = head + (uint32_t)len;
    memcpy(f->bytes, header, head);
    memcpy(f->bytes + head, text, len);
    return f;
}

struct frame *
frame_share(struct frame *f)
{
    f->refs++;
    return f;
}

void
frame_drop(struct frame *f)
{
    if (f != NULL && --f->refs == 0)
        free(f);
}
