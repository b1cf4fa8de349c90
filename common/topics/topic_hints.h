/*
 * What this host last saw of a topic: its number, so that the next writer need
 * not read it, and since which number its project is unchanged, so that the
 * rights need not be read either.  Only a guess: the writer's first update
 * demands that the number still stands, and reads anew when it does not.
 */
#ifndef COMMON_TOPICS_TOPIC_HINTS_H
#define COMMON_TOPICS_TOPIC_HINTS_H

#include <stdbool.h>
#include <stdint.h>

struct topic_hint {
    int64_t seq;       /* the newest number */
    int64_t counter;   /* the counter beside it (change.h) */
    int64_t unchanged; /* the project is as it was at this number */
    int64_t bytes;     /* the sum beside them */
};

/* Before fork(): lets the processes of this host share what they see. */
void topic_hints_share(void);

/* All three only by who holds the topic's lock (topic_lock.h). */
bool topic_hints_get(const char *topic, struct topic_hint *out);
void topic_hints_put(const char *topic, const struct topic_hint *hint);
void topic_hints_forget(const char *topic);

/* A hint did not hold: for a second the topic's numbers are read, since other hosts write it. */
void topic_hints_doubt(const char *topic);
bool topic_hints_doubted(const char *topic);

#endif
