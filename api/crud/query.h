/*
 * ?filter & sort & limit & cursor, from a list's tables, to a store query; and
 * the page's cursor.  Pure: no I/O, no clock.
 */
#ifndef API_CRUD_QUERY_H
#define API_CRUD_QUERY_H

#include <bson/bson.h>

#include "api/crud/resource.h"

#define QUERY_LIMIT     50 /* when none is given */
#define QUERY_LIMIT_MAX 200
#define QUERY_KEYS      3

/* The maximum number of items on a page. */
extern const struct number_parameter query_limit;

struct query {
    enum store_name store;
    bson_t *filter, *opts; /* owned by the request; opts without the order */
    int limit;
    const struct order *order;
    bool reversed; /* the order is reversed */
    bson_t *at; /* the cursor (keyset.h), which the filter leaves out; NULL: from the beginning */
    /* A condition that no index answers, and the fields that it reads; NULL: none (match_find.h).
     */
    const struct query_match *match;
    /* Finds the documents of a ranked order; NULL: in the order of its keys. */
    enum err (*find)(struct request *r, const struct query *query, store_each each, void *arg);
};

struct query_match {
    bool (*matches)(const void *arg, const bson_t *doc);
    const void *arg;
    void (*project)(const void *arg, bson_t *projection);
    bool heavy;                     /* it reads long fields */
    const struct query_match *also; /* another condition that must hold too; NULL: none */
};

/*
 * Reads the request's parameters; filter starts as a copy of base. opts asks for one document more
 * than limit, to know whether there is a next page.
 */
enum err query_read(struct request *r, const struct list *list, const bson_t *base,
                    struct query *out) MUST_CHECK;

/*
 * The order for a filter of the query, which the caller destroys: without its first keys if the
 * filter fixes them to one value.  When the server merges scans it would take such keys for what
 * the scans differ in.
 */
bson_t *query_sort(const struct query *query, const bson_t *filter);

/* Appends the name of an order in the other direction: "a,-b" for "-a,b". */
void query_reversed(struct text *out, const char *order);

/* Is it an order of the list, or the reverse of one? */
bool query_has_order(const struct list *list, const char *value);

/* The number of keys that the order compares; the last one is _id. */
int query_keys(const struct query *query);

struct query_key {
    const char *name; /* as stored */
    int direction;    /* 1 or -1, in this query */
};

/* One of them, from 0 on.  _id has the direction of the key before it. */
struct query_key query_key(const struct query *query, int n);

/* The value of the n-th key in the query's cursor; false: the cursor has none. */
bool query_at(const struct query *query, int n, bson_iter_t *value);

/*
 * Makes the query go on after a document, which must have the fields of the order; next is the
 * document that follows it, NULL: unknown.
 */
void query_continue(struct request *r, struct query *query, const bson_t *last, const bson_t *next);

/* Appends to a projection the fields that the order and its cursors need. */
void query_project(const struct query *query, bson_t *projection);

/* Appends to out the cursor after a document, as query_continue() takes it. */
void query_cursor(struct text *out, const struct query *query, const bson_t *last,
                  const bson_t *next);

/* Appends to out the cursor of a position: a query's `at`. */
void query_cursor_at(struct text *out, const bson_t *at);

#endif
