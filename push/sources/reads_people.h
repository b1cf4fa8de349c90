/*
 * The queries about people: login sessions, memberships, beginnings of rights.
 */
#ifndef PUSH_SOURCES_READS_PEOPLE_H
#define PUSH_SOURCES_READS_PEOPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/id.h"
#include "common/change/event.h"
#include "push/sources/reader.h"

struct session;

#define READS_PEOPLE_MAX 256 /* sessions, or topics, in one query */

/* Are these login sessions, or sessions of share links, still valid? */
struct check {
    struct job job;
    uint32_t count;
    struct check_one {
        struct session *session;
        unsigned char user[ID_BYTES], sid[ID_BYTES];
        bool link;                     /* of a share link, whose id is `user` */
        int64_t token_gen;             /* generation in its token; counts for links */
        int64_t user_gen, session_gen; /* generation of credentials: the user's, the session's */
        bool alive, shown, known; /* session and user are valid; presence is on; the user exists */
    } items[READS_PEOPLE_MAX];
};
void reads_people_check(struct check *check);

/*
 * The projects that a user may see: as a member, and some of those open to everyone.  Whatever adds
 * to them is an event of the user's topic or of `everyone`; so while these two numbers are the same
 * as at an earlier reading, its answer still holds and only the numbers are read.
 */
struct projects {
    struct job job;
    uint32_t refs;
    uint32_t upto;            /* number of the newest `all` that it answers */
    uint32_t generation;      /* of the user's topic */
    int64_t numbers[2];       /* of the user's topic and of `everyone`; read before the projects */
    struct projects *earlier; /* an answer that may still hold; NULL: none */
    bool same;                /* it does hold, and `ids` was not read */
    unsigned char user[ID_BYTES];
    uint32_t most, most_open, count;
    bool cut; /* there are more */
    unsigned char (*ids)[ID_BYTES];
};
void reads_people_projects(struct projects *projects);

/* The numbers of the events with which a right to projects began. */
struct beginnings {
    struct job job;
    uint32_t number;         /* of this query; the requests that wait hold it */
    struct session *session; /* whose follows wait; NULL: all on the topic */
    unsigned char user[ID_BYTES];
    int64_t rev; /* < 0: the user's membership; else the project was opened, by that revision */
    uint32_t count;
    struct beginning {
        char topic[EVENT_TOPIC];
        int64_t seq; /* 0: the log does not hold it */
    } items[READS_PEOPLE_MAX];
};
void reads_people_beginnings(struct beginnings *beginnings);

#endif
