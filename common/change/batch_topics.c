/*
 * The topics of a transaction.  Their documents are updated once for all changes, before the first
 * one runs, and corrected once after the last.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/must.h"
#include "common/change/change.h"
#include "common/change/change_inside.h"
#include "common/text/doc.h"

static struct topic *
find_topic(const struct batch *b, const char *name)
{
    struct topic *t = b->topics;

    while (t != NULL && strcmp(t->name, name) != 0)
        t = t->next;
    return t;
}

/* Adds a topic: in the order of the names, or at the end. */
static struct topic *
add_topic(struct batch *b, const char *name, bool sorted)
{
    struct topic **at = &b->topics, *t = must_alloc(1, sizeof(*t));

    while (*at != NULL && (!sorted || strcmp((*at)->name, name) < 0))
        at = &(*at)->next;
    bson_strncpy(t->name, name, sizeof(t->name));
    t->next = *at;
    *at = t;
    return t;
}

struct topic *
batch_topic(struct batch *b, const char *name)
{
    struct topic *t = find_topic(b, name);

    return t != NULL ? t : add_topic(b, name, false);
}

void
batch_forget_topics(struct batch *b)
{
    for (struct topic *t = b->topics, *next; t != NULL; t = next) {
        next = t->next;
        free(t);
    }
    b->topics = NULL;
}

/*
 * An update of one topic's document: what is added, and (if guarded) the number that it must have.
 */
struct move {
    struct topic *topic;
    struct topic_hint by;
    bool guarded;
    int64_t hint; /* the number that was demanded; 0: none was */
};

static bson_t *
new_filter(const struct move *m)
{
    bson_t *filter = BCON_NEW("_id", BCON_UTF8(m->topic->name));

    if (m->guarded)
        BSON_APPEND_INT64(filter, "seq", m->topic->now.seq);
    return filter;
}

static bson_t *
new_update(const struct move *m)
{
    bson_t *update = BCON_NEW("$currentDate", "{", "touchedAt", BCON_BOOL(true), "}"), inc;

    BSON_APPEND_DOCUMENT_BEGIN(update, "$inc", &inc);
    BSON_APPEND_INT64(&inc, "seq", m->by.seq);
    if (m->by.counter != 0)
        BSON_APPEND_INT64(&inc, EVENT_LOG_COUNTER, m->by.counter);
    if (m->by.bytes != 0)
        BSON_APPEND_INT64(&inc, EVENT_LOG_BYTES, m->by.bytes);
    bson_append_document_end(update, &inc);
    return update;
}

/* One command for all; *all: every document exists and had the expected number. */
static enum err
move_topics(struct batch *b, const struct move *moves, int count, bool *all)
{
    struct store_statement *statements = must_alloc((size_t)count + 1, sizeof(*statements));
    int64_t matched = 0;
    enum err err = ERR_NONE;

    for (int i = 0; i < count; i++)
        statements[i] =
            (struct store_statement){new_filter(&moves[i]), new_update(&moves[i]), false};
    if (count == 1)
        err =
            store_update(b->store, STORE_TOPICS, statements[0].filter, statements[0].doc, &matched);
    else if (count > 1)
        err = store_update_each(b->store, STORE_TOPICS, statements, (size_t)count, &matched);
    for (int i = 0; i < count; i++) {
        bson_destroy((bson_t *)(uintptr_t)statements[i].filter);
        bson_destroy((bson_t *)(uintptr_t)statements[i].doc);
    }
    free(statements);
    *all = matched == count;
    return err;
}

/*
 * Notes the document as it is after the update.  If it shows that the hint was right, the hint is
 * kept.
 */
static void
note_document(struct topic *t, const bson_t *doc, const struct topic_hint *by)
{
    struct topic_hint hint = t->now;

    t->stored.seq = doc_int(doc, "seq");
    t->stored.counter = doc_int(doc, EVENT_LOG_COUNTER);
    t->stored.bytes = doc_int(doc, EVENT_LOG_BYTES);
    t->now.seq = t->stored.seq - by->seq;
    t->now.counter = t->stored.counter - by->counter;
    t->now.bytes = t->stored.bytes - by->bytes;
    t->known = t->planned && hint.seq > 0 && hint.seq == t->now.seq;
    t->now.unchanged = t->known ? hint.unchanged : t->now.seq; /* otherwise it is read now */
}

struct reading {
    const struct move *moves;
    int count, found;
};

static enum err
note_one(void *arg, const bson_t *doc)
{
    struct reading *r = arg;
    bson_iter_t id;

    for (int i = 0; i < r->count; i++) {
        if (r->moves[i].guarded || !bson_iter_init_find(&id, doc, "_id") ||
            strcmp(bson_iter_utf8(&id, NULL), r->moves[i].topic->name) != 0)
            continue;
        note_document(r->moves[i].topic, doc, &r->moves[i].by);
        r->found++;
    }
    return ERR_NONE;
}

static enum err
read_topic(struct batch *b, const char *name, struct reading *r)
{
    bson_t *filter = BCON_NEW("_id", BCON_UTF8(name)), *doc;
    enum err err = store_get(b->store, STORE_TOPICS, filter, NULL, &doc);

    bson_destroy(filter);
    if (err != ERR_NONE)
        return err;
    (void)!note_one(r, doc);
    bson_destroy(doc);
    return ERR_NONE;
}

/* Reads the topics that were updated without a guard. */
static enum err
read_topics(struct batch *b, const struct move *moves, int count)
{
    const char **names = must_alloc((size_t)count + 1, sizeof(*names));
    struct reading r = {moves, count, 0};
    bson_t filter = BSON_INITIALIZER;
    uint32_t wanted = 0;
    enum err err = ERR_NONE;

    for (int i = 0; i < count; i++)
        if (!moves[i].guarded)
            names[wanted++] = moves[i].topic->name;
    doc_in_texts(&filter, "_id", names, wanted);
    if (wanted == 1)
        err = read_topic(b, names[0], &r);
    else if (wanted > 1)
        err =
            store_find(b->store, &(struct store_query){STORE_TOPICS, &filter, NULL}, note_one, &r);
    bson_destroy(&filter);
    free(names);
    return err == ERR_NONE && r.found != (int)wanted ? ERR_NOT_FOUND : err;
}

enum err
batch_number(struct batch *b, struct topic *t)
{
    struct move one = {t, {.seq = 1}, false};
    bool all;
    enum err err = move_topics(b, &one, 1, &all);

    if (err == ERR_NONE)
        err = all ? read_topics(b, &one, 1) : ERR_NOT_FOUND;
    if (err != ERR_NONE)
        return err;
    t->now = t->stored;
    t->now.unchanged = t->now.seq - 1;
    t->numbered = true;
    return ERR_NONE;
}

/* Adds up what the plans need. */
static int
plan_topics(struct batch *b)
{
    int count = 0;

    for (int i = 0; i < b->count; i++) {
        const struct change_plan *plan = b->changes[i]->plan;

        if (!change_takes_part(b->changes[i]))
            continue;
        for (int k = 0; k < plan->topic_count; k++) {
            struct topic *t = find_topic(b, plan->topics[k]);

            if (t == NULL) {
                t = add_topic(b, plan->topics[k], true);
                t->planned = true;
                count++;
            }
            t->numbers++;
            t->bytes += plan->bytes;
            t->counter += plan->counter && plan->counter_topic == k;
        }
    }
    return count;
}

/*
 * The updates of all planned topics, guarded by the hint's number where there is a hint to trust.
 */
static void
make_moves(const struct batch *b, struct move *moves)
{
    int n = 0;

    for (struct topic *t = b->topics; t != NULL; t = t->next) {
        bool known = topic_hints_get(t->name, &t->now);

        t->known = known && !b->suspect && !topic_hints_doubted(t->name);
        if (!known)
            t->now = (struct topic_hint){0};
        moves[n++] = (struct move){
            t, {.seq = t->numbers, .counter = t->counter, .bytes = t->bytes}, t->known};
    }
}

/* A guarded update succeeded, so the document's new content is known. */
static void
note_moved(struct move *m)
{
    struct topic *t = m->topic;

    t->numbered = true;
    if (!m->guarded)
        return;
    t->stored = t->now;
    t->stored.seq += m->by.seq;
    t->stored.counter += m->by.counter;
    t->stored.bytes += m->by.bytes;
}

/* Sets the changes of a topic that does not exist apart. */
static void
set_apart(const struct batch *b, const char *topic)
{
    for (int i = 0; i < b->count; i++) {
        struct change *c = b->changes[i];

        for (int k = 0; k < c->plan->topic_count; k++)
            c->apart |= strcmp(c->plan->topics[k], topic) == 0;
    }
}

/* Of several topics one was not as it was known, or does not exist: finds out which. */
static enum err
find_mismatched(struct batch *b, struct move *moves, int count)
{
    bool found = false;
    enum err err;

    for (int i = 0; i < count; i++)
        moves[i].hint = moves[i].guarded ? moves[i].topic->now.seq : 0;
    for (int i = 0; i < count; i++)
        moves[i].guarded = false;
    err = read_topics(b, moves, count);
    if (err != ERR_NONE && err != ERR_NOT_FOUND)
        return err;
    for (int i = 0; i < count; i++) {
        const struct topic *t = moves[i].topic;

        if (t->stored.seq == 0 && b->count == 1)
            return ERR_NOT_FOUND;
        if (t->stored.seq == 0)
            set_apart(b, t->name);
        else if (moves[i].hint > 0 && t->stored.seq != moves[i].hint + moves[i].by.seq)
            topic_hints_doubt(t->name);
        else
            continue;
        found = true;
    }
    b->suspect = true;
    b->again = found;
    return found ? ERR_NONE : ERR_RETRY;
}

/*
 * A hint was wrong: another host writes to these topics.  A single topic's number is taken without
 * it, in the same transaction.  With several topics it is unknown which documents were updated, so
 * the transaction starts again.
 */
static enum err
move_unverified(struct batch *b, struct move *moves, int count)
{
    bool all;
    enum err err;

    if (count > 1)
        return find_mismatched(b, moves, count);
    if (!moves->guarded) /* it does not exist */
        return ERR_NOT_FOUND;
    topic_hints_doubt(moves->topic->name);
    moves->guarded = moves->topic->known = false;
    err = move_topics(b, moves, 1, &all);
    return err == ERR_NONE && !all ? ERR_NOT_FOUND : err;
}

enum err
batch_number_topics(struct batch *b)
{
    int count = plan_topics(b);
    struct move *moves = must_alloc((size_t)count + 1, sizeof(*moves));
    bool all = true;
    enum err err = ERR_NONE;

    make_moves(b, moves);
    if (count > 0)
        err = move_topics(b, moves, count, &all);
    if (err == ERR_NONE && !all)
        err = move_unverified(b, moves, count);
    if (err == ERR_NONE && !b->again)
        err = read_topics(b, moves, count);
    for (int i = 0; i < count && err == ERR_NONE && !b->again; i++)
        note_moved(&moves[i]);
    free(moves);
    return err;
}

enum err
batch_correct_topics(struct batch *b)
{
    struct move *moves;
    int count = 0;
    bool all = true;
    enum err err = ERR_NONE;

    for (const struct topic *t = b->topics; t != NULL; t = t->next)
        count++;
    moves = must_alloc((size_t)count + 1, sizeof(*moves));
    count = 0;
    for (struct topic *t = b->topics; t != NULL; t = t->next) {
        struct topic_hint by = {.seq = t->now.seq - t->stored.seq,
                                .counter = t->now.counter - t->stored.counter,
                                .bytes = t->now.bytes - t->stored.bytes};

        if (t->numbered && (by.seq != 0 || by.counter != 0 || by.bytes != 0))
            moves[count++] = (struct move){t, by, false};
    }
    if (count > 0)
        err = move_topics(b, moves, count, &all);
    free(moves);
    return err == ERR_NONE && !all ? ERR_RETRY : err;
}
