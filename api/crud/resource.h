/*
 * What a list and a resource are: tables for the generic handlers.  No code here.
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

/* A list: what is in it, and which filters and orders a client may ask for. */
struct list {
    enum store_name store;
    const struct filter *filters; /* NULL: none */
    const struct order *orders;   /* the first is the default */
    /* Appends what the caller may see and CUSTOM parameters mean. */
    enum err (*scope)(struct request *r, bson_t *filter);
    /* Looks whether few documents can match, and narrows the query to them.  May be NULL. */
    enum err (*narrow)(struct request *r, struct query *query);
    /* Appends to opts which fields are read.  NULL: all. */
    void (*project)(struct request *r, bson_t *opts);
};

/* What the rules of a resource look at. */
struct entity_rules {
    struct request *r;
    struct change *change;
    const bson_t *project, *before; /* before is NULL at creation */
    const bson_t *after;            /* with the client's change applied */
    bson_t *extra;                  /* a rule appends what must also be set */
};

/* Entities that live in a project's topic: tasks, comments, the project itself. */
struct resource {
    const struct shape *shape;
    enum store_name store;
    const char *path; /* for Location */
    bool is_project;
    enum action change, remove;
    /* Appends what must always follow from the other fields, whoever changes them.  NULL: nothing.
     */
    void (*derive)(const bson_t *doc, bson_t *set);
    enum event_kind created, changed, removed, restored;
    /* May the caller change (or remove) this one, beyond what the role allows?  NULL: yes. */
    enum err (*may)(struct request *r, const bson_t *project, const bson_t *doc, bool remove);
    /*
     * One that is removed is forgotten, here and in the log: sets its fields to
     * what may remain.  NULL: it goes to the trash as it is.
     */
    void (*forget)(bson_t *set);
    /* What else a change brings about (notifications); before is NULL at creation.  May be NULL. */
    enum err (*after)(struct request *r, struct change *change, const bson_t *before,
                      const bson_t *after);
    /* Cross-field rules and derived fields.  Complains through the request; tells nobody. */
    enum err (*check)(const struct entity_rules *rules);
};

#endif
