/*
 * What is sealed under the signing keys, when a new key has come.
 */
#ifndef API_JOBS_RESEAL_H
#define API_JOBS_RESEAL_H

#include "common/base/err.h"

struct store;

/*
 * At the start: seals anew under the first key what an older one has sealed, so
 * that the old one can go.
 */
enum err reseal_all(struct store *store) MUST_CHECK;

#endif
