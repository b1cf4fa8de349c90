/*
 * The ids are collected first, then all sessions are marked at once.
 */
#include "api/v1/endings.h"

#include <string.h>

#include "api/doc.h"
#include "api/request.h"
#include "api/revoked.h"
#include "common/event_log.h"

static enum err
note(void *arg, const bson_t *doc)
{
    struct endings *e = arg;
    const bson_oid_t *id = doc_id(doc, "_id");

    if ((e->only != NULL && !bson_oid_equal(id, e->only)) ||
        (e->except != NULL && bson_oid_equal(id, e->except)))
        return ERR_NONE;
    if (e->count == e->size) {
        bson_oid_t *more;

        e->size = e->size == 0 ? 16 : e->size * 2;
        more = arena_alloc(e->r->arena, (size_t)e->size * sizeof(*more));
        if (e->count > 0)
            memcpy(more, e->ended, (size_t)e->count * sizeof(*more));
        e->ended = more;
    }
    e->ended[e->count++] = *id;
    return ERR_NONE;
}

static enum err
mark(const struct endings *e, struct change *change)
{
    bson_t filter = BSON_INITIALIZER, in, ids;
    bson_t *set = BCON_NEW("$set", "{", "revokedAt", BCON_DATE_TIME(change_now(change)), "}");
    char key[16];
    enum err err;

    BSON_APPEND_DOCUMENT_BEGIN(&filter, "_id", &in);
    BSON_APPEND_ARRAY_BEGIN(&in, "$in", &ids);
    for (int i = 0; i < e->count; i++) {
        bson_snprintf(key, sizeof(key), "%d", i);
        BSON_APPEND_OID(&ids, key, &e->ended[i]);
    }
    bson_append_array_end(&in, &ids);
    bson_append_document_end(&filter, &in);
    err = store_update_many(change_store(change), STORE_SESSIONS, &filter, set, NULL);
    bson_destroy(&filter);
    bson_destroy(set);
    return err;
}

enum err
endings_run(struct endings *e, struct change *change)
{
    bson_t *living =
        request_keep(e->r, BCON_NEW("userId", BCON_OID(e->user), "revokedAt", BCON_NULL));
    char hex[25], topic[EVENT_TOPIC] = "user:";
    int own;
    enum err err;

    bson_oid_to_string(e->user, hex);
    strcat(topic, hex);
    e->count = 0; /* of an earlier run */
    if ((err = store_find(change_store(change), STORE_SESSIONS, living, NULL, note, e)) !=
            ERR_NONE ||
        e->count == 0 || (err = mark(e, change)) != ERR_NONE ||
        (err = change_join_topic(change, topic, &own)) != ERR_NONE)
        return err;
    for (int i = 0; err == ERR_NONE && i < e->count; i++) {
        struct event event = {.kind = EVENT_SESSION_REVOKED, .rev = 1, .entity_id = hex};

        bson_oid_to_string(&e->ended[i], hex);
        err = change_event(change, own, &event);
    }
    return err;
}

void
endings_tell(const struct endings *e)
{
    for (int i = 0; i < e->count; i++)
        revoked_add(e->r->revoked, &e->ended[i]);
}
