/*
 * A page of events from the log.
 */
#ifndef API_V1_EVENT_PAGE_H
#define API_V1_EVENT_PAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "api/crud/resource.h"
#include "common/change/event_log.h"

struct request;
struct text;

extern const struct field event_fields[];
extern const struct shape event_shape;

struct event_page {
    struct text *items;
    int count, limit;
    bool dense; /* a gap in the numbers ends the page */
    bool full;  /* the page has ended, and there are more */
    int64_t first, last;
};

/* Adds an event: an event_each whose arg is the page.  ERR_TOO_LARGE once the page is full. */
enum err event_page_add(void *page, const struct event_item *item);

/* Appends the page's items as a JSON list. */
void event_page_write(const struct event_page *page, struct text *out);

/* Appends the cursor of a position in a topic, quoted. */
void event_page_cursor(struct request *r, struct text *out, const char *topic, int64_t seq);

#endif
