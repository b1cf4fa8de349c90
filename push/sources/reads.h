/*
 * Queries about topics: a struct for each.  The caller fills in the question and `job.done`, and
 * reads_*() queues it.
 */
#ifndef PUSH_SOURCES_READS_H
#define PUSH_SOURCES_READS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/id.h"
#include "common/change/event.h"
#include "common/store/store.h"
#include "push/base/rights.h"
#include "push/base/stream.h"
#include "push/sources/reader.h"

struct arrival;

#define READS_TOPICS 256 /* topics read together */
#define READS_PAGE   STREAM_FRAMES

/* The numbers and rights of topics; the numbers are read before the rights. */
struct load {
    struct job job;
    char epoch[STORE_EPOCH];
    int64_t asked_at; /* steady us, for the asker */
    uint32_t count;
    struct load_item {
        char name[EVENT_TOPIC];
        uint32_t generation;
        bool found;   /* the topic has a number */
        bool project; /* the project exists */
        int64_t seq;
        struct rights rights;
    } topics[READS_TOPICS];
};
void reads_load(struct load *load);

/* Events after a number, in order, as far as `upto`, `limit` and STREAM_BYTES allow. */
struct page {
    struct job job;
    char topic[EVENT_TOPIC];
    uint32_t generation;
    int64_t after, upto;
    int limit;
    unsigned char user[ID_BYTES]; /* for whom it is read, unless live events wait for it */
    int64_t top;                  /* the topic's number, read when there were no events */
    uint32_t count;
    struct arrival *items;
};
void reads_page(struct page *page,
                const unsigned char *user); /* NULL: live events wait for it, so it is urgent */
void reads_page_free(struct page *page);

/* The newest number of every topic with an event since a time, or of all that are named. */
struct numbers {
    struct job job;
    int64_t since;    /* ms; 0: the named ones */
    int64_t asked_at; /* steady us, for the asker */
    char epoch[STORE_EPOCH];
    uint32_t asked, count, size;
    struct topic_number {
        char name[EVENT_TOPIC];
        int64_t seq;
    } * names, *items; /* those asked about; the answer, without topics that do not exist */
};
void reads_numbers(struct numbers *numbers);
void reads_numbers_add(struct numbers *numbers, const char *name, int64_t seq);
void reads_numbers_free(struct numbers *numbers);

#endif
