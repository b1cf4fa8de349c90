/*
 * Frames that wait for a socket, in order.  Pure data; without frames it takes no memory.
 */
#ifndef PUSH_BASE_OUTBOX_H
#define PUSH_BASE_OUTBOX_H

#include <stddef.h>
#include <stdint.h>

struct frame;

struct outbox {
    struct frame **ring;
    uint32_t from, count, size; /* size: a power of two */
    uint32_t bytes;             /* of all that wait */
};

/* Puts a share of a frame at the end. */
void outbox_add(struct outbox *box, struct frame *frame);

/*
 * The oldest frames in one piece: as many as fit into room, or one larger frame where it lies.
 * Returns the length; *count is the number of frames, for outbox_drop().
 */
size_t outbox_gather(const struct outbox *box, unsigned char *room, size_t size,
                     const unsigned char **bytes, uint32_t *count);

/* Drops the oldest frames. */
void outbox_drop(struct outbox *box, uint32_t count);

void outbox_clear(struct outbox *box);

#endif
