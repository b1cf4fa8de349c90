/*
 * An entry's _id is its number.  A missing number belongs to a commit that this read does not show
 * yet: the reader stops before it and reads again later.
 */
#include "common/change/revocation.h"

#include "common/change/change.h"
#include "common/change/event_log.h"
#include "common/log.h"
#include "common/secrets/token.h"
#include "common/store/store.h"
#include "common/time/clock.h"

/*
 * An access token is valid for TOKEN_SECONDS from before its session was read; the rest is for the
 * longest transaction (60 s) and for readers that were paused.
 */
#define KEPT_MS  ((TOKEN_SECONDS + 180) * 1000LL)
#define STUCK_US 10000000 /* after this time a missing number is given up: read from the start */
#define CHECK_US 10000000 /* how often the topic's number is compared: a restore lowers it */
#define PAGE     1000     /* entries in one read */

enum err
revocation_add(struct change *change, const struct revocation *r)
{
    static const bson_oid_t none;
    bson_t doc = BSON_INITIALIZER;
    int64_t seq;
    int topic;
    enum err err = change_join_topic(change, REVOCATION_TOPIC, &topic);

    if (err == ERR_NONE)
        err = change_number(change, topic, &seq);
    if (err == ERR_NONE) {
        BSON_APPEND_INT64(&doc, "_id", seq);
        BSON_APPEND_OID(&doc, "userId", &r->user);
        if (r->kind == REVOKED_GENERATION)
            BSON_APPEND_INT64(&doc, "generation", r->generation);
        if (!bson_oid_equal(&r->session, &none))
            BSON_APPEND_OID(&doc, "sessionId", &r->session);
        BSON_APPEND_DATE_TIME(&doc, "expiresAt", change_now(change) + KEPT_MS);
        err = store_insert(change_store(change), STORE_REVOCATIONS, &doc);
    }
    bson_destroy(&doc);
    return err;
}

struct reading {
    struct revocation_reader *reader;
    void (*each)(void *arg, const struct revocation *r);
    void *arg;
    int64_t at; /* the next page begins after this number */
    int count;
    bool gap;
};

static void
take(const bson_t *doc, struct revocation *out, int64_t *seq)
{
    bson_iter_t iter;

    *out = (struct revocation){.kind = REVOKED_SESSION};
    bson_iter_init(&iter, doc);
    while (bson_iter_next(&iter)) {
        const char *key = bson_iter_key(&iter);

        if (key[0] == '_')
            *seq = bson_iter_as_int64(&iter);
        else if (key[0] == 'u' && BSON_ITER_HOLDS_OID(&iter))
            out->user = *bson_iter_oid(&iter);
        else if (key[0] == 's' && BSON_ITER_HOLDS_OID(&iter))
            out->session = *bson_iter_oid(&iter);
        else if (key[0] == 'g') {
            out->kind = REVOKED_GENERATION;
            out->generation = bson_iter_as_int64(&iter);
        }
    }
}

static enum err
read_one(void *arg, const bson_t *doc)
{
    struct reading *r = arg;
    struct revocation entry;
    int64_t seq = 0;

    take(doc, &entry, &seq);
    r->count++;
    r->each(r->arg, &entry); /* even if one before it is missing; then it is passed again */
    r->gap = r->gap || seq > r->reader->last + 1;
    if (r->gap)
        return ERR_NONE;
    r->at = seq;
    if (seq > r->reader->last)
        r->reader->last = seq;
    return ERR_NONE;
}

static enum err
read_page(struct store *store, struct reading *r)
{
    bson_t *filter = BCON_NEW("_id", "{", "$gt", BCON_INT64(r->at), "}");
    bson_t *opts = BCON_NEW("sort", "{", "_id", BCON_INT32(1), "}", "limit", BCON_INT64(PAGE));
    enum err err;

    r->count = 0;
    err = store_find(store, &(struct store_query){STORE_REVOCATIONS, filter, opts}, read_one, r);
    bson_destroy(filter);
    bson_destroy(opts);
    return err;
}

/*
 * Where to begin: at the start, and again when the topic's number was lowered.  It counts as begun
 * only when a whole read has succeeded; until then each read starts from the beginning.
 */
static enum err
begin(struct store *store, struct revocation_reader *reader, int64_t *at)
{
    int64_t now = clock_steady(), head = 0;
    enum err err;

    *at = reader->last;
    if (reader->begun && now - reader->checked < CHECK_US)
        return ERR_NONE;
    err = event_log_head(store, REVOCATION_TOPIC, &head);
    if (err != ERR_NONE && err != ERR_NOT_FOUND)
        return err;
    if (!reader->begun || head < reader->last) {
        reader->begun = false;
        reader->last = head; /* all up to it are visible or have expired */
        *at = -1;
    }
    reader->checked = now;
    return ERR_NONE;
}

/*
 * A number that does not appear was removed by hand or expired unread; the reader stops waiting for
 * it.
 */
static void
note_gap(struct revocation_reader *reader, bool gap)
{
    int64_t now = clock_steady();

    if (!gap)
        reader->stuck_since = 0;
    else if (reader->stuck_since == 0)
        reader->stuck_since = now;
    else if (now - reader->stuck_since > STUCK_US) {
        log_warn("revocation: number %lld is missing; reading all again",
                 (long long)reader->last + 1);
        *reader = (struct revocation_reader){0};
    }
}

enum err
revocation_read(struct store *store, struct revocation_reader *reader,
                void (*each)(void *arg, const struct revocation *r), void *arg)
{
    struct reading r = {.reader = reader, .each = each, .arg = arg};
    enum err err = begin(store, reader, &r.at);

    if (err != ERR_NONE)
        return err;
    do
        err = read_page(store, &r);
    while (err == ERR_NONE && r.count == PAGE && !r.gap);
    if (err != ERR_NONE)
        return err;
    reader->begun = true;
    note_gap(reader, r.gap);
    return ERR_NONE;
}
