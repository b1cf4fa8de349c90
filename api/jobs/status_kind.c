/*
 * One transaction for each batch, with separate memory: if a worker dies, the next try does the
 * rest.
 */
#include "api/jobs/status_kind.h"

#include "api/http/request.h"
#include "api/jobs/context.h"
#include "api/schema/doc.h"
#include "api/v1/tasks/project_lists.h"

#define ARENA_MAX (16u << 20)

static enum err
one_batch(const struct jobs_context *c, const bson_t *content, bool *more)
{
    struct request r = {.arena = arena_new(ARENA_MAX),
                        .store = c->store,
                        .bus = c->runner->bus,
                        .epoch = c->runner->epoch,
                        .config = c->runner->config};
    const struct project_lists_item item = {.status = doc_text(content, "status"),
                                            .to = doc_text(content, "to"),
                                            .label = doc_text(content, "label")};
    enum err err;

    r.user_id = *doc_id(content, "userId");
    bson_oid_to_string(&r.user_id, r.user);
    err = project_lists_follow(&r, doc_id(content, "projectId"), &item, more);
    arena_free(r.arena);
    return err == ERR_NOT_FOUND ? ERR_NONE : err; /* the project is gone */
}

enum err
status_kind_job(const struct jobs_context *c, const bson_t *content)
{
    bool more = true;
    enum err err = ERR_NONE;

    if (!doc_has(content, "userId") || !doc_has(content, "projectId") ||
        (!doc_has(content, "status") && !doc_has(content, "label")))
        return ERR_INVALID;
    while (err == ERR_NONE && more)
        err = one_batch(c, content, &more);
    return err;
}
