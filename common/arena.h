/*
 * Memory with a request's lifetime: taken piece by piece, given back at once.
 */
#ifndef COMMON_ARENA_H
#define COMMON_ARENA_H

#include <stddef.h>

#include "common/err.h"

struct arena;

/* A new arena that may hand out at most limit bytes between resets. */
struct arena *arena_new(size_t limit);

/* Runs the deferred calls and frees everything.  NULL is fine. */
void arena_free(struct arena *arena);

/* Runs the deferred calls, newest first, and forgets all memory handed out. */
void arena_reset(struct arena *arena);

/* Zeroed memory, aligned for anything.  Over the limit the process ends: the
 * limits on bodies, lists and fields keep it from coming to that. */
void *arena_alloc(struct arena *arena, size_t size);

/* A NUL-terminated copy of len bytes. */
char *arena_copy(struct arena *arena, const char *bytes, size_t len);

/* A copy of a string; NULL gives NULL. */
char *arena_dup(struct arena *arena, const char *text);

/* A formatted string. */
char *arena_printf(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);

/* Calls fn(what) at the next reset or free. */
void arena_defer(struct arena *arena, void (*fn)(void *), void *what);

#endif
