/*
 * A transaction for each batch, repeated when it meets a conflict.
 */
#include "common/store/store_many.h"

#include <time.h>

#include "common/text/doc.h"

#define BATCH    500
#define TRIES    8
#define PAUSE_NS 5000000L /* before the second try; doubled for each further one */

struct batch {
    enum store_name name;
    const bson_t *filter, *update;
    struct doc_array ids; /* the ids to remove */
};

static enum err
note_id(void *arg, const bson_t *doc)
{
    struct batch *b = arg;
    bson_iter_t id;

    if (bson_iter_init_find(&id, doc, "_id"))
        doc_array_add_value(&b->ids, &id);
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
    bson_t ids = BSON_INITIALIZER, filter = BSON_INITIALIZER;
    enum err err;

    b->ids = (struct doc_array){&ids, 0};
    err = store_find(store, &(struct store_query){b->name, b->filter, opts}, note_id, b);
    doc_in(&filter, "_id", &ids);
    if (err == ERR_NONE && b->ids.count > 0)
        err = store_remove_many(store, b->name, &filter);
    bson_destroy(&filter);
    bson_destroy(opts);
    bson_destroy(&ids);
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
    while (err == ERR_NONE && b.ids.count == BATCH);
    return err;
}
