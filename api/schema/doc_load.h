/*
 * Public JSON, as events hold it, back to stored BSON.  The JSON is our own and read as BSON
 * (bson_new_from_json()), in which instants and ids are text.  Pure.
 */
#ifndef API_SCHEMA_DOC_LOAD_H
#define API_SCHEMA_DOC_LOAD_H

#include <bson/bson.h>
#include <stdbool.h>

#include "api/schema/field.h"

/*
 * Appends a field's value in its stored form, under a name.  Null stays null.  false, and nothing
 * is appended, if it is not a value of the field.
 */
bool doc_load_value(bson_t *out, const char *name, const struct field *f, const bson_iter_t *value);

/* Appends one item of a list in its stored form. */
bool doc_load_item(bson_t *out, const char *name, const struct field *f, const bson_iter_t *item);

/* A new document with all stored fields of a public one; NULL if it is not one of this shape. */
bson_t *doc_load(const struct shape *shape, const bson_t *public_doc);

#endif
