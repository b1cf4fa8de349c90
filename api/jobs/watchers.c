/*
 * Each change has memory of its own, so that a job needs little, however many watchers there are.
 * If a worker dies, the next try does the rest.
 */
#include "api/jobs/watchers.h"

#include <stdlib.h>
#include <string.h>

#include "api/access/access.h"
#include "api/http/quotas.h"
#include "api/http/request.h"
#include "api/jobs/context.h"
#include "api/schema/doc.h"
#include "api/v1/notifications.h"
#include "api/v1/tasks/subscriptions.h"
#include "api/v1/tasks/task_watchers.h"
#include "common/base/vec.h"
#include "common/change/change.h"
#include "common/time/clock.h"

#define ARENA_MAX (16u << 20)
#define KEY_MAX   128 /* a job's id, or an idempotency record's _id, and a word */

/* A request of this user; end() frees its memory. */
static void
begin(struct request *r, const struct jobs_context *c, const bson_oid_t *user)
{
    *r = (struct request){.arena = arena_new(ARENA_MAX),
                          .store = c->store,
                          .bus = c->runner->bus,
                          .epoch = c->runner->epoch,
                          .config = c->runner->config,
                          .user_id = *user};
    bson_oid_to_string(user, r->user);
}

static void
end(struct request *r)
{
    arena_free(r->arena);
}

/* ------------------------------------------------------------ notifying the watchers */

/* What the watchers are notified of: a comment, or the status that the task has been given. */
struct news {
    const char *kind;          /* of the notifications */
    const char *key;           /* with a user's id, of the record that the user was notified */
    const bson_oid_t *comment; /* NULL: it is about the status */
    const bson_oid_t *task;    /* then */
    const char *status;
    const bson_oid_t *by; /* who has caused it, and is not notified */
};

/* What it is about, as it is now. */
struct subject {
    const bson_t *comment, *task, *project; /* comment NULL: it is about the status */
};

/* ERR_NOT_FOUND if one of them is in the trash, or the task has another status by now. */
static enum err
read_subject(struct request *r, const struct news *n, struct subject *s)
{
    const bson_oid_t *task = n->task;
    enum err err = ERR_NONE;

    s->comment = NULL;
    if (n->comment != NULL) {
        if ((err = request_fetch(r, STORE_COMMENTS, n->comment, &s->comment)) != ERR_NONE)
            return err;
        task = doc_id(s->comment, "taskId");
    }
    if ((err = request_fetch(r, STORE_TASKS, task, &s->task)) != ERR_NONE ||
        (err = request_fetch(r, STORE_PROJECTS, doc_id(s->task, "projectId"), &s->project)) !=
            ERR_NONE)
        return err;
    if ((s->comment != NULL && doc_has(s->comment, "deletedAt")) ||
        (s->comment == NULL && strcmp(doc_text(s->task, "status"), n->status) != 0) ||
        doc_has(s->task, "deletedAt") || doc_has(s->project, "deletedAt"))
        return ERR_NOT_FOUND;
    return ERR_NONE;
}

struct telling {
    struct request *r; /* of whoever has caused it */
    const struct news *news;
    bson_oid_t user;
};

/*
 * In the user's topic, whose number a change takes too that removes the user from the project or
 * mutes the task: so what is read here is valid.
 */
static enum err
tell(struct change *change, void *arg)
{
    struct telling *t = arg;
    struct notification n = {.kind = t->news->kind};
    struct store *own = t->r->store;
    struct subject s;
    bool muted = false;
    enum err err;

    t->r->store = change_store(change);
    if ((err = read_subject(t->r, t->news, &s)) == ERR_NONE &&
        access_role(s.project, &t->user) != ROLE_NONE)
        err = task_watchers_muted(change_store(change), doc_id(s.task, "_id"), &t->user, &muted);
    else
        muted = true;
    if (err == ERR_NONE && !muted) {
        n.task = doc_id(s.task, "_id");
        err = notifications_tell(t->r, change, &n, s.task, &t->user);
    }
    t->r->store = own;
    return err;
}

/* Once, even if the job runs again: the record has the news' key. */
static enum err
notify(const struct jobs_context *c, const struct news *n, const bson_oid_t *user,
       const char *record)
{
    struct request r;
    struct telling t = {&r, n, *user};
    struct change_plan plan = {.topic_count = 1, .fn = tell, .arg = &t, .idempotency = record};
    enum err err;

    begin(&r, c, n->by);
    plan.actor_id = r.user;
    plan.topics[0] = request_user_topic(&r, user);
    err = change_run(c->store, c->runner->bus, c->runner->epoch, &plan);
    end(&r);
    return err == ERR_NOT_FOUND || err == ERR_CONFLICT ? ERR_NONE : err;
}

/* Is the user to be notified? */
static bool
is_told(const struct news *n, const struct subject *s, const bson_oid_t *user)
{
    return !bson_oid_equal(user, n->by) &&
           (s->comment == NULL || !doc_lists(s->comment, "mentions", user)) &&
           access_role(s->project, user) != ROLE_NONE;
}

/* Has the user been notified already, by an earlier try or another job with the same key? */
static enum err
find_record(struct request *r, const char *record, bool *told)
{
    bson_t *which = request_keep(r, BCON_NEW("_id", BCON_UTF8(record))), *doc;
    enum err err = store_get(r->store, STORE_IDEMPOTENCY, which, NULL, &doc);

    *told = err == ERR_NONE;
    if (err == ERR_NONE)
        bson_destroy(doc);
    return err == ERR_NOT_FOUND ? ERR_NONE : err;
}

/* Notifies one watcher; *over: whoever has caused it may cause no more. */
static enum err
tell_watcher(const struct jobs_context *c, struct request *r, const struct news *n,
             const bson_oid_t *user, bool *over)
{
    char hex[ID_TEXT];
    const char *record;
    bool told;
    enum err err;

    bson_oid_to_string(user, hex);
    record = arena_printf(r->arena, "%s %s", n->key, hex);
    if ((err = find_record(r, record, &told)) != ERR_NONE || told)
        return err;
    bson_oid_to_string(n->by, hex);
    err = quotas_count(c->store, clock_now(), QUOTA_WATCHER_NOTIFICATIONS, hex, over);
    return err == ERR_NONE && !*over ? notify(c, n, user, record) : err;
}

static enum err
tell_watchers(const struct jobs_context *c, struct news *n)
{
    struct task_watchers watchers;
    struct subject s;
    struct request r;
    bool over = false;
    enum err err;

    begin(&r, c, n->comment != NULL ? n->comment : n->by);
    err = read_subject(&r, n, &s);
    if (err == ERR_NONE && s.comment != NULL)
        n->by = doc_id(s.comment, "createdBy");
    if (err == ERR_NONE)
        err = task_watchers_find(&r, s.task, &watchers);
    for (uint32_t i = 0; err == ERR_NONE && !over && i < watchers.count; i++)
        if (is_told(n, &s, &watchers.users[i]))
            err = tell_watcher(c, &r, n, &watchers.users[i], &over);
    end(&r);
    return err == ERR_NOT_FOUND ? ERR_NONE : err;
}

/* The key of news that one job tells. */
static const char *
job_key(const struct jobs_context *c, char key[KEY_MAX])
{
    bson_snprintf(key, KEY_MAX, "job %s", c->id);
    return key;
}

enum err
watchers_commented(const struct jobs_context *c, const bson_t *content)
{
    char key[KEY_MAX];
    struct news n = {
        .kind = "commented", .key = job_key(c, key), .comment = doc_id(content, "commentId")};

    return n.comment == NULL ? ERR_INVALID : tell_watchers(c, &n);
}

enum err
watchers_status_changed(const struct jobs_context *c, const bson_t *content)
{
    const char *once = doc_text(content, "once");
    char key[KEY_MAX];
    struct news n = {.kind = "statusChanged",
                     .key = job_key(c, key),
                     .task = doc_id(content, "taskId"),
                     .status = doc_text(content, "status"),
                     .by = doc_id(content, "userId")};

    if (once != NULL) {
        bson_snprintf(key, sizeof(key), "once %s", once);
        n.key = key;
    }
    return n.task == NULL || n.status == NULL || n.by == NULL ? ERR_INVALID : tell_watchers(c, &n);
}

/* ------------------------------------------------------------ copying states */

/* The states that users have set for a task. */
struct states {
    struct state {
        bson_oid_t user;
        bool muted;
    } * items;
    uint32_t count, room;
};

static enum err
note_state(void *arg, const bson_t *doc)
{
    struct states *s = arg;

    s->items = vec_room(s->items, s->count, &s->room, sizeof(*s->items));
    s->items[s->count++] =
        (struct state){*doc_id(doc, "userId"), strcmp(doc_text(doc, "state"), "muted") == 0};
    return ERR_NONE;
}

static enum err
copy_state(const struct jobs_context *c, const bson_oid_t *copy, const struct state *state)
{
    struct request r;
    enum err err;

    begin(&r, c, &state->user);
    err = subscriptions_copy(&r, copy, state->muted ? "muted" : "watching");
    end(&r);
    return err == ERR_NOT_FOUND ? ERR_NONE : err;
}

static enum err
copy_states(const struct jobs_context *c, const bson_oid_t *task, const bson_oid_t *copy)
{
    bson_t *which = BCON_NEW("taskId", BCON_OID(task));
    struct states s = {0};
    enum err err = store_find(c->store, &(struct store_query){STORE_SUBSCRIPTIONS, which, NULL},
                              note_state, &s);

    bson_destroy(which);
    for (uint32_t i = 0; err == ERR_NONE && i < s.count; i++)
        err = copy_state(c, copy, &s.items[i]);
    free(s.items);
    return err;
}

enum err
watchers_copy(const struct jobs_context *c, const bson_t *content)
{
    bson_iter_t iter, list;
    enum err err = ERR_NONE;

    if (!bson_iter_init_find(&iter, content, "pairs") || !bson_iter_recurse(&iter, &list))
        return ERR_INVALID;
    while (err == ERR_NONE && bson_iter_next(&list)) {
        bson_oid_t task = *bson_iter_oid(&list);

        err = bson_iter_next(&list) ? copy_states(c, &task, bson_iter_oid(&list)) : ERR_INVALID;
    }
    return err;
}
