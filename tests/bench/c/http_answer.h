/*
 * An HTTP/1.1 answer as it comes in, piece by piece: where it ends.
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

/* The next bytes; 1 when the answer is whole, 0 when not yet, -1 when it makes no sense. */
int answer_add(struct answer *a, const char *p, size_t len);

#endif
