/*
 * The database and the clock that parts of api/ use in unit tests, linked in with --wrap: documents
 * by id, and a clock that does not move.
 */
#ifndef TESTS_UNIT_FAKE_STORE_H
#define TESTS_UNIT_FAKE_STORE_H

#include <bson/bson.h>
#include <stdint.h>

#include "common/store/store.h"

/* 2026-01-31T09:00:00Z */
#define FAKE_STORE_NOW 1769850000000

/* Removes all documents; the database works. */
void fake_store_clear(void);

/* Puts a document, from JSON, into a collection. */
void fake_store_put(enum store_name name, const char *json);

/* From now on every query fails with this error. */
void fake_store_fails(enum err err);

#endif
