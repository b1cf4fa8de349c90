/*
 * Sends the reminders of tasks.
 */
#ifndef API_JOBS_REMIND_H
#define API_JOBS_REMIND_H

#include "common/base/err.h"

struct runner;
struct store;

/*
 * Deals with every task whose remindAt has come.  Any number of programs may do so at once.  An
 * error: some are left, and the next call deals with them.
 */
enum err remind_all(const struct runner *runner, struct store *store) MUST_CHECK;

#endif
