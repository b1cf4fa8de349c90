/*
 * Reading and writing OP_MSG.
 */
#include "message.h"

#include <stdlib.h>
#include <string.h>

#define OP_QUERY  2004
#define OP_MSG    2013
#define CHECKSUM  1u /* flag bit 0: four more bytes at the end */
#define KIND_BODY 0
#define KIND_LIST 1

static uint32_t
read32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void
write32(uint8_t *p, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(value >> (8 * i));
}

int64_t
message_length(const uint8_t *bytes, size_t len)
{
    int64_t length;

    if (len < 4)
        return 0;
    length = (int32_t)read32(bytes);
    if (length < MESSAGE_HEAD || length > MESSAGE_MAX)
        return -1;
    return (int64_t)len < length ? 0 : length;
}

/* One section; its length, or 0 when it is malformed. */
static size_t
read_section(struct message *m, const uint8_t *p, size_t left)
{
    uint32_t size;
    size_t name;

    if (left < 5 || (size = read32(p + 1)) > left - 1 || size < 5)
        return 0;
    if (p[0] == KIND_BODY)
        return bson_init_static(&m->body, p + 1, size) ? size + 1 : 0;
    if (p[0] != KIND_LIST)
        return 0;
    name = strnlen((const char *)p + 5, size - 4);
    if (name == size - 4)
        return 0;
    m->list = (const char *)p + 5;
    m->docs = p + 5 + name + 1;
    m->docs_len = size - 4 - name - 1;
    return size + 1;
}

bool
message_read(struct message *m, const uint8_t *bytes, size_t len)
{
    bson_iter_t first;
    size_t at = MESSAGE_HEAD + 4, end = len;

    memset(m, 0, sizeof(*m));
    if (len < at + 6 || read32(bytes + 12) != OP_MSG)
        return false;
    m->id = (int32_t)read32(bytes + 4);
    m->reply_to = (int32_t)read32(bytes + 8);
    m->flags = read32(bytes + 16);
    m->name = m->collection = "";
    bson_init(&m->body);
    if (m->flags & CHECKSUM)
        end -= 4;
    while (at < end) {
        size_t size = read_section(m, bytes + at, end - at);

        if (size == 0)
            return false;
        at += size;
    }
    if (bson_iter_init(&first, &m->body) && bson_iter_next(&first)) {
        m->name = bson_iter_key(&first);
        if (BSON_ITER_HOLDS_UTF8(&first))
            m->collection = bson_iter_utf8(&first, NULL);
        else if (strcmp(m->name, "getMore") == 0)
            m->collection = message_text(&m->body, "collection");
    }
    return true;
}

bool
message_read_handshake(struct message *m, const uint8_t *bytes, size_t len)
{
    const size_t collection = MESSAGE_HEAD + 4; /* after the flags */
    size_t body;

    memset(m, 0, sizeof(*m));
    m->name = m->collection = "";
    if (len <= collection || read32(bytes + 12) != OP_QUERY)
        return false;
    body = collection + strnlen((const char *)bytes + collection, len - collection) + 1 + 8;
    return body < len && bson_init_static(&m->body, bytes + body, len - body);
}

void
message_each(const struct message *m, const char *list, void (*each)(void *, const bson_t *),
             void *arg)
{
    bson_iter_t field, item;
    bson_t doc;

    if (m->list != NULL && strcmp(m->list, list) == 0) {
        for (size_t at = 0; at + 5 <= m->docs_len;) {
            uint32_t size = read32(m->docs + at);

            if (size > m->docs_len - at || !bson_init_static(&doc, m->docs + at, size))
                return;
            each(arg, &doc);
            at += size;
        }
        return;
    }
    if (!bson_iter_init_find(&field, &m->body, list) || !BSON_ITER_HOLDS_ARRAY(&field) ||
        !bson_iter_recurse(&field, &item))
        return;
    while (bson_iter_next(&item)) {
        const uint8_t *data;
        uint32_t size;

        if (!BSON_ITER_HOLDS_DOCUMENT(&item))
            continue;
        bson_iter_document(&item, &size, &data);
        if (bson_init_static(&doc, data, size))
            each(arg, &doc);
    }
}

uint8_t *
message_reply(int32_t reply_to, const bson_t *body, size_t *len)
{
    static uint32_t next_id;
    uint8_t *bytes;

    *len = MESSAGE_HEAD + 4 + 1 + body->len;
    if ((bytes = malloc(*len)) == NULL)
        abort();
    write32(bytes, (uint32_t)*len);
    write32(bytes + 4, ++next_id);
    write32(bytes + 8, (uint32_t)reply_to);
    write32(bytes + 12, OP_MSG);
    write32(bytes + 16, 0);
    bytes[20] = KIND_BODY;
    memcpy(bytes + 21, bson_get_data(body), body->len);
    return bytes;
}

bool
message_find(const bson_t *doc, const char *path, bson_iter_t *out)
{
    bson_iter_t iter;

    return bson_iter_init(&iter, doc) && bson_iter_find_descendant(&iter, path, out);
}

const char *
message_text(const bson_t *doc, const char *path)
{
    bson_iter_t iter;

    return message_find(doc, path, &iter) && BSON_ITER_HOLDS_UTF8(&iter)
               ? bson_iter_utf8(&iter, NULL)
               : "";
}

bool
message_has(const bson_t *doc, const char *path)
{
    bson_iter_t iter;

    return message_find(doc, path, &iter);
}

bool
message_true(const bson_t *doc, const char *path)
{
    bson_iter_t iter;

    return message_find(doc, path, &iter) && bson_iter_as_bool(&iter);
}
