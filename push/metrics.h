/*
 * Counters, and the page that shows them.
 */
#ifndef PUSH_METRICS_H
#define PUSH_METRICS_H

#include <stdbool.h>
#include <stdint.h>

struct ev_loop;
struct text;

/* A row in metrics.c each. */
enum metric {
    METRIC_SOCKETS,
    METRIC_SESSIONS,
    METRIC_FOLLOWS,
    METRIC_TOPICS,
    METRIC_QUEUE_BYTES,
    METRIC_RING_BYTES,
    METRIC_ACCEPTED,
    METRIC_REFUSED,
    METRIC_MESSAGES_IN,
    METRIC_PAUSES,
    METRIC_EVENTS,
    METRIC_DELIVERIES,
    METRIC_WRITES,
    METRIC_BYTES_OUT,
    METRIC_REPLAYED,
    METRIC_REDIS_MESSAGES,
    METRIC_LATE,
    METRIC_GAPS,
    METRIC_REPAIRED,
    METRIC_SWEEP_FINDS,
    METRIC_READS,
    METRIC_LOADS,
    METRIC_PAGES,
    METRIC_LISTS,
    METRIC_RESYNCS,
    METRIC_LEFTS,
    METRIC_CUT_SLOW,
    METRIC_CUT_CHATTY,
    METRIC_CUT_UNAUTHORISED,
    METRIC_CUT_SILENT,
    METRIC_CUT_NO_HELLO,
    METRIC_CUT_LIMIT,
    METRIC_CUT_TOO_LARGE,
    METRIC_CUT_RESTART,
    METRIC_STORE_AWAY,
    METRIC_REDIS_AWAY,
    METRIC__COUNT
};
extern int64_t metrics[METRIC__COUNT];

enum histogram { HISTOGRAM_COMMIT, HISTOGRAM_HELLO, HISTOGRAM_REPLAY, HISTOGRAM__COUNT };

/* Adds a value: ms from commit to socket or hello to ready, or events of one replay. */
void metrics_observe(enum histogram histogram, int64_t value);

/* The page in Prometheus' text format. */
void metrics_write(struct text *out);

/* Serves the page on host:port; with an empty address it does nothing.  false: logged. */
bool metrics_open(struct ev_loop *loop, const char *address);
void metrics_close(void);

#endif
