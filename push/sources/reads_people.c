/*
 * Everything here runs in the reader threads, except the reads_people_*() that queue a job.
 */
#include "push/sources/reads_people.h"

#include <string.h>

#include "common/base/id.h"
#include "common/base/must.h"
#include "common/change/event_find.h"
#include "common/store/store.h"
#include "common/text/text.h"
#include "common/time/clock.h"

static bool
oid_is(const bson_t *doc, const char *key, const unsigned char id[ID_BYTES])
{
    bson_iter_t iter;

    return bson_iter_init_find(&iter, doc, key) && BSON_ITER_HOLDS_OID(&iter) &&
           memcmp(bson_iter_oid(&iter)->bytes, id, ID_BYTES) == 0;
}

/* Not revoked, not expired. */
static bool
lives(const bson_t *session)
{
    bson_iter_t iter;

    if (bson_iter_init_find(&iter, session, "revokedAt") && !BSON_ITER_HOLDS_NULL(&iter))
        return false;
    return !bson_iter_init_find(&iter, session, "expiresAt") || !BSON_ITER_HOLDS_DATE_TIME(&iter) ||
           bson_iter_date_time(&iter) > clock_now();
}

static int64_t
number_of(const bson_t *doc, const char *key)
{
    bson_iter_t iter;

    return bson_iter_init_find(&iter, doc, key) ? bson_iter_as_int64(&iter) : 0;
}

/* Notes whether a login session is valid, for all that asked about it. */
static enum err
check_session(void *arg, const bson_t *doc)
{
    struct check *c = arg;

    for (uint32_t i = 0; i < c->count; i++) {
        struct check_one *one = &c->items[i];

        if (!oid_is(doc, "_id", one->sid) || !oid_is(doc, "userId", one->user))
            continue;
        one->session_gen = number_of(doc, "generation");
        one->alive = one->known && lives(doc) && one->session_gen >= one->user_gen;
    }
    return ERR_NONE;
}

/* Notes what a user's document says, for all sessions of that user. */
static enum err
check_user(void *arg, const bson_t *doc)
{
    struct check *c = arg;
    bson_iter_t iter;
    bool shown = !bson_iter_init_find(&iter, doc, "presence") || !BSON_ITER_HOLDS_BOOL(&iter) ||
                 bson_iter_bool(&iter);
    bool gone = (bson_iter_init_find(&iter, doc, "deletedAt") && !BSON_ITER_HOLDS_NULL(&iter)) ||
                (bson_iter_init_find(&iter, doc, "disabledAt") && !BSON_ITER_HOLDS_NULL(&iter));

    for (uint32_t i = 0; i < c->count; i++) {
        if (!oid_is(doc, "_id", c->items[i].user))
            continue;
        c->items[i].shown = shown;
        c->items[i].user_gen = number_of(doc, "credentialGen");
        c->items[i].known = !gone;
    }
    return ERR_NONE;
}

/*
 * Notes whether a share link is valid, for all that asked about it.  Its generation is raised when
 * its sessions end.
 */
static enum err
check_link(void *arg, const bson_t *doc)
{
    struct check *c = arg;

    for (uint32_t i = 0; i < c->count; i++) {
        struct check_one *one = &c->items[i];

        if (one->link && oid_is(doc, "_id", one->user) && oid_is(doc, "projectId", one->sid))
            one->alive = lives(doc) && one->token_gen >= number_of(doc, "generation");
    }
    return ERR_NONE;
}

enum checked { CHECK_USERS, CHECK_SESSIONS, CHECK_LINKS };

/* Reads the documents of one kind by their ids; no query if there are none. */
static enum err
check_find(struct check *c, struct store *store, enum checked what, const struct store_query *q,
           store_each each)
{
    bson_t filter = BSON_INITIALIZER, in, list;
    uint32_t count = 0;
    enum err err = ERR_NONE;

    BSON_APPEND_DOCUMENT_BEGIN(&filter, "_id", &in);
    BSON_APPEND_ARRAY_BEGIN(&in, "$in", &list);
    for (uint32_t i = 0; i < c->count; i++) {
        char index[16];
        const char *key;
        bson_oid_t id;

        if (c->items[i].link != (what == CHECK_LINKS))
            continue;
        memcpy(id.bytes, what == CHECK_SESSIONS ? c->items[i].sid : c->items[i].user, ID_BYTES);
        bson_uint32_to_string(count++, &key, index, sizeof(index));
        BSON_APPEND_OID(&list, key, &id);
    }
    bson_append_array_end(&in, &list);
    bson_append_document_end(&filter, &in);
    if (count > 0)
        err = store_find(store, &(struct store_query){q->name, &filter, q->opts}, each, c);
    bson_destroy(&filter);
    return err;
}

static enum err
check_work(struct job *job, struct store *store)
{
    struct check *c = (struct check *)job;
    bson_t *few =
        BCON_NEW("projection", "{", "userId", BCON_BOOL(true), "revokedAt", BCON_BOOL(true),
                 "expiresAt", BCON_BOOL(true), "generation", BCON_BOOL(true), "}");
    bson_t *own =
        BCON_NEW("projection", "{", "presence", BCON_BOOL(true), "deletedAt", BCON_BOOL(true),
                 "disabledAt", BCON_BOOL(true), "credentialGen", BCON_BOOL(true), "}");
    bson_t *of_link = BCON_NEW("projection", "{", "projectId", BCON_BOOL(true), "expiresAt",
                               BCON_BOOL(true), "generation", BCON_BOOL(true), "}");
    /* Users first, so a session that was kept by a change between the two reads is not refused. */
    enum err err = check_find(c, store, CHECK_USERS, &(struct store_query){STORE_USERS, NULL, own},
                              check_user);

    if (err == ERR_NONE)
        err = check_find(c, store, CHECK_SESSIONS, &(struct store_query){STORE_SESSIONS, NULL, few},
                         check_session);
    if (err == ERR_NONE)
        err = check_find(c, store, CHECK_LINKS, &(struct store_query){STORE_LINKS, NULL, of_link},
                         check_link);
    bson_destroy(few);
    bson_destroy(own);
    bson_destroy(of_link);
    return err;
}

void
reads_people_check(struct check *c)
{
    c->job.work = check_work;
    reader_add_urgent(&c->job, URGENT_HELLO);
}

/* Adds a project to the list, or notes that there are more. */
static enum err
projects_one(void *arg, const bson_t *doc)
{
    struct projects *p = arg;
    bson_iter_t iter;

    if (!bson_iter_init_find(&iter, doc, "_id") || !BSON_ITER_HOLDS_OID(&iter))
        return ERR_NONE;
    if (p->count < p->most)
        memcpy(p->ids[p->count++], bson_iter_oid(&iter)->bytes, ID_BYTES);
    else
        p->cut = true;
    return ERR_NONE;
}

/* Reads at most `most` further projects, and one more to see whether there are others. */
static enum err
projects_some(struct projects *p, struct store *store, bson_t *filter, uint32_t most)
{
    uint32_t all = p->most;
    bson_t *opts =
        BCON_NEW("projection", "{", "_id", BCON_BOOL(true), "}", "limit", BCON_INT64(most + 1));
    enum err err;

    if (p->count + most < p->most)
        p->most = p->count + most;
    err = store_find(store, &(struct store_query){STORE_PROJECTS, filter, opts}, projects_one, p);
    p->most = all;
    bson_destroy(filter);
    bson_destroy(opts);
    return err;
}

static enum err
projects_number(void *arg, const struct event_item *item)
{
    struct projects *p = arg;

    p->numbers[item->topic[0] == 'u' ? 0 : 1] = item->seq;
    return ERR_NONE;
}

static enum err
projects_numbers(struct projects *p, struct store *store)
{
    char own[EVENT_TOPIC] = "user:";
    const char *names[] = {own, "everyone"};

    text_hex(own + 5, p->user, ID_BYTES);
    return event_find_heads(store, names, 2, projects_number, p);
}

/* Memberships come first, so that the limit leaves out only open projects. */
static enum err
projects_list(struct projects *p, struct store *store)
{
    bson_oid_t user;
    enum err err;

    memcpy(user.bytes, p->user, ID_BYTES);
    p->ids = must_alloc(p->most, sizeof(*p->ids));
    err = projects_some(p, store, BCON_NEW("members.userId", BCON_OID(&user)), p->most);
    if (err == ERR_NONE && p->count < p->most)
        err = projects_some(p, store,
                            BCON_NEW("access", "everyone", "deletedAt", BCON_NULL, "members.userId",
                                     "{", "$ne", BCON_OID(&user), "}"),
                            p->most_open);
    if (p->count < p->most) /* it is kept for long */
        p->ids = must_resize(p->ids, (p->count + 1) * sizeof(*p->ids));
    return err;
}

static enum err
projects_work(struct job *job, struct store *store)
{
    struct projects *p = (struct projects *)job;
    enum err err = projects_numbers(p, store);

    p->same = err == ERR_NONE && p->earlier != NULL &&
              memcmp(p->numbers, p->earlier->numbers, sizeof(p->numbers)) == 0;
    return err != ERR_NONE || p->same ? err : projects_list(p, store);
}

void
reads_people_projects(struct projects *p)
{
    p->job.work = projects_work;
    reader_add(&p->job, p->user);
}

static enum err
note_beginning(void *arg, const struct event_item *item)
{
    struct beginnings *b = arg;

    for (uint32_t i = 0; i < b->count; i++)
        if (strcmp(b->items[i].topic, item->topic) == 0)
            b->items[i].seq = item->seq;
    return ERR_NONE;
}

/* Reads the numbers; those that the log does not hold stay 0. */
static enum err
beginnings_work(struct job *job, struct store *store)
{
    struct beginnings *b = (struct beginnings *)job;
    const char *names[READS_PEOPLE_MAX];
    char user[ID_TEXT];
    enum err err;

    for (uint32_t i = 0; i < b->count; i++)
        names[i] = b->items[i].topic;
    if (b->rev >= 0) { /* one project */
        err = event_find_last(
            store, &(struct event_trace){names[0], names[0] + 8, "project.updated", b->rev},
            &b->items[0].seq);
        return err == ERR_NOT_FOUND ? ERR_NONE : err;
    }
    text_hex(user, b->user, ID_BYTES);
    return event_find_beginnings(store, &(struct event_memberships){names, (int)b->count, user},
                                 note_beginning, b);
}

void
reads_people_beginnings(struct beginnings *b)
{
    b->job.work = beginnings_work;
    reader_add(&b->job, b->user);
}
