/*
 * Allocations of memory and threads that end the process if they fail.
 *
 * Callers do not handle these failures, since that would need hundreds of branches that no test
 * reaches.  Limits on bodies, arenas and queues keep a request from causing them (arena.h).
 */
#ifndef COMMON_BASE_MUST_H
#define COMMON_BASE_MUST_H

#include <pthread.h>
#include <stddef.h>

/* Zeroed memory for count items of size bytes; never NULL.  Free with free(). */
void *must_alloc(size_t count, size_t size);

/* The memory at old (NULL: none yet) with its content, resized to size bytes; never NULL. */
void *must_resize(void *old, size_t size);

/* Zeroed memory that this process shares with all processes it forks later.  It is never freed. */
void *must_share(size_t size);

/* A new thread that runs fn(arg). */
pthread_t must_thread(void *(*fn)(void *), void *arg);

/*
 * Writes what happened to standard error, as a log line, and aborts.  For bugs in this program and
 * for library failures that can only be lack of memory.
 */
_Noreturn void must_not_happen(const char *what);

#endif
