/*
 * Lists whose items have an identity: ids, short texts, and objects with a key.  Events name such
 * items by key, and routes change them one by one.  Pure.
 */
#ifndef API_SCHEMA_ITEM_LIST_H
#define API_SCHEMA_ITEM_LIST_H

#include <bson/bson.h>
#include <stdbool.h>

#include "api/schema/field.h"
#include "common/text/text.h"

#define ITEM_LIST_MAX 200 /* items; no field with keys allows more */

/* Do the items of the field have keys? */
bool item_list_keyed(const struct field *f);

/* A stored list; its bytes must live as long as it is used. */
struct item_list {
    const struct field *field;
    const uint8_t *raw;
    uint32_t len;
    struct text keys;
    int count;
    struct {
        size_t key;               /* where its key begins in keys */
        uint32_t offset, key_len; /* of the element in raw, and of its name */
    } at[ITEM_LIST_MAX];
};

/*
 * Reads the list at an element (NULL, or no array: an empty list).  False if it has too many items,
 * of which only the first are read then, or two with the same key, as a list may that an older
 * version has stored.  Free it in any case.
 */
bool item_list_read(struct item_list *out, const struct field *f, const bson_iter_t *list);
void item_list_free(void *list);

/* The key of an item: its id, its text, or the members of `key` joined by "/". */
const char *item_list_key(const struct item_list *list, int n);

/* The index of the item with that key; -1: there is none. */
int item_list_find(const struct item_list *list, const char *key);

/* The n-th item's element. */
void item_list_item(const struct item_list *list, int n, bson_iter_t *out);

/*
 * Appends a list to a document, under the field's name: without the item `skip` (-1: with all), and
 * with another item (NULL: none) at the index `at` of what remains.
 */
struct item_list_edit {
    int skip, at;
    const bson_iter_t *item;
};
void item_list_write(const struct item_list *list, const struct item_list_edit *edit, bson_t *out);

#endif
