/*
 * Counters, and the page that shows them.
 */
#ifndef PUSH_METRICS_H
#define PUSH_METRICS_H

#include <stdbool.h>
#include <stdint.h>

struct ev_loop;
struct text;

enum metric {
#define METRIC(id, name, reason, kind, help) METRIC_##id,
#include "push/metrics.def"
#undef METRIC
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
