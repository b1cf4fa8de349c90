/*
 * The content of one reply of /v1/sync: which topics are sent whole, which entities, and the cursor
 * that it reaches.
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
    SYNC_ATTACHMENTS,
    SYNC_NOTIFICATIONS,
    SYNC_FILTERS,
    SYNC_SUBSCRIPTIONS,
    SYNC_JOBS,
    SYNC_KINDS,
    SYNC_MOVED = SYNC_KINDS /* only of items: tasks that moved, with what belongs to them */
};

extern const char *const sync_plan_entities[SYNC_KINDS]; /* as events name them */

/* Does it belong to the user alone, and to no project?  A token bound to projects does not see it.
 */
bool sync_plan_is_private(enum sync_kind kind);

enum sync_state {
    SYNC_SAME,    /* nothing to send in this reply */
    SYNC_CHANGED, /* the entities of its events after `after`, up to `upto` */
    SYNC_WHOLE,   /* everything: the client has none of it, or the log has a gap */
    SYNC_WAITING, /* everything, in a later reply */
    SYNC_GONE,    /* no longer visible since the plan was started */
};

/* A topic that the caller may read: a project's, or the caller's own. */
struct sync_topic {
    char name[EVENT_TOPIC];
    bson_oid_t id; /* the project's */
    int64_t head;  /* its newest number, read before any entity */
    int64_t tasks; /* how many tasks it ever had */
    int64_t after; /* the client's number; -1: none */
    int64_t upto;  /* the number that this reply reaches */
    int64_t found; /* events read */
    bool changed;  /* the project itself has changed */
    bool members;  /* some of its members have changed */
    bool seen;     /* read after the plan, and still visible */
    enum sync_state state;
};

/* An entity that has events. */
struct sync_item {
    enum sync_kind kind;
    bson_oid_t id;
    int topic;  /* index; -1: the caller's own */
    bool found; /* it still exists */
};

struct sync_plan {
    struct request *r;
    bool full;                      /* the cursor cannot be used: everything is sent */
    bool more;                      /* there is more than fits into this reply */
    struct sync_topic own, *topics; /* the projects', by id */
    int topic_count;
    struct sync_item *items; /* by kind and id */
    int item_count;
    bson_oid_t *lost; /* projects in the cursor that are not visible */
    int lost_count;
};

/*
 * Fills the plan.  The number of queries does not depend on the number of projects.  Data read
 * after the plan may be newer than the plan, never older.
 */
enum err sync_plan_read(struct sync_plan *plan, struct request *r, const char *since) MUST_CHECK;

/* The topic of a project; NULL: it is not visible. */
struct sync_topic *sync_plan_topic(const struct sync_plan *plan, const bson_oid_t *project);

/* Marks the items of that entity as found; returns how many there are (in a topic; -2: in any). */
int sync_plan_find(struct sync_plan *plan, enum sync_kind kind, const bson_oid_t *id, int topic);

#endif
