/*
 * Memory for libwebsockets; what lives only during a handshake is kept off the heap.
 */
#ifndef PUSH_NET_LWS_MEMORY_H
#define PUSH_NET_LWS_MEMORY_H

#include <stddef.h>

#define LWS_MEMORY_HANDSHAKES 4096 /* at once; more wait */

/* A realloc() that also frees (size 0).  reason: the library's name for the memory. */
void *lws_memory_realloc(void *memory, size_t size, const char *reason);

#endif
