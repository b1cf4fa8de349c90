/*
 * Shared by the unit tests: cmocka, and results of rows.  A row that fails is reported and the test
 * goes on, so that one run shows all failures.
 */
#ifndef TESTS_UNIT_UNIT_H
#define TESTS_UNIT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h>

#include "common/base/err.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* A literal with its length, for texts that hold NUL. */
#define BYTES(literal) literal, sizeof(literal) - 1

/* Reports a row that failed. */
void unit_wrong(const char *format, ...) PRINTF_LIKE(1, 2);

/* The last line of a test of rows: fails the test if a row failed. */
void unit_rows_done(void);

/* Are both NULL or both the same text? */
bool unit_same(const char *a, const char *b);

/* Waits until a thread of this process sleeps, or has ended; 0: it does not run yet. */
void unit_await_sleep(_Atomic pid_t *tid);

/* The same numbers in every run: 0 to below - 1. */
uint32_t unit_random(uint32_t below);

#endif
