/*
 * The shape of a command: the command without its values.
 */
#ifndef PROXY_SHAPE_H
#define PROXY_SHAPE_H

#include "message.h"

struct text;

/*
 * Appends a command's shapes, a line each (an `update` may hold several):
 *   find tasks {archivedAt: null, projectId: =} sort {position: 1, _id: 1} limit
 * Keys of filters are sorted; `=` is any value; operators are written without values.
 */
void shape_write(struct text *out, const struct message *m);

/*
 * The indexes that a createIndexes makes, a line each:
 *   tasks projectId_1_position_1 {projectId: 1, position: 1} unique sparse
 */
void shape_write_indexes(struct text *out, const struct message *m);

#endif
