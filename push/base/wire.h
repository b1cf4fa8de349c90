/*
 * The messages to and from a browser.  Decides nothing.
 */
#ifndef PUSH_BASE_WIRE_H
#define PUSH_BASE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct frame;
struct json_object;
struct text;

#define WIRE_MAX        65536  /* bytes of a client's message */
#define WIRE_FOLLOW_MAX 131072 /* of a follow, once READY: its cursor may contain 5,000 topics */
#define WIRE_REF        68     /* JSON text of a client's ref: 64 bytes, quotes, a NUL and room */

/* WebSocket close codes. */
#define CLOSE_TOO_LARGE    1009
#define CLOSE_RESTART      1012
#define CLOSE_UNAUTHORISED 4401
#define CLOSE_FORBIDDEN    4403 /* an API token; a foreign origin gets HTTP's 403 */
#define CLOSE_NO_HELLO     4408
#define CLOSE_OVER_LIMIT   4429

enum wire_op {
    WIRE_HELLO,
    WIRE_TOKEN,
    WIRE_FOLLOW,
    WIRE_UNFOLLOW,
    WIRE_PRESENCE,
    WIRE_SIGNAL,
    WIRE_PING,
    WIRE_OP__COUNT
};

/* Error codes; their names and sentences are a table in wire.c. */
enum wire_error {
    WIRE_OK,
    WIRE_MALFORMED,    /* not a JSON object */
    WIRE_BINARY,       /* not a text message */
    WIRE_UNKNOWN_OP,   /* no such op */
    WIRE_BAD_FIELD,    /* a member is missing or of the wrong type */
    WIRE_NO_HELLO,     /* hello must come first */
    WIRE_SAID_HELLO,   /* hello may come only once */
    WIRE_NOT_FOUND,    /* no such topic, or no right to know of it */
    WIRE_FORBIDDEN,    /* the reader of a share link may not do that */
    WIRE_NOT_FOLLOWED, /* the session must follow the topic for that */
    WIRE_TOO_MANY,     /* too many follows */
    WIRE_THROTTLED,    /* over a quota of the user or of the topic */
    WIRE_TOO_LARGE,    /* a signal over its size limit */
    WIRE_STORE_AWAY,   /* cannot be decided now */
    WIRE_REPLACED,     /* the topic was followed or unfollowed again before the answer */
    WIRE_ERROR__COUNT
};
const char *wire_error_name(enum wire_error error);

/* A client's message.  The texts are valid until wire_in_free(). */
struct wire_in {
    enum wire_op op;
    char ref[WIRE_REF];                        /* as JSON; empty: none */
    const char *topic, *since, *token, *state; /* NULL: absent */
    size_t len, since_len, token_len;          /* len: of the whole message */
    struct json_object *root;
};

/*
 * Reads a message.  On an error *detail says more (NULL: nothing), and ref is set if there was one.
 * Call wire_in_free() in either case.
 */
enum wire_error wire_read(const char *bytes, size_t len, struct wire_in *out, const char **detail);
void wire_in_free(struct wire_in *in);

/* Messages to the client.  Each returns a new frame with one reference; ref may be NULL or empty.
 */
struct frame *wire_ready(const char *user, const char *epoch, int heartbeat, const char *ref);
struct frame *wire_following(const char *topic, const char *cursor, bool recovered,
                             const char *ref);
struct frame *wire_following_all(const char *cursor, bool recovered, const char *topics,
                                 bool incomplete, const char *ref);
struct frame *wire_resync(const char *topic, const char *cursor, const char *reason,
                          const char *ref);
struct frame *wire_left(const char *topic, const char *reason);
struct frame *wire_unfollowed(const char *topic, const char *ref);
struct frame *wire_pong(const char *ref);
struct frame *wire_notice(const char *code);
struct frame *wire_error_frame(enum wire_error error, const char *detail, const char *ref);
struct frame *wire_presence(const char *topic, const char *users, const char *ref);

/* Appends a signal as the other clients get it: the sender's members, and `userId`. */
void wire_signal(struct text *out, const struct wire_in *in, const char *topic, const char *user);

#endif
