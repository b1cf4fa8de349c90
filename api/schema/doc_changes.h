/*
 * What an event tells about a change.  Pure.
 */
#ifndef API_SCHEMA_DOC_CHANGES_H
#define API_SCHEMA_DOC_CHANGES_H

#include <bson/bson.h>

#include "api/schema/field.h"

struct text;

/*
 * Appends the changes of an event (event_change()): the public fields that differ, except rev,
 * updatedAt and updatedBy; returns how many there were.  Of a list whose items have keys it names
 * the items: those removed and where they were, those added, members that differ, and those that
 * follow another item now.  moved: the key of the one item that was moved on purpose; NULL: as few
 * as possible are said to have moved.
 */
int doc_changes(struct text *out, const struct shape *shape, const bson_t *before,
                const bson_t *after, const char *moved);

/*
 * The same for one of two topics, whose readers may not know the other's labels, users and tasks:
 * each field that differs, as a whole, with null for what it is in the other topic.  left: the
 * document has left this topic, which has what it was before.
 */
void doc_changes_half(struct text *out, const struct shape *shape, const bson_t *before,
                      const bson_t *after, bool left);

#endif
