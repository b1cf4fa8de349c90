/*
 * Keyset pagination: what follows a cursor, as queries whose conditions an index answers.
 *
 * A cursor holds the values of an order's first keys: as many as tell its document from the one
 * that followed it.  All documents with these values come before what follows the cursor.  So if
 * the first key tells them apart, one query finds what follows: {key: {$gt: value}}.  Otherwise
 * there is a part of the list for each further key: {first: value, second: {$gt: value}}, before
 * the documents beyond the first.
 *
 * One query with $or for all parts would have been no help: MongoDB would bound the index by the
 * first key only, and examine all documents with the same value for every page; simpler servers
 * use no index beside $or, $and and $nor.
 */
#ifndef API_CRUD_KEYSET_H
#define API_CRUD_KEYSET_H

#include <bson/bson.h>
#include <stdbool.h>

struct query;

/* Below 0 if a comes before b.  The values of one key have one type. */
int keyset_compare(const bson_iter_t *a, const bson_iter_t *b);

/* The number of parts of what follows a cursor.  They are in the order of the list. */
int keyset_parts(const struct query *query);

/*
 * The filter of the n-th part, which the caller destroys: the conditions of `filter`, and those
 * for what follows the query's cursor.  NULL: nothing can match.
 */
bson_t *keyset_part(const struct query *query, const bson_t *filter, int n);

/*
 * A copy of the filter in which the field also has this bound, for example "$lte"; the caller
 * destroys it.  A condition that the field has already must consist of operators.
 */
bson_t *keyset_bounded(const bson_t *filter, const char *field, const char *op,
                       const bson_iter_t *value);

#endif
