/*
 * Taking turns: the writers of a topic queue up before they meet in the
 * database; first come first served within a process, one process at a time on
 * a host.
 */
#ifndef COMMON_TURNS_H
#define COMMON_TURNS_H

#include <stdint.h>

#include "common/err.h"

#define TURNS_MAX   8   /* names taken together */
#define TURNS_LINES 512 /* names whose hashes meet here wait for each other */

/* The turns one writer holds. */
struct turns {
    int line[TURNS_MAX], count;
};

/* Before fork(): makes the processes of this host take turns too. */
void turns_share(void);

/*
 * Waits until it is the caller's turn for all the names.
 * ERR_BUSY after wait_ms, or at once when a queue is full; nothing is held then.
 */
enum err turns_take(struct turns *turns, const char *const *names, int count,
                    int wait_ms) MUST_CHECK;
void turns_give(struct turns *turns);

/* A name's hash, never 0; its line is the hash modulo TURNS_LINES. */
uint64_t turns_hash(const char *name);

#endif
