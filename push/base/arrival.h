/*
 * An event on its way to browsers.  Pure data.
 */
#ifndef PUSH_BASE_ARRIVAL_H
#define PUSH_BASE_ARRIVAL_H

#include <stdint.h>

#include "common/base/id.h"

struct frame;

/* What an event changes here besides being shown. */
enum effect {
    EFFECT_NONE,
    EFFECT_MEMBER_ADDED,
    EFFECT_MEMBER_REMOVED,
    EFFECT_PROJECT_UPDATED, /* its access may have changed */
    EFFECT_PROJECT_DELETED, /* moved to the trash */
    EFFECT_PROJECT_RESTORED,
    EFFECT_SESSION_REVOKED,
    EFFECT_USER_UPDATED, /* its choice of presence may have changed */
    EFFECT_FORGOTTEN,    /* older events were redacted in the log */
};

struct arrival {
    int64_t seq;
    struct frame *frame;
    uint8_t effect;             /* enum effect */
    unsigned char id[ID_BYTES]; /* of the event's entity */
};

/* Sets effect and id from an event's kind and entity id; an id that is not one becomes zero. */
void arrival_describe(struct arrival *a, const char *kind, const char *entity_id);

#endif
