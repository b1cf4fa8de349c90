/*
 * Re-encrypts data under a new signing key.
 */
#ifndef API_JOBS_RESEAL_H
#define API_JOBS_RESEAL_H

#include "common/base/err.h"

struct store;

/*
 * To be called at the start: encrypts again, with the first key, what an older key encrypted, so
 * that the older key can be removed.
 */
enum err reseal_all(struct store *store) MUST_CHECK;

#endif
