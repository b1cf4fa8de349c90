/*
 * Handles Content-Length and chunks; never reads beyond the end of a reply, since the client has
 * sent no further request.
 */
#include "http_answer.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void
answer_clear(struct answer *a)
{
    a->head_len = 0;
    a->in_body = false;
}

/* Where the body begins in the head's buffer; 0 while the head is not complete. */
static size_t
read_head(struct answer *a)
{
    char *end, *line;

    a->head[a->head_len] = '\0';
    if ((end = strstr(a->head, "\r\n\r\n")) == NULL)
        return 0;
    a->status = atoi(a->head + 9);
    a->left = a->size = 0;
    a->state = a->trailer = 0;
    a->chunked = false;
    for (line = a->head; (line = strstr(line, "\r\n")) != NULL && line < end;) {
        line += 2;
        if (strncasecmp(line, "content-length:", 15) == 0)
            a->left = strtoull(line + 15, NULL, 10);
        else if (strncasecmp(line, "transfer-encoding: chunked", 26) == 0)
            a->chunked = true;
    }
    a->in_body = true;
    return (size_t)(end + 4 - a->head);
}

static int
digit(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

static int
eat_chunked(struct answer *a, const char *p, size_t len)
{
    for (size_t i = 0; i < len;) {
        if (a->state == 2) {
            size_t n = len - i < a->left ? len - i : (size_t)a->left;

            i += n;
            if ((a->left -= n) == 0)
                a->state = 0;
            continue;
        }
        if (a->state == 3) { /* trailers end with an empty line */
            if (p[i] == '\n' && a->trailer == 0)
                return 1;
            if (p[i] == '\n')
                a->trailer = 0;
            else if (p[i] != '\r')
                a->trailer++;
        } else if (p[i] == '\n') {
            a->state = a->size > 0 ? 2 : 3;
            a->left = a->size + 2;
            a->size = 0;
        } else if (a->state == 0 && isxdigit((unsigned char)p[i])) {
            a->size = a->size * 16 + (uint64_t)digit(p[i]);
        } else if (p[i] == ';') {
            a->state = 1;
        }
        i++;
    }
    return 0;
}

int
answer_add(struct answer *a, const char *p, size_t len)
{
    if (!a->in_body) {
        size_t before = a->head_len, take = ANSWER_HEAD_MAX - 1 - before, start;

        if (take > len)
            take = len;
        memcpy(a->head + before, p, take);
        a->head_len += take;
        if ((start = read_head(a)) == 0)
            return a->head_len == ANSWER_HEAD_MAX - 1 ? -1 : 0;
        p += start - before;
        len -= start - before;
    }
    if (a->chunked)
        return eat_chunked(a, p, len);
    a->left -= len < a->left ? len : a->left;
    return a->left == 0;
}
