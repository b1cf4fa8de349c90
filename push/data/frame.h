/*
 * A message to browsers as it goes over the wire, built once, shared by all
 * sockets that get it.
 */
#ifndef PUSH_DATA_FRAME_H
#define PUSH_DATA_FRAME_H

#include <stddef.h>
#include <stdint.h>

struct frame {
    uint32_t refs;
    uint32_t len;          /* of bytes */
    uint32_t head;         /* of the WebSocket header at their start */
    unsigned char bytes[]; /* header and text */
};

/* A text frame with one reference, the caller's. */
struct frame *frame_new(const char *text, size_t len);

/* One more owner; gives the frame back. */
struct frame *frame_share(struct frame *frame);

/* One owner less; NULL is fine. */
void frame_drop(struct frame *frame);

#endif
