/*
 * Converts a client's JSON to checked BSON, as described by a shape.
 */
#ifndef API_HTTP_DOC_READ_H
#define API_HTTP_DOC_READ_H

#include <bson/bson.h>

#include "api/schema/field.h"
#include "common/base/err.h"

struct json_object;
struct request;

enum doc_mode {
    DOC_CREATE, /* missing fields get their default */
    DOC_CHANGE, /* a merge patch: only named fields */
};

/*
 * Checks a body and appends its content to out.  All complaints are added to the request;
 * ERR_INVALID if there were any.
 */
enum err doc_read(struct request *r, enum doc_mode mode, const struct field *fields,
                  struct json_object *json, bson_t *out) MUST_CHECK;

/* A new document's content from JSON text of our own ("{\"name\":\"Inbox\"}"). */
enum err doc_read_text(struct request *r, const struct field *fields, const char *json,
                       bson_t *out) MUST_CHECK;

/* Is it 1 to 40 of a-z, 0-9 and -, as ids of statuses, labels and items are? */
bool doc_read_is_slug(const char *text);

#endif
