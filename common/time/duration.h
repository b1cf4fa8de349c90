/*
 * Durations of ISO 8601, without years, months, signs and fractions: "PT30M", "P1DT2H", "P2W".
 * Pure.
 */
#ifndef COMMON_TIME_DURATION_H
#define COMMON_TIME_DURATION_H

#include <stdbool.h>
#include <stdint.h>

#define DURATION_TEXT_MAX 40 /* characters; more than any that is accepted needs */

/* Days, which are not of equal length in a time zone, and the time beside them. */
struct duration {
    int64_t days, ms;
};

/*
 * false if the text is no such duration.  Each number has at most 9 digits, so the sum fits in 64
 * bits.
 */
bool duration_read(const char *text, struct duration *out);

#endif
