/*
 * What the reader threads read: a struct per question.  The caller fills in
 * the question and `job.done`; reads_*() queues it.
 */
#ifndef PUSH_READS_H
#define PUSH_READS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/event.h"
#include "common/store.h"
#include "push/reader.h"
#include "push/rights.h"
#include "push/stream.h"

struct session;

#define READS_TOPICS 256 /* topics read together */
#define READS_PAGE   STREAM_FRAMES

/* Number and rights of topics; the number is read before the rights. */
struct load {
    struct job job;
    char epoch[STORE_EPOCH];
    int64_t asked_at; /* steady us, for the asker */
    uint32_t count;
    struct load_topic {
        char name[EVENT_TOPIC];
        uint32_t turn;
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
    uint32_t turn;
    int64_t after, upto;
    int limit;
    int64_t top; /* the topic's number, read when there were no events */
    uint32_t count;
    struct happening *items;
};
void reads_page(struct page *page, const unsigned char *user); /* NULL: live events wait for it */
void reads_page_free(struct page *page);

/* The newest number of every topic with an event since an instant, or of all that are named. */
struct heads {
    struct job job;
    int64_t since;    /* ms; 0: the named ones */
    int64_t asked_at; /* steady us, for the asker */
    char epoch[STORE_EPOCH];
    uint32_t asked, count, size;
    struct head {
        char name[EVENT_TOPIC];
        int64_t seq;
    } * names, *items; /* those asked about; the answer, without those that are not there */
};
void reads_heads(struct heads *heads);
void reads_heads_add(struct heads *heads, const char *name, int64_t seq);
void reads_heads_free(struct heads *heads);

/* Are these sessions' tokens still good? */
struct check {
    struct job job;
    uint32_t count;
    struct check_one {
        struct session *session;
        unsigned char user[12], sid[12];
        int64_t needed, generation; /* of the user's credentials; of the session */
        bool alive, shown, known;   /* session and user are good; presence is not off */
    } items[READS_TOPICS];
};
void reads_check(struct check *check);

/*
 * The projects that a user may see: those of a member, and some of those open to everyone. Whatever
 * adds to them takes a number of the user's topic or of `everyone`, so while those two numbers are
 * the same as at an earlier reading, its answer holds, and only the numbers are read.
 */
struct projects {
    struct job job;
    uint32_t refs;
    uint32_t upto;            /* number of the newest `all` that it answers */
    uint32_t turn;            /* of the user's topic */
    int64_t numbers[2];       /* of the user's topic and of `everyone`; read before the projects */
    struct projects *earlier; /* an answer that may still hold; NULL: there is none */
    bool same;                /* it does hold, and `ids` was not read */
    unsigned char user[12];
    uint32_t most, most_open, count;
    bool cut; /* there are more */
    unsigned char (*ids)[12];
};
void reads_projects(struct projects *projects);

/* The numbers of the events with which a right to projects began. */
struct beginnings {
    struct job job;
    uint32_t number;         /* of this question; the asks that wait bear it */
    struct session *session; /* whose follows wait; NULL: all on the topic */
    unsigned char user[12];
    int64_t rev; /* < 0: the user's membership; else the project was opened, by that revision */
    uint32_t count;
    struct beginning {
        char topic[EVENT_TOPIC];
        int64_t seq; /* 0: the log does not hold it */
    } items[READS_TOPICS];
};
void reads_beginnings(struct beginnings *beginnings);

/* Reads a happening's effect from kind and entity. */
void reads_effect(struct happening *event, const char *kind, const char *entity_id);

#endif
