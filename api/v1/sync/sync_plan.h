/*
 * What one answer of /v1/sync has to tell: which topics whole, which entities,
 * and which cursor is reached by it.
 */
#ifndef API_V1_SYNC_SYNC_PLAN_H
#define API_V1_SYNC_SYNC_PLAN_H

#include <bson/bson.h>
#include <stdbool.h>

#include "common/base/err.h"
#include "common/change/event.h"

struct request;

enum sync_kind {
    SYNC_PROJECTS,
    SYNC_MEMBERS,
    SYNC_TASKS,
    SYNC_COMMENTS,
    SYNC_NOTIFICATIONS,
    SYNC_KINDS,
    SYNC_MOVED = SYNC_KINDS /* of items alone: tasks that moved, maybe with their comments */
};

enum sync_state {
    SYNC_SAME,    /* nothing to tell in this answer */
    SYNC_CHANGED, /* the entities of its events after `after`, up to `upto` */
    SYNC_WHOLE,   /* everything: the client has nothing of it, or the log has a hole */
    SYNC_WAITING, /* everything, in a later answer */
    SYNC_GONE,    /* out of sight since the plan was begun */
};

/* A topic in the caller's sight: a project's, or the caller's own. */
struct sync_topic {
    char name[EVENT_TOPIC];
    bson_oid_t id; /* the project's */
    int64_t head;  /* its newest number, read before any entity */
    int64_t tasks; /* how many tasks it ever had */
    int64_t after; /* the client's number; -1: none */
    int64_t upto;  /* the number that this answer reaches */
    int64_t found; /* events read */
    bool changed;  /* the project itself has changed */
    bool members;  /* so have some of its members */
    bool seen;     /* it was read after the plan, and is still in sight */
    enum sync_state state;
};

/* An entity that some event was about. */
struct sync_item {
    enum sync_kind kind;
    bson_oid_t id;
    int topic;  /* index; -1: the caller's own */
    bool found; /* it is still there */
};

struct sync_plan {
    struct request *r;
    bool full;                      /* the cursor cannot be followed: everything is told */
    bool more;                      /* than fits into this answer */
    struct sync_topic own, *topics; /* the projects', by id */
    int topic_count;
    struct sync_item *items; /* by kind and id */
    int item_count;
    bson_oid_t *lost; /* projects of the cursor that are not in sight */
    int lost_count;
};

/*
 * Fills the plan in a number of queries that does not depend on the number of
 * projects; what is read after it may be newer than the plan, never older.
 */
enum err sync_plan_read(struct sync_plan *plan, struct request *r, const char *since) MUST_CHECK;

/* The topic of a project; NULL: it is not in sight. */
struct sync_topic *sync_plan_topic(const struct sync_plan *plan, const bson_oid_t *project);

/* Marks the items of that entity as found; how many there are (of a topic; -2: of any). */
int sync_plan_find(struct sync_plan *plan, enum sync_kind kind, const bson_oid_t *id, int topic);

#endif
