/*
 * The file, and the ending of sessions.
 */
#include "api/server/txn_reaper.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "common/config.h"
#include "common/log.h"
#include "common/store/store.h"

#define NOTES    (TXN_REAPER_WORKERS * TXN_REAPER_THREADS)
#define LEFT_MAX 4096 /* more than the threads that one host runs */
#define AGAIN_MS 500  /* while the database cannot be reached */

/*
 * Shared memory of the parent, its workers and the child that ends sessions.  Only the parent fills
 * entries of `left`, only that child clears them.
 */
static struct {
    struct store_note notes[NOTES]; /* the workers' notes, one after another */
    struct store_session left[LEFT_MAX];
} * file;

static const struct store_session none;

static bool
is_empty(const struct store_session *s)
{
    return memcmp(s, &none, sizeof(none)) == 0;
}

static void
leave(const struct store_note *note)
{
    for (int i = 0; i < 1 + STORE_DOUBTS; i++) {
        int place = 0;

        if (is_empty(&note->sessions[i]))
            continue;
        while (place < LEFT_MAX && !is_empty(&file->left[place]))
            place++;
        if (place < LEFT_MAX)
            file->left[place] = note->sessions[i];
        else
            log_warn("transaction reaper: no room to note a session that may lock a topic");
    }
}

static void
leave_all(long first, long count)
{
    for (long i = first; i < first + count; i++)
        leave(&file->notes[i]);
    memset(&file->notes[first], 0, (size_t)count * sizeof(file->notes[0]));
}

int
txn_reaper_open(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0 || ftruncate(fd, sizeof(*file)) != 0) {
        log_error("transaction reaper: %s: %s", path, strerror(errno));
        return -1;
    }
    file = mmap(NULL, sizeof(*file), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (file == MAP_FAILED) {
        log_error("transaction reaper: %s: %s", path, strerror(errno));
        return -1;
    }
    leave_all(0, NOTES);
    return 0;
}

struct store_note *
txn_reaper_notes(long n)
{
    return &file->notes[n * TXN_REAPER_THREADS];
}

void
txn_reaper_leave(long n)
{
    leave_all(n * TXN_REAPER_THREADS, TXN_REAPER_THREADS);
}

bool
txn_reaper_left(void)
{
    for (int i = 0; i < LEFT_MAX; i++)
        if (!is_empty(&file->left[i]))
            return true;
    return false;
}

enum err
txn_reaper_end(struct store *store)
{
    struct store_session ended[LEFT_MAX];
    enum err err;

    memcpy(ended, file->left, sizeof(ended));
    if ((err = store_end_sessions(store, ended, LEFT_MAX)) != ERR_NONE)
        return err;
    for (int i = 0; i < LEFT_MAX; i++)
        if (!is_empty(&ended[i])) /* those filled since are left for later */
            file->left[i] = none;
    return ERR_NONE;
}

int
txn_reaper_run(const struct config *config)
{
    struct store_pool *pool = NULL;
    struct store *store = NULL;

    while (txn_reaper_left()) {
        if (pool == NULL &&
            store_pool_open(config->mongodb_uri, config->mongodb_database, 1, &pool) == ERR_INVALID)
            return 1;
        if (pool != NULL && store == NULL)
            store = store_take(pool);
        if (store == NULL || txn_reaper_end(store) != ERR_NONE)
            nanosleep(&(struct timespec){.tv_nsec = AGAIN_MS * 1000000L}, NULL);
    }
    return 0;
}
