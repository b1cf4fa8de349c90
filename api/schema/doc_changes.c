/*
 * Compares two versions of a document field by field, and lists item by item.
 */
#include "api/schema/doc_changes.h"

#include <string.h>

#include "api/schema/doc.h"
#include "api/schema/item_list.h"
#include "common/change/event.h"
#include "common/text/text.h"

/* The position of each field of a shape in a document. */
struct places {
    struct {
        bson_iter_t iter; /* needs an alignment that an array would not have */
    } at[64];             /* the maximum of a shape */
    uint64_t found;       /* a bit for each */
};

static void
find_places(struct places *p, const struct shape *shape, const bson_t *doc)
{
    const struct field *expected = shape->fields;
    bson_iter_t iter;

    p->found = 0;
    if (doc == NULL)
        return;
    bson_iter_init(&iter, doc);
    while (bson_iter_next(&iter)) {
        const struct field *f = doc_next_field(shape, expected, &iter);

        if (f == NULL)
            continue;
        expected = f + 1;
        p->found |= 1ull << (f - shape->fields);
        p->at[f - shape->fields].iter = iter;
    }
}

/* The n-th field's element; NULL when the document has none. */
static const bson_iter_t *
place(const struct places *p, ptrdiff_t n)
{
    return p->found & 1ull << n ? &p->at[n].iter : NULL;
}

/* A field's public JSON; "null" when it has no element. */
static void
write_member(struct text *out, const struct field *f, const bson_iter_t *iter)
{
    text_clear(out);
    if (iter != NULL)
        doc_write_value(out, f, iter);
    else
        text_puts(out, "null");
}

/* Do both store the same value?  Usually they do, and then nothing need be written. */
static bool
same_bytes(const bson_iter_t *a, const bson_iter_t *b)
{
    size_t len;

    if (a == NULL || b == NULL)
        return a == b;
    len = a->next_off - a->off;
    return len == b->next_off - b->off && memcmp(a->raw + a->off, b->raw + b->off, len) == 0;
}

/* Is a change of the field included in events? */
static bool
is_in_events(const struct field *f)
{
    static const char *const silent[] = {"id", "rev", "updatedAt", "updatedBy"};

    for (size_t i = 0; i < sizeof(silent) / sizeof(silent[0]); i++)
        if (strcmp(f->name, silent[i]) == 0)
            return false;
    return doc_is_public(f) && (f->flags & UNLOGGED) == 0;
}

/* ------------------------------------------------------------ items of lists */

/* A list before and after. */
struct lists {
    struct item_list old, new;
    const char *moved;
    struct text name, was, is; /* of the change that is being written */
    int count;
};

/* Appends the change that `name`, `was` and `is` describe. */
static void
add_change(struct text *out, struct lists *l)
{
    event_change(out, l->name.bytes, &l->was, &l->is);
    l->count++;
}

/* Sets the name of a change: "checklist/i3/done"; member NULL: of the whole item. */
static void
set_name(struct lists *l, const char *key, const char *member)
{
    text_clear(&l->name);
    text_printf(&l->name, "%s/%s", l->new.field->name, key);
    if (member != NULL)
        text_printf(&l->name, "/%s", member);
}

/* Writes an item's public form, or null. */
static void
set_item(struct text *out, const struct item_list *list, int n)
{
    bson_iter_t item;

    text_clear(out);
    if (n < 0) {
        text_puts(out, "null");
        return;
    }
    item_list_item(list, n, &item);
    doc_write_item(out, list->field, &item);
}

/* Writes an item's key; null for -1. */
static void
set_key(struct text *out, const struct item_list *list, int n)
{
    text_clear(out);
    if (n < 0)
        text_puts(out, "null");
    else
        text_printf(out, "\"%s\"", item_list_key(list, n));
}

/* Appends the changes of the members of an item that both lists have. */
static void
write_members(struct text *out, struct lists *l, int old, int new)
{
    const struct field *f = l->new.field->kind == OBJECTS ? l->new.field->items : NULL;
    bson_iter_t a, b, x, y;

    for (; f != NULL && f->name != NULL; f++) {
        bool was, is;

        item_list_item(&l->old, old, &a);
        item_list_item(&l->new, new, &b);
        was = bson_iter_recurse(&a, &x) && bson_iter_find(&x, f->name);
        is = bson_iter_recurse(&b, &y) && bson_iter_find(&y, f->name);
        if (!doc_is_public(f) || same_bytes(was ? &x : NULL, is ? &y : NULL))
            continue;
        write_member(&l->was, f, was ? &x : NULL);
        write_member(&l->is, f, is ? &y : NULL);
        set_name(l, item_list_key(&l->new, new), f->name);
        add_change(out, l);
    }
}

/*
 * Marks the items that keep their place: a row of items in the same order before and after, with as
 * many old items as possible, and then as many new ones.  rank is the place of each new item in the
 * old order, with new items at the end; `moved` (-1: none) is left out.
 */
static void
find_kept(const int *rank, int count, int moved, bool *kept)
{
    int weight[ITEM_LIST_MAX], before[ITEM_LIST_MAX], last = -1;

    for (int i = 0; i < count; i++) {
        int own = rank[i] < ITEM_LIST_MAX ? ITEM_LIST_MAX + 1 : 1;

        weight[i] = own;
        before[i] = -1;
        kept[i] = false;
        for (int j = 0; j < i; j++) {
            if (j == moved || rank[j] > rank[i] || weight[j] + own <= weight[i])
                continue;
            weight[i] = weight[j] + own;
            before[i] = j;
        }
        if (i != moved && (last < 0 || weight[i] > weight[last]))
            last = i;
    }
    for (; last >= 0; last = before[last])
        kept[last] = true;
}

static bool
in_order(const int *rank, int count)
{
    for (int i = 1; i < count; i++)
        if (rank[i] < rank[i - 1])
            return false;
    return true;
}

/*
 * The index, in the new list, of the item that a new one follows as long as it is at the end; -1:
 * it is alone.
 */
static int
before_at_end(const int *rank, int count, int n)
{
    int found = -1;

    for (int i = 0; i < count; i++)
        if (rank[i] < rank[n] && (found < 0 || rank[i] > rank[found]))
            found = i;
    return found;
}

/*
 * Appends the changes of the items' order: "checklist/i3/after" is the item that it follows.  A new
 * item is at the end until then, so that applying the changes one after another gives the new list.
 */
static void
write_order(struct text *out, struct lists *l)
{
    int rank[ITEM_LIST_MAX], count = l->new.count;
    bool kept[ITEM_LIST_MAX];

    for (int i = 0; i < count; i++) {
        rank[i] = item_list_find(&l->old, item_list_key(&l->new, i));
        if (rank[i] < 0)
            rank[i] = ITEM_LIST_MAX + i;
    }
    if (in_order(rank, count))
        return;
    find_kept(rank, count, l->moved == NULL ? -1 : item_list_find(&l->new, l->moved), kept);
    for (int i = 0; i < count; i++) {
        if (kept[i])
            continue;
        set_name(l, item_list_key(&l->new, i), "after");
        if (rank[i] < ITEM_LIST_MAX)
            set_key(&l->was, &l->old, rank[i] - 1);
        else
            set_key(&l->was, &l->new, before_at_end(rank, count, i));
        set_key(&l->is, &l->new, i - 1);
        add_change(out, l);
    }
}

/*
 * Appends a removed item.  Before that, unless it was the last one, where it was, so that it can be
 * put back (doc_revert()).
 */
static void
write_removed(struct text *out, struct lists *l, int n)
{
    if (n < l->old.count - 1) {
        set_name(l, item_list_key(&l->old, n), "after");
        set_key(&l->was, &l->old, n - 1);
        set_key(&l->is, &l->new, -1);
        add_change(out, l);
    }
    set_name(l, item_list_key(&l->old, n), NULL);
    set_item(&l->was, &l->old, n);
    set_item(&l->is, &l->new, -1);
    add_change(out, l);
}

/* Appends removed items, then new and changed ones, then the order. */
static void
write_items(struct text *out, struct lists *l)
{
    for (int i = 0; i < l->old.count; i++)
        if (item_list_find(&l->new, item_list_key(&l->old, i)) < 0)
            write_removed(out, l, i);
    for (int i = 0; i < l->new.count; i++) {
        int old = item_list_find(&l->old, item_list_key(&l->new, i));

        if (old >= 0) {
            write_members(out, l, old, i);
            continue;
        }
        set_name(l, item_list_key(&l->new, i), NULL);
        set_item(&l->was, &l->old, -1);
        set_item(&l->is, &l->new, i);
        add_change(out, l);
    }
    write_order(out, l);
}

/* Appends the changes of a list's items; -1: it has to be written as a whole. */
static int
list_changes(struct text *out, const struct field *f, const bson_iter_t *before,
             const bson_iter_t *after, const char *moved)
{
    struct lists l = {.moved = moved};
    bool whole = !item_list_keyed(f) || !item_list_read(&l.old, f, before);

    if (!whole)
        whole = !item_list_read(&l.new, f, after);
    if (!whole)
        write_items(out, &l);
    item_list_free(&l.old);
    item_list_free(&l.new);
    text_free(&l.name);
    text_free(&l.was);
    text_free(&l.is);
    return whole ? -1 : l.count;
}

/* ------------------------------------------------------------ documents */

int
doc_changes(struct text *out, const struct shape *shape, const bson_t *before, const bson_t *after,
            const char *moved)
{
    struct text was = {0}, is = {0};
    struct places old, new;
    int count = 0;

    find_places(&old, shape, before);
    find_places(&new, shape, after);
    text_putc(out, '{');
    for (const struct field *f = shape->fields; f->name != NULL; f++) {
        const bson_iter_t *a = place(&old, f - shape->fields), *b = place(&new, f - shape->fields);
        int items;

        if (same_bytes(a, b) || !is_in_events(f))
            continue;
        if ((items = list_changes(out, f, a, b, moved)) >= 0) {
            count += items;
            continue;
        }
        write_member(&was, f, a);
        write_member(&is, f, b);
        if (strcmp(was.bytes, is.bytes) == 0)
            continue;
        count++;
        event_change(out, f->name, &was, &is);
    }
    text_putc(out, '}');
    text_free(&was);
    text_free(&is);
    return count;
}

void
doc_changes_half(struct text *out, const struct shape *shape, const bson_t *before,
                 const bson_t *after, bool left)
{
    const struct text none = {.bytes = (char *)(uintptr_t) "null", .len = 4};
    struct text was = {0}, is = {0};
    struct places old, new;

    find_places(&old, shape, before);
    find_places(&new, shape, after);
    text_putc(out, '{');
    for (const struct field *f = shape->fields; f->name != NULL; f++) {
        const bson_iter_t *a = place(&old, f - shape->fields), *b = place(&new, f - shape->fields);

        if (same_bytes(a, b) || !is_in_events(f))
            continue;
        write_member(&was, f, a);
        write_member(&is, f, b);
        if (strcmp(was.bytes, is.bytes) != 0)
            event_change(out, f->name, left ? &was : &none, left ? &none : &is);
    }
    text_putc(out, '}');
    text_free(&was);
    text_free(&is);
}
