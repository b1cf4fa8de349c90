/*
 * A topic's events in order: the newest ones, those that arrived too early, and what is known to be
 * missing.  Pure data, no I/O.
 */
#ifndef PUSH_BASE_STREAM_H
#define PUSH_BASE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arrival;
struct frame;

#define STREAM_FRAMES 1024    /* newest events kept for clients that come back */
#define STREAM_BYTES  1048576 /* and the most bytes that they may have */
#define STREAM_EARLY  64      /* events kept ahead of a gap; more are read from the log */

struct stream {
    int64_t head; /* newest number relayed */
    int64_t seen; /* highest number known to exist: head < seen means a gap */
    struct frame **ring;
    uint32_t size, count; /* of the ring: its newest frame is head's */
    size_t bytes;
    struct arrival *early; /* in order of seq, all beyond head + 1 */
    uint32_t early_count;
};

/* Starts after a number, without events. */
void stream_start(struct stream *stream, int64_t head);
void stream_free(struct stream *stream);

enum stream_answer {
    STREAM_NEXT,      /* the next one: relay it with stream_add() */
    STREAM_OLD,       /* known already */
    STREAM_EARLY_ONE, /* kept, or only its number remembered */
};

/* What to do with an event that arrived; of an early one the stream keeps a reference. */
enum stream_answer stream_classify(struct stream *stream, const struct arrival *event);

/* Appends the next event: head moves on, and the ring keeps a reference to the frame. */
void stream_add(struct stream *stream, struct frame *frame);

/* Empties the ring: older events are read from the log again. */
void stream_forget(struct stream *stream);

/* Takes out the early event that has become the next one; the caller drops its frame. */
bool stream_early_next(struct stream *stream, struct arrival *out);

/* Forgets early events beyond a number, and the numbers known beyond it. */
void stream_doubt(struct stream *stream, int64_t seen);

/* Number of the oldest event in the ring; head + 1 when there is none. */
int64_t stream_oldest(const struct stream *stream);

/* The frame of a number, NULL when the ring lacks it. */
struct frame *stream_at(const struct stream *stream, int64_t seq);

/* Puts an event before the oldest one; false when the ring is full. */
bool stream_prepend(struct stream *stream, struct frame *frame);

#endif
