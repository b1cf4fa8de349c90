/*
 * What a field, a shape and a resource are.  Tables of these drive validation,
 * both conversions, queries, the generic handlers and OpenAPI.  No code here.
 */
#ifndef API_FIELD_H
#define API_FIELD_H

#include <bson/bson.h>
#include <stdbool.h>

#include "api/access.h"
#include "common/event.h"
#include "common/store.h"

struct request;
struct change;

enum field_kind {
    TEXT,    /* a string of low to high code points; with low > 0 one of them must be visible */
    CHOICE,  /* one of choices, stored as its text */
    RANK,    /* one of choices, stored as its index, so that it sorts */
    INTEGER, /* from low to high */
    FLAG,    /* true or false */
    INSTANT, /* RFC 3339, stored as a date */
    DATE,    /* YYYY-MM-DD, stored as its text */
    REF,     /* an id */
    SLUG,    /* 1 to 40 of a-z, 0-9 and - */
    REFS,    /* at most high different ids */
    SLUGS,   /* at most high different short texts */
    OBJECTS, /* at most high objects of the shape items */
    NESTED,  /* one object of the shape items; only in answers */
    ANY,     /* any object; only in answers */
};

/* What a client may do; without any the server owns the field. */
#define MUST_SET 1u /* needed at creation */
#define MAY_SET  2u /* at creation */
#define MAY_EDIT 4u /* at any time */
#define NULLABLE 8u
#define HIDDEN   16u /* never leaves the server */
#define VIRTUAL  32u /* understood by the resource's hook, not stored */
#define VERBATIM 64u /* a secret: its text may be blank */

struct field {
    const char *name;
    enum field_kind kind;
    unsigned flags;
    long low, high;
    const char *const *choices; /* ends with NULL */
    const char *fallback;       /* JSON text of the value when not given; NULL: null */
    const struct field *items;  /* of OBJECTS */
    const char *about;          /* for OpenAPI */
};

struct shape {
    const char *name;           /* of the OpenAPI component */
    const struct field *fields; /* ends with a NULL name */
};

/* A query parameter of a list: which stored field, compared how. */
enum filter_op { EQUALS, CUSTOM };
struct filter {
    const char *name, *stored;
    enum field_kind kind;
    enum filter_op op;
    const char *const *choices;
    const char *about;
};

/* An order of a list that an index serves, in both directions: "-dueAt,priority". */
struct order {
    const char *name;
    const char *keys[3]; /* the stored fields, '-' for descending; _id is the last, unnamed */
    bool due;            /* the first key is a due key: read as api/due.h says */
    bool unindexed;      /* of few documents: ordered by us, see list_find.h */
};

struct query;
struct list {
    const struct filter *filters;
    const struct order *orders; /* the first is the default */
    /* Appends what the caller may see and CUSTOM parameters mean. */
    enum err (*scope)(struct request *r, bson_t *filter);
    /* Looks whether few documents can match, and narrows the query to them.  May be NULL. */
    enum err (*narrow)(struct request *r, enum store_name store, struct query *query);
    /* Appends to opts which fields are read.  NULL: all. */
    void (*project)(struct request *r, bson_t *opts);
};

/* Entities that live in a project's topic: tasks, comments, the project itself. */
struct resource {
    const struct shape *shape;
    enum store_name store;
    const char *path; /* for Location */
    const struct list *list;
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
    /*
     * Cross-field rules and derived fields: before is NULL at creation, after
     * has the client's change applied; appends to extra what must also be set.
     * Complains through the request.
     */
    enum err (*check)(struct request *r, struct change *change, const bson_t *project,
                      const bson_t *before, const bson_t *after, bson_t *extra);
};

#endif
