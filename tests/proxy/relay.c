/*
 * One epoll, non-blocking sockets, whole messages.
 */
#include "relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "message.h"

#define PIECE  65536
#define EVENTS 64

struct bytes {
    uint8_t *at;
    size_t len, size;
};

struct side {
    struct pair *pair;
    int fd;
    struct bytes in, out;
};

struct pair {
    struct side client, server;
    struct relay_note note;
    struct pair *next, *before;
    bool cut;
};

static const struct relay_options *options;
static struct pair *pairs, *dead;
static int poller;

static void
bytes_add(struct bytes *b, const uint8_t *from, size_t len)
{
    if (b->len + len > b->size) {
        b->size = (b->len + len) * 2;
        if ((b->at = realloc(b->at, b->size)) == NULL)
            abort();
    }
    memcpy(b->at + b->len, from, len);
    b->len += len;
}

static void
bytes_drop(struct bytes *b, size_t len)
{
    memmove(b->at, b->at + len, b->len - len);
    b->len -= len;
}

static void
watch(struct side *s, int how)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = s};

    if (s->out.len > 0)
        event.events |= EPOLLOUT;
    if (epoll_ctl(poller, how, s->fd, &event) != 0)
        perror("epoll_ctl");
}

void
relay_cut(struct pair *p)
{
    if (p->cut)
        return;
    p->cut = true;
    close(p->client.fd);
    close(p->server.fd);
    if (p->before != NULL)
        p->before->next = p->next;
    else
        pairs = p->next;
    if (p->next != NULL)
        p->next->before = p->before;
    p->next = dead;
    dead = p;
}

/* Not before the current events are handled: some may belong to a closed pair. */
static void
free_dead(void)
{
    while (dead != NULL) {
        struct pair *p = dead;

        dead = p->next;
        free(p->client.in.at);
        free(p->client.out.at);
        free(p->server.in.at);
        free(p->server.out.at);
        free(p->note.held);
        free(p);
    }
}

/* Writes what it can. */
static void
flush(struct side *s)
{
    bool waited = s->out.len > 0;

    while (s->out.len > 0) {
        ssize_t n = send(s->fd, s->out.at, s->out.len, MSG_NOSIGNAL);

        if (n < 0 && errno == EAGAIN)
            break;
        if (n <= 0) {
            relay_cut(s->pair);
            return;
        }
        bytes_drop(&s->out, (size_t)n);
    }
    if (waited)
        watch(s, EPOLL_CTL_MOD);
}

void
relay_send(struct pair *p, bool to_client, const uint8_t *bytes, size_t len)
{
    struct side *s = to_client ? &p->client : &p->server;
    ssize_t n = 0;

    if (p->cut)
        return;
    if (s->out.len == 0) { /* nearly always: no copy */
        n = send(s->fd, bytes, len, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN) {
            relay_cut(p);
            return;
        }
        if (n < 0)
            n = 0;
    }
    if ((size_t)n == len)
        return;
    bytes_add(&s->out, bytes + n, len - (size_t)n);
    watch(s, EPOLL_CTL_MOD);
}

struct relay_note *
relay_note(struct pair *p)
{
    return &p->note;
}

void
relay_each(void (*each)(struct pair *, void *), void *arg)
{
    for (struct pair *p = pairs, *next; p != NULL; p = next) {
        next = p->next;
        each(p, arg);
    }
}

static void
pass_on(struct side *s)
{
    struct pair *p = s->pair;
    bool from_client = s == &p->client;
    size_t done = 0;
    int64_t len = 0;

    while (!p->cut && (len = message_length(s->in.at + done, s->in.len - done)) > 0) {
        if (options->see(p, from_client, s->in.at + done, (size_t)len))
            relay_send(p, !from_client, s->in.at + done, (size_t)len);
        done += (size_t)len;
    }
    if (p->cut)
        return;
    if (len < 0) {
        fprintf(stderr, "proxy: not a message of MongoDB's protocol\n");
        relay_cut(p);
        return;
    }
    bytes_drop(&s->in, done);
}

static void
read_side(struct side *s)
{
    uint8_t piece[PIECE];
    ssize_t n = recv(s->fd, piece, sizeof(piece), 0);

    if (n > 0) {
        bytes_add(&s->in, piece, (size_t)n);
        pass_on(s);
    } else if (n == 0 || errno != EAGAIN) {
        relay_cut(s->pair);
    }
}

static int
prepare_socket(int fd)
{
    int one = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}

static struct sockaddr_in
loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void
open_pair(int listener)
{
    struct sockaddr_in address = loopback(options->database_port);
    int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), server;
    struct pair *p;

    if (client < 0)
        return;
    server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (server < 0 || connect(server, (struct sockaddr *)&address, sizeof(address)) != 0) {
        close(client);
        close(server);
        return;
    }
    if ((p = calloc(1, sizeof(*p))) == NULL)
        abort();
    p->client = (struct side){.pair = p, .fd = prepare_socket(client)};
    p->server = (struct side){.pair = p, .fd = prepare_socket(server)};
    if ((p->next = pairs) != NULL)
        pairs->before = p;
    pairs = p;
    watch(&p->client, EPOLL_CTL_ADD);
    watch(&p->server, EPOLL_CTL_ADD);
}

static int
listen_on(int port)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(fd, 4096) != 0)
        return -1;
    return fd;
}

/* A datagram each way, so that a line is whole. */
static int
listen_for_control(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    unlink(path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        return -1;
    return fd;
}

static void
take_control(int fd)
{
    struct sockaddr_un from;
    socklen_t size = sizeof(from);
    char line[1024], *answer;
    ssize_t n = recvfrom(fd, line, sizeof(line) - 1, 0, (struct sockaddr *)&from, &size);

    if (n < 0)
        return;
    line[n] = '\0';
    answer = options->control(line);
    if (sendto(fd, answer, strlen(answer), 0, (struct sockaddr *)&from, size) < 0)
        perror("proxy: control");
    free(answer);
}

static void
add_source(int fd, int *source)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = source};

    *source = fd;
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
}

static void
serve(struct side *s, uint32_t events)
{
    if (s->pair->cut)
        return;
    if (events & EPOLLOUT)
        flush(s);
    if (!s->pair->cut && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        read_side(s);
}

int
relay_run(const struct relay_options *with)
{
    static int listener, stop, control; /* their addresses identify them in the epoll */
    struct epoll_event events[EVENTS];
    sigset_t ends;
    int fd;

    options = with;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    poller = epoll_create1(EPOLL_CLOEXEC);
    if ((fd = listen_on(options->listen_port)) < 0) {
        perror("proxy: listen");
        return 1;
    }
    add_source(fd, &listener);
    if ((fd = listen_for_control(options->control_path)) < 0) {
        perror("proxy: control");
        return 1;
    }
    add_source(fd, &control);
    add_source(signalfd(-1, &ends, SFD_CLOEXEC), &stop);
    for (;;) {
        int count = epoll_wait(poller, events, EVENTS, options->timer());

        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == &stop)
                return 0;
            if (events[i].data.ptr == &listener)
                open_pair(listener);
            else if (events[i].data.ptr == &control)
                take_control(control);
            else
                serve(events[i].data.ptr, events[i].events);
        }
        free_dead();
    }
}
