/*
 * Who may see a project: everyone, or its members.  Pure data.
 */
#ifndef PUSH_BASE_RIGHTS_H
#define PUSH_BASE_RIGHTS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/id.h"

struct rights {
    bool open;    /* to everyone ... */
    bool trashed; /* ... unless it is in the trash: then to members alone */
    uint32_t count, size;
    unsigned char (*ids)[ID_BYTES]; /* the members, in order */
};

void rights_free(struct rights *rights);

/* Adds or removes a member; does nothing if that is the case already. */
void rights_add(struct rights *rights, const unsigned char id[ID_BYTES]);
void rights_remove(struct rights *rights, const unsigned char id[ID_BYTES]);

bool rights_may(const struct rights *rights, const unsigned char id[ID_BYTES]);

#endif
