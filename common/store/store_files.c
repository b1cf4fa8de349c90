/*
 * An entry of `uploads` is claimed by the sweep (swept) in a write of its own, before any chunk is
 * removed.  Writing a piece and keeping the content update the same entry unless it is claimed, in
 * their transactions, so either they or the sweep win, and no chunk can be written afterwards.
 */
#include "common/store/store_files.h"

#include <time.h>

#include "common/log.h"
#include "common/store/store_many.h"
#include "common/text/doc.h"
#include "common/time/clock.h"

#define LEASE_MS  120000 /* for the next piece; a request waits at most 30 s for its database */
#define GRACE_MS  900000 /* for readers of a content that is no longer used */
#define SWEEP_MAX 100
#define TRIES     8
#define PAUSE_NS  5000000L /* before the second try; doubled for each further one */
#define CHUNKS    (STORE_FILES_PIECE / STORE_FILES_CHUNK)

enum err
store_files_begin(struct store *s, struct store_file *f)
{
    bson_t *entry;
    enum err err;

    *f = (struct store_file){.length = 0};
    bson_oid_init(&f->id, NULL);
    entry = BCON_NEW("_id", BCON_OID(&f->id), "dueAt", BCON_DATE_TIME(clock_now() + LEASE_MS));
    err = store_insert(s, STORE_UPLOADS, entry);
    bson_destroy(entry);
    return err;
}

/* Postpones the removal; ERR_BUSY if it has begun. */
static enum err
renew(struct store *s, const bson_oid_t *id)
{
    bson_t *which = BCON_NEW("_id", BCON_OID(id), "swept", BCON_NULL);
    bson_t *later = BCON_NEW("$set", "{", "dueAt", BCON_DATE_TIME(clock_now() + LEASE_MS), "}");
    int64_t matched;
    enum err err = store_update(s, STORE_UPLOADS, which, later, &matched);

    bson_destroy(which);
    bson_destroy(later);
    return err == ERR_NONE && matched == 0 ? ERR_BUSY : err;
}

static bson_t *
chunk(const struct store_file *f, int32_t n, const char *bytes, size_t len)
{
    bson_t *doc = bson_new();
    bson_oid_t id;

    bson_oid_init(&id, NULL);
    BSON_APPEND_OID(doc, "_id", &id);
    BSON_APPEND_OID(doc, "files_id", &f->id);
    BSON_APPEND_INT32(doc, "n", n);
    BSON_APPEND_BINARY(doc, "data", BSON_SUBTYPE_BINARY, (const uint8_t *)bytes, (uint32_t)len);
    return doc;
}

static enum err
add_once(struct store *s, const struct store_file *f, const char *bytes, size_t len)
{
    int32_t first = (int32_t)(f->length / STORE_FILES_CHUNK);
    const bson_t *docs[CHUNKS];
    size_t count = 0;
    enum err err = renew(s, &f->id);

    for (size_t at = 0; at < len; at += STORE_FILES_CHUNK, count++) {
        size_t left = len - at, size = left < STORE_FILES_CHUNK ? left : STORE_FILES_CHUNK;

        docs[count] = chunk(f, first + (int32_t)count, bytes + at, size);
    }
    if (err == ERR_NONE)
        err = store_insert_many(s, STORE_CHUNKS, docs, count);
    while (count > 0)
        bson_destroy((bson_t *)(uintptr_t)docs[--count]);
    return err;
}

enum err
store_files_add(struct store *s, struct store_file *f, const char *bytes, size_t len)
{
    enum err err = ERR_RETRY;

    for (int tries = 0; tries < TRIES && err == ERR_RETRY; tries++) {
        if (tries > 0)
            nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS << tries}, NULL);
        if ((err = store_begin(s)) != ERR_NONE)
            continue;
        if ((err = add_once(s, f, bytes, len)) == ERR_NONE)
            err = store_commit(s);
        else
            store_abort(s);
    }
    if (err == ERR_NONE)
        f->length += (int64_t)len;
    return err == ERR_RETRY ? ERR_BUSY : err;
}

void
store_files_drop(struct store *s, const struct store_file *f)
{
    bson_t *which = BCON_NEW("_id", BCON_OID(&f->id));
    bson_t *now = BCON_NEW("$set", "{", "dueAt", BCON_DATE_TIME(clock_now()), "}");

    if (store_update(s, STORE_UPLOADS, which, now, NULL) != ERR_NONE) {
        /* Already logged; it is removed when its lease ends. */
    }
    bson_destroy(which);
    bson_destroy(now);
}

/* ERR_INTERNAL, logged, if the content does not exist. */
static enum err
count_reference(struct store *s, const bson_oid_t *id, int64_t change)
{
    bson_t *which = BCON_NEW("_id", BCON_OID(id));
    bson_t *more = BCON_NEW("$inc", "{", "metadata.refs", BCON_INT64(change), "}");
    int64_t matched;
    enum err err = store_update(s, STORE_FILES, which, more, &matched);

    bson_destroy(which);
    bson_destroy(more);
    if (err == ERR_NONE && matched == 0) {
        log_error("store: the content of a file that is referred to does not exist");
        err = ERR_INTERNAL;
    }
    return err;
}

enum err
store_files_share(struct store *s, const bson_oid_t *id)
{
    return count_reference(s, id, 1);
}

/* A content with the same hash; ERR_NOT_FOUND. */
static enum err
find_equal(struct store *s, const struct store_file *f, bson_oid_t *id)
{
    bson_t *which = BCON_NEW("filename", BCON_UTF8(f->sha256)), *found;
    enum err err = store_get(s, STORE_FILES, which, NULL, &found);

    bson_destroy(which);
    if (err != ERR_NONE)
        return err;
    if (doc_id(found, "_id") != NULL && doc_int(found, "length") == f->length)
        *id = *doc_id(found, "_id");
    else
        err = ERR_NOT_FOUND;
    bson_destroy(found);
    return err;
}

static enum err
keep_own(struct store *s, const struct store_file *f)
{
    bson_t *entry = BCON_NEW("_id", BCON_OID(&f->id));
    bson_t *file =
        BCON_NEW("_id", BCON_OID(&f->id), "length", BCON_INT64(f->length), "chunkSize",
                 BCON_INT32(STORE_FILES_CHUNK), "uploadDate", BCON_DATE_TIME(clock_now()),
                 "filename", BCON_UTF8(f->sha256), "metadata", "{", "refs", BCON_INT64(1), "}");
    enum err err = renew(s, &f->id);

    if (err == ERR_NONE)
        err = store_remove(s, STORE_UPLOADS, entry);
    if (err == ERR_NONE)
        err = store_insert(s, STORE_FILES, file);
    bson_destroy(entry);
    bson_destroy(file);
    return err;
}

enum err
store_files_keep(struct store *s, const struct store_file *f, bson_oid_t *kept)
{
    enum err err = find_equal(s, f, kept);

    if (err == ERR_NONE)
        return store_files_share(s, kept);
    if (err != ERR_NOT_FOUND)
        return err;
    *kept = f->id;
    return keep_own(s, f);
}

/* The number of references, as this transaction sees it. */
static enum err
read_references(struct store *s, const bson_t *which, int64_t *refs)
{
    bson_t *opts = BCON_NEW("projection", "{", "metadata.refs", BCON_INT32(1), "}"), *found;
    enum err err = store_get(s, STORE_FILES, which, opts, &found);
    bson_iter_t iter, in;

    bson_destroy(opts);
    if (err != ERR_NONE)
        return err;
    *refs = bson_iter_init(&iter, found) && bson_iter_find_descendant(&iter, "metadata.refs", &in)
                ? bson_iter_as_int64(&in)
                : 0;
    bson_destroy(found);
    return ERR_NONE;
}

enum err
store_files_release(struct store *s, const bson_oid_t *id)
{
    bson_t *which = BCON_NEW("_id", BCON_OID(id));
    bson_t *entry = BCON_NEW("_id", BCON_OID(id), "dueAt", BCON_DATE_TIME(clock_now() + GRACE_MS));
    int64_t refs = 0;
    enum err err = count_reference(s, id, -1);

    if (err == ERR_NONE)
        err = read_references(s, which, &refs);
    if (err == ERR_NONE && refs <= 0)
        err = store_remove(s, STORE_FILES, which);
    if (err == ERR_NONE && refs <= 0)
        err = store_insert(s, STORE_UPLOADS, entry);
    bson_destroy(which);
    bson_destroy(entry);
    return err;
}

/* The chunks of a piece, which must be consecutive. */
struct reading {
    const bson_oid_t *id;
    int64_t next;
    store_files_each each;
    void *arg;
};

static enum err
pass_on(void *arg, const bson_t *doc)
{
    struct reading *r = arg;
    const uint8_t *bytes;
    bson_iter_t iter;
    uint32_t len;

    if (doc_int(doc, "n") != r->next || !bson_iter_init_find(&iter, doc, "data") ||
        !BSON_ITER_HOLDS_BINARY(&iter)) {
        log_error("store: a chunk of a file is missing or malformed");
        return ERR_INTERNAL;
    }
    r->next++;
    bson_iter_binary(&iter, NULL, &len, &bytes);
    return r->each(r->arg, (const char *)bytes, len);
}

enum err
store_files_read(struct store *s, const bson_oid_t *id, int64_t piece, store_files_each each,
                 void *arg)
{
    struct reading r = {id, piece * CHUNKS, each, arg};
    bson_t *filter = BCON_NEW("files_id", BCON_OID(id), "n", "{", "$gte", BCON_INT64(r.next), "$lt",
                              BCON_INT64(r.next + CHUNKS), "}");
    bson_t *opts = BCON_NEW("sort", "{", "n", BCON_INT32(1), "}", "limit", BCON_INT64(CHUNKS));
    enum err err = store_find(s, &(struct store_query){STORE_CHUNKS, filter, opts}, pass_on, &r);

    bson_destroy(filter);
    bson_destroy(opts);
    return err;
}

static enum err
note_due(void *arg, const bson_t *doc)
{
    bson_iter_t id;

    if (bson_iter_init_find(&id, doc, "_id"))
        doc_array_add_value(arg, &id);
    return ERR_NONE;
}

/* Claims a content unless it was renewed, and removes it. */
static enum err
sweep_one(struct store *s, const bson_oid_t *id, int64_t now)
{
    bson_t *due = BCON_NEW("_id", BCON_OID(id), "dueAt", "{", "$lte", BCON_DATE_TIME(now), "}");
    bson_t *claim = BCON_NEW("$set", "{", "swept", BCON_BOOL(true), "}");
    bson_t *chunks = BCON_NEW("files_id", BCON_OID(id)), *entry = BCON_NEW("_id", BCON_OID(id));
    int64_t matched;
    enum err err = store_update(s, STORE_UPLOADS, due, claim, &matched);

    if (err == ERR_NONE && matched > 0)
        err = store_many_remove(s, STORE_CHUNKS, chunks);
    if (err == ERR_NONE && matched > 0)
        err = store_remove(s, STORE_UPLOADS, entry);
    bson_destroy(due);
    bson_destroy(claim);
    bson_destroy(chunks);
    bson_destroy(entry);
    return err;
}

enum err
store_files_sweep(struct store *s)
{
    int64_t now = clock_now();
    bson_t *due = BCON_NEW("dueAt", "{", "$lte", BCON_DATE_TIME(now), "}");
    bson_t *opts = BCON_NEW("limit", BCON_INT64(SWEEP_MAX)), ids = BSON_INITIALIZER;
    struct doc_array array = {&ids, 0};
    bson_iter_t iter;
    enum err err = store_find(s, &(struct store_query){STORE_UPLOADS, due, opts}, note_due, &array);

    bson_iter_init(&iter, &ids);
    while (err == ERR_NONE && bson_iter_next(&iter))
        if (BSON_ITER_HOLDS_OID(&iter))
            err = sweep_one(s, bson_iter_oid(&iter), now);
    bson_destroy(due);
    bson_destroy(opts);
    bson_destroy(&ids);
    return err;
}
