/*
 * Blocks of growing size in a list, newest first; deferred calls live in the
 * arena's own memory.
 */
#include "common/base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/must.h"

#define FIRST_BLOCK 16384u

struct block {
    struct block *next;
    size_t size, used;
    alignas(max_align_t) unsigned char bytes[];
};

struct deferred {
    struct deferred *next;
    void (*fn)(void *);
    void *what;
};

struct arena {
    struct block *blocks; /* newest first; a reset keeps the oldest */
    struct deferred *deferred;
    size_t limit, total; /* total: bytes handed out */
    size_t charged;      /* counted by arena_charge() */
};

static struct block *
block_new(size_t size, struct block *next)
{
    struct block *b = must_resize(NULL, sizeof(*b) + size);

    b->next = next;
    b->size = size;
    b->used = 0;
    return b;
}

struct arena *
arena_new(size_t limit)
{
    struct arena *a = must_alloc(1, sizeof(*a));

    a->limit = limit;
    a->blocks = block_new(FIRST_BLOCK, NULL);
    return a;
}

void
arena_reset(struct arena *a)
{
    while (a->deferred != NULL) {
        struct deferred *d = a->deferred;

        a->deferred = d->next;
        d->fn(d->what);
    }
    while (a->blocks->next != NULL) {
        struct block *b = a->blocks;

        a->blocks = b->next;
        free(b);
    }
    a->blocks->used = 0;
    a->total = a->charged = 0;
}

void
arena_free(struct arena *a)
{
    if (a == NULL)
        return;
    arena_reset(a);
    free(a->blocks);
    free(a);
}

bool
arena_full(const struct arena *a)
{
    return a->total + a->charged > a->limit;
}

void
arena_charge(struct arena *a, size_t size)
{
    a->charged += size;
}

void *
arena_alloc(struct arena *a, size_t size)
{
    struct block *b = a->blocks;
    size_t need = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    size_t most = a->limit + ARENA_RESERVE;
    void *p;

    if (need < size || need > most || a->total > most - need)
        must_not_happen("arena: a loop does not ask arena_full()");
    if (b->size - b->used < need) {
        size_t grown = b->size * 2;

        b = a->blocks = block_new(need > grown ? need : grown, b);
    }
    p = b->bytes + b->used;
    b->used += need;
    a->total += need;
    return memset(p, 0, size);
}

char *
arena_copy(struct arena *a, const char *bytes, size_t len)
{
    char *p = arena_alloc(a, len + 1);

    if (len > 0)
        memcpy(p, bytes, len);
    return p;
}

char *
arena_dup(struct arena *a, const char *text)
{
    return text == NULL ? NULL : arena_copy(a, text, strlen(text));
}

char *
arena_printf(struct arena *a, const char *format, ...)
{
    va_list args, again;
    char *p;
    int len;

    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0)
        must_not_happen("arena: a bad format");
    p = arena_alloc(a, (size_t)len + 1);
    vsnprintf(p, (size_t)len + 1, format, again);
    va_end(again);
    return p;
}

void
arena_defer(struct arena *a, void (*fn)(void *), void *what)
{
    struct deferred *d = arena_alloc(a, sizeof(*d));

    d->fn = fn;
    d->what = what;
    d->next = a->deferred;
    a->deferred = d;
}
