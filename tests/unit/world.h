/*
 * What is around push in test_promise.c, drawn by chance.
 */
#ifndef TESTS_UNIT_WORLD_H
#define TESTS_UNIT_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "common/event.h"
#include "common/text.h"

#define EPOCH  "deadbeef"
#define USERS  5
#define EVENTS 4000  /* of one round */
#define LARGE  80000 /* bytes of some events; more than a queue may hold */

/* The log of the project, and what was true after each event. */
struct world {
    char topic[EVENT_TOPIC], id[25];
    struct text frames[EVENTS + 1];
    char kinds[EVENTS + 1][24], entities[EVENTS + 1][25];
    bool member[EVENTS + 1][USERS], everyone[EVENTS + 1];
    int64_t top, oldest;
};
extern struct world world;

/* Once, before the first round. */
void world_open(void);

/* A user's id in hex. */
void world_user(int user, char id[25]);

/* A round's beginning: an empty log, and the seed that all its chances come from. */
void new_world(uint64_t first, int round);

/* Below a bound, each as likely. */
uint32_t chance(uint32_t below);

/* May the user see the project after that event? */
bool may(int user, int64_t seq);

/* Was there a moment from `from` on when the user's right was as said? */
bool ever(int user, int64_t from, bool right);

/* A new event, sometimes one that changes rights; Redis may lose it. */
void write_event(void);

/* One of the database's jobs gets its answer, or sometimes an error. */
void finish_job(bool may_fail);
bool jobs_wait(void);

/* Redis takes a subscription, delivers some messages; goes away, comes back. */
void redis_step(void);
void redis_goes(void);
void redis_comes(void);
bool redis_is_up(void);

#endif
