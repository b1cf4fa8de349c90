/*
 * An HTTP/1.1 reply as it arrives, piece by piece: finds its end.
 */
#ifndef BENCH_HTTP_ANSWER_H
#define BENCH_HTTP_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ANSWER_HEAD_MAX 16384

struct answer {
    char head[ANSWER_HEAD_MAX];
    size_t head_len;
    bool in_body, chunked;
    uint64_t left; /* of the body, or of the chunk with its line end */
    int state;     /* of a chunk: 0 size, 1 rest of the size's line, 2 data, 3 trailer */
    uint64_t size;
    int status, trailer;
};

void answer_clear(struct answer *a);

/* Reads the next bytes; 1 if the reply is complete, 0 if not yet, -1 if it is malformed. */
int answer_add(struct answer *a, const char *p, size_t len);

#endif
