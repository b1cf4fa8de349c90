/*
 * The file and the ending of sessions.
 */
#include "api/orphans.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "common/config.h"
#include "common/log.h"
#include "common/store.h"

#define NOTES (ORPHANS_WORKERS * ORPHANS_THREADS)
#define TRIES 60 /* seconds; then the server's own limit has passed */

static struct store_note *notes;        /* NOTES of them, a worker's behind another's */
static struct store_note before[NOTES]; /* what an earlier parent's workers left */
static long before_count;

int
orphans_open(const char *path)
{
    static const struct store_note none;
    int fd;

    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, sizeof(before)) != 0) {
        log_error("orphans: %s: %s", path, strerror(errno));
        return -1;
    }
    notes = mmap(NULL, sizeof(before), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (notes == MAP_FAILED) {
        log_error("orphans: %s: %s", path, strerror(errno));
        return -1;
    }
    for (long i = 0; i < NOTES; i++)
        if (memcmp(&notes[i], &none, sizeof(none)) != 0)
            before[before_count++] = notes[i];
    memset(notes, 0, sizeof(before));
    return 0;
}

struct store_note *
orphans_notes(long n)
{
    return &notes[n * ORPHANS_THREADS];
}

struct store_note *
orphans_take(long n)
{
    struct store_note *copy = malloc(ORPHANS_THREADS * sizeof(*copy));

    if (copy == NULL)
        abort();
    memcpy(copy, orphans_notes(n), ORPHANS_THREADS * sizeof(*copy));
    memset(orphans_notes(n), 0, ORPHANS_THREADS * sizeof(*copy));
    return copy;
}

const struct store_note *
orphans_before(long *count)
{
    *count = before_count;
    return before;
}

int
orphans_end(const struct config *config, const struct store_note *left, long count)
{
    struct store_pool *pool = NULL;
    struct store *store = NULL;

    for (int tries = 0; tries < TRIES; tries++) {
        if (pool == NULL &&
            store_pool_open(config->mongodb_uri, config->mongodb_database, 1, &pool) == ERR_INVALID)
            return 1;
        if (pool != NULL && store == NULL)
            store = store_take(pool);
        if (store != NULL && store_end_sessions(store, left, (size_t)count) == ERR_NONE)
            return 0;
        nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
    }
    return 1;
}
