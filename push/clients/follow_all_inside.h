/*
 * The state of an op follow of `all`, for the files of follow_all*.c.
 */
#ifndef PUSH_CLIENTS_FOLLOW_ALL_INSIDE_H
#define PUSH_CLIENTS_FOLLOW_ALL_INSIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/change/cursor.h"
#include "push/clients/follow.h"
#include "push/clients/joins.h"
#include "push/clients/skips.h"

struct projects;
struct session;

/* The stages that each `all` goes through, in this order. */
enum stage {
    STAGE_LISTING,   /* waits for the list of projects */
    STAGE_ASKING,    /* asks for one topic after another */
    STAGE_WAITING,   /* some topics cannot be answered yet */
    STAGE_ANSWERING, /* gives the common answer */
    STAGE_SETTLING,  /* gives each topic's own answer and starts its events */
    STAGE_LEAVING,   /* sends `left` for topics of the cursor that the user may no longer see */
    STAGE_LIVE,
};

struct follow_all {
    struct session *session;
    struct follow_all *after, **link; /* in the list of busy ones; link NULL: is not in it */
    uint32_t number;                  /* unique in this process */
    enum stage stage;
    uint32_t at;               /* progress of STAGE_ASKING and STAGE_LEAVING */
    struct follow *next;       /* progress of STAGE_SETTLING */
    struct follow_group group; /* requests for the topics of the list */
    char ref[WIRE_REF];
    struct cursor since; /* parsed; empty: none was given, or it is invalid */
    bool since_given;
    const char *reason; /* why the whole cursor is invalid */
    struct projects *list;
    struct joins joins; /* topics whose beginning must be found */
    struct skips skips; /* unfollowed before the answer was complete */
};

#endif
