/*
 * Converts stored BSON to public JSON, and merges and compares documents, by their shape.  Pure: no
 * I/O, no clock.
 */
#ifndef API_SCHEMA_DOC_H
#define API_SCHEMA_DOC_H

#include <bson/bson.h>

#include "api/schema/field.h"
#include "common/text/doc.h"

struct text;

/* Appends the public JSON of a stored document. */
void doc_write(struct text *out, const struct shape *shape, const bson_t *doc);

/* Like doc_write(), with more members (",\"role\":\"owner\"") before the last brace. */
void doc_write_with(struct text *out, const struct shape *shape, const bson_t *doc,
                    const char *more);

/*
 * Appends the changes of an event (event_change()): the public fields that differ, except rev,
 * updatedAt and updatedBy; returns how many there were.
 */
int doc_changes(struct text *out, const struct shape *shape, const bson_t *before,
                const bson_t *after);

/*
 * Copies before, with the elements of change replacing those of the same name or added at the end.
 */
bson_t *doc_merge(const bson_t *before, const bson_t *change);

/* Does the list of that name contain this item? doc NULL: no. */
bool doc_list_has(const bson_t *doc, const char *name, const bson_iter_t *item);

/* The field of that name; NULL if there is none. */
const struct field *doc_field(const struct field *fields, const char *name);

#endif
