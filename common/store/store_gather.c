/*
 * A list in the order of reads and writes: the newest entry of a document is its current content.
 */
#include "common/store/store_gather.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/must.h"
#include "common/store/store_inside.h"
#include "common/text/doc.h"

enum state {
    READ,     /* as in the database; doc NULL: it does not exist */
    INSERTED, /* not sent yet */
    REPLACED, /* not sent yet */
    MERGED,   /* not sent: replaced by a newer entry */
    SENT,
    LOST, /* its collection was written to: it must be read again */
};

struct gathered {
    enum store_name name;
    enum state state;
    bson_oid_t id;
    int64_t rev; /* the revision that it replaces */
    bson_t *doc;
    bool seen;                     /* read before the transaction */
    const struct gathered *before; /* that revision, if it is in the list; only while being sent */
};

static struct gathered *
add(struct store *s, enum store_name name, enum state state, const bson_oid_t *id)
{
    struct gathered *g;

    if (s->gathered_count == s->gathered_size) {
        s->gathered_size = s->gathered_size == 0 ? 16 : s->gathered_size * 2;
        s->gathered = must_resize(s->gathered, s->gathered_size * sizeof(*s->gathered));
    }
    g = &s->gathered[s->gathered_count++];
    *g = (struct gathered){.name = name, .state = state, .id = *id};
    return g;
}

static void
add_doc(struct store *s, enum store_name name, enum state state, const bson_t *doc, int64_t rev)
{
    bson_iter_t id;
    struct gathered *g;

    if (!doc_find(doc, "_id", &id) || !BSON_ITER_HOLDS_OID(&id))
        must_not_happen("store: a gathered document without an id");
    g = add(s, name, state, bson_iter_oid(&id));
    g->rev = rev;
    g->doc = bson_copy(doc);
    s->gathered_bytes += doc->len;
}

/* The newest entry before `end`; NULL: there is none, or it is no longer valid. */
static struct gathered *
find(const struct store *s, enum store_name name, const bson_oid_t *id, size_t end)
{
    while (end-- > 0) {
        struct gathered *g = &s->gathered[end];

        if (g->name == name && bson_oid_equal(&g->id, id))
            return g->state == LOST ? NULL : g;
    }
    return NULL;
}

static enum err
read_one(struct store *s, enum store_name name, const bson_oid_t *id, bson_t **out)
{
    bson_t filter = BSON_INITIALIZER;
    enum err err;

    BSON_APPEND_OID(&filter, "_id", id);
    err = store_get(s, name, &filter, NULL, out);
    bson_destroy(&filter);
    return err;
}

enum err
store_gather_get(struct store *s, enum store_name name, const bson_oid_t *id, bson_t **out)
{
    const struct gathered *g = s->open ? find(s, name, id, s->gathered_count) : NULL;
    enum err err;

    if (g != NULL) {
        s->seen_used = s->seen_used || g->seen;
        *out = g->doc == NULL ? NULL : bson_copy(g->doc);
        return g->doc == NULL ? ERR_NOT_FOUND : ERR_NONE;
    }
    err = read_one(s, name, id, out);
    if (s->open && err == ERR_NONE)
        add_doc(s, name, READ, *out, 0);
    else if (s->open && err == ERR_NOT_FOUND)
        add(s, name, READ, id);
    return err;
}

struct reading {
    struct store *s;
    enum store_name name;
};

static enum err
keep(void *arg, const bson_t *doc)
{
    struct reading *r = arg;

    add_doc(r->s, r->name, READ, doc, 0);
    return ERR_NONE;
}

static bool
has_id(const bson_oid_t *ids, uint32_t count, const bson_oid_t *id)
{
    for (uint32_t i = 0; i < count; i++)
        if (bson_oid_equal(&ids[i], id))
            return true;
    return false;
}

enum err
store_gather_read(struct store *s, enum store_name name, const bson_oid_t *ids, size_t count)
{
    bson_oid_t *wanted = must_alloc(count + 1, sizeof(*wanted));
    bson_t filter = BSON_INITIALIZER;
    struct reading r = {s, name};
    uint32_t n = 0;
    enum err err = ERR_NONE;

    for (size_t i = 0; i < count; i++)
        if (find(s, name, &ids[i], s->gathered_count) == NULL && !has_id(wanted, n, &ids[i]))
            wanted[n++] = ids[i];
    doc_in_ids(&filter, "_id", wanted, n);
    if (n > 0)
        err = store_find(s, &(struct store_query){name, &filter, NULL}, keep, &r);
    bson_destroy(&filter);
    for (uint32_t i = 0; i < n && err == ERR_NONE; i++)
        if (find(s, name, &wanted[i], s->gathered_count) == NULL)
            add(s, name, READ, &wanted[i]); /* the database does not have it */
    free(wanted);
    return err;
}

void
store_gather_seen(struct store *s, enum store_name name, const bson_t *doc)
{
    add_doc(s, name, READ, doc, 0);
    s->gathered[s->gathered_count - 1].seen = true;
}

bool
store_gather_used_seen(const struct store *s)
{
    return s->seen_used;
}

void
store_gather_insert(struct store *s, enum store_name name, const bson_t *doc)
{
    add_doc(s, name, INSERTED, doc, 0);
}

void
store_gather_replace(struct store *s, enum store_name name, int64_t rev, const bson_t *doc)
{
    add_doc(s, name, REPLACED, doc, rev);
}

static bool
is_unsent(const struct gathered *g)
{
    return g->state == INSERTED || g->state == REPLACED;
}

/*
 * Of several unsent entries of a document only the last one is sent, with the rev that the first
 * one replaces.
 */
static size_t
merge(struct store *s)
{
    size_t unsent = 0;

    for (size_t i = 0; i < s->gathered_count; i++) {
        struct gathered *g = &s->gathered[i], *before;

        if (!is_unsent(g))
            continue;
        before = find(s, g->name, &g->id, i);
        if (before != NULL && is_unsent(before)) {
            g->state = before->state;
            g->rev = before->rev;
            before->state = MERGED;
        } else {
            unsent++;
        }
    }
    return unsent;
}

/* The document as the database has it, before the entry at index `end`; NULL: unknown. */
static const struct gathered *
version_before(const struct store *s, const struct gathered *g, size_t end)
{
    while (end-- > 0) {
        const struct gathered *old = &s->gathered[end];

        if (old->state == MERGED || old->name != g->name || !bson_oid_equal(&old->id, &g->id))
            continue;
        return old->state != LOST && old->doc != NULL && doc_int(old->doc, "rev") == g->rev ? old
                                                                                            : NULL;
    }
    return NULL;
}

/* The entries of a collection that are to be inserted or replaced; marks them as sent. */
static size_t
take(struct store *s, enum store_name name, enum state state, struct gathered *out)
{
    size_t count = 0;

    for (size_t i = 0; i < s->gathered_count; i++) {
        struct gathered *g = &s->gathered[i];

        if (g->name != name || g->state != state)
            continue;
        out[count] = *g;
        out[count++].before = version_before(s, g, i);
        g->state = SENT;
    }
    return count;
}

static enum err
insert(struct store *s, enum store_name name, const struct gathered *some, size_t count)
{
    const bson_t **docs = must_alloc(count + 1, sizeof(*docs));
    enum err err;

    for (size_t i = 0; i < count; i++)
        docs[i] = some[i].doc;
    err = store_insert_many(s, name, docs, count);
    free(docs);
    return err;
}

/*
 * The document as it was read.  What this transaction has read or written itself cannot have
 * changed: the write of another one conflicts with ours.  A copy from before the transaction can,
 * so the database must have its rev.  Counters change without the rev, so how often they have
 * changed must be the same too, or an older copy would be told as the current one.
 */
static bson_t *
new_filter(const struct gathered *g)
{
    bson_t *filter = bson_new();
    bson_iter_t counted;

    BSON_APPEND_OID(filter, "_id", &g->id);
    if (g->before != NULL && !g->before->seen)
        return filter;
    BSON_APPEND_INT64(filter, "rev", g->rev);
    if (g->before != NULL && doc_find(g->before->doc, STORE_COUNTED, &counted))
        bson_append_iter(filter, NULL, 0, &counted);
    return filter;
}

/*
 * The update of a document's changed fields, or the whole document if it is not known what was
 * there before.
 */
static struct store_statement
new_statement(const struct gathered *g)
{
    bson_t *update = bson_new();

    if (g->before != NULL)
        doc_difference(update, g->before->doc, g->doc);
    if (!bson_empty(update)) /* an empty update would be taken for an empty document */
        return (struct store_statement){new_filter(g), update, false};
    bson_destroy(update);
    return (struct store_statement){new_filter(g), bson_copy(g->doc), true};
}

static enum err
replace(struct store *s, enum store_name name, const struct gathered *some, size_t count)
{
    struct store_statement *statements = must_alloc(count + 1, sizeof(*statements));
    int64_t matched = 0;
    enum err err = ERR_NONE;

    for (size_t i = 0; i < count; i++)
        statements[i] = new_statement(&some[i]);
    if (count > 0)
        err = store_update_each(s, name, statements, count, &matched);
    for (size_t i = 0; i < count; i++) {
        bson_destroy((bson_t *)(uintptr_t)statements[i].filter);
        bson_destroy((bson_t *)(uintptr_t)statements[i].doc);
    }
    free(statements);
    return err == ERR_NONE && matched != (int64_t)count ? ERR_RETRY : err;
}

enum err
store_gather_flush(struct store *s)
{
    struct gathered *some;
    enum err err = ERR_NONE;
    size_t unsent;

    if (!s->open || s->flushing || (unsent = merge(s)) == 0)
        return ERR_NONE;
    some = must_alloc(unsent, sizeof(*some));
    s->flushing = true;
    for (int name = 0; name < STORE__COUNT && err == ERR_NONE; name++) {
        err =
            insert(s, (enum store_name)name, some, take(s, (enum store_name)name, INSERTED, some));
        if (err == ERR_NONE)
            err = replace(s, (enum store_name)name, some,
                          take(s, (enum store_name)name, REPLACED, some));
    }
    s->flushing = false;
    free(some);
    return err;
}

enum err
store_gather_before(struct store *s, enum store_name name)
{
    enum err err = store_gather_flush(s);

    if (!s->open || s->flushing)
        return err;
    s->sent++;
    for (size_t i = 0; i < s->gathered_count; i++)
        if (s->gathered[i].name == name)
            s->gathered[i].state = LOST;
    return err;
}

struct store_mark
store_gather_mark(const struct store *s)
{
    return (struct store_mark){s->gathered_count, s->gathered_bytes, s->sent};
}

bool
store_gather_undo(struct store *s, const struct store_mark *mark)
{
    if (s->sent != mark->sent)
        return false;
    for (size_t i = mark->gathered; i < s->gathered_count; i++)
        if (s->gathered[i].state == SENT || s->gathered[i].state == MERGED)
            return false;
    /*
     * Entries that were only read since the mark are dropped too, and read again if they are
     * needed.
     */
    while (s->gathered_count > mark->gathered)
        bson_destroy(s->gathered[--s->gathered_count].doc);
    s->gathered_bytes = mark->bytes;
    return true;
}

size_t
store_gather_bytes(const struct store *s)
{
    return s->gathered_bytes;
}

void
store_gather_clear(struct store *s)
{
    while (s->gathered_count > 0)
        bson_destroy(s->gathered[--s->gathered_count].doc);
    s->gathered_bytes = 0;
    s->seen_used = false;
    s->sent = 0;
}

void
store_gather_free(struct store *s)
{
    store_gather_clear(s);
    free(s->gathered);
    s->gathered = NULL;
    s->gathered_size = 0;
}
