/*
 * A file that was renamed has its name from then; one that was deleted is erased from the log too.
 */
#include "api/v1/projects/past_files.h"

#include "api/http/request.h"
#include "api/schema/doc.h"
#include "api/v1/projects/past_entity.h"

enum err
past_files_then(struct past *p, struct past_change *c, const bson_t **then)
{
    const bson_t *now;
    enum err err = past_then(p, c);

    *then = NULL;
    if (err != ERR_NONE || (!c->rebuild && c->then == NULL))
        return err;
    err = request_fetch(p->r, STORE_ATTACHMENTS, &c->id, &now);
    if (err != ERR_NONE || !past_is_living(now) || !bson_oid_equal(doc_id(now, "projectId"), p->id))
        return err == ERR_NOT_FOUND ? ERR_NONE : err;
    if (c->rebuild && (err = past_rebuild(p, PAST_ATTACHMENT, now, &c->then)) != ERR_NONE)
        return err;
    *then = c->then;
    return ERR_NONE;
}

bool
past_files_unchanged(const struct past *p, const bson_t *file)
{
    const struct past_change *task = past_find(p, PAST_TASK, doc_id(file, "taskId"));

    return past_find(p, PAST_ATTACHMENT, doc_id(file, "_id")) == NULL &&
           (task == NULL || task->kind == EVENT__COUNT || task->then != NULL);
}
