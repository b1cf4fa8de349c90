/*
 * One WebSocket client of a swarm: frames in and out.  What it makes of its
 * messages is swarm.c's.
 */
#ifndef CHAOS_SWARM_H
#define CHAOS_SWARM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct client {
    int fd; /* -1: not connected */
    bool upgraded, following;
    uint32_t got;        /* events since it began to follow */
    uint32_t until_drop; /* events after which it goes */
    uint32_t drops;      /* still to do */
    uint32_t crc;        /* chained over the frames of its events */
    int64_t seq;         /* of its last event; -1: none yet */
    uint64_t again;      /* when to connect, in ns */
    char cursor[160];
    unsigned char *rest; /* an incomplete frame */
    size_t rest_len;
};

/* A message of the server; what an answer to a ping or a close needs is done before. */
void swarm_text(struct client *c, const char *text, size_t len);
void swarm_upgraded(struct client *c, int status);
void swarm_closed(struct client *c, int code);

uint64_t wire_now(void);
bool wire_connect(struct client *c, const char *host, int port, const char *origin);
void wire_say(struct client *c, int opcode, const char *text, size_t len);
/* Takes what has come; an end is told to swarm_closed(). */
void wire_readable(struct client *c);
/* Goes without a word: with a reset, or with the kernel's goodbye. */
void wire_drop(struct client *c, bool reset);
uint32_t wire_crc(uint32_t crc, const char *text, size_t len);

#endif
