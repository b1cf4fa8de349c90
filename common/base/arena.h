/*
 * Memory with a request's lifetime: allocated in pieces, freed all at once.
 */
#ifndef COMMON_BASE_ARENA_H
#define COMMON_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"

struct arena;

/* Bytes beyond the limit: more than is ever allocated for one request's body or one document. */
#define ARENA_RESERVE ((size_t)64 << 20)

/*
 * A new arena that should hand out at most limit bytes between resets.  Beyond the limit allocation
 * continues from ARENA_RESERVE, so that no caller has to handle a failure; code that works through
 * data of unbounded length checks arena_full() at each step and stops with ERR_TOO_MUCH.  The store
 * does so at every call and every document.
 */
struct arena *arena_new(size_t limit);

/* Is more in use than the limit? */
bool arena_full(const struct arena *arena);

/* Counts memory with the same lifetime that was allocated elsewhere. */
void arena_charge(struct arena *arena, size_t size);

/* Runs the deferred calls and frees everything.  NULL is allowed. */
void arena_free(struct arena *arena);

/* Runs the deferred calls, newest first, and releases all memory handed out. */
void arena_reset(struct arena *arena);

/*
 * Zeroed memory, aligned for any type.  Ends the process when the reserve is used up too: then some
 * loop does not check arena_full(), which is a bug.
 */
void *arena_alloc(struct arena *arena, size_t size);

/* A NUL-terminated copy of len bytes. */
char *arena_copy(struct arena *arena, const char *bytes, size_t len);

/* A copy of a string; NULL for NULL. */
char *arena_dup(struct arena *arena, const char *text);

/* A formatted string. */
char *arena_printf(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);

/* Calls fn(what) at the next reset or free. */
void arena_defer(struct arena *arena, void (*fn)(void *), void *what);

#endif
