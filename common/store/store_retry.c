/*
 * How long an operation may take, what its failure means, and whether it is tried again.
 */
#include <time.h>

#include "common/base/arena.h"
#include "common/log.h"
#include "common/store/store_inside.h"
#include "common/store/store_stream.h"
#include "common/time/clock.h"

#define TIME_LIMIT_EXCEEDED 50 /* MaxTimeMSExpired */

/* Did the command not reach a server, or its reply not reach us? */
static bool
is_lost(const bson_error_t *error)
{
    return error->domain == MONGOC_ERROR_STREAM || error->domain == MONGOC_ERROR_SERVER_SELECTION;
}

enum err
store_error(struct store *s, enum store_name name, const bson_error_t *error, const bson_t *reply)
{
    bool transient = reply != NULL && mongoc_error_has_label(reply, "TransientTransactionError");

    s->failed |= s->open;
    s->refused |= s->open && !transient && !is_lost(error);
    if (error->domain == MONGOC_ERROR_SERVER && error->code == 11000)
        return ERR_CONFLICT;
    if (s->open && (transient || is_lost(error) || error->code == 112 || error->code == 251)) {
        log_debug("store: %s: conflict: %s", store_names[name], error->message);
        s->doubtful |= is_lost(error);
        return ERR_RETRY;
    }
    log_warn("store: %s: %s (%d.%d)", store_names[name], error->message, (int)error->domain,
             (int)error->code);
    if (!s->open && error->domain == MONGOC_ERROR_SERVER && error->code == TIME_LIMIT_EXCEEDED)
        return ERR_BUSY;
    return ERR_STORE;
}

void
store_deadline(struct store *s, int64_t until)
{
    s->deadline = until;
    store_stream_deadline(until);
}

int64_t
store_deadline_of(const struct store *s)
{
    return s->deadline;
}

long
store_left(const struct store *s, long most)
{
    int64_t left = (s->deadline - clock_steady()) / 1000;

    if (s->deadline == 0 || left > most)
        return most;
    return left > 0 ? (long)left : 0;
}

/* Codes of server errors after which an operation may be tried again once there is a primary. */
static const struct {
    uint32_t code;
    bool undone; /* the command was not started, so even a write may be repeated */
} passing[] = {
    {10058, true},  /* LegacyNotPrimary */
    {10107, true},  /* NotWritablePrimary */
    {13435, true},  /* NotPrimaryNoSecondaryOk */
    {13436, true},  /* NotPrimaryOrSecondary */
    {6, false},     /* HostUnreachable */
    {7, false},     /* HostNotFound */
    {89, false},    /* NetworkTimeout */
    {91, false},    /* ShutdownInProgress */
    {134, false},   /* ReadConcernMajorityNotAvailableYet */
    {189, false},   /* PrimarySteppedDown */
    {262, false},   /* ExceededTimeLimit */
    {9001, false},  /* SocketException */
    {11600, false}, /* InterruptedAtShutdown */
    {11602, false}, /* InterruptedDueToReplStateChange */
};

static bool
passes(const bson_error_t *error, bool read)
{
    if (error->domain == MONGOC_ERROR_SERVER_SELECTION)
        return true;
    if (error->domain == MONGOC_ERROR_STREAM)
        return read;
    for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
        if (passing[i].code == error->code)
            return error->domain == MONGOC_ERROR_SERVER && (read || passing[i].undone);
    return false;
}

bool
store_wait(struct store *s, int *tries, const bson_error_t *error, bool read)
{
    long pause = 10L << (*tries < 5 ? *tries : 5);

    if (s->open || s->deadline == 0 || store_left(s, pause + 1) <= pause || !passes(error, read))
        return false;
    ++*tries;
    nanosleep(&(struct timespec){.tv_nsec = pause * 1000000}, NULL);
    return true;
}

void
store_limit(struct store *s, const struct arena *arena)
{
    s->limit = arena;
}

const struct arena *
store_limit_of(const struct store *s)
{
    return s->limit;
}

bool
store_over_limit(const struct store *s)
{
    return s->limit != NULL && arena_full(s->limit);
}
