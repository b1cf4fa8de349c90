/*
 * GET /v1/attachments/{id}/content: the bytes of a file, or a part of them, read and sent in
 * pieces. A browser must never run what somebody attached: it is downloaded, except for images on
 * request.
 */
#include "api/v1/handlers.h"

#include <string.h>

#include "api/http/byte_range.h"
#include "api/http/file_name.h"
#include "api/http/media_type.h"
#include "api/http/reply.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "api/v1/tasks/attachments.h"
#include "common/store/store_files.h"

#define POLICY "default-src 'none'; sandbox"

const struct filter content_params[] = {
    {"inline", NULL, FLAG, CUSTOM, NULL,
     "show it instead of downloading it; only for PNG, JPEG, GIF and WebP"},
    {NULL},
};

struct sending {
    struct request *r;
    const bson_t *doc;
    struct byte_range range;
    int64_t at; /* the position of the next chunk in the content */
};

/* `?inline` is the same as `?inline=true`. */
static enum err
read_inline(struct request *r, bool *on)
{
    const char *value = request_param(r, "inline");
    enum err err = ERR_NONE;

    *on = value != NULL && *value == '\0';
    if (!*on)
        err = request_flag(r, "inline", on);
    return err == ERR_NONE ? request_params_done(r) : err;
}

static enum err
set_headers(struct request *r, const bson_t *doc, bool shown)
{
    const char *type = doc_text(doc, "type");
    struct text disposition = {0};

    if (shown && !media_type_shown(type))
        return request_bad_param(r, "inline", "is only for PNG, JPEG, GIF and WebP images");
    file_name_disposition(&disposition, shown ? "inline" : "attachment", doc_text(doc, "name"));
    r->reply.disposition = arena_dup(r->arena, disposition.bytes);
    text_free(&disposition);
    text_clear(&r->reply.body);
    r->reply.status = 200;
    r->reply.type = type;
    r->reply.policy = POLICY;
    r->reply.etag = arena_printf(r->arena, "\"%s\"", doc_text(doc, "sha256"));
    return ERR_NONE;
}

/* The part that is asked for, with the reply's status, length and Content-Range. */
static enum err
choose_part(struct sending *s)
{
    struct request *r = s->r;
    int64_t size = doc_int(s->doc, "size");
    bool same = r->if_range == NULL || strcmp(r->if_range, r->reply.etag) == 0;
    enum byte_range_kind kind =
        byte_range_read(same && !r->head_only ? r->range : NULL, size, &s->range);

    if (kind == BYTE_RANGE_NONE) {
        r->reply.range = arena_printf(r->arena, "bytes */%lld", (long long)size);
        return request_fail(r, ERR_RANGE, "the file has %lld bytes", (long long)size);
    }
    if (kind == BYTE_RANGE_WHOLE)
        s->range = (struct byte_range){0, size - 1};
    r->reply.length = s->range.last - s->range.first + 1;
    if (kind == BYTE_RANGE_WHOLE)
        return ERR_NONE;
    r->reply.status = 206;
    r->reply.range = arena_printf(r->arena, "bytes %lld-%lld/%lld", (long long)s->range.first,
                                  (long long)s->range.last, (long long)size);
    return ERR_NONE;
}

/* Sends what belongs to the part.  ERR_BUSY if the client has closed the connection. */
static enum err
send_chunk(void *arg, const char *bytes, size_t len)
{
    struct sending *s = arg;
    int64_t begin = s->range.first > s->at ? s->range.first - s->at : 0;
    int64_t end = s->range.last + 1 - s->at;

    if (end > (int64_t)len)
        end = (int64_t)len;
    if (begin < end)
        text_add(&s->r->reply.body, bytes + begin, (size_t)(end - begin));
    s->at += (int64_t)len;
    reply_flush(s->r);
    return s->r->reply.broken ? ERR_BUSY : ERR_NONE;
}

static enum err
send_part(struct sending *s)
{
    int64_t piece = s->range.first / STORE_FILES_PIECE;
    enum err err = ERR_NONE;

    s->at = piece * STORE_FILES_PIECE;
    for (; err == ERR_NONE && s->at <= s->range.last; piece++) {
        int64_t before = s->at;

        err = store_files_read(s->r->store, doc_id(s->doc, "contentId"), piece, send_chunk, s);
        if (err == ERR_NONE && s->at == before)
            err = ERR_INTERNAL; /* the content ends too early */
    }
    return err;
}

enum err
attachments_content(struct request *r)
{
    struct sending s = {.r = r};
    bool shown;
    enum err err;

    if ((err = read_inline(r, &shown)) != ERR_NONE ||
        (err = attachments_find(r, &s.doc)) != ERR_NONE ||
        (err = set_headers(r, s.doc, shown)) != ERR_NONE)
        return err;
    reply_unchanged(r);
    if (r->reply.status == 304)
        return ERR_NONE;
    err = choose_part(&s);
    return err == ERR_NONE && !r->head_only ? send_part(&s) : err;
}
