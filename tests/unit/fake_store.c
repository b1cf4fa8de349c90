/*
 * Replaces the files of common/store and common/change/event_log.c, as far as api/ uses them
 * outside of transactions and in the rules.
 */
#include "tests/unit/fake_store.h"

#include <string.h>

#include "common/change/change.h"
#include "tests/unit/unit.h"

#define DOCS_MAX 16

static struct {
    enum store_name name;
    bson_t *doc;
} docs[DOCS_MAX];
static int count;
static enum err failure;

enum err __wrap_store_get(struct store *store, enum store_name name, const bson_t *filter,
                          const bson_t *opts, bson_t **out);
enum err __wrap_store_find(struct store *store, const struct store_query *query, store_each each,
                           void *arg);
enum err __wrap_store_gather_get(struct store *store, enum store_name name, const bson_oid_t *id,
                                 bson_t **out);
int64_t __wrap_clock_now(void);
struct store *__wrap_change_store(struct change *change);
int64_t __wrap_change_now(const struct change *change);

void
fake_store_clear(void)
{
    while (count > 0)
        bson_destroy(docs[--count].doc);
    failure = ERR_NONE;
}

void
fake_store_put(enum store_name name, const char *json)
{
    bson_error_t error;
    bson_t *doc = bson_new_from_json((const uint8_t *)json, -1, &error);

    if (doc == NULL || count == DOCS_MAX)
        fail_msg("%s: %s", json, doc == NULL ? error.message : "too many");
    docs[count].name = name;
    docs[count++].doc = doc;
}

void
fake_store_fails(enum err err)
{
    failure = err;
}

/*
 * Does the document have every plain value of the filter?  Ranges and other operators match
 * anything.
 */
static bool
fits(const bson_t *doc, const bson_t *filter)
{
    bson_iter_t wanted, found;

    bson_iter_init(&wanted, filter);
    while (bson_iter_next(&wanted)) {
        if (BSON_ITER_HOLDS_DOCUMENT(&wanted) || BSON_ITER_HOLDS_ARRAY(&wanted))
            continue;
        if (!bson_iter_init_find(&found, doc, bson_iter_key(&wanted))) {
            if (!BSON_ITER_HOLDS_NULL(&wanted))
                return false;
        } else if (bson_iter_type(&found) != bson_iter_type(&wanted) ||
                   found.next_off - found.off != wanted.next_off - wanted.off ||
                   memcmp(found.raw + found.off, wanted.raw + wanted.off,
                          found.next_off - found.off) != 0) {
            return false;
        }
    }
    return true;
}

enum err
__wrap_store_get(struct store *store, enum store_name name, const bson_t *filter,
                 const bson_t *opts, bson_t **out)
{
    (void)store;
    (void)opts;
    if (failure != ERR_NONE)
        return failure;
    for (int i = 0; i < count; i++) {
        if (docs[i].name == name && fits(docs[i].doc, filter)) {
            *out = bson_copy(docs[i].doc);
            return ERR_NONE;
        }
    }
    return ERR_NOT_FOUND;
}

enum err
__wrap_store_gather_get(struct store *store, enum store_name name, const bson_oid_t *id,
                        bson_t **out)
{
    bson_t *filter = BCON_NEW("_id", BCON_OID(id));
    enum err err = __wrap_store_get(store, name, filter, NULL, out);

    bson_destroy(filter);
    return err;
}

enum err
__wrap_store_find(struct store *store, const struct store_query *query, store_each each, void *arg)
{
    const bson_t *filter = query->filter;
    enum err err = failure;

    (void)store;
    for (int i = 0; i < count && err == ERR_NONE; i++)
        if (docs[i].name == query->name && fits(docs[i].doc, filter))
            err = each(arg, docs[i].doc);
    return err;
}

int64_t
__wrap_clock_now(void)
{
    return FAKE_STORE_NOW;
}

struct store *
__wrap_change_store(struct change *change)
{
    (void)change;
    return NULL;
}

int64_t
__wrap_change_now(const struct change *change)
{
    (void)change;
    return FAKE_STORE_NOW;
}
