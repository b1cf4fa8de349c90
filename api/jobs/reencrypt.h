/*
 * Re-encrypts data under a new signing key.
 */
#ifndef API_JOBS_REENCRYPT_H
#define API_JOBS_REENCRYPT_H

#include "common/base/err.h"

struct store;

/*
 * To be called at the start: encrypts again, with the first key, what an older key encrypted, so
 * that the older key can be removed.
 */
enum err reencrypt_all(struct store *store) MUST_CHECK;

#endif
