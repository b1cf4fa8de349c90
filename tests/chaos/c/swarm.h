/*
 * One WebSocket client of a swarm: sends and receives frames. swarm.c interprets the messages.
 */
#ifndef CHAOS_SWARM_H
#define CHAOS_SWARM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct client {
    int fd; /* -1: not connected */
    bool upgraded, following;
    uint32_t got;        /* events received since it began to follow */
    uint32_t until_drop; /* events left before it disconnects */
    uint32_t drops;      /* disconnections left to do */
    uint32_t crc;        /* chained over the frames of its events */
    int64_t seq;         /* the number of its last event; -1: none yet */
    uint64_t again;      /* when to connect, in ns */
    char cursor[160];
    unsigned char *rest; /* an incomplete frame */
    size_t rest_len;
};

/* Called for a message of the server; pings and closes have been answered before. */
void swarm_text(struct client *c, const char *text, size_t len);
void swarm_upgraded(struct client *c, int status);
void swarm_closed(struct client *c, int code);

uint64_t wire_now(void);
bool wire_connect(struct client *c, const char *host, int port, const char *origin);
void wire_say(struct client *c, int opcode, const char *text, size_t len);
/* Reads what has arrived; calls swarm_closed() if the connection ended. */
void wire_readable(struct client *c);
/* Disconnects without a close frame: with a reset, or with a FIN from the kernel. */
void wire_drop(struct client *c, bool reset);
uint32_t wire_crc(uint32_t crc, const char *text, size_t len);

#endif
