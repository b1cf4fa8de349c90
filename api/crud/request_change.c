/*
 * Completes the plan of a request's change with what every request has: the actor, the idempotency
 * record, and how many bytes it writes.
 */
#include "api/crud/request_change.h"

#include "api/access/project_cache.h"
#include "api/access/read_access.h"
#include "api/http/idempotency.h"
#include "api/http/quotas.h"
#include "api/http/request.h"
#include "api/http/router.h"

struct inner {
    struct request *r;
    const struct change_plan *plan;
    change_fn fn;
    void *arg;
    struct project_reads reads;
};

/*
 * Does each project have room for the request's bytes?  Checked last, so that a caller who may not
 * know a project does not learn of it this way; and not for requests without bytes.
 */
static enum err
check_bytes(const struct inner *i, const struct change *change)
{
    enum err err = ERR_NONE;

    for (int n = 0; err == ERR_NONE && i->plan->bytes > 0 && n < i->plan->topic_count; n++)
        if (topic_is_project(i->plan->topics[n]))
            err = quotas_check(i->r, QUOTA_PROJECT_WRITTEN, change_bytes(change, n) - 1);
    return err;
}

/*
 * Runs the plan's own function with the change set in the request, so that all reads go through the
 * transaction, which may be another thread's.
 */
static enum err
run_inner(struct change *change, void *arg)
{
    struct inner *i = arg;
    struct store *own = i->r->store;
    enum err err;

    i->reads.count = 0; /* of an earlier run, as all of these */
    request_clear_complaints(i->r);
    i->r->job[0] = '\0';
    i->r->detail = i->r->parameter = i->r->current = i->r->conflicts = NULL;
    i->r->reads = &i->reads;
    i->r->change = change;
    i->r->store = change_store(change);
    err = i->fn(change, i->arg);
    i->r->store = own;
    i->r->change = NULL;
    i->r->reads = NULL;
    return err == ERR_NONE ? check_bytes(i, change) : err;
}

static void
keep_reads(void *arg)
{
    struct inner *i = arg;

    project_cache_keep(&i->reads);
}

/* The bytes that stay; changes that secure an account are never refused because of them. */
static bool
counts(const struct request *r)
{
    return r->user[0] != '\0' && r->body_len > 0 && r->route != NULL && !(r->route->flags & PERSON);
}

/* May the caller know of all projects that the plan names?  Jobs have no route. */
static enum err
check_projects(struct request *r, const struct change_plan *plan)
{
    bson_oid_t id;
    enum err err = ERR_NONE;

    if (r->user[0] == '\0' || r->route == NULL)
        return ERR_NONE;
    for (int n = 0; err == ERR_NONE && n < plan->topic_count; n++)
        if (topic_is_project(plan->topics[n])) {
            bson_oid_init_from_string(&id, topic_id(plan->topics[n]));
            err = read_access_known(r, &id);
        }
    return err;
}

enum err
request_change(struct request *r, const struct change_plan *plan)
{
    enum err err = check_projects(r, plan);

    return err == ERR_NONE ? request_change_invited(r, plan) : err;
}

enum err
request_change_invited(struct request *r, const struct change_plan *plan)
{
    struct change_plan *own =
        arena_alloc(r->arena, sizeof(*own)); /* the caller may run its again */
    struct inner *inner = arena_alloc(r->arena, sizeof(*inner));
    enum err err = counts(r) ? quotas_bytes(r, (int64_t)r->body_len) : ERR_NONE;

    if (err != ERR_NONE)
        return err;
    *own = *plan;
    *inner = (struct inner){.r = r, .plan = own, .fn = plan->fn, .arg = plan->arg};
    own->fn = run_inner;
    own->arg = inner;
    own->committed = keep_reads;
    own->bytes = (int64_t)r->body_len;
    own->actor_id = r->user[0] == '\0' ? NULL : r->user;
    own->idempotency = r->key;
    own->record = idempotency_record;
    own->record_arg = r;
    return r->step != NULL ? change_adopt(r->step, own)
                           : change_run(r->store, r->bus, r->epoch, own);
}
