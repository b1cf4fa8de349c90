/*
 * Everything here runs in the reader threads, except the reads_*() that queue a job.
 */
#include "push/sources/reads.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/id.h"
#include "common/base/vec.h"
#include "common/change/event_find.h"
#include "common/text/text.h"
#include "common/time/clock.h"
#include "push/base/arrival.h"
#include "push/base/frame.h"

/* The id under a key of a document or subdocument. */
static bool
read_id(const bson_t *doc, const char *key, unsigned char out[ID_BYTES])
{
    bson_iter_t iter, inner;

    if (!bson_iter_init(&iter, doc) || !bson_iter_find_descendant(&iter, key, &inner) ||
        !BSON_ITER_HOLDS_OID(&inner))
        return false;
    memcpy(out, bson_iter_oid(&inner)->bytes, ID_BYTES);
    return true;
}

/* {_id: {$in: [ids]}} */
static bson_t *
ids_filter(unsigned char (*ids)[ID_BYTES], uint32_t count)
{
    bson_t *filter = bson_new(), in, list;

    BSON_APPEND_DOCUMENT_BEGIN(filter, "_id", &in);
    BSON_APPEND_ARRAY_BEGIN(&in, "$in", &list);
    for (uint32_t i = 0; i < count; i++) {
        char index[16];
        const char *key;
        bson_oid_t id;

        memcpy(id.bytes, ids[i], ID_BYTES);
        bson_uint32_to_string(i, &key, index, sizeof(index));
        BSON_APPEND_OID(&list, key, &id);
    }
    bson_append_array_end(&in, &list);
    bson_append_document_end(filter, &in);
    return filter;
}

/* ------------------------------------------------------------ load */

static struct load_item *
load_find(struct load *load, const char *name)
{
    for (uint32_t i = 0; i < load->count; i++)
        if (strcmp(load->topics[i].name, name) == 0)
            return &load->topics[i];
    return NULL;
}

static enum err
load_seq(void *arg, const struct event_item *item)
{
    struct load_item *t = load_find(arg, item->topic);

    if (t != NULL) {
        t->found = true;
        t->seq = item->seq;
    }
    return ERR_NONE;
}

/* Rights from a project's document; fields that are not there give none. */
static void
load_members(struct rights *rights, const bson_t *doc)
{
    bson_iter_t iter, list;

    rights_free(rights);
    if (bson_iter_init_find(&iter, doc, "access") && BSON_ITER_HOLDS_UTF8(&iter))
        rights->open = strcmp(bson_iter_utf8(&iter, NULL), "everyone") == 0;
    rights->trashed = bson_iter_init_find(&iter, doc, "deletedAt") && !BSON_ITER_HOLDS_NULL(&iter);
    if (!bson_iter_init_find(&iter, doc, "members") || !bson_iter_recurse(&iter, &list))
        return;
    while (bson_iter_next(&list)) {
        bson_iter_t user;

        if (bson_iter_recurse(&list, &user) && bson_iter_find(&user, "userId") &&
            BSON_ITER_HOLDS_OID(&user))
            rights_add(rights, bson_iter_oid(&user)->bytes);
    }
}

static enum err
load_project(void *arg, const bson_t *doc)
{
    char name[EVENT_TOPIC] = "project:";
    unsigned char id[ID_BYTES];
    struct load_item *t;

    if (!read_id(doc, "_id", id))
        return ERR_NONE;
    text_hex(name + 8, id, ID_BYTES);
    if ((t = load_find(arg, name)) != NULL) {
        t->project = true;
        load_members(&t->rights, doc);
    }
    return ERR_NONE;
}

/* Reads the rights of all topics that are of projects. */
static enum err
load_projects(struct load *load, struct store *store)
{
    unsigned char ids[READS_TOPICS][ID_BYTES];
    bson_t *filter, *opts;
    uint32_t count = 0;
    enum err err;

    for (uint32_t i = 0; i < load->count; i++)
        if (load->topics[i].name[0] == 'p' &&
            text_unhex(ids[count], ID_BYTES, load->topics[i].name + 8))
            count++;
    if (count == 0)
        return ERR_NONE;
    filter = ids_filter(ids, count);
    opts = BCON_NEW("projection", "{", "access", BCON_BOOL(true), "deletedAt", BCON_BOOL(true),
                    "members.userId", BCON_BOOL(true), "}");
    err =
        store_find(store, &(struct store_query){STORE_PROJECTS, filter, opts}, load_project, load);
    bson_destroy(filter);
    bson_destroy(opts);
    return err;
}

/* Numbers before rights: a change between the two arrives again as an event. */
static enum err
load_work(struct job *job, struct store *store)
{
    struct load *load = (struct load *)job;
    const char *names[READS_TOPICS];
    enum err err = store_epoch(store, load->epoch);

    for (uint32_t i = 0; i < load->count; i++)
        names[i] = load->topics[i].name;
    if (err == ERR_NONE)
        err = event_find_heads(store, names, (int)load->count, load_seq, load);
    if (err == ERR_NONE)
        err = load_projects(load, store);
    return err == ERR_NONE ? ERR_NONE : ERR_STORE;
}

void
reads_load(struct load *load)
{
    load->job.work = load_work;
    reader_add_urgent(&load->job, load->topics[0].name[0] == 'p' ? URGENT_LIVE : URGENT_HELLO);
}

/* ------------------------------------------------------------ page */

struct paging {
    struct page *page;
    size_t bytes;
    uint32_t size;
};

/* Adds one event to the page, unless it is full. */
static enum err
page_item(void *arg, const struct event_item *item)
{
    struct paging *p = arg;
    struct arrival *h;

    if (item->seq > p->page->upto || (p->bytes > 0 && p->bytes + item->len + 10 > STREAM_BYTES))
        return ERR_TOO_LARGE; /* stop here */
    p->page->items = vec_room(p->page->items, p->page->count, &p->size, sizeof(*p->page->items));
    h = &p->page->items[p->page->count++];
    h->seq = item->seq;
    h->frame = frame_new(item->frame, item->len);
    arrival_describe(h, item->kind, item->entity_id);
    p->bytes += h->frame->len;
    return ERR_NONE;
}

static enum err
page_work(struct job *job, struct store *store)
{
    struct page *page = (struct page *)job;
    struct paging p = {.page = page};
    enum err err = event_log_read(
        store, &(struct event_after){page->topic, page->after, page->limit}, page_item, &p);

    if (err == ERR_TOO_LARGE)
        err = ERR_NONE;
    if (err == ERR_NONE && page->count == 0)
        err = event_log_head(store, page->topic, &page->top);
    return err == ERR_NOT_FOUND ? ERR_NONE : err;
}

void
reads_page(struct page *page, const unsigned char *user)
{
    page->job.work = page_work;
    if (user == NULL)
        reader_add_urgent(&page->job, URGENT_LIVE);
    else
        reader_add(&page->job, user);
}

void
reads_page_free(struct page *page)
{
    for (uint32_t i = 0; i < page->count; i++)
        frame_drop(page->items[i].frame);
    free(page->items);
    free(page);
}

/* ------------------------------------------------------------ heads */

void
reads_numbers_add(struct numbers *h, const char *name, int64_t seq)
{
    h->items = vec_room(h->items, h->count, &h->size, sizeof(*h->items));
    bson_strncpy(h->items[h->count].name, name, EVENT_TOPIC);
    h->items[h->count++].seq = seq;
}

void
reads_numbers_free(struct numbers *h)
{
    free(h->names);
    free(h->items);
    free(h);
}

/* Keeps the newest number of a topic.  Its events come in bursts, so few items are searched. */
static enum err
heads_item(void *arg, const struct event_item *item)
{
    struct numbers *h = arg;

    for (uint32_t i = h->count; i > 0 && i + 16 > h->count; i--) {
        if (strcmp(h->items[i - 1].name, item->topic) == 0) {
            if (h->items[i - 1].seq < item->seq)
                h->items[i - 1].seq = item->seq;
            return ERR_NONE;
        }
    }
    reads_numbers_add(h, item->topic, item->seq);
    return ERR_NONE;
}

/* Reads the numbers of the named topics, some at a time. */
static enum err
heads_named(struct numbers *h, struct store *store)
{
    const char *names[READS_TOPICS];
    enum err err = ERR_NONE;

    for (uint32_t i = 0; err == ERR_NONE && i < h->asked; i += READS_TOPICS) {
        int count = 0;

        while (count < READS_TOPICS && i + (uint32_t)count < h->asked) {
            names[count] = h->names[i + (uint32_t)count].name;
            count++;
        }
        err = event_find_heads(store, names, count, heads_item, h);
    }
    return err;
}

static enum err
heads_work(struct job *job, struct store *store)
{
    struct numbers *h = (struct numbers *)job;
    enum err err;

    if (h->since > 0)
        return event_find_touched(store, h->since, heads_item, h);
    err = store_epoch(store, h->epoch);
    if (err == ERR_NONE)
        err = heads_named(h, store);
    return err == ERR_NONE ? ERR_NONE : ERR_STORE;
}

void
reads_numbers(struct numbers *h)
{
    h->names = h->items; /* what was added is the question */
    h->asked = h->count;
    h->items = NULL;
    h->count = h->size = 0;
    h->job.work = heads_work;
    reader_add_urgent(&h->job, URGENT_LIVE);
}
