/*
 * The database's metadata: its schema version and its epoch.
 */
#include "common/log.h"

#include "common/store/store_connect.h"
#include "common/store/store_inside.h"
#include "common/text/doc.h"

enum err
store_ping(struct store *s)
{
    bson_t *ping = BCON_NEW("ping", BCON_INT32(1)), reply;
    bson_error_t error;
    bool ok =
        mongoc_client_command_simple(s->client, s->pool->database, ping, NULL, &reply, &error);

    bson_destroy(ping);
    bson_destroy(&reply);
    return ok ? ERR_NONE : store_error(s, STORE_META, &error, NULL);
}

enum err
store_epoch(struct store *s, char out[STORE_EPOCH])
{
    bson_t *filter = BCON_NEW("_id", "epoch"), *doc;
    enum err err = store_get(s, STORE_META, filter, NULL, &doc);

    bson_destroy(filter);
    if (err != ERR_NONE)
        return err;
    if (doc_text(doc, "value") != NULL)
        bson_strncpy(out, doc_text(doc, "value"), STORE_EPOCH);
    else
        err = ERR_STORE;
    bson_destroy(doc);
    return err;
}

/* The database's schema version, and the oldest version whose programs may use it; 0: none yet. */
static enum err
read_schema(struct store *s, int64_t *version, int64_t *oldest)
{
    bson_t *filter = BCON_NEW("_id", "schema"), *doc;
    enum err err = store_get(s, STORE_META, filter, NULL, &doc);

    *version = *oldest = 0;
    bson_destroy(filter);
    if (err != ERR_NONE)
        return err == ERR_NOT_FOUND ? ERR_NONE : err;
    *version = doc_int(doc, "version");
    *oldest = doc_int(doc, "oldest");
    bson_destroy(doc);
    return ERR_NONE;
}

enum err
store_check(struct store *s)
{
    int64_t version, oldest;
    enum err err = store_connect_check(s->client);

    if (err != ERR_NONE || (err = read_schema(s, &version, &oldest)) != ERR_NONE)
        return err;
    if (version < STORE_SCHEMA) {
        log_error("store: the database has schema %d, this program needs %d: run taskwire-admin "
                  "migrate",
                  (int)version, STORE_SCHEMA);
        return ERR_STORE;
    }
    if (oldest > STORE_SCHEMA) {
        log_error("store: the database has schema %d, which is too new for this program",
                  (int)version);
        return ERR_INVALID;
    }
    return ERR_NONE;
}
