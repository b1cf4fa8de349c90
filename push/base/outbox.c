/*
 * A ring of shared frames.
 */
#include "push/base/outbox.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/must.h"
#include "push/base/frame.h"

#define FIRST 8

static struct frame *
at(const struct outbox *b, uint32_t i)
{
    return b->ring[(b->from + i) & (b->size - 1)];
}

/* Doubles the ring; the oldest frame moves to its start. */
static void
grow(struct outbox *b)
{
    uint32_t size = b->size == 0 ? FIRST : b->size * 2;
    struct frame **ring = must_resize(NULL, size * sizeof(*ring));

    for (uint32_t i = 0; i < b->count; i++)
        ring[i] = at(b, i);
    free(b->ring);
    b->ring = ring;
    b->size = size;
    b->from = 0;
}

void
outbox_add(struct outbox *b, struct frame *frame)
{
    if (b->count == b->size)
        grow(b);
    b->ring[(b->from + b->count++) & (b->size - 1)] = frame_share(frame);
    b->bytes += frame->len;
}

size_t
outbox_gather(const struct outbox *b, unsigned char *room, size_t size, const unsigned char **bytes,
              uint32_t *count)
{
    size_t len = 0;

    *bytes = room;
    for (*count = 0; *count < b->count; ++*count) {
        const struct frame *f = at(b, *count);

        if (len + f->len > size)
            break;
        memcpy(room + len, f->bytes, f->len);
        len += f->len;
    }
    if (*count > 0 || b->count == 0)
        return len;
    *bytes = at(b, 0)->bytes;
    *count = 1;
    return at(b, 0)->len;
}

void
outbox_drop(struct outbox *b, uint32_t count)
{
    for (; count > 0; count--) {
        struct frame *f = at(b, 0);

        b->bytes -= f->len;
        b->from++;
        b->count--;
        frame_drop(f);
    }
    if (b->count == 0)
        outbox_clear(b);
}

void
outbox_clear(struct outbox *b)
{
    while (b->count > 0) {
        frame_drop(at(b, 0));
        b->from++;
        b->count--;
    }
    free(b->ring);
    *b = (struct outbox){0};
}
