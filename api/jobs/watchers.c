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

/* ------------------------------------------------------------ notifying of a comment */

struct telling {
    struct request *r; /* of the comment's author */
    bson_oid_t comment, user;
};

/* The comment, its task and the project, if none of them is in the trash; ERR_NOT_FOUND. */
static enum err
read_all(struct request *r, const bson_oid_t *id, const bson_t **comment, const bson_t **task,
         const bson_t **project)
{
    enum err err;

    if ((err = request_fetch(r, STORE_COMMENTS, id, comment)) != ERR_NONE ||
        (err = request_fetch(r, STORE_TASKS, doc_id(*comment, "taskId"), task)) != ERR_NONE ||
        (err = request_fetch(r, STORE_PROJECTS, doc_id(*task, "projectId"), project)) != ERR_NONE)
        return err;
    return doc_has(*comment, "deletedAt") || doc_has(*task, "deletedAt") ||
                   doc_has(*project, "deletedAt")
               ? ERR_NOT_FOUND
               : ERR_NONE;
}

/*
 * In the user's topic, whose number a change takes too that removes the user from the project or
 * mutes the task: so what is read here is valid.
 */
static enum err
tell(struct change *change, void *arg)
{
    struct telling *t = arg;
    const bson_t *comment, *task, *project;
    struct notification n = {.kind = "commented"};
    struct store *own = t->r->store;
    bool muted = false;
    enum err err;

    t->r->store = change_store(change);
    if ((err = read_all(t->r, &t->comment, &comment, &task, &project)) == ERR_NONE &&
        access_role(project, &t->user) != ROLE_NONE)
        err = task_watchers_muted(change_store(change), doc_id(task, "_id"), &t->user, &muted);
    else
        muted = true;
    if (err == ERR_NONE && !muted) {
        n.task = doc_id(task, "_id");
        err = notifications_tell(t->r, change, &n, task, &t->user);
    }
    t->r->store = own;
    return err;
}

/* Once, even if the job runs again: its id is part of an idempotency key. */
static enum err
notify(const struct jobs_context *c, const bson_t *comment, const bson_oid_t *user)
{
    struct request r;
    struct telling t = {&r, *doc_id(comment, "_id"), *user};
    struct change_plan plan = {.topic_count = 1, .fn = tell, .arg = &t};
    char hex[ID_TEXT];
    enum err err;

    bson_oid_to_string(user, hex);
    begin(&r, c, doc_id(comment, "createdBy"));
    plan.actor_id = r.user;
    plan.idempotency = arena_printf(r.arena, "job %s %s", c->id, hex);
    plan.topics[0] = request_user_topic(&r, user);
    err = change_run(c->store, c->runner->bus, c->runner->epoch, &plan);
    end(&r);
    return err == ERR_NOT_FOUND || err == ERR_CONFLICT ? ERR_NONE : err;
}

/* Is the user to be notified of the comment? */
static bool
is_told(const bson_t *comment, const bson_t *project, const bson_oid_t *user)
{
    return !bson_oid_equal(user, doc_id(comment, "createdBy")) &&
           !doc_lists(comment, "mentions", user) && access_role(project, user) != ROLE_NONE;
}

enum err
watchers_commented(const struct jobs_context *c, const bson_t *content)
{
    const bson_oid_t *id = doc_id(content, "commentId");
    const bson_t *comment, *task, *project;
    struct task_watchers watchers;
    struct request r;
    bool over = false;
    char author[ID_TEXT];
    enum err err;

    if (id == NULL)
        return ERR_INVALID;
    begin(&r, c, id);
    err = read_all(&r, id, &comment, &task, &project);
    if (err == ERR_NONE)
        err = task_watchers_find(&r, task, &watchers);
    if (err == ERR_NONE)
        bson_oid_to_string(doc_id(comment, "createdBy"), author);
    for (uint32_t i = 0; err == ERR_NONE && !over && i < watchers.count; i++) {
        if (!is_told(comment, project, &watchers.users[i]))
            continue;
        err = quotas_count(c->store, clock_now(), QUOTA_WATCHER_NOTIFICATIONS, author, &over);
        if (err == ERR_NONE && !over)
            err = notify(c, comment, &watchers.users[i]);
    }
    end(&r);
    return err == ERR_NOT_FOUND ? ERR_NONE : err;
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
