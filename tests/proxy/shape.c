/*
 * Shapes.  Filters are written with sorted keys, so that the same query has one shape; sort orders
 * are written as they are, since their order matters.
 */
#include "shape.h"

#include <stdlib.h>
#include <string.h>

#include "common/text/text.h"

#define KEYS_MAX 64

/*
 * How a filter's lists are written.  In a query with an order their length matters, since the
 * server merges only a limited number of scans.  This does not apply to a list of the order's first
 * key.
 */
struct lists {
    bool sized;
    char free[64]; /* the key whose list may be of any length */
};
static const int list_classes[] = {2,  3,   20,  33, 50,
                                   66, 100, 200, 500}; /* "=" is at most the first of them */

static void write_filter(struct text *out, const bson_t *filter, const struct lists *lists);
static void write_pipeline(struct text *out, bson_iter_t *stages);

static bool
sub_document(const bson_iter_t *iter, bson_t *out)
{
    const uint8_t *data;
    uint32_t len;

    if (BSON_ITER_HOLDS_DOCUMENT(iter))
        bson_iter_document(iter, &len, &data);
    else if (BSON_ITER_HOLDS_ARRAY(iter))
        bson_iter_array(iter, &len, &data);
    else
        return false;
    return bson_init_static(out, data, len);
}

static int
compare_texts(const void *a, const void *b)
{
    return strcmp(((const struct text *)a)->bytes, ((const struct text *)b)->bytes);
}

/* Parts sorted, each once, joined; frees them. */
static void
join(struct text *out, struct text *parts, int count, const char *between)
{
    qsort(parts, (size_t)count, sizeof(*parts), compare_texts);
    for (int i = 0; i < count; i++) {
        bool again = i > 0 && strcmp(parts[i].bytes, parts[i - 1].bytes) == 0;

        if (!again)
            text_printf(out, "%s%s", i > 0 ? between : "", parts[i].bytes);
    }
    for (int i = 0; i < count; i++)
        text_free(&parts[i]);
}

/* The alternatives of $or, $and and $nor. */
static void
write_branches(struct text *out, bson_iter_t *list, const struct lists *lists)
{
    struct text parts[KEYS_MAX] = {0};
    bson_iter_t item;
    bson_t doc;
    int count = 0;

    if (!bson_iter_recurse(list, &item))
        return;
    while (bson_iter_next(&item) && count < KEYS_MAX)
        if (sub_document(&item, &doc))
            write_filter(&parts[count++], &doc, lists);
    text_puts(out, "[");
    join(out, parts, count, " | ");
    text_puts(out, "]");
}

static bool
is_operators(const bson_t *doc)
{
    bson_iter_t iter;

    return bson_iter_init(&iter, doc) && bson_iter_next(&iter) && bson_iter_key(&iter)[0] == '$';
}

/* "=" or the class of the list's length: "=100" has at most a hundred values, "=501" any number.
 */
static void
write_list(struct text *out, const bson_iter_t *iter)
{
    size_t last = sizeof(list_classes) / sizeof(list_classes[0]) - 1, n = 0;
    bson_t list;
    int count = sub_document(iter, &list) ? (int)bson_count_keys(&list) : 0;

    while (n < last && count > list_classes[n])
        n++;
    if (count > list_classes[last])
        text_printf(out, "=%d", list_classes[last] + 1);
    else if (n > 0)
        text_printf(out, "=%d", list_classes[n]);
    else
        text_puts(out, "=");
}

static void
write_value(struct text *out, bson_iter_t *iter, const struct lists *lists)
{
    const char *key = bson_iter_key(iter);
    struct lists below = *lists;
    bson_t doc;

    below.sized &= strcmp(key, lists->free) != 0;
    if (strcmp(key, "$or") == 0 || strcmp(key, "$and") == 0 || strcmp(key, "$nor") == 0)
        write_branches(out, iter, &below);
    else if (strcmp(key, "$in") == 0 && lists->sized)
        write_list(out, iter);
    else if (BSON_ITER_HOLDS_NULL(iter))
        text_puts(out, "null");
    else if (BSON_ITER_HOLDS_DOCUMENT(iter) && sub_document(iter, &doc) &&
             (is_operators(&doc) || strcmp(key, "$elemMatch") == 0 || strcmp(key, "$not") == 0))
        write_filter(out, &doc, &below);
    else
        text_puts(out, "=");
}

static void
write_filter(struct text *out, const bson_t *filter, const struct lists *lists)
{
    struct text parts[KEYS_MAX] = {0};
    bson_iter_t iter;
    int count = 0;

    if (!bson_iter_init(&iter, filter))
        return;
    while (bson_iter_next(&iter) && count < KEYS_MAX) {
        struct text *part = &parts[count++];

        text_printf(part, "%s: ", bson_iter_key(&iter));
        write_value(part, &iter, lists);
    }
    text_puts(out, "{");
    join(out, parts, count, ", ");
    text_puts(out, "}");
}

/* A sort order, a hint or an index's keys, after a word if there is one. */
static void
write_order(struct text *out, const char *word, const bson_t *doc, const char *field)
{
    bson_iter_t iter, keys;
    const char *between = "";

    if (!message_find(doc, field, &iter))
        return;
    if (word != NULL)
        text_printf(out, " %s", word);
    text_puts(out, " ");
    if (!BSON_ITER_HOLDS_DOCUMENT(&iter) || !bson_iter_recurse(&iter, &keys)) {
        text_puts(out, BSON_ITER_HOLDS_UTF8(&iter) ? bson_iter_utf8(&iter, NULL) : "=");
        return;
    }
    text_puts(out, "{");
    while (bson_iter_next(&keys)) {
        text_printf(out, "%s%s: %d", between, bson_iter_key(&keys), (int)bson_iter_as_int64(&keys));
        between = ", ";
    }
    text_puts(out, "}");
}

static void
write_filter_of(struct text *out, const bson_t *doc, const char *field)
{
    struct lists lists = {0};
    bson_iter_t iter;
    bson_t filter;

    if (message_find(doc, "sort", &iter) && bson_iter_recurse(&iter, &iter) &&
        bson_iter_next(&iter)) {
        lists.sized = true;
        bson_strncpy(lists.free, bson_iter_key(&iter), sizeof(lists.free));
    }
    text_puts(out, " ");
    if (message_find(doc, field, &iter) && sub_document(&iter, &filter))
        write_filter(out, &filter, &lists);
    else
        text_puts(out, "{}");
}

static void
write_lookup(struct text *out, const bson_t *lookup)
{
    bson_iter_t iter;

    text_printf(out, " %s", message_text(lookup, "from"));
    if (message_has(lookup, "foreignField"))
        text_printf(out, " on %s", message_text(lookup, "foreignField"));
    if (message_find(lookup, "pipeline", &iter)) {
        text_puts(out, " (");
        write_pipeline(out, &iter);
        text_puts(out, ")");
    }
}

static void
write_stage(struct text *out, const bson_t *stage)
{
    bson_iter_t iter;
    const char *name;
    bson_t doc;

    if (!bson_iter_init(&iter, stage) || !bson_iter_next(&iter))
        return;
    name = bson_iter_key(&iter);
    if (strcmp(name, "$sort") == 0) {
        write_order(out, "$sort", stage, "$sort");
        return;
    }
    text_printf(out, " %s", name);
    if (strcmp(name, "$match") == 0)
        write_filter_of(out, stage, "$match");
    else if (strcmp(name, "$lookup") == 0 && sub_document(&iter, &doc))
        write_lookup(out, &doc);
}

static void
write_pipeline(struct text *out, bson_iter_t *stages)
{
    bson_iter_t item;
    bson_t doc;

    if (!bson_iter_recurse(stages, &item))
        return;
    while (bson_iter_next(&item))
        if (sub_document(&item, &doc))
            write_stage(out, &doc);
}

/* The operators of an update, without its fields, which the client chooses. */
static void
write_update(struct text *out, const bson_t *doc, const char *field)
{
    struct text parts[KEYS_MAX] = {0};
    bson_iter_t iter, op;
    int count = 0;

    if (!message_find(doc, field, &iter))
        return;
    text_puts(out, " ");
    if (BSON_ITER_HOLDS_ARRAY(&iter)) {
        text_puts(out, "pipeline");
        return;
    }
    if (!bson_iter_recurse(&iter, &op))
        return;
    while (bson_iter_next(&op) && count < KEYS_MAX)
        text_puts(&parts[count++], bson_iter_key(&op)[0] == '$' ? bson_iter_key(&op) : "replace");
    join(out, parts, count, " ");
}

struct writing {
    struct text *out;
    const struct message *m;
};

static void
write_one_update(void *arg, const bson_t *doc)
{
    struct writing *w = arg;

    text_printf(w->out, "update %s", w->m->collection);
    write_filter_of(w->out, doc, "q");
    write_update(w->out, doc, "u");
    write_order(w->out, "hint", doc, "hint");
    if (message_true(doc, "upsert"))
        text_puts(w->out, " upsert");
    if (message_true(doc, "multi"))
        text_puts(w->out, " many");
    text_puts(w->out, "\n");
}

static void
write_one_delete(void *arg, const bson_t *doc)
{
    struct writing *w = arg;
    bson_iter_t limit;

    text_printf(w->out, "delete %s", w->m->collection);
    write_filter_of(w->out, doc, "q");
    write_order(w->out, "hint", doc, "hint");
    if (message_find(doc, "limit", &limit) && bson_iter_as_int64(&limit) == 0)
        text_puts(w->out, " many");
    text_puts(w->out, "\n");
}

/* find, count, distinct and findAndModify. */
static void
write_query(struct text *out, const struct message *m)
{
    bool find = strcmp(m->name, "find") == 0;

    text_printf(out, "%s %s", m->name, m->collection);
    if (message_has(&m->body, "key"))
        text_printf(out, " %s", message_text(&m->body, "key"));
    write_filter_of(out, &m->body, find ? "filter" : "query");
    write_update(out, &m->body, "update");
    write_order(out, "sort", &m->body, "sort");
    write_order(out, "hint", &m->body, "hint");
    if (message_has(&m->body, "skip"))
        text_puts(out, " skip");
    if (message_has(&m->body, "limit"))
        text_puts(out, " limit");
    text_puts(out, "\n");
}

static bool
is_query(const char *name)
{
    return strcmp(name, "find") == 0 || strcmp(name, "count") == 0 ||
           strcmp(name, "distinct") == 0 || strcmp(name, "findAndModify") == 0;
}

void
shape_write(struct text *out, const struct message *m)
{
    struct writing w = {out, m};
    bson_iter_t iter;

    if (is_query(m->name)) {
        write_query(out, m);
    } else if (strcmp(m->name, "aggregate") == 0) {
        text_printf(out, "aggregate %s", m->collection);
        if (message_find(&m->body, "pipeline", &iter))
            write_pipeline(out, &iter);
        write_order(out, "hint", &m->body, "hint");
        text_puts(out, "\n");
    } else if (strcmp(m->name, "update") == 0) {
        message_each(m, "updates", write_one_update, &w);
    } else if (strcmp(m->name, "delete") == 0) {
        message_each(m, "deletes", write_one_delete, &w);
    } else {
        text_printf(out, "%s%s%s\n", m->name, m->collection[0] == '\0' ? "" : " ", m->collection);
    }
}

static void
write_one_index(void *arg, const bson_t *doc)
{
    struct writing *w = arg;
    bson_iter_t iter;
    bson_t filter;

    text_printf(w->out, "%s %s", w->m->collection, message_text(doc, "name"));
    write_order(w->out, NULL, doc, "key");
    if (message_true(doc, "unique"))
        text_puts(w->out, " unique");
    if (message_true(doc, "sparse"))
        text_puts(w->out, " sparse");
    if (message_find(doc, "partialFilterExpression", &iter) && sub_document(&iter, &filter)) {
        text_puts(w->out, " partial ");
        write_filter(w->out, &filter, &(struct lists){0});
    }
    text_puts(w->out, "\n");
}

void
shape_write_indexes(struct text *out, const struct message *m)
{
    struct writing w = {out, m};

    message_each(m, "indexes", write_one_index, &w);
}
