/*
 * Wraps the library's stream in one that shortens each wait.
 */
#include "common/store/store_stream.h"

#include "common/time/clock.h"

#define TYPE 100 /* not a type of the library's own */

/* Exported by libmongoc 1.23, but not declared in its headers. */
extern mongoc_stream_t *mongoc_client_default_stream_initiator(const mongoc_uri_t *uri,
                                                               const mongoc_host_list_t *host,
                                                               void *client, bson_error_t *error);

struct stream {
    mongoc_stream_t face; /* first: all that the library sees */
    mongoc_stream_t *base;
};

static _Thread_local int64_t deadline; /* 0: none */

void
store_stream_deadline(int64_t until)
{
    deadline = until;
}

static mongoc_stream_t *
base_of(mongoc_stream_t *face)
{
    return ((struct stream *)face)->base;
}

/* How much of a wait is left; at least 1, since 0 would mean not to check at all. */
static int32_t
shorten(int32_t wait_ms)
{
    int64_t left = (deadline - clock_steady()) / 1000 + STORE_STREAM_GRACE_MS;

    if (deadline == 0 || (wait_ms >= 0 && wait_ms <= left))
        return wait_ms;
    return left > 0 ? (int32_t)left : 1;
}

static void
destroy(mongoc_stream_t *face)
{
    mongoc_stream_destroy(base_of(face));
    bson_free(face);
}

static void
failed(mongoc_stream_t *face)
{
    mongoc_stream_failed(base_of(face));
    bson_free(face);
}

/* Calls that are passed on to the wrapped stream unchanged. */
#define FORWARD(type, question)                                                                    \
    static type question##_base(mongoc_stream_t *face)                                             \
    {                                                                                              \
        return mongoc_stream_##question(base_of(face));                                            \
    }
FORWARD(int, close)
FORWARD(int, flush)
FORWARD(bool, check_closed)
FORWARD(bool, timed_out)
FORWARD(bool, should_retry)

static ssize_t
writev_base(mongoc_stream_t *face, mongoc_iovec_t *iov, size_t count, int32_t wait_ms)
{
    return mongoc_stream_writev(base_of(face), iov, count, shorten(wait_ms));
}

static ssize_t
readv_base(mongoc_stream_t *face, mongoc_iovec_t *iov, size_t count, size_t least, int32_t wait_ms)
{
    return mongoc_stream_readv(base_of(face), iov, count, least, shorten(wait_ms));
}

static int
set_option(mongoc_stream_t *face, int level, int name, void *value, mongoc_socklen_t len)
{
    return mongoc_stream_setsockopt(base_of(face), level, name, value, len);
}

static mongoc_stream_t *
open_stream(const mongoc_uri_t *uri, const mongoc_host_list_t *host, void *client,
            bson_error_t *error)
{
    mongoc_stream_t *base = mongoc_client_default_stream_initiator(uri, host, client, error);
    struct stream *s;

    if (base == NULL)
        return NULL;
    s = bson_malloc0(sizeof(*s));
    s->base = base;
    s->face = (mongoc_stream_t){.type = TYPE,
                                .destroy = destroy,
                                .close = close_base,
                                .flush = flush_base,
                                .writev = writev_base,
                                .readv = readv_base,
                                .setsockopt = set_option,
                                .get_base_stream = base_of,
                                .check_closed = check_closed_base,
                                .failed = failed,
                                .timed_out = timed_out_base,
                                .should_retry = should_retry_base};
    return &s->face;
}

mongoc_client_t *
store_stream_pop(mongoc_client_pool_t *pool)
{
    mongoc_client_t *client = mongoc_client_pool_pop(pool);

    if (client != NULL)
        mongoc_client_set_stream_initiator(client, open_stream, client);
    return client;
}
