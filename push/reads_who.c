/*
 * The questions about people: sessions, memberships, beginnings.
 */
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/event_find.h"
#include "common/text.h"
#include "push/reads.h"

static bool
oid_is(const bson_t *doc, const char *key, const unsigned char id[12])
{
    bson_iter_t iter;

    return bson_iter_init_find(&iter, doc, key) && BSON_ITER_HOLDS_OID(&iter) &&
           memcmp(bson_iter_oid(&iter)->bytes, id, 12) == 0;
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

static enum err
check_session(void *arg, const bson_t *doc)
{
    struct check *c = arg;

    for (uint32_t i = 0; i < c->count; i++)
        if (oid_is(doc, "_id", c->items[i].sid) && oid_is(doc, "userId", c->items[i].user))
            c->items[i].alive = lives(doc);
    return ERR_NONE;
}

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
        c->items[i].alive = c->items[i].alive && !gone;
        c->items[i].known = true;
    }
    return ERR_NONE;
}

/* {_id: {$in: [...]}} of the users or the sessions. */
static bson_t *
check_filter(const struct check *c, bool users)
{
    bson_t *filter = bson_new(), in, list;

    BSON_APPEND_DOCUMENT_BEGIN(filter, "_id", &in);
    BSON_APPEND_ARRAY_BEGIN(&in, "$in", &list);
    for (uint32_t i = 0; i < c->count; i++) {
        char index[16];
        const char *key;
        bson_oid_t id;

        memcpy(id.bytes, users ? c->items[i].user : c->items[i].sid, 12);
        bson_uint32_to_string(i, &key, index, sizeof(index));
        BSON_APPEND_OID(&list, key, &id);
    }
    bson_append_array_end(&in, &list);
    bson_append_document_end(filter, &in);
    return filter;
}

static enum err
check_work(struct job *job, struct store *store)
{
    struct check *c = (struct check *)job;
    bson_t *sessions = check_filter(c, false), *users = check_filter(c, true);
    bson_t *few = BCON_NEW("projection", "{", "userId", BCON_BOOL(true), "revokedAt",
                           BCON_BOOL(true), "expiresAt", BCON_BOOL(true), "}");
    bson_t *own = BCON_NEW("projection", "{", "presence", BCON_BOOL(true), "deletedAt",
                           BCON_BOOL(true), "disabledAt", BCON_BOOL(true), "}");
    enum err err = store_find(store, STORE_SESSIONS, sessions, few, check_session, c);

    if (err == ERR_NONE)
        err = store_find(store, STORE_USERS, users, own, check_user, c);
    for (uint32_t i = 0; i < c->count; i++)
        c->items[i].alive = c->items[i].alive && c->items[i].known;
    bson_destroy(sessions);
    bson_destroy(users);
    bson_destroy(few);
    bson_destroy(own);
    return err;
}

void
reads_check(struct check *c)
{
    c->job.work = check_work;
    reader_add(&c->job);
}

static enum err
projects_one(void *arg, const bson_t *doc)
{
    struct projects *p = arg;
    bson_iter_t iter;

    if (p->count < p->most && bson_iter_init_find(&iter, doc, "_id") && BSON_ITER_HOLDS_OID(&iter))
        memcpy(p->ids[p->count++], bson_iter_oid(&iter)->bytes, 12);
    return ERR_NONE;
}

/* Those of a member first, so that `most` leaves out only open projects of others. */
static enum err
projects_work(struct job *job, struct store *store)
{
    struct projects *p = (struct projects *)job;
    bson_oid_t user;
    bson_t *mine, *open;
    bson_t *opts =
        BCON_NEW("projection", "{", "_id", BCON_BOOL(true), "}", "limit", BCON_INT64(p->most));
    enum err err;

    memcpy(user.bytes, p->user, 12);
    mine = BCON_NEW("members.userId", BCON_OID(&user));
    open = BCON_NEW("access", "everyone", "members.userId", "{", "$ne", BCON_OID(&user), "}");
    p->ids = calloc(p->most, sizeof(*p->ids));
    if (p->ids == NULL)
        abort();
    p->count = 0;
    err = store_find(store, STORE_PROJECTS, mine, opts, projects_one, p);
    if (err == ERR_NONE)
        err = store_find(store, STORE_PROJECTS, open, opts, projects_one, p);
    bson_destroy(mine);
    bson_destroy(open);
    bson_destroy(opts);
    return err;
}

void
reads_projects(struct projects *p)
{
    p->job.work = projects_work;
    reader_add(&p->job);
}

static enum err
beginning_work(struct job *job, struct store *store)
{
    struct beginning *b = (struct beginning *)job;
    enum err err = event_find_last(store, b->topic, b->entity_id, b->kind, b->rev, &b->seq);

    if (err == ERR_NOT_FOUND && b->rev < 0) /* a member from the first: no event added them */
        err = event_find_last(store, b->topic, strchr(b->topic, ':') + 1, "project.created", -1,
                              &b->seq);
    if (err == ERR_NOT_FOUND)
        b->seq = 0;
    return err == ERR_NOT_FOUND ? ERR_NONE : err;
}

void
reads_beginning(struct beginning *b)
{
    b->job.work = beginning_work;
    reader_add(&b->job);
}
