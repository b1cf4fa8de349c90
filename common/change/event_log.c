/*
 * Reading the log of events, and erasing content from it.
 */
#include "common/change/event_log.h"

#include <string.h>

#include "common/base/id.h"
#include "common/change/change.h"
#include "common/text/doc.h"

enum err
event_log_head(struct store *store, const char *topic, int64_t *seq)
{
    bson_t *filter = BCON_NEW("_id", BCON_UTF8(topic)), *doc;
    enum err err = store_get(store, STORE_TOPICS, filter, NULL, &doc);

    bson_destroy(filter);
    if (err != ERR_NONE)
        return err;
    *seq = doc_int(doc, "seq");
    bson_destroy(doc);
    return ERR_NONE;
}

static void
read_counted(const bson_iter_t *list, struct event_item *out)
{
    bson_iter_t id;

    if (!bson_iter_recurse(list, &id))
        return;
    while (out->counted_count < EVENT_COUNTED && bson_iter_next(&id))
        if (BSON_ITER_HOLDS_OID(&id))
            out->counted[out->counted_count++] = *bson_iter_oid(&id);
}

enum err
event_log_item(const bson_t *doc, event_each each, void *arg)
{
    struct event_item item = {.topic = "", .kind = "", .entity_id = "", .frame = ""};
    char id[ID_TEXT], actor[ID_TEXT];
    bson_iter_t iter;
    uint32_t len = 0;

    bson_iter_init(&iter, doc);
    while (bson_iter_next(&iter)) {
        const char *key = bson_iter_key(&iter);

        if (strcmp(key, "topic") == 0)
            item.topic = bson_iter_utf8(&iter, NULL);
        else if (strcmp(key, "seq") == 0)
            item.seq = bson_iter_as_int64(&iter);
        else if (strcmp(key, "kind") == 0)
            item.kind = bson_iter_utf8(&iter, NULL);
        else if (strcmp(key, "entityId") == 0 && BSON_ITER_HOLDS_OID(&iter)) {
            bson_oid_to_string(bson_iter_oid(&iter), id);
            item.entity_id = id;
        } else if (strcmp(key, "rev") == 0)
            item.rev = bson_iter_as_int64(&iter);
        else if (strcmp(key, "actorId") == 0 && BSON_ITER_HOLDS_OID(&iter)) {
            bson_oid_to_string(bson_iter_oid(&iter), actor);
            item.actor_id = actor;
        } else if (strcmp(key, "counted") == 0) {
            read_counted(&iter, &item);
        } else if (strcmp(key, "frame") == 0)
            item.frame = bson_iter_utf8(&iter, &len);
    }
    item.len = len;
    return each(arg, &item);
}

struct reading {
    event_each each;
    void *arg;
};

static enum err
read_item(void *arg, const bson_t *doc)
{
    const struct reading *r = arg;

    return event_log_item(doc, r->each, r->arg);
}

enum err
event_log_find(struct store *store, const bson_t *filter, const bson_t *opts, event_each each,
               void *arg)
{
    struct reading r = {each, arg};

    return store_find(store, &(struct store_query){STORE_EVENTS, filter, opts}, read_item, &r);
}

struct page {
    struct reading reading;
    const struct event_after *what;
    int found;
};

static enum err
page_item(void *arg, const bson_t *doc)
{
    struct page *p = arg;

    p->found++;
    return read_item(&p->reading, doc);
}

static enum err
read_page(struct store *store, struct page *p, bool to_limit)
{
    bson_t filter = BSON_INITIALIZER, seq;
    bson_t *opts = BCON_NEW("sort", "{", "topic", BCON_INT32(1), "seq", BCON_INT32(1), "}", "limit",
                            BCON_INT64(p->what->limit));
    enum err err;

    BSON_APPEND_UTF8(&filter, "topic", p->what->topic);
    BSON_APPEND_DOCUMENT_BEGIN(&filter, "seq", &seq);
    BSON_APPEND_INT64(&seq, "$gt", p->what->after);
    if (to_limit)
        BSON_APPEND_INT64(&seq, "$lte", p->what->after + p->what->limit);
    bson_append_document_end(&filter, &seq);
    err = store_find(store, &(struct store_query){STORE_EVENTS, &filter, opts}, page_item, p);
    bson_destroy(&filter);
    bson_destroy(opts);
    return err;
}

/*
 * The numbers of a log are consecutive, so the range of a page is known and limits the scan.  Only
 * if nothing is left of that range (it was trimmed) is the rest of the log searched.
 */
enum err
event_log_read(struct store *store, const struct event_after *what, event_each each, void *arg)
{
    struct page p = {{each, arg}, what, 0};
    enum err err = what->after <= INT64_MAX - what->limit ? read_page(store, &p, true) : ERR_NONE;

    return err == ERR_NONE && p.found == 0 ? read_page(store, &p, false) : err;
}

/* {entityId: the entity, or {$in: it and the others}} */
static void
append_entities(bson_t *filter, const struct event_history *what)
{
    bson_t ids;
    struct doc_array array;
    bson_iter_t iter;

    if (what->also == NULL) {
        BSON_APPEND_OID(filter, "entityId", what->entity);
        return;
    }
    bson_init(&ids);
    array = (struct doc_array){&ids, 0};
    doc_array_add_id(&array, what->entity);
    for (bool more = bson_iter_init(&iter, what->also); more && bson_iter_next(&iter);)
        doc_array_add_value(&array, &iter);
    doc_in(filter, "entityId", &ids);
    bson_destroy(&ids);
}

/* The index begins with entityId: for several, the server merges a scan for each in this order. */
enum err
event_log_entity(struct store *store, const struct event_history *what, event_each each, void *arg)
{
    bson_t *filter =
        BCON_NEW("topic", BCON_UTF8(what->topic), "seq", "{", "$lt", BCON_INT64(what->before), "}");
    bson_t *one =
        BCON_NEW("entityId", BCON_INT32(-1), "topic", BCON_INT32(-1), "seq", BCON_INT32(-1));
    bson_t *several = BCON_NEW("seq", BCON_INT32(-1));
    bson_t *opts = BCON_NEW("sort", BCON_DOCUMENT(what->also == NULL ? one : several), "limit",
                            BCON_INT64(what->limit));
    enum err err;

    append_entities(filter, what);
    err = event_log_find(store, filter, opts, each, arg);
    bson_destroy(one);
    bson_destroy(several);
    bson_destroy(filter);
    bson_destroy(opts);
    return err;
}

/* [{$set: {frame: {$concat: [the part before the content, EVENT_FORGOTTEN]}}}] */
enum err
event_log_forget(struct change *change, const char *topic, const bson_oid_t *entity)
{
    bson_t *filter = BCON_NEW("entityId", BCON_OID(entity));
    bson_t *pipeline =
        BCON_NEW("0", "{", "$set", "{", "frame", "{", "$concat", "[", "{", "$arrayElemAt", "[", "{",
                 "$split", "[", "$frame", BCON_UTF8(EVENT_CONTENT_START), "]", "}", BCON_INT32(0),
                 "]", "}", BCON_UTF8(EVENT_FORGOTTEN), "]", "}", "}", "}");
    enum err err;

    if (topic != NULL)
        BSON_APPEND_UTF8(filter, "topic", topic);
    err = store_update_many(change_store(change), STORE_EVENTS, filter, pipeline, NULL);
    change_forget_unsent(change, topic, entity);
    bson_destroy(filter);
    bson_destroy(pipeline);
    return err;
}
