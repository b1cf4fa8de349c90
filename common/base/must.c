/*
 * Memory and threads; the process ends if they are not available.
 */
#include "common/base/must.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

_Noreturn void
must_not_happen(const char *what)
{
    fprintf(stderr, "{\"level\":\"error\",\"text\":\"%s\"}\n", what); /* log.c needs memory */
    abort();
}

void *
must_alloc(size_t count, size_t size)
{
    void *memory = calloc(count > 0 ? count : 1, size);

    if (memory == NULL)
        must_not_happen("out of memory");
    return memory;
}

void *
must_resize(void *old, size_t size)
{
    void *memory = realloc(old, size > 0 ? size : 1);

    if (memory == NULL)
        must_not_happen("out of memory");
    return memory;
}

void *
must_share(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        must_not_happen("out of shared memory");
    return memory;
}

pthread_t
must_thread(void *(*fn)(void *), void *arg)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, fn, arg) != 0)
        must_not_happen("a thread cannot be started");
    return thread;
}
