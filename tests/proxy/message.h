/*
 * MongoDB's wire protocol, as far as needed for commands and replies: OP_MSG
 * (https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/).
 */
#ifndef PROXY_MESSAGE_H
#define PROXY_MESSAGE_H

#include <bson/bson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MESSAGE_HEAD 16
#define MESSAGE_MAX  (48000000 + 16384) /* maxMessageSizeBytes, and the header */

/* A command or a reply.  All pointers are into the bytes it was read from. */
struct message {
    int32_t id, reply_to;
    uint32_t flags;
    bson_t body;
    const char *name;       /* the command's name: the body's first key; "" if none */
    const char *collection; /* the command's value, if it is text; "" otherwise */
    const char *list;       /* name of the documents sent outside the body; NULL: none */
    const uint8_t *docs;
    size_t docs_len;
};

/* The length of the message that begins here, 0 if it is incomplete, -1 if it is invalid. */
int64_t message_length(const uint8_t *bytes, size_t len);

/* False for anything but a well-formed OP_MSG. */
bool message_read(struct message *m, const uint8_t *bytes, size_t len);

/*
 * Reads a handshake, which may be older than OP_MSG (OP_QUERY); false for anything else.  Only the
 * body is set.
 */
bool message_read_handshake(struct message *m, const uint8_t *bytes, size_t len);

/*
 * Calls each(arg, doc) for every document of a list (`updates`, `deletes`, `documents`), whether it
 * is in the body or outside it.
 */
void message_each(const struct message *m, const char *list, void (*each)(void *, const bson_t *),
                  void *arg);

/* A reply to a command, to free(). */
uint8_t *message_reply(int32_t reply_to, const bson_t *body, size_t *len);

/* A field of a document by its dotted path; false when it is absent. */
bool message_find(const bson_t *doc, const char *path, bson_iter_t *out);
/* The same as text; "" if it is absent or not text. */
const char *message_text(const bson_t *doc, const char *path);
bool message_has(const bson_t *doc, const char *path);
bool message_true(const bson_t *doc, const char *path);

#endif
