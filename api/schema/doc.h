/*
 * Converts stored BSON to public JSON, and merges documents, by their shape.  Pure: no
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

/* Appends the public JSON of one stored value of a field, or of an item of a list. */
void doc_write_value(struct text *out, const struct field *f, const bson_iter_t *value);
void doc_write_item(struct text *out, const struct field *f, const bson_iter_t *item);

/* May a client see it? */
bool doc_is_public(const struct field *f);

/*
 * Copies before, with the elements of change replacing those of the same name or added at the end.
 */
bson_t *doc_merge(const bson_t *before, const bson_t *change);

/* Do the stored values of that name differ?  An absent value differs from any. */
bool doc_differs(const bson_t *a, const bson_t *b, const char *name);

/* Does the list of that name contain this item? doc NULL: no. */
bool doc_list_has(const bson_t *doc, const char *name, const bson_iter_t *item);

/* The field of that name; NULL if there is none. */
const struct field *doc_field(const struct field *fields, const char *name);

/*
 * The field of a stored element.  The search starts with `expected`, since the fields of a document
 * are usually in the order of its shape.
 */
const struct field *doc_next_field(const struct shape *shape, const struct field *expected,
                                   const bson_iter_t *element);

#endif
