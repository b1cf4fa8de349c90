/*
 * Every handshake takes about 9 KiB for a moment.  On the heap that would leave gaps between the
 * sockets' own memory: 10,000 sockets then cost 5 KiB each instead of 2.5.  So handshakes have
 * regions of their own, and use the heap only when these are full.
 */
#include "push/net/lws_memory.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SLOTS LWS_MEMORY_HANDSHAKES

struct region {
    const char *reason;
    size_t size; /* of a slot; whole pages if its memory is given back to the system */
    char *start; /* NULL: not mapped yet */
    uint32_t count;
    uint16_t free[SLOTS];
};

static struct region regions[] = {
    {.reason = "ah data", .size = 8192},
    {.reason = "ah struct", .size = 1024},
};

/* Maps a region; all its slots are free then. */
static bool
map(struct region *r)
{
    void *start = mmap(NULL, SLOTS * r->size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (start == MAP_FAILED)
        return false;
    r->start = start;
    while (r->count < SLOTS) {
        r->free[r->count] = (uint16_t)(SLOTS - 1 - r->count);
        r->count++;
    }
    return true;
}

/* Takes a slot, if the reason has a region with room; else NULL. */
static void *
take(size_t size, const char *reason)
{
    for (size_t i = 0; i < sizeof(regions) / sizeof(regions[0]); i++) {
        struct region *r = &regions[i];

        if (size > r->size || reason == NULL || strcmp(reason, r->reason) != 0)
            continue;
        if ((r->start != NULL || map(r)) && r->count > 0)
            return r->start + r->free[--r->count] * r->size;
    }
    return NULL;
}

/* Gives a slot back; false: the memory is not one. */
static bool
give(void *memory)
{
    for (size_t i = 0; i < sizeof(regions) / sizeof(regions[0]); i++) {
        struct region *r = &regions[i];
        size_t at = (size_t)((char *)memory - r->start);

        if (r->start == NULL || (char *)memory < r->start || at >= SLOTS * r->size)
            continue;
        r->free[r->count++] = (uint16_t)(at / r->size);
        if (r->size % 4096 == 0 && r->count > 16)
            madvise(memory, r->size, MADV_DONTNEED);
        return true;
    }
    return false;
}

void *
lws_memory_realloc(void *memory, size_t size, const char *reason)
{
    void *fresh;

    if (size == 0) {
        if (memory != NULL && !give(memory))
            free(memory);
        return NULL;
    }
    if (memory == NULL && (fresh = take(size, reason)) != NULL)
        return fresh;
    return realloc(memory, size); /* lws never grows the memory of a handshake */
}
