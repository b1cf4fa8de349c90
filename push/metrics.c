/*
 * The rows of metrics.def, and a page in plain HTTP.
 */
#include "push/metrics.h"

#include <errno.h>
#include <ev.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"
#include "common/text/text.h"

#define BOUNDS 12

int64_t metrics[METRIC__COUNT];

enum kind { GAUGE, COUNTER };

/* clang-format off */
static const struct {
    const char *name, *label; /* rows with the same name are adjacent */
    enum kind kind;
    const char *help;
} rows[METRIC__COUNT] = {
#define METRIC(id, name, reason, kind, help) [METRIC_##id] = {name, reason, kind, help},
#include "push/metrics.def"
#undef METRIC
};

static struct {
    const char *name, *help;
    int64_t bounds[BOUNDS], counts[BOUNDS + 1], sum;
} histograms[HISTOGRAM__COUNT] = {
    [HISTOGRAM_COMMIT] = {"commit_to_socket_ms", "from the time of an event to the write to its sockets",
                          {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000}, {0}, 0},
    [HISTOGRAM_HELLO] = {"hello_to_ready_ms", "from a hello to its ready",
                         {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000}, {0}, 0},
    [HISTOGRAM_REPLAY] = {"replay_events", "missed events in one replay",
                          {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000, 10000}, {0}, 0},
};
/* clang-format on */

static struct {
    struct ev_loop *loop;
    ev_io accept;
    int fd;
} page = {.fd = -1};

void
metrics_observe(enum histogram which, int64_t value)
{
    int i = 0;

    while (i < BOUNDS && value > histograms[which].bounds[i])
        i++;
    histograms[which].counts[i]++;
    histograms[which].sum += value;
}

static void
write_histograms(struct text *out)
{
    for (int h = 0; h < HISTOGRAM__COUNT; h++) {
        const char *name = histograms[h].name;
        int64_t total = 0;

        text_printf(out, "# HELP taskwire_push_%s %s\n# TYPE taskwire_push_%s histogram\n", name,
                    histograms[h].help, name);
        for (int i = 0; i <= BOUNDS; i++) {
            total += histograms[h].counts[i];
            text_printf(out, "taskwire_push_%s_bucket{le=\"", name);
            if (i < BOUNDS)
                text_int(out, histograms[h].bounds[i]);
            else
                text_puts(out, "+Inf");
            text_printf(out, "\"} %lld\n", (long long)total);
        }
        text_printf(out, "taskwire_push_%s_sum %lld\ntaskwire_push_%s_count %lld\n", name,
                    (long long)histograms[h].sum, name, (long long)total);
    }
}

void
metrics_write(struct text *out)
{
    for (int i = 0; i < METRIC__COUNT; i++) {
        if (rows[i].help != NULL)
            text_printf(out, "# HELP taskwire_push_%s %s\n# TYPE taskwire_push_%s %s\n",
                        rows[i].name, rows[i].help, rows[i].name,
                        rows[i].kind == GAUGE ? "gauge" : "counter");
        text_printf(out, "taskwire_push_%s", rows[i].name);
        if (rows[i].label != NULL)
            text_printf(out, "{reason=\"%s\"}", rows[i].label);
        text_printf(out, " %lld\n", (long long)metrics[i]);
    }
    write_histograms(out);
}

/* ------------------------------------------------------------ the page */

/* One scraper; its request is not parsed. */
struct visit {
    ev_io io;
    ev_timer limit;
};

static void
end_visit(struct visit *v)
{
    ev_io_stop(page.loop, &v->io);
    ev_timer_stop(page.loop, &v->limit);
    close(v->io.fd);
    free(v);
}

static void
on_limit(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop, (void)events;
    end_visit(timer->data);
}

/* Answers with the page, whatever was requested, and closes the connection. */
static void
on_request(struct ev_loop *loop, ev_io *io, int events)
{
    struct text body = {0}, reply = {0};
    char request[4096];

    (void)loop, (void)events;
    if (recv(io->fd, request, sizeof(request), 0) > 0) {
        metrics_write(&body);
        text_printf(&reply,
                    "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n"
                    "Content-Length: %zu\r\nConnection: close\r\n\r\n",
                    body.len);
        text_add(&reply, body.bytes, body.len);
        /* The page fits into the socket's buffer; a scraper that does not read loses it. */
        if (send(io->fd, reply.bytes, reply.len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
            log_debug("metrics: a scraper closed its connection early");
        text_free(&body);
        text_free(&reply);
    }
    end_visit(io->data);
}

static void
on_accept(struct ev_loop *loop, ev_io *io, int events)
{
    int fd = accept4(io->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct visit *v;

    (void)events;
    if (fd < 0 || (v = calloc(1, sizeof(*v))) == NULL)
        return;
    ev_io_init(&v->io, on_request, fd, EV_READ);
    ev_timer_init(&v->limit, on_limit, 5., 0.);
    v->io.data = v->limit.data = v;
    ev_io_start(loop, &v->io);
    ev_timer_start(loop, &v->limit);
}

/* A listening socket on host:port; -1: errno says why. */
static int
listen_on(const char *address)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found;
    const char *colon = strrchr(address, ':');
    char host[256];
    int fd, on = 1;

    if (colon == NULL || (size_t)(colon - address) >= sizeof(host))
        return -1;
    snprintf(host, sizeof(host), "%.*s", (int)(colon - address), address);
    if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
        return -1;
    fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
                    bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, 16) != 0)) {
        close(fd);
        fd = -1;
    }
    freeaddrinfo(found);
    return fd;
}

bool
metrics_open(struct ev_loop *loop, const char *address)
{
    page.loop = loop;
    if (*address == '\0')
        return true;
    page.fd = listen_on(address);
    if (page.fd < 0) {
        log_error("metrics: cannot listen on PUSH_METRICS %s: %s", address, strerror(errno));
        return false;
    }
    ev_io_init(&page.accept, on_accept, page.fd, EV_READ);
    ev_io_start(loop, &page.accept);
    return true;
}

void
metrics_close(void)
{
    if (page.fd < 0)
        return;
    ev_io_stop(page.loop, &page.accept);
    close(page.fd);
    page.fd = -1;
}
