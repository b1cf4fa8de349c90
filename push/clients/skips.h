/*
 * Topics that a session unfollowed by name while `all` was not answered yet: `all` leaves them out.
 * Pure data, no I/O.
 */
#ifndef PUSH_CLIENTS_SKIPS_H
#define PUSH_CLIENTS_SKIPS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/topics/topic.h"

#define SKIPS_MAX 200 /* as many as a socket names at once */

/* All zero it is empty. */
struct skips {
    char (*names)[EVENT_TOPIC];
    uint32_t count;
};

bool skips_has(const struct skips *skips, const char *name);

/* Adds a topic, unless it is there; false: there is no room. */
bool skips_add(struct skips *skips, const char *name);

/* Does nothing if the topic is not there. */
void skips_remove(struct skips *skips, const char *name);

void skips_free(struct skips *skips);

#endif
