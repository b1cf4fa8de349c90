/*
 * A project's log after a number: what has changed since then, and how it was.  Within one
 * transaction, so that everything that is read fits together.
 */
#ifndef API_V1_PROJECTS_PAST_H
#define API_V1_PROJECTS_PAST_H

#include <bson/bson.h>
#include <stdbool.h>
#include <stdint.h>

#include "api/schema/field.h"
#include "common/change/event.h"

struct event_item;
struct request;

#define PAST_EVENTS 5000 /* events that are taken back at most */

enum past_class { PAST_PROJECT, PAST_TASK, PAST_ATTACHMENT, PAST_MEMBER, PAST_CLASSES };
struct past_class_row {
    const char *entity; /* as events name it */
    const struct shape *shape;
};
extern const struct past_class_row past_classes[PAST_CLASSES];

/* The newest event of an entity up to the number. */
struct past_state {
    bool found;
    int64_t rev, at;
    bson_t *doc; /* the entity after it; NULL: the event does not have it */
    bool has_actor;
    bson_oid_t actor;
};

/* What has happened to one entity since. */
struct past_change {
    enum past_class class;
    bson_oid_t id;
    int64_t seq, rev;     /* of the first of its own events */
    enum event_kind kind; /* and its kind; EVENT__COUNT: there is none, only counters changed */
    bool came, left;      /* that event brought it from another project; one took it to another */
    const char *role;     /* a member's before that event; NULL: none */
    bool erased;          /* its account has been deleted */
    int64_t comments, attachments;           /* that a task has got since, until it left */
    int64_t left_comments, left_attachments; /* that it had when it left */
    int64_t left_at;                         /* when that was */
    /* Set by its reader. */
    struct past_state *state;                           /* NULL: not found yet */
    bson_t *then;                                       /* as it was; NULL: it was not there */
    int64_t done, total, now_comments, now_attachments; /* its counters now */
};

struct past {
    struct request *r;
    const bson_oid_t *id;  /* the project's */
    const bson_t *project; /* now */
    const char *topic;
    int64_t at, head;            /* the number, and the newest one */
    struct past_change *changes; /* sorted */
    uint32_t count, room;
    const char *omitted; /* JSON of what the log does not tell: {entity, id, fields}, ... */
};

/* Reads the events after the number; past_free() in any case. */
enum err past_read(struct past *p) MUST_CHECK;
void past_free(void *p);

/* The changes of one entity; NULL: there are none. */
struct past_change *past_find(const struct past *p, enum past_class class, const bson_oid_t *id);

/* Those of the entity that an event is about. */
struct past_change *past_change_of(const struct past *p, const struct event_item *item);

/* The changes of a class; returns how many, and the first in *first. */
uint32_t past_class(const struct past *p, enum past_class class, struct past_change **first);

/* The changes that an event tells, the caller's to destroy; NULL: it does not tell them. */
bson_t *past_changes(const struct event_item *item);

/* Is it there, and not in the trash? */
bool past_is_living(const bson_t *doc);

/* Adds to p->omitted; fields: names with "," between them, each in quotes. */
void past_omit(struct past *p, enum past_class class, const bson_oid_t *id, const char *fields);

#endif
