/*
 * Arrays in documents (BSON), and the condition that a field's value is in one.
 */
#ifndef COMMON_DOC_ARRAY_H
#define COMMON_DOC_ARRAY_H

#include <bson/bson.h>
#include <stdint.h>

/* An array that is being filled.  The caller owns the document; it is empty at first. */
struct doc_array {
    bson_t *bson;
    uint32_t count;
};

/* Each appends one item. */
void doc_array_add_id(struct doc_array *array, const bson_oid_t *id);
void doc_array_add_text(struct doc_array *array, const char *text);
void doc_array_add_value(struct doc_array *array, const bson_iter_t *value);

/* Appends {field: {$in: array}} to a filter. */
void doc_array_in(bson_t *filter, const char *field, const bson_t *array);

/* The same for count ids (an array of bson_oid_t, or of as many bytes), or for count texts. */
void doc_array_in_ids(bson_t *filter, const char *field, const void *ids, uint32_t count);
void doc_array_in_texts(bson_t *filter, const char *field, const char *const *texts,
                        uint32_t count);

#endif
