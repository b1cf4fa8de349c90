/*
 * Cursors: the positions in the log that clients hold, opaque to them.
 *
 * For one topic it is text: `<epoch>~<key>.<seq>`, where key is p<id>, u<id> or e.  For several
 * topics it is packed: `<epoch>*` and base64url of a record per topic, sorted by kind and id:
 *
 *     1 byte     kind << 4 | how many leading bytes of the id equal the previous record's
 *     0-12       the other bytes of the id; `everyone` has none
 *     1-8        seq, seven bits a byte, the lowest first, the top bit set on all but the last
 *
 * About 21 characters a topic.  A list of `~<key>.<seq>`, as older servers wrote it, is accepted.
 */
#ifndef COMMON_CHANGE_CURSOR_H
#define COMMON_CHANGE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/topics/topic.h"

struct text;

/* Topics of one cursor, which is more than a user can follow.  A longer one is malformed. */
#define CURSOR_TOPICS 8192

enum cursor_answer {
    CURSOR_OK,
    CURSOR_MALFORMED,   /* not a cursor of ours, or (cursor_find) without the topic */
    CURSOR_OTHER_EPOCH, /* from before a restore */
};

/* How far one topic was read. */
struct cursor_place {
    int64_t seq;
    unsigned char key[13]; /* kind and id, the sort key */
};

/* Positions in several topics; all zero is empty. */
struct cursor {
    struct cursor_place *places; /* sorted, once read or written */
    uint32_t count, size;
};

/* Appends a cursor of one topic ("project:<id>", "user:<id>" or "everyone"). */
void cursor_write_one(struct text *out, const char *epoch, const char *topic, int64_t seq);

/* Adds a topic, which must not be in it yet.  Call cursor_write() afterwards. */
void cursor_put(struct cursor *c, const char *topic, int64_t seq);

/* Sorts the topics and appends the cursor: packed, or as text if it has one topic. */
void cursor_write(struct cursor *c, const char *epoch, struct text *out);

/*
 * Reads a cursor of either form into an empty struct, in O(n log n).  *out is filled when the
 * result is CURSOR_OK or CURSOR_OTHER_EPOCH.  A topic given more than once is malformed.
 */
enum cursor_answer cursor_read(struct cursor *out, const char *text, size_t len, const char *epoch);

/* The number of a topic in a cursor that was read; false: the topic is not in it. */
bool cursor_seq(const struct cursor *c, const char *topic, int64_t *seq);

/* The name of a place's topic. */
void cursor_topic(const struct cursor_place *place, char topic[EVENT_TOPIC]);

/* Frees the memory and empties it; takes void * so that arena_defer() can call it. */
void cursor_free(void *c);

/*
 * Reads a topic's number from the start of the text: at most 15 digits, so that it stays below
 * 2^53, which JavaScript reads exactly.  Returns how many characters were read; 0: it is not a
 * number.
 */
size_t cursor_read_seq(const char *text, size_t len, int64_t *seq);

/* Reads the number of a single topic from a cursor, without storing the others. */
enum cursor_answer cursor_find(const char *text, size_t len, const char *epoch, const char *topic,
                               int64_t *seq);

#endif
