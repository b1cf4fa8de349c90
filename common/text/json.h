/*
 * JSON input and output: a strict reader on top of json-c, and a writer that escapes.
 */
#ifndef COMMON_TEXT_JSON_H
#define COMMON_TEXT_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"

struct json_object;
struct text;

#define JSON_DEPTH 16 /* none of our bodies nests deeper than 5 */

/*
 * Reads one JSON text.  Stricter than json-c: refuses duplicate keys, NaN, \u0000, lone surrogates,
 * invalid UTF-8, raw control characters, trailing text and numbers beyond a double
 * (deploy/DEPENDENCIES.md).  The caller releases *out with json_object_put().  ERR_MALFORMED with
 * *why, a reason for the client.
 */
enum err json_parse(const char *bytes, size_t len, struct json_object **out,
                    const char **why) MUST_CHECK;

/*
 * Appends a parsed value in one spelling, the same for all texts of equal JSON
 * values: members sorted by name, no white space, 1.0 and 1e0 as 1.
 */
void json_canonical(struct text *t, struct json_object *json);

/*
 * Copies the text of an object's member, or the first text in the list that the
 * member holds.  False when there is none, or it does not fit.
 */
bool json_member(const char *bytes, size_t len, const char *name, char *out, size_t size);

/* Appends a quoted string.  Bytes that are not UTF-8 become U+FFFD. */
void json_string(struct text *t, const char *bytes, size_t len);

#endif
