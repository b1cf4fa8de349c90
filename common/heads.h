/*
 * What this host last saw of a topic: its number, so that the next writer need
 * not read it, and since which number its project is unchanged, so that the
 * rights need not be read either.  Only a guess: the writer's first update
 * demands that the number still stands, and reads anew when it does not.
 */
#ifndef COMMON_HEADS_H
#define COMMON_HEADS_H

#include <stdbool.h>
#include <stdint.h>

struct head {
    int64_t seq;       /* the newest number */
    int64_t counter;   /* the counter beside it (change.h) */
    int64_t unchanged; /* the project is as it was at this number */
    int64_t bytes;     /* the sum beside them */
};

/* Before fork(): lets the processes of this host share what they see. */
void heads_share(void);

/* All three only by who has the topic's turn (turns.h). */
bool heads_get(const char *topic, struct head *out);
void heads_put(const char *topic, const struct head *head);
void heads_forget(const char *topic);

#endif
