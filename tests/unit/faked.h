/*
 * The database and the clock that the parts of api/ meet in unit tests, put in
 * by the linker (--wrap): documents by id, and an instant that stands still.
 */
#ifndef TESTS_UNIT_FAKED_H
#define TESTS_UNIT_FAKED_H

#include <bson/bson.h>
#include <stdint.h>

#include "common/store.h"

/* 2026-01-31T09:00:00Z */
#define FAKED_NOW 1769850000000

/* Forgets all documents; the database works. */
void faked_clear(void);

/* Puts a document, from JSON, into a collection. */
void faked_put(enum store_name name, const char *json);

/* From now on every question fails like this. */
void faked_fails(enum err err);

#endif
