/*
 * What change.c (the functions that a plan calls), batch.c and batch_topics.c (the transaction) and
 * change_run.c (who waits for whom) share.
 */
#ifndef COMMON_CHANGE_CHANGE_INSIDE_H
#define COMMON_CHANGE_CHANGE_INSIDE_H

#include <bson/bson.h>

#include "common/change/change.h"
#include "common/text/text.h"
#include "common/topics/topic_hints.h"

#define TOPICS_MAX 80 /* planned, made and joined ones of one change */

/* A topic as the changes of a transaction see it, one after another. */
struct topic {
    struct topic *next;
    char name[EVENT_TOPIC];
    struct topic_hint now;    /* after the changes so far; now.seq: the newest number given */
    struct topic_hint stored; /* what its document says in this transaction */
    int numbers;              /* that the changes need by their plans */
    int64_t counter, bytes;   /* the same of what stands beside the number */
    bool planned;             /* the writer holds its lock */
    bool known;               /* the hint was there, and holds */
    bool numbered;            /* this transaction has moved its number */
};

/* A topic as one change uses it. */
struct own_topic {
    struct topic *topic;
    struct topic_hint before; /* as the change found it: for its undoing */
    bool planned;
    bool taken; /* a number is the change's, */
    bool used;  /* and an event bears it */
};

struct written_event {
    bson_t *doc; /* a bson_t wants 128-byte alignment, which realloc() does not give */
    char channel[EVENT_TOPIC + 4];
    struct text message;
};

struct finding {
    struct finding *next;
    char *name;
    bool value;
};

/* One plan on its way; lives on its owner's stack, and is touched only by who runs it. */
struct change {
    const struct change_plan *plan;
    struct store *store; /* the owner's */
    struct bus *bus;
    const char *epoch;
    int64_t deadline;    /* of clock_steady() */
    struct batch *batch; /* the transaction that runs it now */
    struct own_topic topics[TOPICS_MAX];
    int topic_count;
    int64_t counter;
    struct finding *findings;
    const char *request; /* for the lines that it logs */
    bson_t *record;      /* of this run, if it is to have one */
    bool over;           /* it runs no more: err, or the reply that its record holds, stands */
    bool apart;          /* it runs in a later transaction, by itself */
    bool undone;         /* there was nothing to change */
    bool run;            /* this transaction has run it, */
    bool tried;          /* or one before */
    enum err err;
    int line; /* it waits in this line as a rider; -1: it does not */
};

/* The changes that a transaction runs, in the order of their coming. */
struct batch {
    struct store *store;       /* whose transaction it is */
    const struct arena *limit; /* of that store, for its own change */
    struct change **changes;
    int count;
    struct topic *topics; /* planned ones first, in the order of their names */
    struct written_event *events;
    size_t event_count, event_size, event_bytes;
    int64_t now;
    bool suspect; /* no hint is used: one was wrong */
    bool unknown; /* nobody knows whether it was committed */
};

/* In batch_topics.c: the topic as this transaction has it, made if it is new to it. */
struct topic *batch_topic(struct batch *b, const char *name);

/* Takes the numbers that the changes need by their plans; ERR_NOT_FOUND if a topic does not exist.
 */
enum err batch_number_topics(struct batch *b) MUST_CHECK;

/* Takes one number of a topic that was not planned, and reads it. */
enum err batch_number(struct batch *b, struct topic *t) MUST_CHECK;

/* What was planned but not needed is given back, what was needed beyond it is taken. */
enum err batch_correct_topics(struct batch *b) MUST_CHECK;
void batch_forget_topics(struct batch *b);

/* In change.c: the run of a change within its batch, and the undoing of what it did there. */
void change_start(struct change *c, struct batch *b);
void change_return_numbers(struct change *c);
void change_undo_topics(struct change *c);
bool change_is_idle(const struct change *c);
void change_free(struct change *c);

#endif
