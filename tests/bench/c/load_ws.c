/*
 * Opens many WebSockets, runs a script of messages to send and to wait for on each, then counts
 * received messages and their age: a message that contains @NUMBER@ was sent at that time of the
 * monotonic clock.  Commands on stdin: `start` clears the counts, `report` prints them as a JSON
 * line, end of file ends the program.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "latency.h"

#define OPENING_MAX 64 /* handshakes at once */
#define STEPS_MAX   16

static const char *const usage = "usage: load_ws HOST:PORT SOCKETS PATH HEADERS [STEP...]\n"
                                 "STEP: say:TEXT or wait:TEXT.  HEADERS: more lines of the "
                                 "request, each with \\r\\n at its end.\n";

struct socket {
    int fd, step;
    bool upgraded, ready;
    uint32_t received; /* events since `start` */
    size_t rest_len;
    unsigned char *rest; /* an incomplete frame */
};

static struct {
    struct sockaddr_in address;
    const char *path, *headers, *host;
    char **steps;
    int step_count, epoll, wanted, opened, opening, ready, closed;
    struct socket *all;
    uint64_t bytes, close_code;
    struct latency latency;
} load;

static void
die(const char *what)
{
    fprintf(stderr, "load_ws: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* Sends a masked frame; the mask is zero, which is sufficient for a test. */
static void
say(struct socket *s, int opcode, const char *text, size_t len)
{
    unsigned char out[8192];
    size_t head = 6;

    if (len > sizeof(out) - 16)
        die("a text is too long");
    memset(out, 0, 16);
    out[0] = (unsigned char)(0x80 | opcode);
    if (len < 126) {
        out[1] = (unsigned char)(0x80 | len);
    } else {
        out[1] = 0x80 | 126;
        out[2] = (unsigned char)(len >> 8);
        out[3] = (unsigned char)len;
        head = 8;
    }
    memcpy(out + head, text, len);
    if (send(s->fd, out, head + len, MSG_NOSIGNAL) != (ssize_t)(head + len) && errno != EPIPE &&
        errno != ECONNRESET)
        die("send");
}

/* Sends what the script sends next; ready if nothing is left to wait for. */
static void
advance(struct socket *s)
{
    while (s->step < load.step_count && strncmp(load.steps[s->step], "say:", 4) == 0) {
        const char *text = load.steps[s->step++] + 4;

        say(s, 1, text, strlen(text));
    }
    if (s->step == load.step_count && !s->ready) {
        s->ready = true;
        load.ready++;
        load.opening--;
    }
}

/* The last mark counts: a change also contains the value before it. */
static void
event(struct socket *s, const unsigned char *text, size_t len, uint64_t arrived)
{
    const unsigned char *end = text + len, *mark = text;
    uint64_t sent = 0;

    while ((mark = memmem(mark, (size_t)(end - mark), " @", 2)) != NULL) {
        uint64_t at = 0;

        for (mark += 2; mark < end && *mark >= '0' && *mark <= '9'; mark++)
            at = at * 10 + (uint64_t)(*mark - '0');
        if (at > sent)
            sent = at;
    }
    if (sent == 0)
        return;
    s->received++;
    latency_add(&load.latency, arrived > sent ? arrived - sent : 0);
}

static void
message(struct socket *s, const unsigned char *text, size_t len, uint64_t arrived)
{
    const char *wanted = s->step < load.step_count ? load.steps[s->step] + 5 : NULL;

    if (s->ready && len > 2) {
        event(s, text, len, arrived);
    } else if (len == 1 && text[0] == '2') { /* Engine.IO's ping */
        say(s, 1, "3", 1);
    } else if (len == 2 && memcmp(text, "{}", 2) == 0) { /* centrifuge's */
        say(s, 1, "{}", 2);
    } else if (wanted != NULL && memmem(text, len, wanted, strlen(wanted)) != NULL) {
        s->step++;
        advance(s);
    } else if (wanted != NULL) {
        fprintf(stderr, "load_ws: while waiting for %s: %.*s\n", wanted, (int)len, text);
    }
}

/* centrifuge may put several messages into a frame, a line each; JSON of others has no line ends.
 */
static void
text_frame(struct socket *s, const unsigned char *text, size_t len, uint64_t arrived)
{
    const unsigned char *end;

    while (s->ready && (end = memchr(text, '\n', len)) != NULL) {
        message(s, text, (size_t)(end - text), arrived);
        len -= (size_t)(end + 1 - text);
        text = end + 1;
    }
    message(s, text, len, arrived);
}

/* Removes complete frames from the front; returns how many bytes they were. */
static size_t
frames(struct socket *s, const unsigned char *p, size_t len, uint64_t arrived)
{
    size_t done = 0;

    while (len - done >= 2) {
        const unsigned char *f = p + done;
        uint64_t size = f[1] & 127;
        size_t head = size == 126 ? 4 : size == 127 ? 10 : 2;

        if (len - done < head)
            break;
        if (head > 2) {
            size = 0;
            for (size_t i = 2; i < head; i++)
                size = size << 8 | f[i];
        }
        if (len - done - head < size)
            break;
        if ((f[0] & 15) == 1)
            text_frame(s, f + head, (size_t)size, arrived);
        else if ((f[0] & 15) == 9)
            say(s, 10, (const char *)f + head, (size_t)size);
        else if ((f[0] & 15) == 8 && size >= 2)
            load.close_code = (uint64_t)f[head] << 8 | f[head + 1];
        done += head + (size_t)size;
    }
    return done;
}

static void
lose(struct socket *s)
{
    close(s->fd);
    s->fd = -1;
    load.closed++;
    load.ready -= s->ready;
    load.opening -= !s->ready;
    s->ready = false;
}

/* Where the frames begin; 0 while the reply to the upgrade is incomplete. */
static size_t
upgraded(struct socket *s, const unsigned char *p, size_t len)
{
    const unsigned char *end = memmem(p, len, "\r\n\r\n", 4);

    if (end == NULL)
        return 0;
    if (len < 12 || memcmp(p + 9, "101", 3) != 0) {
        fprintf(stderr, "load_ws: refused: %.*s\n", (int)(end - p), p);
        exit(1);
    }
    s->upgraded = true;
    return (size_t)(end + 4 - p);
}

static void
readable(struct socket *s)
{
    static unsigned char buffer[1 << 20];
    size_t len = s->rest_len, done = 0;
    uint64_t arrived;
    ssize_t n;

    if (len > sizeof(buffer) / 2)
        die("a frame is too long");
    memcpy(buffer, s->rest == NULL ? buffer : s->rest, len);
    n = recv(s->fd, buffer + len, sizeof(buffer) - len, MSG_DONTWAIT);
    arrived = now_ns();
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        lose(s);
        return;
    }
    load.bytes += (uint64_t)n;
    len += (size_t)n;
    if (!s->upgraded && (done = upgraded(s, buffer, len)) > 0)
        advance(s);
    if (s->upgraded)
        done += frames(s, buffer + done, len - done, arrived);
    s->rest_len = len - done;
    free(s->rest);
    s->rest = NULL;
    if (s->rest_len > 0) {
        s->rest = malloc(s->rest_len);
        memcpy(s->rest, buffer + done, s->rest_len);
    }
}

static void
open_one(void)
{
    struct socket *s = &load.all[load.opened++];
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = s};
    char request[4096];
    int one = 1, n;

    if ((s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) < 0 ||
        connect(s->fd, (struct sockaddr *)&load.address, sizeof(load.address)) != 0)
        die("connect");
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    n = snprintf(request, sizeof(request),
                 "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                 "%s\r\n",
                 load.path, load.host, load.headers);
    if (send(s->fd, request, (size_t)n, MSG_NOSIGNAL) != n ||
        epoll_ctl(load.epoll, EPOLL_CTL_ADD, s->fd, &e) != 0)
        die("open");
    load.opening++;
}

static void
report(void)
{
    uint32_t least = UINT32_MAX, most = 0;

    for (int i = 0; i < load.opened; i++) {
        if (load.all[i].received < least)
            least = load.all[i].received;
        if (load.all[i].received > most)
            most = load.all[i].received;
    }
    printf("{\"ready\":%d,\"closed\":%d,\"closeCode\":%llu,\"deliveries\":%llu,\"bytes\":%llu,"
           "\"least\":%u,\"most\":%u,\"cpu\":%.6f,",
           load.ready, load.closed, (unsigned long long)load.close_code,
           (unsigned long long)load.latency.count, (unsigned long long)load.bytes, least, most,
           (double)cpu_ns() / 1e9);
    latency_print(&load.latency, stdout);
    printf("}\n");
    fflush(stdout);
}

static void
start(void)
{
    memset(&load.latency, 0, sizeof(load.latency));
    load.bytes = 0;
    for (int i = 0; i < load.opened; i++)
        load.all[i].received = 0;
}

/* Whole lines only: the caller writes them at once. */
static void
obey(void)
{
    char text[256];
    ssize_t n = read(0, text, sizeof(text) - 1);

    if (n <= 0)
        exit(0);
    text[n] = '\0';
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        if (strcmp(line, "start") == 0)
            start();
        else if (strcmp(line, "report") == 0)
            report();
    }
}

int
main(int argc, char **argv)
{
    struct epoll_event events[512], input = {.events = EPOLLIN};
    struct rlimit files;
    char *colon;

    if (argc < 5 || (colon = strchr(argv[1], ':')) == NULL) {
        fputs(usage, stderr);
        return 2;
    }
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    load.host = argv[1];
    load.address.sin_family = AF_INET;
    load.address.sin_port = htons((uint16_t)atoi(colon + 1));
    load.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    load.wanted = atoi(argv[2]);
    load.path = argv[3];
    load.headers = argv[4];
    load.steps = argv + 5;
    load.step_count = argc - 5 < STEPS_MAX ? argc - 5 : STEPS_MAX;
    if ((load.all = calloc((size_t)load.wanted, sizeof(*load.all))) == NULL ||
        (load.epoll = epoll_create1(0)) < 0 || epoll_ctl(load.epoll, EPOLL_CTL_ADD, 0, &input) != 0)
        die("start");
    for (;;) {
        int n;

        while (load.opened < load.wanted && load.opening < OPENING_MAX)
            open_one();
        n = epoll_wait(load.epoll, events, 512, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == NULL)
                obey();
            else
                readable(events[i].data.ptr);
        }
    }
}
