/*
 * Several changes in one transaction.  Each succeeds or fails by itself, as if they had come one
 * after another.
 */
#ifndef COMMON_CHANGE_BATCH_H
#define COMMON_CHANGE_BATCH_H

#include "common/base/err.h"

#define BATCH_MAX 32 /* changes in one transaction */

struct batch;

/*
 * Runs the changes once: one transaction, or a few if a change fails after it wrote.  ERR_NONE:
 * those with `run` set are done, each with its own err; the others did not fit, or must be run by
 * themselves (`apart`). Anything else: nothing took effect, but for `unknown`.
 */
enum err batch_run(struct batch *b) MUST_CHECK;

/* Publishes what a batch that was committed has told, in its order. */
struct bus;
void batch_publish(const struct batch *b, struct bus *bus);

void batch_free(struct batch *b);

#endif
