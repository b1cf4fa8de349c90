/*
 * Writes a page while reading it.
 */
#include "api/crud/page.h"

#include "api/crud/due_order.h"
#include "api/crud/list_find.h"
#include "api/crud/match_find.h"
#include "api/crud/query.h"
#include "api/http/reply.h"
#include "api/http/request.h"
#include "api/http/router.h"

struct page {
    struct request *r;
    const struct query *query;
    struct text *out;
    entity_writer write;
    struct text cursor; /* of the next page; empty: none */
    bson_t *last;       /* of the page */
    int count;
};

static enum err
page_item(void *arg, const bson_t *doc)
{
    struct page *p = arg;

    if (p->count == p->query->limit) { /* one more than the page: there is a next one */
        if (p->cursor.len == 0)
            query_cursor(&p->cursor, p->query, p->last, doc);
        return ERR_NONE;
    }
    if (p->count++ > 0)
        text_putc(p->out, ',');
    p->write(p->r, p->out, doc);
    if (p->count == p->query->limit)
        p->last = request_keep(p->r, bson_copy(doc));
    return ERR_NONE;
}

/* Finds the documents, and the cursor of the next page. */
static enum err
page_find(struct page *page, struct query *query)
{
    struct request *r = page->r;
    bool more = false;
    enum err err;

    if (query->find != NULL)
        return query->find(r, query, page_item, page);
    if (query->order->due && query->match == NULL)
        return due_order_find(r, query, page_item, page);
    if (query->match == NULL)
        return list_find(r, query, query->filter, page_item, page);
    err = match_find(r, query, page_item, page, &more);
    if (more)
        query_cursor_at(&page->cursor, query->at);
    return err;
}

enum err
page_reply(struct request *r, const bson_t *base, entity_writer write)
{
    const struct list *list = r->route->list;
    struct query query;
    struct page page = {.r = r, .query = &query, .write = write};
    enum err err = query_read(r, list, base, &query);

    if (err == ERR_NONE && list->narrow != NULL)
        err = list->narrow(r, &query);
    if (err != ERR_NONE)
        return err;
    page.out = reply_json(r, 200);
    text_puts(page.out, "{\"items\":[");
    err = page_find(&page, &query);
    if (page.cursor.len > 0 && !query.order->ranked)
        text_printf(page.out, "],\"nextCursor\":\"%s\"", page.cursor.bytes);
    else
        text_puts(page.out, "],\"nextCursor\":null");
    if (r->warnings != NULL)
        text_printf(page.out, ",\"warnings\":%s", r->warnings);
    text_putc(page.out, '}');
    text_free(&page.cursor);
    return err;
}
