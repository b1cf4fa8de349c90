/*
 * Generates HTTP/1.1 requests on kept connections: each connection sends the next request when it
 * has received the whole reply to the last.  Prints one JSON line.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http_answer.h"
#include "latency.h"

#define REQUEST_MAX 32768

static const char *const usage =
    "usage: load_http HOST:PORT CONNECTIONS SECONDS METHOD PATH [IDS [TOKEN [BODY]]]\n"
    "A % in PATH or BODY becomes the next id of the file IDS (first word of a line), a & its "
    "second\n"
    "word, a # a new number.  Each connection has a part of the ids to itself.  - leaves out.\n";

struct connection {
    int fd;
    size_t first_id, ids, next_id;
    uint64_t sent_at, answered;
    char out[REQUEST_MAX];
    size_t out_len, out_done;
    struct answer answer;
};

static struct {
    struct sockaddr_in address;
    const char *host, *method, *path, *token, *body;
    char (*ids)[2][32];
    size_t id_count;
    uint64_t number, bytes, errors, by_class[6];
    uint64_t until;
    int epoll, open;
    struct latency latency;
} load;

static void
die(const char *what)
{
    fprintf(stderr, "load_http: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void
read_ids(const char *file)
{
    FILE *f;
    char line[128];
    size_t size = 0;

    if (file == NULL || strcmp(file, "-") == 0)
        return;
    if ((f = fopen(file, "r")) == NULL)
        die(file);
    while (fgets(line, sizeof(line), f) != NULL) {
        if (load.id_count == size) {
            size = size == 0 ? 1024 : size * 2;
            if ((load.ids = realloc(load.ids, size * sizeof(*load.ids))) == NULL)
                die("ids");
        }
        load.ids[load.id_count][1][0] = '\0';
        if (sscanf(line, "%31s %31s", load.ids[load.id_count][0], load.ids[load.id_count][1]) > 0)
            load.id_count++;
    }
    fclose(f);
}

/* Appends a template with its marks replaced. */
static size_t
fill(char *out, size_t room, const char *template, const char (*id)[32], uint64_t number)
{
    size_t len = 0;

    for (const char *p = template; *p != '\0' && len + 40 < room; p++) {
        if (*p == '%' && id != NULL)
            len += (size_t)sprintf(out + len, "%s", id[0]);
        else if (*p == '&' && id != NULL && id[1][0] != '\0')
            len += (size_t)sprintf(out + len, "%s", id[1]);
        else if (*p == '#')
            len += (size_t)sprintf(out + len, "%llu", (unsigned long long)number);
        else
            out[len++] = *p;
    }
    out[len] = '\0';
    return len;
}

static void
make_request(struct connection *c)
{
    const char(*id)[32] = NULL;
    char path[1024], body[REQUEST_MAX - 3072];
    size_t body_len = 0;
    int n;

    if (c->ids > 0) {
        id = (const char(*)[32])load.ids[c->first_id + c->next_id];
        c->next_id = (c->next_id + 7919) % c->ids; /* a prime, so that all are visited */
    }
    load.number++;
    fill(path, sizeof(path), load.path, id, load.number);
    if (load.body != NULL)
        body_len = fill(body, sizeof(body), load.body, id, load.number);
    n = snprintf(c->out, sizeof(c->out), "%s %s HTTP/1.1\r\nHost: %s\r\n", load.method, path,
                 load.host);
    if (load.token != NULL)
        n += snprintf(c->out + n, sizeof(c->out) - (size_t)n, "Authorization: Bearer %s\r\n",
                      load.token);
    if (load.body != NULL)
        n += snprintf(c->out + n, sizeof(c->out) - (size_t)n,
                      "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", body_len,
                      body);
    else
        n += snprintf(c->out + n, sizeof(c->out) - (size_t)n, "\r\n");
    c->out_len = (size_t)n;
    c->out_done = 0;
}

static void
watch(struct connection *c, uint32_t events, int op)
{
    struct epoll_event e = {.events = events, .data.ptr = c};

    if (epoll_ctl(load.epoll, op, c->fd, &e) != 0)
        die("epoll");
}

static void
push_out(struct connection *c)
{
    ssize_t n = write(c->fd, c->out + c->out_done, c->out_len - c->out_done);

    if (n < 0 && errno != EAGAIN)
        die("write");
    c->out_done += n > 0 ? (size_t)n : 0;
    if (c->out_done < c->out_len)
        watch(c, EPOLLOUT | EPOLLIN, EPOLL_CTL_MOD);
}

static void
next_request(struct connection *c)
{
    answer_clear(&c->answer);
    c->sent_at = now_ns();
    if (c->sent_at >= load.until) {
        close(c->fd);
        load.open--;
        return;
    }
    make_request(c);
    push_out(c);
}

static void
connect_one(struct connection *c)
{
    int one = 1;

    if ((c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) < 0 ||
        connect(c->fd, (struct sockaddr *)&load.address, sizeof(load.address)) != 0)
        die("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &(int){262144}, sizeof(int)) != 0)
        die("SO_RCVBUF");
    watch(c, EPOLLIN, EPOLL_CTL_ADD);
    load.open++;
    next_request(c);
}

static void
answered(struct connection *c)
{
    c->answered++;
    load.by_class[c->answer.status >= 100 && c->answer.status < 600 ? c->answer.status / 100 : 0]++;
    latency_add(&load.latency, now_ns() - c->sent_at);
    next_request(c);
}

static void
broken(struct connection *c)
{
    load.errors++;
    close(c->fd);
    load.open--;
    if (now_ns() < load.until && load.errors < 1000)
        connect_one(c);
}

static void
readable(struct connection *c)
{
    static char buffer[262144];
    ssize_t n = recv(c->fd, buffer, sizeof(buffer), MSG_DONTWAIT);
    int whole;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0)
        load.bytes += (uint64_t)n;
    whole = n <= 0 ? -1 : answer_add(&c->answer, buffer, (size_t)n);
    if (whole < 0)
        broken(c);
    else if (whole)
        answered(c);
}

static void
run(void)
{
    struct epoll_event events[256];

    while (load.open > 0 && now_ns() < load.until + 30000000000u) {
        int n = epoll_wait(load.epoll, events, 256, 1000);

        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;

            if ((events[i].events & EPOLLOUT) && c->out_done < c->out_len) {
                watch(c, EPOLLIN, EPOLL_CTL_MOD);
                push_out(c);
            }
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                readable(c);
        }
    }
}

static void
report(const struct connection *all, int count, double seconds)
{
    uint64_t least = UINT64_MAX;

    for (int i = 0; i < count; i++)
        if (all[i].answered < least)
            least = all[i].answered;
    printf("{\"requests\":%llu,\"seconds\":%.4f,\"rate\":%.2f,\"ok\":%llu,\"refused\":%llu,"
           "\"failed\":%llu,\"broken\":%llu,\"bytes\":%llu,\"fewest\":%llu,\"unanswered\":%d,",
           (unsigned long long)load.latency.count, seconds, (double)load.latency.count / seconds,
           (unsigned long long)(load.by_class[2] + load.by_class[3]),
           (unsigned long long)load.by_class[4],
           (unsigned long long)(load.by_class[5] + load.by_class[0]),
           (unsigned long long)load.errors, (unsigned long long)load.bytes,
           (unsigned long long)least, load.open);
    latency_print(&load.latency, stdout);
    printf("}\n");
}

static const char *
given(int argc, char **argv, int i)
{
    return i < argc && strcmp(argv[i], "-") != 0 ? argv[i] : NULL;
}

int
main(int argc, char **argv)
{
    struct connection *all;
    uint64_t start;
    char *colon;
    int count;

    if (argc < 6 || (colon = strchr(argv[1], ':')) == NULL) {
        fputs(usage, stderr);
        return 2;
    }
    load.host = argv[1];
    load.address.sin_family = AF_INET;
    load.address.sin_port = htons((uint16_t)atoi(colon + 1));
    load.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    load.method = argv[4];
    load.path = argv[5];
    read_ids(given(argc, argv, 6));
    load.token = given(argc, argv, 7);
    load.body = given(argc, argv, 8);
    count = atoi(argv[2]);
    load.number = (now_ns() / 1000000) % 1000000 * 1000000; /* bodies differ between runs */
    if ((all = calloc((size_t)count, sizeof(*all))) == NULL || (load.epoll = epoll_create1(0)) < 0)
        die("start");
    start = now_ns();
    load.until = start + (uint64_t)(atof(argv[3]) * 1e9);
    for (int i = 0; i < count; i++) {
        if (load.id_count > 0) {
            all[i].first_id = load.id_count * (size_t)i / (size_t)count;
            all[i].ids = load.id_count * ((size_t)i + 1) / (size_t)count - all[i].first_id;
            if (all[i].ids == 0) { /* fewer ids than connections: connections share ids */
                all[i].first_id = (size_t)i % load.id_count;
                all[i].ids = 1;
            }
        }
        connect_one(&all[i]);
    }
    run();
    report(all, count, (double)(now_ns() - start) / 1e9);
    free(all);
    free(load.ids);
    return 0;
}
