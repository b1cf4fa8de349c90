/*
 * A transaction for each batch, repeated when it meets a conflict.
 */
#include "common/store_many.h"

#include <time.h>

#define BATCH    500
#define TRIES    8
#define PAUSE_NS 5000000L /* before the second try; doubled for each further one */

struct batch {
    enum store_name name;
    const bson_t *filter, *update;
    bson_t ids;
    int count; /* documents it removed */
};

static enum err
note_id(void *arg, const bson_t *doc)
{
    struct batch *b = arg;
    char key[16];
    bson_iter_t id;

    snprintf(key, sizeof(key), "%d", b->count++);
    if (bson_iter_init_find(&id, doc, "_id"))
        bson_append_iter(&b->ids, key, -1, &id);
    return ERR_NONE;
}

static enum err
update_once(struct store *store, struct batch *b)
{
    return store_update_many(store, b->name, b->filter, b->update, NULL);
}

static enum err
remove_once(struct store *store, struct batch *b)
{
    bson_t *opts =
        BCON_NEW("projection", "{", "_id", BCON_BOOL(true), "}", "limit", BCON_INT64(BATCH));
    bson_t *filter;
    enum err err;

    b->count = 0;
    bson_init(&b->ids);
    err = store_find(store, b->name, b->filter, opts, note_id, b);
    filter = BCON_NEW("_id", "{", "$in", BCON_ARRAY(&b->ids), "}");
    if (err == ERR_NONE && b->count > 0)
        err = store_remove_many(store, b->name, filter);
    bson_destroy(filter);
    bson_destroy(opts);
    bson_destroy(&b->ids);
    return err;
}

/* One transaction, repeated after conflicts. */
static enum err
run(struct store *store, struct batch *b, enum err (*once)(struct store *, struct batch *))
{
    enum err err = ERR_RETRY;

    for (int tries = 0; tries < TRIES && err == ERR_RETRY; tries++) {
        if (tries > 0)
            nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS << tries}, NULL);
        if ((err = store_begin(store)) != ERR_NONE)
            continue;
        if ((err = once(store, b)) == ERR_NONE)
            err = store_commit(store);
        else
            store_abort(store);
    }
    return err == ERR_RETRY ? ERR_BUSY : err;
}

enum err
store_many_update(struct store *store, enum store_name name, const bson_t *filter,
                  const bson_t *update)
{
    struct batch b = {.name = name, .filter = filter, .update = update};

    return run(store, &b, update_once);
}

enum err
store_many_remove(struct store *store, enum store_name name, const bson_t *filter)
{
    struct batch b = {.name = name, .filter = filter};
    enum err err;

    do
        err = run(store, &b, remove_once);
    while (err == ERR_NONE && b.count == BATCH);
    return err;
}
