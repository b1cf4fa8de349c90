/*
 * Keys and positions of a list's items.  Items are copied as elements, whatever they contain.
 */
#include "api/schema/item_list.h"

#include <string.h>

#include "common/base/id.h"
#include "common/text/doc.h"

bool
item_list_keyed(const struct field *f)
{
    return f->kind == REFS || f->kind == SLUGS || (f->kind == OBJECTS && f->key != NULL);
}

static void
add_value(struct text *out, const bson_iter_t *value)
{
    char id[ID_TEXT];
    uint32_t len = 0;
    const char *text = bson_iter_utf8(value, &len);

    if (BSON_ITER_HOLDS_OID(value)) {
        bson_oid_to_string(bson_iter_oid(value), id);
        text_puts(out, id);
    } else if (text != NULL) {
        text_add(out, text, len);
    }
}

/* Adds an item's key and a NUL. */
static void
add_key(struct text *out, const struct field *f, const bson_iter_t *item)
{
    const char *name = f->kind == OBJECTS ? f->key : "";

    if (f->kind != OBJECTS)
        add_value(out, item);
    while (*name != '\0') {
        size_t len = strcspn(name, "/");
        bson_iter_t member;

        if (bson_iter_recurse(item, &member) && bson_iter_find_w_len(&member, name, (int)len))
            add_value(out, &member);
        name += len;
        if (*name == '/')
            text_putc(out, *name++);
    }
    text_putc(out, '\0');
}

bool
item_list_read(struct item_list *out, const struct field *f, const bson_iter_t *list)
{
    bson_iter_t item;
    bool unique = true;

    *out = (struct item_list){.field = f};
    if (list == NULL || !BSON_ITER_HOLDS_ARRAY(list) || !bson_iter_recurse(list, &item))
        return true;
    out->raw = item.raw;
    out->len = item.len;
    while (bson_iter_next(&item)) {
        size_t key = out->keys.len;

        if (out->count == ITEM_LIST_MAX)
            return false;
        add_key(&out->keys, f, &item);
        unique = unique && item_list_find(out, out->keys.bytes + key) < 0;
        out->at[out->count].key = key;
        out->at[out->count].offset = bson_iter_offset(&item);
        out->at[out->count++].key_len = bson_iter_key_len(&item);
    }
    return unique;
}

void
item_list_free(void *list)
{
    text_free(&((struct item_list *)list)->keys);
}

const char *
item_list_key(const struct item_list *list, int n)
{
    return list->keys.bytes + list->at[n].key;
}

int
item_list_find(const struct item_list *list, const char *key)
{
    for (int i = 0; i < list->count; i++)
        if (strcmp(item_list_key(list, i), key) == 0)
            return i;
    return -1;
}

void
item_list_item(const struct item_list *list, int n, bson_iter_t *out)
{
    if (!bson_iter_init_from_data_at_offset(out, list->raw, list->len, list->at[n].offset,
                                            list->at[n].key_len))
        memset(out, 0, sizeof(*out));
}

void
item_list_write(const struct item_list *list, const struct item_list_edit *edit, bson_t *out)
{
    bson_t items;
    struct doc_array array = {&items, 0};
    bson_iter_t item;

    BSON_APPEND_ARRAY_BEGIN(out, list->field->name, &items);
    for (int i = 0, left = 0; i <= list->count; i++) {
        if (i == edit->skip)
            continue;
        if (left++ == edit->at && edit->item != NULL)
            doc_array_add_value(&array, edit->item);
        if (i == list->count)
            break;
        item_list_item(list, i, &item);
        doc_array_add_value(&array, &item);
    }
    bson_append_array_end(out, &items);
}
