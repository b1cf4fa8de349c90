/*
 * Several changes in one transaction.  Each succeeds or fails by itself, as if they had run one
 * after another.
 */
#ifndef COMMON_CHANGE_BATCH_H
#define COMMON_CHANGE_BATCH_H

#include "common/base/err.h"

#define BATCH_MAX 32 /* changes of different writers in one transaction; of a set: CHANGE_STEPS */

struct batch;

/*
 * Runs the changes once: in one transaction, or in a few if a change fails after it wrote.
 * ERR_NONE: the changes with `run` set are done, each with its own err; the others did not fit or
 * must run alone (`apart`).  Any other error: nothing took effect, unless `unknown` is set.
 * ERR_BUSY if it had to start again too often, which smaller batches need not.
 */
enum err batch_run(struct batch *b) MUST_CHECK;

/* Publishes the events of a committed batch, in order. */
struct bus;
void batch_publish(const struct batch *b, struct bus *bus);

void batch_free(struct batch *b);

#endif
