/*
 * Search terms.  A text is folded (unicode.h) and cut into terms: words of
 * scripts with spaces; pairs of neighbours, and the last character, of a run of
 * a script without; symbols such as emoji one by one.  A query is cut the same
 * way, so any part of a text is found, also from the middle of a run.
 */
#ifndef COMMON_TEXT_TERMS_H
#define COMMON_TEXT_TERMS_H

#include <bson/bson.h>
#include <stdbool.h>

#define TERM_MAX 40 /* bytes of a term; longer words are cut, in a query at the same place */

/* prefix: terms that begin with this one match too. */
typedef void (*terms_each)(void *arg, const char *term, bool prefix);

/* Calls each() for the terms of a query, in order. */
void terms_of_query(const char *query, terms_each each, void *arg);

/* Would a search for the query find the text? */
bool terms_match(const char *query, const char *text);

/* How many of the query's terms the text has. */
int terms_found(const char *query, const char *text);

/* Appends the terms of some texts (NULL: none) to a BSON array, each once, sorted. */
void terms_append(bson_t *array, const char *const *texts, int count);

#endif
