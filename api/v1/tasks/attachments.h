/*
 * Files attached to tasks: their documents.  Their bytes: common/store/store_files.h.
 */
#ifndef API_V1_TASKS_ATTACHMENTS_H
#define API_V1_TASKS_ATTACHMENTS_H

#include <bson/bson.h>
#include <stdint.h>

#include "api/schema/field.h"
#include "common/base/err.h"

struct change;
struct request;

extern const struct field attachment_fields[];

/* The attachment in the path, if the caller may read it; the request owns it. */
enum err attachments_find(struct request *r, const bson_t **out) MUST_CHECK;

/* ERR_TOO_LARGE if the project does not have room for so many more bytes now. */
enum err attachments_room(struct request *r, const bson_t *project, int64_t bytes) MUST_CHECK;

/*
 * Within a change: adds to the sum of the bytes of a project's attachments, which its topic keeps.
 * ERR_TOO_LARGE if that is over PROJECT_BYTES; exact, since the change has a number of the topic.
 */
enum err attachments_count_bytes(struct request *r, struct change *change,
                                 const bson_oid_t *project, int64_t more) MUST_CHECK;

/*
 * Within the change that moves tasks (an array of ids) from one project to another: moves their
 * attachments too, like their comments (comments.h).
 */
enum err attachments_move(struct request *r, struct change *change, const bson_t *tasks_moved,
                          const bson_oid_t *from, const bson_oid_t *to) MUST_CHECK;

/*
 * Within the change that creates a copy of a task: the copy gets the task's attachments too, which
 * share their contents.  creator: of the copies; NULL: whoever attached the original ones.
 * ERR_TOO_LARGE as above.
 */
enum err attachments_copy(struct request *r, struct change *change, const bson_t *task,
                          const bson_t *copy, const bson_oid_t *creator) MUST_CHECK;

#endif
