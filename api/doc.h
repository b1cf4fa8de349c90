/*
 * Client JSON to checked BSON, stored BSON to public JSON: both from a shape.
 * Pure: no I/O, no clock.
 */
#ifndef API_DOC_H
#define API_DOC_H

#include <bson/bson.h>

#include "api/field.h"
#include "common/doc.h"

struct json_object;
struct text;
struct request;

enum doc_mode {
    DOC_CREATE, /* missing fields take their fallback */
    DOC_CHANGE, /* a merge patch: only named fields */
};

/*
 * Checks a body and appends what it says to out.  All complaints are added to
 * the request; ERR_INVALID if there were any.
 */
enum err doc_read(struct request *r, enum doc_mode mode, const struct field *fields,
                  struct json_object *json, bson_t *out) MUST_CHECK;

/* As doc_read() for an object within the body; base is its JSON Pointer. */
enum err doc_read_members(struct request *r, enum doc_mode mode, const struct field *fields,
                          struct json_object *json, bson_t *out, const char *base) MUST_CHECK;

/* A new document's content from JSON text of our own ("{\"name\":\"Inbox\"}"). */
enum err doc_read_text(struct request *r, const struct field *fields, const char *json,
                       bson_t *out) MUST_CHECK;

/* Appends the public JSON of a stored document. */
void doc_write(struct text *out, const struct shape *shape, const bson_t *doc);

/* As doc_write(), with more members (",\"role\":\"owner\"") before the last brace. */
void doc_write_with(struct text *out, const struct shape *shape, const bson_t *doc,
                    const char *more);

/*
 * Appends the changes of an event (event_change()): the public fields that differ,
 * but for rev, updatedAt and updatedBy; how many there were.
 */
int doc_changes(struct text *out, const struct shape *shape, const bson_t *before,
                const bson_t *after);

/* before with the elements of change put in their places or at the end. */
bson_t *doc_merge(const bson_t *before, const bson_t *change);

/* Has the list of that name this item?  doc NULL: no. */
bool doc_list_has(const bson_t *doc, const char *name, const bson_iter_t *item);

/* The field of that name; NULL if there is none. */
const struct field *doc_field(const struct field *fields, const char *name);

#endif
