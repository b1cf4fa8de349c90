/*
 * A bucket's index is the position of the highest bit and the six bits below it.
 */
#include "latency.h"

#include <time.h>

static uint64_t
read_clock(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t
now_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t
cpu_ns(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

static unsigned
bucket_of(uint64_t ns)
{
    unsigned high;

    if (ns < 64)
        return (unsigned)ns;
    high = 63u - (unsigned)__builtin_clzll(ns);
    return (high - 5) * 64 + (unsigned)(ns >> (high - 6) & 63);
}

/* The middle of a bucket. */
static uint64_t
value_of(unsigned bucket)
{
    unsigned high = bucket / 64 + 5;

    if (bucket < 64)
        return bucket;
    return (UINT64_C(1) << high) + ((uint64_t)(bucket % 64) << (high - 6)) +
           (UINT64_C(1) << (high - 6)) / 2;
}

void
latency_add(struct latency *l, uint64_t ns)
{
    l->count++;
    l->sum += ns;
    if (ns > l->max)
        l->max = ns;
    l->bucket[bucket_of(ns)]++;
}

void
latency_merge(struct latency *into, const struct latency *from)
{
    into->count += from->count;
    into->sum += from->sum;
    if (from->max > into->max)
        into->max = from->max;
    for (int i = 0; i < LATENCY_BUCKETS; i++)
        into->bucket[i] += from->bucket[i];
}

uint64_t
latency_at(const struct latency *l, double part)
{
    uint64_t below = 0, wanted = (uint64_t)((double)l->count * part);

    for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
        below += l->bucket[i];
        if (below > wanted)
            return value_of(i) < l->max ? value_of(i) : l->max;
    }
    return l->max;
}

void
latency_print(const struct latency *l, FILE *out)
{
    fprintf(out, "\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f,\"mean\":%.1f",
            (double)latency_at(l, 0.5) / 1e3, (double)latency_at(l, 0.99) / 1e3,
            (double)latency_at(l, 0.999) / 1e3, (double)l->max / 1e3,
            l->count == 0 ? 0 : (double)l->sum / (double)l->count / 1e3);
}
