/*
 * Shared by change.c (the functions that a plan calls), batch.c and batch_topics.c (the
 * transaction), change_run.c (scheduling) and change_set.c (steps in order).  The first three call
 * each other in a circle, because a plan is called by the transaction and calls it: batch.c runs
 * each change (change_start()), and the plan's change_number() and change_event() take numbers from
 * the transaction.
 */
#ifndef COMMON_CHANGE_CHANGE_INSIDE_H
#define COMMON_CHANGE_CHANGE_INSIDE_H

#include <bson/bson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/change/event.h"
#include "common/store/store.h"
#include "common/store/store_gather.h"
#include "common/text/text.h"
#include "common/topics/topic_hints.h"

#define TOPICS_MAX 80 /* planned, created and joined ones of one change */

/* A topic as the changes of a transaction see it, one after another. */
struct topic {
    struct topic *next;
    char name[EVENT_TOPIC];
    struct topic_hint now;    /* after the changes so far; now.seq: the last number taken */
    struct topic_hint stored; /* what its document says in this transaction */
    int numbers;              /* how many the plans need */
    int64_t counter, bytes;   /* how much the plans add to the counter and the sum of bytes */
    bool planned;             /* the writer holds its lock */
    bool known;               /* there was a hint, and it was right */
    bool numbered;            /* this transaction has increased its number */
};

/* A topic as one change uses it. */
struct own_topic {
    struct topic *topic;
    struct topic_hint before; /* before the change, to undo it */
    bool planned;
    bool taken; /* the change has taken a number, */
    bool used;  /* and an event has it */
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

/*
 * A plan while it runs.  Allocated on its owner's stack; only the thread that runs it may touch it.
 */
struct change {
    const struct change_plan *plan;
    const struct change_plan *given; /* of a step, which has no topics yet; NULL: it is no step */
    struct change_plan *adopted;     /* the plan that the step has stated; NULL: none */
    struct store_mark mark;          /* where it began, */
    size_t events;                   /* after how many events of the transaction */
    struct store *store;             /* the owner's */
    struct bus *bus;
    const char *epoch;
    int64_t deadline;    /* of clock_steady() */
    struct batch *batch; /* the transaction that runs it now */
    struct own_topic topics[TOPICS_MAX];
    int topic_count;
    int64_t counter;
    struct finding *findings;
    const char *request; /* the request's id, for log lines */
    bson_t *record;      /* of this run; NULL: none */
    bool over;           /* finished: err, or the reply in its record, is final */
    bool apart;          /* it will run alone in a later transaction */
    bool undone;         /* nothing was changed */
    bool run;            /* it ran in this transaction, */
    bool tried;          /* or in an earlier one */
    enum err err;
    int stripe; /* the stripe of topic_lock.h in whose queue it was delegated; -1: none */
};

/* The changes that a transaction runs, in order of arrival. */
struct batch {
    struct store *store;       /* whose transaction it is */
    const struct arena *limit; /* that store's own limit */
    struct change **changes;
    int count;
    struct topic *topics; /* planned ones first, sorted by name */
    struct written_event *events;
    size_t event_count, event_size, event_bytes;
    int64_t now;
    bool suspect; /* no hints are used, because one was wrong */
    bool seen;    /* it uses a document that was read before the transaction */
    bool again;   /* the transaction must start again, without changes that are `over` or `apart` */
    int agains;   /* how often it did */
    bool unknown; /* it is unknown whether it was committed */
    bool ordered; /* the changes are a set's steps: none may overtake another */
    bool atomic;  /* and all fail if one does: */
    int failed;   /* this one; -1: none */
};

/* In batch_topics.c: returns the topic in this transaction, added if it is new. */
struct topic *batch_topic(struct batch *b, const char *name);

/*
 * Takes the numbers that the plans need.  ERR_NOT_FOUND if the only topic does not exist.  Among
 * other topics, the changes of one that does not exist become `apart`, and `again` is set.
 */
enum err batch_number_topics(struct batch *b) MUST_CHECK;

/* Takes one number of a topic that was not planned, and reads its document. */
enum err batch_number(struct batch *b, struct topic *t) MUST_CHECK;

/* Gives back planned numbers that were not needed and takes those needed beyond the plan. */
enum err batch_correct_topics(struct batch *b) MUST_CHECK;
void batch_forget_topics(struct batch *b);

/* Does its batch still run the change? */
static inline bool
change_takes_part(const struct change *c)
{
    return !c->over && !c->apart;
}

/*
 * Forgets what a change did since it started; false: only the whole transaction can be undone.
 */
bool batch_undo_change(struct batch *b, struct change *c) MUST_CHECK;

/* In change_run.c: waits before a transaction that met a conflict runs again. */
void change_back_off(int tries);

/* Can the changes of a batch that failed with err run again in smaller ones? */
bool change_may_part(const struct batch *b, enum err err);

/* In change.c: starts a change within its batch, and undoes what it did there. */
void change_start(struct change *c, struct batch *b);
void change_return_numbers(struct change *c);
void change_undo_topics(struct change *c);
bool change_is_idle(const struct change *c);
void change_free(struct change *c);

#endif
