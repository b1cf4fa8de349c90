/*
 * Head, body and end of a reply are sent with one writev().
 */
#include "api/server/fcgi_reply.h"

#include <errno.h>
#include <fastcgi.h>
#include <fcgiapp.h>
#include <limits.h>
#include <stdio.h>
#include <sys/uio.h>

#include "api/http/request.h"

#define RECORD_MAX 65528 /* bytes of a record's content: below 2^16, a multiple of 8 */

/* Records to be written: for each its head and its content. */
struct output {
    const FCGX_Request *f;
    FCGI_Header *heads;
    struct iovec *parts;
    size_t count; /* how many parts */
};

static void
header(struct text *t, const char *name, const char *value)
{
    if (value == NULL)
        return;
    text_puts(t, name);
    text_puts(t, ": ");
    text_puts(t, value);
    text_puts(t, "\r\n");
}

static void
header_number(struct text *t, const char *name, long value, bool wanted)
{
    if (!wanted)
        return;
    text_puts(t, name);
    text_puts(t, ": ");
    text_int(t, value);
    text_puts(t, "\r\n");
}

static void
write_file_headers(struct text *t, const struct reply *reply)
{
    header(t, "Content-Disposition", reply->disposition);
    header(t, "Content-Range", reply->range);
    header(t, "Content-Security-Policy", reply->policy);
    header(t, "Accept-Ranges", reply->disposition == NULL ? NULL : "bytes");
}

/* Writes the head; a body that is sent in pieces may not have a length yet. */
static void
write_head(struct text *t, const struct request *r, bool whole)
{
    const struct reply *reply = &r->reply;

    header_number(t, "Status", reply->status, true);
    header(t, "X-Request-Id", r->id);
    header(t, "Content-Type", reply->type);
    header(t, "ETag", reply->etag);
    header(t, "Location", reply->location);
    header(t, "Allow", reply->allow);
    header(t, "Set-Cookie", reply->device);
    header(t, "Set-Cookie", reply->cookie);
    header(t, "Cache-Control",
           r->method == GET && reply->etag != NULL ? "private, no-cache" : "no-store");
    if (reply->status == 401)
        header(t, "WWW-Authenticate", "Bearer");
    if (reply->replayed)
        header(t, "Idempotency-Replayed", "true");
    header_number(t, "Retry-After", reply->retry_after, reply->retry_after > 0);
    header(t, "RateLimit-Policy", reply->policies);
    header(t, "RateLimit", reply->rates);
    /* The header names of drafts before 8, which many clients still read. */
    header_number(t, "RateLimit-Limit", reply->limit, reply->limit > 0);
    header_number(t, "RateLimit-Remaining", reply->remaining, reply->limit > 0);
    header_number(t, "RateLimit-Reset", reply->reset, reply->limit > 0);
    write_file_headers(t, reply);
    if (reply->length > 0)
        header_number(t, "Content-Length", (long)reply->length, true);
    else
        header_number(t, "Content-Length", (long)reply->body.len, reply->type != NULL && whole);
    text_puts(t, "\r\n");
}

static void
add_record(struct output *o, unsigned char type, const char *content, size_t len)
{
    FCGI_Header *head = &o->heads[o->count / 2];
    int id = o->f->requestId;

    *head = (FCGI_Header){.version = FCGI_VERSION_1,
                          .type = type,
                          .requestIdB1 = (unsigned char)(id >> 8),
                          .requestIdB0 = (unsigned char)id,
                          .contentLengthB1 = (unsigned char)(len >> 8),
                          .contentLengthB0 = (unsigned char)len};
    o->parts[o->count++] = (struct iovec){head, sizeof(*head)};
    o->parts[o->count++] = (struct iovec){(void *)(uintptr_t)content, len};
}

/* Adds content of any length. */
static void
add_content(struct output *o, const struct text *content)
{
    for (size_t at = 0; at < content->len; at += RECORD_MAX) {
        size_t left = content->len - at;

        add_record(o, FCGI_STDOUT, content->bytes + at, left < RECORD_MAX ? left : RECORD_MAX);
    }
}

/* Writes everything, with as many calls as necessary. */
static bool
write_out(int fd, struct iovec *part, size_t count)
{
    while (count > 0) {
        ssize_t n = writev(fd, part, (int)(count < IOV_MAX ? count : IOV_MAX));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        for (; count > 0 && (size_t)n >= part->iov_len; part++, count--)
            n -= (ssize_t)part->iov_len;
        if (count > 0) {
            part->iov_base = (char *)part->iov_base + n;
            part->iov_len -= (size_t)n;
        }
    }
    return true;
}

void
fcgi_reply_send(FCGX_Request *f, struct request *r, bool last)
{
    static const char complete[sizeof(FCGI_EndRequestBody)] = {0}; /* FCGI_REQUEST_COMPLETE */
    size_t most = r->reply.body.len / RECORD_MAX + 4; /* head, body's last, end of stream, end */
    struct output o = {f, arena_alloc(r->arena, most * sizeof(*o.heads)),
                       arena_alloc(r->arena, 2 * most * sizeof(*o.parts)), 0};
    struct text head = {0};

    if (!r->reply.begun)
        write_head(&head, r, last);
    r->reply.begun = true;
    r->reply.sent += r->reply.body.len;
    add_content(&o, &head);
    if (!r->head_only)
        add_content(&o, &r->reply.body);
    if (last) {
        add_record(&o, FCGI_STDOUT, NULL, 0);
        add_record(&o, FCGI_END_REQUEST, complete, sizeof(complete));
    }
    if (!write_out(f->ipcFd, o.parts, o.count)) {
        f->keepConnection = 0;
        r->reply.broken = true;
    }
    text_free(&head);
}
