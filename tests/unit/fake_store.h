/*
 * The database and the clock that the parts of api/ meet in unit tests, put in
 * by the linker (--wrap): documents by id, and an instant that stands still.
 */
#ifndef TESTS_UNIT_FAKE_STORE_H
#define TESTS_UNIT_FAKE_STORE_H

#include <bson/bson.h>
#include <stdint.h>

#include "common/store/store.h"

/* 2026-01-31T09:00:00Z */
#define FAKE_STORE_NOW 1769850000000

/* Forgets all documents; the database works. */
void fake_store_clear(void);

/* Puts a document, from JSON, into a collection. */
void fake_store_put(enum store_name name, const char *json);

/* From now on every question fails like this. */
void fake_store_fails(enum err err);

#endif
