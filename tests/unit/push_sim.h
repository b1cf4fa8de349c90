/*
 * The environment of push in test_delivery.c, driven by random numbers: one project's log, a slow
 * and failing database, a Redis that loses, delays and reorders messages and disconnects. push
 * itself is real down to reads.c; only the calls to the database, to Redis and to sockets are
 * simulated here.  Time stands still unless it is moved.
 */
#ifndef TESTS_UNIT_PUSH_SIM_H
#define TESTS_UNIT_PUSH_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "common/change/event.h"
#include "common/text/text.h"

#define SIM_EPOCH   "deadbeef"
#define SIM_USERS   5
#define SIM_CLIENTS 24
#define SIM_EVENTS  4000  /* of a schedule */
#define SIM_LARGE   80000 /* bytes of some events; more than a queue may hold */

/* The log of the project, and what was true after each event. */
struct sim {
    char topic[EVENT_TOPIC], id[25];
    struct text frames[SIM_EVENTS + 1];
    char kinds[SIM_EVENTS + 1][24], entities[SIM_EVENTS + 1][25];
    bool member[SIM_EVENTS + 1][SIM_USERS], everyone[SIM_EVENTS + 1];
    int64_t top, oldest;
};
extern struct sim sim;

/* The ids of a client's user and of its login session, in hex. */
void sim_client(int client, char user[25], char session[25]);

/* Starts with an empty log. */
void sim_start(void);

/* The seed of the random numbers that follow. */
void sim_seed(uint64_t seed);

/* The only time there is, for libev too: us since the machine started. */
extern int64_t sim_time;

/* A number below a bound, each equally likely. */
uint32_t sim_chance(uint32_t below);

/* May the user see the project after that event? */
bool sim_may(int user, int64_t seq);

/* Was there a moment from `from` on when the user's right was as given? */
bool sim_ever(int user, int64_t from, bool right);

/* A new event, sometimes one that changes rights; Redis may lose it. */
void sim_write_event(void);

/*
 * One of the jobs that wait for the database is done.  While it is in trouble, some of its queries
 * fail, before or after they have returned something; while it is unavailable, all do.
 */
void sim_finish_job(void);
bool sim_jobs_wait(void);
enum sim_database { SIM_WORKS, SIM_TROUBLE, SIM_UNAVAILABLE };
extern enum sim_database sim_database;

/*
 * Redis processes a subscription and delivers some messages, in any order and some of them twice;
 * disconnects; reconnects; does nothing while it hangs.
 */
void sim_redis_step(void);
extern bool sim_redis_hangs;
void sim_redis_down(void);
void sim_redis_up(void);
bool sim_redis_is_up(void);

#endif
