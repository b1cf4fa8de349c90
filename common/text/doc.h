/*
 * Reading fields of stored documents (BSON), and building arrays and conditions.
 */
#ifndef COMMON_TEXT_DOC_H
#define COMMON_TEXT_DOC_H

#include <bson/bson.h>
#include <stdbool.h>
#include <stdint.h>

/* The field of that name; 0, NULL or false if it is absent or of another type. */
/*
 * The field of that name; false: there is none.  Twice as fast as bson_iter_init_find(), which
 * reads the value of each field before it.
 */
bool doc_find(const bson_t *doc, const char *name, bson_iter_t *out);

int64_t doc_int(const bson_t *doc, const char *name);
int64_t doc_int_at(const bson_t *doc, const char *path); /* "subtasks.done" */
const char *doc_text(const bson_t *doc, const char *name);
const bson_oid_t *doc_id(const bson_t *doc, const char *name);
bool doc_time(const bson_t *doc, const char *name, int64_t *ms);
bool doc_flag(const bson_t *doc, const char *name);

/* Is there such a field, and is it not null? */
bool doc_has(const bson_t *doc, const char *name);

/* Is the id in the array of that name? */
bool doc_lists(const bson_t *doc, const char *name, const bson_oid_t *id);

/*
 * Appends the $set and $unset that turn one version of a document into another: whole top-level
 * fields, whatever their order.  Nothing if they are equal.
 */
void doc_difference(bson_t *update, const bson_t *before, const bson_t *after);

/* An array under construction.  The caller owns the document, which is empty at first. */
struct doc_array {
    bson_t *bson;
    uint32_t count;
};

/* Each appends one item. */
void doc_array_add_id(struct doc_array *array, const bson_oid_t *id);
void doc_array_add_text(struct doc_array *array, const char *text);
void doc_array_add_value(struct doc_array *array, const bson_iter_t *value);
void doc_array_add_document(struct doc_array *array, const bson_t *document);

/* Appends {field: {$in: array}} to a filter. */
void doc_in(bson_t *filter, const char *field, const bson_t *array);

/* The same for count ids (an array of bson_oid_t, or of as many bytes), or for count texts. */
void doc_in_ids(bson_t *filter, const char *field, const void *ids, uint32_t count);
void doc_in_texts(bson_t *filter, const char *field, const char *const *texts, uint32_t count);

/* Sorts ids and leaves each once.  Returns how many are left. */
uint32_t doc_ids_sort(bson_oid_t *ids, uint32_t count);

/* Is the id among these, which doc_ids_sort() has sorted? */
bool doc_ids_contain(const bson_oid_t *ids, uint32_t count, const bson_oid_t *id);

#endif
