/*
 * Time zones by name ("Europe/Berlin"), from the system's zone data.
 */
#ifndef COMMON_ZONE_H
#define COMMON_ZONE_H

#include <stdint.h>

/* The day that holds the instant now there, from one midnight to the next, in ms. */
void zone_day(const char *zone, int64_t now, int64_t *from, int64_t *to);

#endif
