/*
 * /v1/me: the caller's own account.
 */
#include "api/v1/handlers.h"

#include <string.h>
#include <unistd.h>

#include "api/crud.h"
#include "api/doc.h"
#include "api/reply.h"
#include "api/request.h"
#include "api/v1/account.h"

enum err
me_read(struct request *r)
{
    const bson_t *user;
    enum err err = request_params_done(r);

    if (err == ERR_NONE)
        err = crud_get(r, STORE_USERS, &r->user_id, &user);
    return err == ERR_NONE ? reply_doc(r, 200, &user_shape, user) : err;
}

struct edit {
    struct request *r;
    const bson_t *change;
};

static enum err
store_me(struct change *change, void *arg)
{
    struct edit *e = arg;
    struct request *r = e->r;
    const bson_t *before;
    bson_t *after, *filter, stamp = BSON_INITIALIZER;
    enum err err = crud_get(r, STORE_USERS, &r->user_id, &before);

    if (err != ERR_NONE)
        return err;
    err = request_precondition(r, doc_int(before, "rev"), false);
    if (err != ERR_NONE) {
        struct text current = {0};

        doc_write(&current, &user_shape, before);
        r->current = arena_dup(r->arena, current.bytes);
        text_free(&current);
        return err;
    }
    BSON_APPEND_INT64(&stamp, "rev", doc_int(before, "rev") + 1);
    BSON_APPEND_DATE_TIME(&stamp, "updatedAt", change_now(change));
    after = request_keep(r, doc_merge(before, e->change));
    if (!bson_equal(before, after))
        after = request_keep(r, doc_merge(after, &stamp));
    filter = BCON_NEW("_id", BCON_OID(&r->user_id));
    err = store_replace(change_store(change), STORE_USERS, filter, after, NULL);
    bson_destroy(filter);
    bson_destroy(&stamp);
    return err == ERR_NONE ? reply_doc(r, 200, &user_shape, after) : err;
}

/* A name of the zone data base, not a path. */
static bool
zone_ok(const char *zone)
{
    char path[128] = "/usr/share/zoneinfo/";

    if (strstr(zone, "..") != NULL || zone[0] == '/' ||
        strspn(zone, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/") !=
            strlen(zone))
        return false;
    strcat(path, zone);
    return strcmp(zone, "UTC") == 0 || access(path, R_OK) == 0;
}

enum err
me_change(struct request *r)
{
    bson_t *change = request_keep(r, bson_new());
    struct edit e = {r, change};
    struct change_plan plan = {.fn = store_me, .arg = &e};
    enum err err = doc_read(r, DOC_CHANGE, user_shape.fields, r->json, change);

    if (err == ERR_NONE && doc_has(change, "timeZone") && !zone_ok(doc_text(change, "timeZone")))
        request_complain(r, "/timeZone", "format", "must be a zone like Europe/Berlin");
    if (err == ERR_NONE)
        err = request_verdict(r);
    return err == ERR_NONE ? request_change(r, &plan) : err;
}
