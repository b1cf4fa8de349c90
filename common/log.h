/*
 * One JSON line per event on stderr.  Never a body, a token or an email address.
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include "common/base/err.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* Sets the program's name and the lowest level that is written. */
void log_open(const char *program, enum log_level least);
/* The name given to log_open(); `taskwire` before that. */
const char *log_program(void);

/* Adds a request's id to this thread's lines; NULL ends that. */
void log_request(const char *id);
const char *log_request_id(void);

/* Subject, colon, plain words: log_warn("store: no primary for %d ms", ms). */
void log_write(enum log_level level, const char *format, ...) PRINTF_LIKE(2, 3);
#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)  log_write(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)

/* Writes a line with further members in JSON from the caller: `"status":200,...`. */
void log_members(enum log_level level, const char *subject, const char *members);

#endif
