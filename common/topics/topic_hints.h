/*
 * What this host last saw of a topic: its number, so that the next writer need not read it, and
 * since which number its project is unchanged, so that the rights need not be read either.  It is
 * only a guess: the writer's first update requires that the number is still right, and if it is
 * not, everything is read again.
 */
#ifndef COMMON_TOPICS_TOPIC_HINTS_H
#define COMMON_TOPICS_TOPIC_HINTS_H

#include <stdbool.h>
#include <stdint.h>

struct topic_hint {
    int64_t seq;       /* the newest number */
    int64_t counter;   /* the topic's counter (change.h) */
    int64_t unchanged; /* the project has not changed since this number */
    int64_t bytes;     /* the topic's sum of bytes */
};

/* Call before fork(), so that the processes of this host share the hints. */
void topic_hints_share(void);

/* Only the holder of the topic's lock may call these three (topic_lock.h). */
bool topic_hints_get(const char *topic, struct topic_hint *out);
void topic_hints_put(const char *topic, const struct topic_hint *hint);
void topic_hints_forget(const char *topic);

/* A hint was wrong: for a second the topic's numbers are read, since other hosts write to it. */
void topic_hints_doubt(const char *topic);
bool topic_hints_doubted(const char *topic);

#endif
