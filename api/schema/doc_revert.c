/*
 * Field by field; of a list first what happened to its items, then their order.
 */
#include "api/schema/doc_revert.h"

#include <stdlib.h>
#include <string.h>

#include "api/schema/doc.h"
#include "api/schema/doc_load.h"
#include "api/schema/item_list.h"
#include "common/base/vec.h"
#include "common/text/text.h"

#define ITEMS (2 * ITEM_LIST_MAX) /* those of the list, and those that come back */

static void
add_conflict(struct doc_reverted *out, const char *name)
{
    if (out->conflict_count < DOC_REVERT_NAMES)
        out->conflicts[out->conflict_count++] = name;
}

static void
add_untold(struct doc_reverted *out, const char *name)
{
    if (out->untold_count < DOC_REVERT_NAMES)
        out->untold[out->untold_count++] = name;
}

static void
add_name(struct doc_reverted *out, const char *name)
{
    if (out->name_count < DOC_REVERT_NAMES)
        out->names[out->name_count++] = name;
}

/* The two values of a change; false if the event does not have them. */
static bool
read_pair(const bson_iter_t *change, bson_iter_t *was, bson_iter_t *is)
{
    if (!BSON_ITER_HOLDS_ARRAY(change) || !bson_iter_recurse(change, was) || !bson_iter_next(was))
        return false;
    *is = *was;
    return bson_iter_next(is);
}

/* Has the stored value (NULL: absent) the public form that an event gives? */
static bool
is_value(const struct field *f, const bson_iter_t *stored, const bson_iter_t *given)
{
    bson_t loaded = BSON_INITIALIZER;
    struct text a = {0}, b = {0};
    bson_iter_t value;
    bool same =
        doc_load_value(&loaded, f->name, f, given) && bson_iter_init_find(&value, &loaded, f->name);

    if (same && stored != NULL)
        doc_write_value(&a, f, stored);
    else
        text_puts(&a, "null");
    if (same)
        doc_write_value(&b, f, &value);
    same = same && strcmp(a.bytes, b.bytes) == 0;
    text_free(&a);
    text_free(&b);
    bson_destroy(&loaded);
    return same;
}

static void
revert_field(const struct field *f, const bson_iter_t *change, const bson_t *doc,
             struct doc_reverted *out)
{
    const char *name = bson_iter_key(change);
    bson_iter_t was, is, now;

    add_name(out, name);
    if (!read_pair(change, &was, &is)) {
        add_untold(out, name);
        return;
    }
    if (!is_value(f, bson_iter_init_find(&now, doc, f->name) ? &now : NULL, &is))
        add_conflict(out, name);
    if (!doc_load_value(out->set, f->name, f, &was))
        add_untold(out, name);
}

/* ------------------------------------------------------------ items of lists */

enum place { STAYS, GONE, FIRST, AFTER, LAST }; /* of an item in the list as it was */

struct item {
    const char *key;
    bson_iter_t value;
    enum place place;
    const char *after; /* the key of the item that it followed */
    bool added, placed;
};

/* A list while its changes are taken back. */
struct work {
    const struct field *field;
    struct doc_reverted *out;
    struct item_list list; /* as it is now */
    struct item items[ITEMS];
    int count;
    bson_t **owned; /* documents that hold items */
    uint32_t owned_count, owned_room;
    struct text keys; /* with a NUL after each; its memory is reserved, so they do not move */
};

/* What the name of a change says: the item's key, and what of it has changed. */
struct path {
    const char *key, *member; /* member "": the item itself */
};

static int
find_item(const struct work *w, const char *key)
{
    for (int i = 0; i < w->count; i++)
        if (strcmp(w->items[i].key, key) == 0)
            return i;
    return -1;
}

static struct path
read_path(struct work *w, const char *name)
{
    const char *key = name + strlen(w->field->name) + 1, *end = key;
    int parts = 1;
    size_t at = w->keys.len;

    for (const char *p = w->field->key; w->field->kind == OBJECTS && *p != '\0'; p++)
        parts += *p == '/';
    for (; *end != '\0'; end++)
        if (*end == '/' && --parts == 0)
            break;
    text_add(&w->keys, key, (size_t)(end - key));
    text_putc(&w->keys, '\0');
    return (struct path){w->keys.bytes + at, *end == '/' ? end + 1 : end};
}

/* Keeps a document whose element "0" is an item until the list has been written. */
static bool
own(struct work *w, bson_t *holder, bson_iter_t *value)
{
    w->owned = vec_room(w->owned, w->owned_count, &w->owned_room, sizeof(*w->owned));
    w->owned[w->owned_count++] = holder;
    return bson_iter_init_find(value, holder, "0");
}

/* An item as an event gives it, in its stored form; false if it is not one. */
static bool
load_item(struct work *w, const bson_iter_t *given, bson_iter_t *value)
{
    bson_t *holder = bson_new();
    bool ok = doc_load_item(holder, "0", w->field, given);

    return own(w, holder, value) && ok;
}

static bool
same_item(const struct work *w, const bson_iter_t *a, const bson_iter_t *b)
{
    struct text x = {0}, y = {0};
    bool same;

    doc_write_item(&x, w->field, a);
    doc_write_item(&y, w->field, b);
    same = strcmp(x.bytes, y.bytes) == 0;
    text_free(&x);
    text_free(&y);
    return same;
}

/* It was added: it goes.  It may have been changed, or removed, since. */
static void
take_off(struct work *w, const char *name, int n, const bson_iter_t *is)
{
    bson_iter_t added;

    if (n < 0 || !load_item(w, is, &added) || !same_item(w, &w->items[n].value, &added))
        add_conflict(w->out, name);
    if (n >= 0) {
        w->items[n].place = GONE;
        w->items[n].added = true;
    }
}

/* It was removed: it comes back. */
static void
put_back(struct work *w, const char *name, const struct path *path, const bson_iter_t *was)
{
    struct item *item = &w->items[w->count];

    if (find_item(w, path->key) >= 0) {
        add_conflict(w->out, name);
        return;
    }
    *item = (struct item){.key = path->key, .place = LAST};
    if (w->count == ITEMS || !load_item(w, was, &item->value))
        add_untold(w->out, name);
    else
        w->count++;
}

/* A member of it was changed. */
static void
set_member(struct work *w, const char *name, int n, const char *member, const bson_iter_t *change)
{
    const struct field *f = w->field->kind == OBJECTS ? doc_field(w->field->items, member) : NULL;
    bson_t object, set = BSON_INITIALIZER, *merged, *holder;
    bson_iter_t was, is, now;
    const uint8_t *bytes;
    uint32_t len;

    if (n < 0 || f == NULL || !read_pair(change, &was, &is)) {
        add_conflict(w->out, name);
        return;
    }
    bson_iter_document(&w->items[n].value, &len, &bytes);
    if (!bson_init_static(&object, bytes, len) || !doc_load_value(&set, f->name, f, &was)) {
        add_untold(w->out, name);
        return;
    }
    if (!is_value(f, bson_iter_init_find(&now, &object, f->name) ? &now : NULL, &is))
        add_conflict(w->out, name);
    merged = doc_merge(&object, &set);
    holder = bson_new();
    BSON_APPEND_DOCUMENT(holder, "0", merged);
    if (!own(w, holder, &w->items[n].value))
        add_untold(w->out, name);
    bson_destroy(merged);
    bson_destroy(&set);
}

static void
revert_item(struct work *w, const bson_iter_t *change)
{
    const char *name = bson_iter_key(change);
    struct path path = read_path(w, name);
    bson_iter_t was, is;
    int n = find_item(w, path.key);

    if (strcmp(path.member, "after") == 0)
        return;
    add_name(w->out, name);
    if (!read_pair(change, &was, &is))
        add_untold(w->out, name);
    else if (path.member[0] != '\0')
        set_member(w, name, n, path.member, change);
    else if (BSON_ITER_HOLDS_NULL(&was))
        take_off(w, name, n, &is);
    else
        put_back(w, name, &path, &was);
}

/* Does the item of the current list follow that one (null: is it the first)? */
static bool
follows(const struct work *w, const char *key, const bson_iter_t *other)
{
    int n = item_list_find(&w->list, key);

    if (n <= 0 || BSON_ITER_HOLDS_NULL(other))
        return n == 0 && BSON_ITER_HOLDS_NULL(other);
    return BSON_ITER_HOLDS_UTF8(other) &&
           strcmp(item_list_key(&w->list, n - 1), bson_iter_utf8(other, NULL)) == 0;
}

/* An item that was moved or removed returns to where it was. */
static void
revert_order(struct work *w, const bson_iter_t *change)
{
    const char *name = bson_iter_key(change);
    struct path path = read_path(w, name);
    bson_iter_t was, is;
    int n = find_item(w, path.key);

    if (strcmp(path.member, "after") != 0 || (n >= 0 && w->items[n].added))
        return;
    add_name(w->out, name);
    if (n < 0 || !read_pair(change, &was, &is)) {
        add_conflict(w->out, name);
        return;
    }
    if (w->items[n].place != LAST && !follows(w, path.key, &is))
        add_conflict(w->out, name);
    w->items[n].place = BSON_ITER_HOLDS_NULL(&was) ? FIRST : AFTER;
    w->items[n].after = bson_iter_utf8(&was, NULL);
}

/* --- The list as it was: what stays, with the others put where they were */

static void
insert_at(int *order, int *count, int at, int n)
{
    memmove(order + at + 1, order + at, sizeof(*order) * (size_t)(*count - at));
    order[at] = n;
    (*count)++;
}

/* The index after the item that item n followed; -1: that one is not in place yet. */
static int
place_of(const struct work *w, const int *order, int count, int n)
{
    if (w->items[n].place == FIRST)
        return 0;
    for (int i = 0; w->items[n].after != NULL && i < count; i++)
        if (strcmp(w->items[order[i]].key, w->items[n].after) == 0)
            return i + 1;
    return -1;
}

/* Which items that have no place yet go to the end. */
enum rest { NONE_OF_THEM, LAST_ONES, ALL_OF_THEM };

static void
place(struct work *w, int *order, int *count, enum rest rest)
{
    bool more = true;

    while (more) {
        more = false;
        for (int n = 0; n < w->count; n++) {
            struct item *item = &w->items[n];
            int at = item->placed || item->place == GONE ? -1 : place_of(w, order, *count, n);
            bool end = rest == ALL_OF_THEM || (rest == LAST_ONES && item->place == LAST);

            if (item->placed || item->place == GONE || (at < 0 && !end))
                continue;
            insert_at(order, count, at < 0 ? *count : at, n);
            item->placed = more = true;
        }
    }
}

static void
write_list(struct work *w)
{
    int order[ITEMS], count = 0;
    bson_t list;
    struct doc_array array = {&list, 0};

    for (int n = 0; n < w->count; n++)
        if (w->items[n].place == STAYS) {
            order[count++] = n;
            w->items[n].placed = true;
        }
    for (enum rest rest = NONE_OF_THEM; rest <= ALL_OF_THEM; rest++)
        place(w, order, &count, rest);
    if (count > w->field->high)
        add_conflict(w->out, w->field->name);
    BSON_APPEND_ARRAY_BEGIN(w->out->set, w->field->name, &list);
    for (int i = 0; i < count; i++)
        doc_array_add_value(&array, &w->items[order[i]].value);
    bson_append_array_end(w->out->set, &list);
}

static bool
is_of(const struct field *f, const bson_iter_t *change)
{
    const char *name = bson_iter_key(change);
    size_t len = strlen(f->name);

    return strncmp(name, f->name, len) == 0 && name[len] == '/';
}

static void
each_change(struct work *w, const bson_t *changes,
            void (*revert)(struct work *w, const bson_iter_t *change))
{
    bson_iter_t iter;

    bson_iter_init(&iter, changes);
    while (bson_iter_next(&iter))
        if (is_of(w->field, &iter))
            revert(w, &iter);
}

static void
revert_list(const struct field *f, const bson_t *changes, const bson_t *doc,
            struct doc_reverted *out)
{
    struct work *w = must_alloc(1, sizeof(*w));
    bson_iter_t now;

    w->field = f;
    w->out = out;
    (void)item_list_read(&w->list, f, bson_iter_init_find(&now, doc, f->name) ? &now : NULL);
    for (int i = 0; i < w->list.count; i++) {
        w->items[i].key = item_list_key(&w->list, i);
        item_list_item(&w->list, i, &w->items[i].value);
    }
    w->count = w->list.count;
    text_grow(&w->keys, 2 * (size_t)changes->len); /* each name is read twice */
    each_change(w, changes, revert_item);
    each_change(w, changes, revert_order);
    write_list(w);
    for (uint32_t i = 0; i < w->owned_count; i++)
        bson_destroy(w->owned[i]);
    free(w->owned);
    item_list_free(&w->list);
    text_free(&w->keys);
    free(w);
}

void
doc_revert(const struct shape *shape, const bson_t *changes, const bson_t *doc,
           struct doc_reverted *out)
{
    for (const struct field *f = shape->fields; f->name != NULL; f++) {
        bool items = false;
        bson_iter_t iter;

        if (bson_iter_init_find(&iter, changes, f->name)) {
            revert_field(f, &iter, doc, out);
            continue;
        }
        bson_iter_init(&iter, changes);
        while (!items && bson_iter_next(&iter))
            items = is_of(f, &iter);
        if (items && item_list_keyed(f))
            revert_list(f, changes, doc, out);
    }
}

void
doc_revert_swap(const bson_t *changes, bson_t *out)
{
    bson_iter_t iter, was, is;
    bson_t pair;

    bson_iter_init(&iter, changes);
    while (bson_iter_next(&iter)) {
        if (!read_pair(&iter, &was, &is)) {
            bson_append_iter(out, NULL, 0, &iter);
            continue;
        }
        BSON_APPEND_ARRAY_BEGIN(out, bson_iter_key(&iter), &pair);
        bson_append_iter(&pair, "0", 1, &is);
        bson_append_iter(&pair, "1", 1, &was);
        bson_append_array_end(out, &pair);
    }
}
