/*
 * Reading topics' numbers in bulk, and the log by entity.
 */
#include "common/event_find.h"

#include <stdlib.h>

struct asked {
    event_each each;
    void *arg;
};

static enum err
read_head(void *arg, const bson_t *doc)
{
    const struct asked *r = arg;
    struct event_item item = {.topic = "", .kind = "", .entity_id = "", .frame = ""};
    bson_iter_t iter;

    if (bson_iter_init_find(&iter, doc, "_id") && BSON_ITER_HOLDS_UTF8(&iter))
        item.topic = bson_iter_utf8(&iter, NULL);
    if (bson_iter_init_find(&iter, doc, "seq"))
        item.seq = bson_iter_as_int64(&iter);
    return r->each(r->arg, &item);
}

enum err
event_find_heads(struct store *store, const char *const *topics, int count, event_each each,
                 void *arg)
{
    bson_t filter = BSON_INITIALIZER, in, list;
    struct asked r = {each, arg};
    enum err err;

    BSON_APPEND_DOCUMENT_BEGIN(&filter, "_id", &in);
    BSON_APPEND_ARRAY_BEGIN(&in, "$in", &list);
    for (int i = 0; i < count; i++) {
        char index[16];
        const char *key;

        bson_uint32_to_string((uint32_t)i, &key, index, sizeof(index));
        BSON_APPEND_UTF8(&list, key, topics[i]);
    }
    bson_append_array_end(&in, &list);
    bson_append_document_end(&filter, &in);
    err = store_find(store, STORE_TOPICS, &filter, NULL, read_head, &r);
    bson_destroy(&filter);
    return err;
}

enum err
event_find_last(struct store *store, const char *topic, const char *entity_id, const char *kind,
                int64_t rev, int64_t *seq)
{
    bson_t filter = BSON_INITIALIZER, *doc;
    bson_t *opts = BCON_NEW("sort", "{", "topic", BCON_INT32(-1), "entityId", BCON_INT32(-1), "seq",
                            BCON_INT32(-1), "}");
    bson_oid_t id;
    bson_iter_t iter;
    enum err err;

    bson_oid_init_from_string(&id, entity_id);
    BSON_APPEND_UTF8(&filter, "topic", topic);
    BSON_APPEND_OID(&filter, "entityId", &id);
    BSON_APPEND_UTF8(&filter, "kind", kind);
    if (rev >= 0)
        BSON_APPEND_INT64(&filter, "rev", rev);
    err = store_get(store, STORE_EVENTS, &filter, opts, &doc);
    bson_destroy(&filter);
    bson_destroy(opts);
    if (err != ERR_NONE)
        return err;
    *seq = bson_iter_init_find(&iter, doc, "seq") ? bson_iter_as_int64(&iter) : 0;
    bson_destroy(doc);
    return ERR_NONE;
}
