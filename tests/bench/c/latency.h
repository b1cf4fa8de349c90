/*
 * Latencies in a histogram with 1.6 % wide buckets, and the clock that all programs of the
 * benchmark use.
 */
#ifndef BENCH_LATENCY_H
#define BENCH_LATENCY_H

#include <stdint.h>
#include <stdio.h>

#define LATENCY_BUCKETS (64 * 64)

struct latency {
    uint64_t count, max, sum;
    uint32_t bucket[LATENCY_BUCKETS];
};

/* CLOCK_MONOTONIC in ns: comparable between processes of one machine. */
uint64_t now_ns(void);

void latency_add(struct latency *l, uint64_t ns);
void latency_merge(struct latency *into, const struct latency *from);

/* The value, in ns, below which a part (0.5, 0.99 ...) of all values lies; 0 if there are none. */
uint64_t latency_at(const struct latency *l, double part);

/* Members of a JSON object, in µs: "p50":..,"p99":..,"p999":..,"max":..,"mean":.. */
void latency_print(const struct latency *l, FILE *out);

/* The CPU time of this process so far, in ns. */
uint64_t cpu_ns(void);

#endif
