/*
 * The WebSocket of a swarm's client, as simple as a test allows.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "swarm.h"

uint64_t
wire_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Like zlib's crc32(), so that Python can compute the same. */
uint32_t
wire_crc(uint32_t crc, const char *text, size_t len)
{
    static uint32_t table[256];

    if (table[1] == 0) {
        for (uint32_t i = 0; i < 256; i++) {
            table[i] = i;
            for (int k = 0; k < 8; k++)
                table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xEDB88320u : 0);
        }
    }
    crc = ~crc;
    for (size_t i = 0; i < len; i++)
        crc = table[(crc ^ (unsigned char)text[i]) & 255] ^ crc >> 8;
    return ~crc;
}

bool
wire_connect(struct client *c, const char *host, int port, const char *origin)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    char request[1024];
    int one = 1, n;

    inet_pton(AF_INET, host, &address.sin_addr);
    c->upgraded = c->following = false;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        return false;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    n = snprintf(request, sizeof(request),
                 "GET /v1/live HTTP/1.1\r\nHost: %s:%d\r\nOrigin: %s\r\nUpgrade: websocket\r\n"
                 "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                 "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: taskwire.v1\r\n\r\n",
                 host, port, origin);
    if (connect(c->fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
        send(c->fd, request, (size_t)n, MSG_NOSIGNAL) == n)
        return true;
    close(c->fd);
    c->fd = -1;
    return false;
}

/* Masked with zero, which is sufficient for a test.  A broken pipe shows when reading. */
void
wire_say(struct client *c, int opcode, const char *text, size_t len)
{
    unsigned char out[2048] = {(unsigned char)(0x80 | opcode)};
    size_t head = 6;

    if (len > sizeof(out) - 8)
        abort();
    if (len < 126) {
        out[1] = (unsigned char)(0x80 | len);
    } else {
        out[1] = 0x80 | 126;
        out[2] = (unsigned char)(len >> 8);
        out[3] = (unsigned char)len;
        head = 8;
    }
    if (len > 0)
        memcpy(out + head, text, len);
    if (send(c->fd, out, head + len, MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET)
        abort();
}

void
wire_drop(struct client *c, bool reset)
{
    struct linger linger = {1, 0};

    if (reset)
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    close(c->fd);
    c->fd = -1;
    free(c->rest);
    c->rest = NULL;
    c->rest_len = 0;
}

static void
frame(struct client *c, int opcode, const unsigned char *p, size_t len)
{
    if (opcode == 1) {
        swarm_text(c, (const char *)p, len);
    } else if (opcode == 9) {
        wire_say(c, 10, (const char *)p, len);
    } else if (opcode == 8) {
        int code = len >= 2 ? p[0] << 8 | p[1] : 1005;

        wire_say(c, 8, (const char *)p, len >= 2 ? 2 : 0);
        wire_drop(c, false);
        swarm_closed(c, code);
    }
}

/* Removes complete frames from the front; returns how many bytes they were. */
static size_t
frames(struct client *c, const unsigned char *p, size_t len)
{
    size_t done = 0;

    while (c->fd >= 0 && len - done >= 2) {
        const unsigned char *f = p + done;
        size_t head = f[1] == 126 ? 4 : f[1] == 127 ? 10 : 2, size = f[1];

        if (len - done < head)
            break;
        for (size_t i = 2; head > 2 && i < head; i++)
            size = i == 2 ? f[i] : size << 8 | f[i];
        if (len - done - head < size)
            break;
        done += head + size;
        frame(c, f[0] & 15, f + head, size);
    }
    return done;
}

static size_t
upgrade(struct client *c, const unsigned char *p, size_t len)
{
    const unsigned char *end = memmem(p, len, "\r\n\r\n", 4);

    if (end == NULL || len < 12)
        return 0;
    c->upgraded = true;
    swarm_upgraded(c, atoi((const char *)p + 9));
    return (size_t)(end + 4 - p);
}

void
wire_readable(struct client *c)
{
    static unsigned char buffer[4 << 20];
    size_t len = c->rest_len, done = 0;
    ssize_t n;

    if (len > 0)
        memcpy(buffer, c->rest, len);
    n = recv(c->fd, buffer + len, sizeof(buffer) - len, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    free(c->rest);
    c->rest = NULL;
    c->rest_len = 0;
    if (n <= 0) {
        wire_drop(c, false);
        swarm_closed(c, 1006);
        return;
    }
    len += (size_t)n;
    if (!c->upgraded)
        done = upgrade(c, buffer, len);
    if (c->upgraded && c->fd >= 0)
        done += frames(c, buffer + done, len - done);
    if (c->fd < 0 || done == len)
        return;
    c->rest_len = len - done;
    c->rest = malloc(c->rest_len);
    if (c->rest == NULL)
        abort();
    memcpy(c->rest, buffer + done, c->rest_len);
}
