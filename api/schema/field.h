/*
 * Fields, shapes, filters and orders.  Tables of these drive validation, both conversions, queries
 * and OpenAPI.  No code here.
 */
#ifndef API_SCHEMA_FIELD_H
#define API_SCHEMA_FIELD_H

#include <stdbool.h>

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
    NESTED,  /* one object of the shape items */
    ANY,     /* any value; in a body it is not converted, but left to the handler */
};

/* What a client may do; with no flag only the server sets the field. */
#define MUST_SET 1u /* required at creation */
#define MAY_SET  2u /* at creation */
#define MAY_EDIT 4u /* at any time */
#define NULLABLE 8u
#define HIDDEN   16u  /* never leaves the server */
#define VIRTUAL  32u  /* understood by the resource's hook, not stored */
#define VERBATIM 64u  /* a secret: its text may be blank */
#define UNLOGGED 128u /* events do not name its changes: others say the same */
#define OPTIONAL 256u /* a member of an object: left out of its JSON when it is null */

struct field {
    const char *name;
    enum field_kind kind;
    unsigned flags;
    long low, high;
    const char *const *choices; /* ends with NULL */
    const char *fallback;       /* JSON text of the value when not given; NULL: null */
    const struct field *items;  /* of OBJECTS and NESTED */
    /*
     * The members by which an item of OBJECTS is known, with "/" between them.  NULL: items have no
     * identity.  Items of REFS and SLUGS are known by their value.
     */
    const char *key;
    /*
     * The field together with which this one is one value, so that a change of either conflicts
     * with a change of the other; of a VIRTUAL flag the field that it sets or clears.
     */
    const char *couple;
    const char *about; /* for OpenAPI */
};

/* The fields that every entity begins with, in the order in which entity_new() stores them. */
/* clang-format off */
#define ENTITY_FIELDS          \
    {"id",        REF,     0}, \
    {"rev",       INTEGER, 0}, \
    {"createdAt", INSTANT, 0}, \
    {"createdBy", REF,     0}, \
    {"updatedAt", INSTANT, 0}, \
    {"updatedBy", REF,     0}
/* clang-format on */

struct shape {
    const char *name;           /* of the OpenAPI component */
    const struct field *fields; /* ends with a NULL name */
};

/* A query parameter of a list: the stored field and how it is compared. */
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
    const char *keys[3]; /* the stored fields, '-' for descending; _id comes last, implicitly */
    bool due;            /* the first key is a due key: compared as due_range.h says */
    bool ranked;         /* the best first: one page, in this direction only */
    bool unindexed;      /* for few documents: sorted by this program, see */
};

#endif
