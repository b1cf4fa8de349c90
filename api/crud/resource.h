/*
 * The tables of a list and a resource, for the generic handlers.  No code here.
 */
#ifndef API_CRUD_RESOURCE_H
#define API_CRUD_RESOURCE_H

#include <bson/bson.h>

#include "api/access/access.h"
#include "api/schema/field.h"
#include "common/change/event.h"
#include "common/store/store.h"

struct change;
struct request;
struct query;
struct text;

/* A list: its items, and the filters and orders that a client may ask for. */
struct list {
    enum store_name store;
    const struct filter *filters; /* NULL: none */
    const struct order *orders;   /* the first is the default */
    /* Appends the conditions for what the caller may see and for CUSTOM parameters. */
    enum err (*scope)(struct request *r, bson_t *filter);
    /*
     * Checks whether only few documents can match, and if so narrows the query to them.  May be
     * NULL.
     */
    enum err (*narrow)(struct request *r, struct query *query);
    /* Appends to opts the fields to read.  NULL: all. */
    void (*project)(struct request *r, bson_t *opts);
    bool warns; /* the answer may have warnings */
};

/* The input of a resource's rules. */
struct entity_rules {
    struct request *r;
    struct change *change;
    const bson_t *project, *before; /* before is NULL at creation */
    const bson_t *after;            /* with the client's change applied */
    bson_t *extra;                  /* a rule appends further fields to set */
};

/* Whose request it is, and the event that tells the counters; text is its memory. */
struct counting {
    struct request *r;
    struct event *event;
    struct text *text;
};

/* Entities whose events are in a project's topic: tasks, comments, the project itself. */
struct resource {
    const struct shape *shape;
    enum store_name store;
    const char *path; /* for Location */
    bool is_project;
    enum action change, remove;
    /* Appends fields that are derived from others, on every change.  NULL: none. */
    void (*derive)(const bson_t *doc, bson_t *set);
    enum event_kind created, changed, removed, restored;
    /*
     * Keeps the counters of other entities up to date: writes those that change, and adds them to
     * the event with event_count().  before is NULL at creation.  NULL: it is counted nowhere.
     */
    enum err (*count)(const struct counting *c, const bson_t *before, const bson_t *after);
    /* May the caller change (or remove) this one, in addition to the role's rights?  NULL: yes. */
    enum err (*may)(struct request *r, const bson_t *project, const bson_t *doc, bool remove);
    /*
     * The content of a removed entity is erased, here and in the log: sets its fields to what may
     * remain.  NULL: it goes to the trash unchanged.
     */
    void (*forget)(bson_t *set);
    /* Further effects of a change (notifications); before is NULL at creation.  May be NULL. */
    enum err (*after)(struct request *r, struct change *change, const bson_t *before,
                      const bson_t *after);
    /* Further effects of removing one item of a list by its own route.  May be NULL. */
    enum err (*after_removal)(struct request *r, struct change *change, const bson_t *after,
                              const char *list, const char *key);
    /*
     * Cross-field rules and derived fields.  Complains through the request; sends no notifications.
     */
    enum err (*check)(const struct entity_rules *rules);
};

#endif
