/*
 * Cursors: the positions in the log that clients hold, opaque to them.
 *
 * Of one topic it is text: `<epoch>~<key>.<seq>`, where key is p<id>, u<id> or e.  Of several
 * topics it is packed: `<epoch>*` and base64url of a record per topic, in order of kind and id:
 *
 *     1 byte     kind << 4 | how many leading bytes of the id are those of the record before
 *     0-12       the other bytes of the id; `everyone` has none
 *     1-8        seq, seven bits a byte, the lowest first, the top bit set on all but the last
 *
 * About 21 characters a topic.  A list of `~<key>.<seq>`, as older servers wrote it, is understood.
 */
#ifndef COMMON_CHANGE_CURSOR_H
#define COMMON_CHANGE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/topics/topic.h"

struct text;

/* Topics of one cursor; a longer one is malformed.  More than anybody can follow. */
#define CURSOR_TOPICS 8192

enum cursor_answer {
    CURSOR_OK,
    CURSOR_MALFORMED,   /* no cursor of ours, or (cursor_find) it does not name the topic */
    CURSOR_OTHER_EPOCH, /* from before a restore */
};

/* How far one topic was read. */
struct cursor_place {
    int64_t seq;
    unsigned char key[13]; /* kind and id, as they are sorted */
};

/* The places of several topics; zeroed it is empty. */
struct cursor {
    struct cursor_place *places; /* sorted, once read or written */
    uint32_t count, size;
};

/* Appends a cursor of one topic ("project:<id>", "user:<id>" or "everyone"). */
void cursor_write_one(struct text *out, const char *epoch, const char *topic, int64_t seq);

/* Adds a topic, which must not be in it yet; cursor_write() afterwards. */
void cursor_put(struct cursor *c, const char *topic, int64_t seq);

/* Sorts the places and appends the cursor: packed, or as text when it has one topic. */
void cursor_write(struct cursor *c, const char *epoch, struct text *out);

/*
 * Reads a cursor of either form into an empty struct, in time n log n; what was read is there when
 * the answer is CURSOR_OK or CURSOR_OTHER_EPOCH.  A topic given more than once is malformed.
 */
enum cursor_answer cursor_read(struct cursor *out, const char *text, size_t len, const char *epoch);

/* The number of a topic in what cursor_read() gave; false: it does not name the topic. */
bool cursor_seq(const struct cursor *c, const char *topic, int64_t *seq);

/* The name of a place's topic. */
void cursor_topic(const struct cursor_place *place, char topic[EVENT_TOPIC]);

/* Frees the places and empties it; takes void * so that arena_defer() can call it. */
void cursor_free(void *c);

/*
 * Reads a topic's number from the start of the text: digits only, at most 15, so that it stays
 * below 2^53, which JavaScript reads exactly.  How many were read; 0: it is none.
 */
size_t cursor_read_seq(const char *text, size_t len, int64_t *seq);

/* The number of one topic in a cursor, read for that alone. */
enum cursor_answer cursor_find(const char *text, size_t len, const char *epoch, const char *topic,
                               int64_t *seq);

#endif
