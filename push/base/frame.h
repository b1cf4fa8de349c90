/*
 * A message to browsers as it goes over the wire: built once, and shared by all sockets that get
 * it.
 */
#ifndef PUSH_BASE_FRAME_H
#define PUSH_BASE_FRAME_H

#include <stddef.h>
#include <stdint.h>

struct frame {
    uint32_t refs;
    uint32_t len;          /* of bytes */
    uint32_t head;         /* length of the WebSocket header */
    unsigned char bytes[]; /* header and text */
};

/* A new text frame with one reference, which the caller owns. */
struct frame *frame_new(const char *text, size_t len);

/* Adds a reference; returns the frame. */
struct frame *frame_share(struct frame *frame);

/* Drops a reference and frees the frame with the last one; NULL is fine. */
void frame_drop(struct frame *frame);

#endif
