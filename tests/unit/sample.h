/*
 * A shape with a field of every kind, for the tests of doc.c and doc_read.c.
 */
#ifndef TESTS_UNIT_SAMPLE_H
#define TESTS_UNIT_SAMPLE_H

#include "api/crud/resource.h"

extern const struct shape sample_shape;

#endif
