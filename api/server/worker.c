/*
 * The only file that uses libfcgi. libfcgi alone would bind a thread to each kept connection and
 * starve the others.  So all connections wait in one epoll, and a thread takes one for one request
 * (deploy/DEPENDENCIES.md).  One more thread accepts them.
 */
#include "api/server/worker.h"

#include <errno.h>
#include <fcgiapp.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "api/access/session_revocation.h"
#include "api/http/reply.h"
#include "api/http/router.h"
#include "api/server/costly.h"
#include "api/server/fcgi_reply.h"
#include "api/server/gate.h"
#include "api/server/long_poll.h"
#include "common/base/must.h"
#include "common/config.h"
#include "common/log.h"
#include "common/redis/bus.h"
#include "common/redis/throttle.h"
#include "common/store/store_clock.h"
#include "common/time/clock.h"

#define BACKLOG 4096
#define LAST_US 500000 /* after SIGTERM, for requests in transit on kept connections */
#define ID_MAX  64
#define READ_S  15 /* nginx sends a request without pauses: it has received the body before */

#define ACCEPT_PAUSE_US 10000 /* when accept() fails, because too many files are open */

struct worker {
    const struct config *config;
    int listener, epoll, quit;
    struct store_note *notes;
    atomic_int thread_count;
    struct store_pool *pool;
    struct bus *bus;
    struct session_revocation *revocation;
    struct throttle *throttle;
    struct long_poll *polls;
    atomic_bool ending; /* SIGTERM arrived: requests on kept connections are still served */
    char epoch[STORE_EPOCH];
};

static int quit_fd = -1; /* for the signal handler */
static uint64_t quit_count;

/* A semaphore: one count for each thread that serves, and one for the thread that accepts. */
static void
on_term(int sig)
{
    (void)sig;
    if (write(quit_fd, &quit_count, sizeof(quit_count)) < 0) {
        /* The counter is full, so it is readable anyway. */
    }
}

int
worker_listen(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (strlen(path) >= sizeof(address.sun_path)) {
        log_error("worker: API_SOCKET is longer than %zu characters", sizeof(address.sun_path) - 1);
        return -1;
    }
    strcpy(address.sun_path, path);
    unlink(path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        chmod(path, 0660) != 0 || listen(fd, BACKLOG) != 0) {
        log_error("worker: %s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

static void
arm(int epoll, int op, int fd)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.fd = fd};

    if (epoll_ctl(epoll, op, fd, &event) != 0 && op == EPOLL_CTL_ADD) {
        log_warn("worker: epoll: %s", strerror(errno));
        close(fd);
    }
}

static const char *
param(FCGX_Request *f, const char *name)
{
    const char *value = FCGX_GetParam(name, f->envp);

    return value != NULL && *value == '\0' ? NULL : value;
}

static int64_t
deadline_from(const struct request *r, int64_t start)
{
    return start + r->config->api_request_seconds * 1000000;
}

/* Receives the next part of an uploaded file. */
static size_t
receive_part(struct request *r, char *bytes, size_t size)
{
    FCGX_Request *f = r->connection;
    size_t got = 0;

    costly_pause(r);
    while (got < size) {
        int n = FCGX_GetStr(bytes + got, (int)(size - got), f->in);

        if (n <= 0)
            break;
        got += (size_t)n;
    }
    costly_resume(r);
    store_deadline(r->store, deadline_from(r, clock_steady()));
    return got;
}

/* Unread bytes would be taken for the connection's next request. */
static void
discard_rest(FCGX_Request *f)
{
    char rest[8192];

    while (FCGX_GetStr(rest, sizeof(rest), f->in) > 0) {
    }
}

/*
 * Reads the body to its end, keeping only what is within the limit.  An uploaded file is left to
 * its handler.
 */
static void
read_body(FCGX_Request *f, struct request *r)
{
    const char *length = param(f, "CONTENT_LENGTH");
    long wanted = length == NULL ? 0 : strtol(length, NULL, 10), got = 0;
    char *body = NULL;

    if (router_uploads(r)) {
        r->upload_length = wanted < 0 ? 0 : wanted;
        r->receive = receive_part;
        return;
    }
    r->body_too_large = wanted > REQUEST_BODY_MAX;
    if (wanted > 0 && !r->body_too_large) {
        body = arena_alloc(r->arena, (size_t)wanted + 1);
        while (got < wanted) {
            int n = FCGX_GetStr(body + got, (int)(wanted - got), f->in);

            if (n <= 0)
                break;
            got += n;
        }
    }
    discard_rest(f);
    r->body = body == NULL ? "" : body;
    r->body_len = (size_t)got;
}

/* The path before '?', without decoding: our paths need none. */
static void
read_target(FCGX_Request *f, struct request *r)
{
    const char *uri = param(f, "REQUEST_URI");
    size_t len = uri == NULL ? 0 : strcspn(uri, "?");

    r->path = arena_copy(r->arena, uri == NULL ? "" : uri, len);
    r->query = uri != NULL && uri[len] == '?' ? arena_dup(r->arena, uri + len + 1) : NULL;
}

static const char *
request_id(FCGX_Request *f, struct request *r)
{
    const char *id = param(f, "HTTP_X_REQUEST_ID");
    unsigned char bytes[12];
    char *made;
    size_t ok = id == NULL ? 0
                           : strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                        "0123456789._-");

    if (id != NULL && ok > 0 && ok <= ID_MAX && id[ok] == '\0')
        return arena_dup(r->arena, id);
    made = arena_alloc(r->arena, 2 * sizeof(bytes) + 1);
    text_random(bytes, sizeof(bytes));
    text_hex(made, bytes, sizeof(bytes));
    return made;
}

static void
read_request(FCGX_Request *f, struct request *r)
{
    const char *method = param(f, "REQUEST_METHOD");

    r->id = request_id(f, r);
    r->method_name = arena_dup(r->arena, method == NULL ? "GET" : method);
    read_target(f, r);
    r->address = arena_dup(r->arena, param(f, "REMOTE_ADDR"));
    r->content_type = arena_dup(r->arena, param(f, "CONTENT_TYPE"));
    r->authorization = arena_dup(r->arena, param(f, "HTTP_AUTHORIZATION"));
    r->if_match = arena_dup(r->arena, param(f, "HTTP_IF_MATCH"));
    r->base_rev = arena_dup(r->arena, param(f, "HTTP_BASE_REV"));
    r->if_none_match = arena_dup(r->arena, param(f, "HTTP_IF_NONE_MATCH"));
    r->idempotency_key = /* an empty one is invalid, not the same as none */
        arena_dup(r->arena, FCGX_GetParam("HTTP_IDEMPOTENCY_KEY", f->envp));
    r->user_agent = arena_dup(r->arena, param(f, "HTTP_USER_AGENT"));
    r->cookie = arena_dup(r->arena, param(f, "HTTP_COOKIE"));
    r->origin = arena_dup(r->arena, param(f, "HTTP_ORIGIN"));
    r->fetch_site = arena_dup(r->arena, param(f, "HTTP_SEC_FETCH_SITE"));
    r->range = arena_dup(r->arena, param(f, "HTTP_RANGE"));
    r->if_range = arena_dup(r->arena, param(f, "HTTP_IF_RANGE"));
    read_body(f, r);
}

/* Sends a piece of a long body; the next one has the whole time limit again. */
static void
send_piece(struct request *r)
{
    costly_pause(r);
    fcgi_reply_send(r->connection, r, false);
    costly_resume(r);
    store_deadline(r->store, deadline_from(r, clock_steady()));
}

static void
log_line(const struct request *r, int64_t started)
{
    int64_t tenths = (clock_steady() - started) / 100; /* of a millisecond */
    struct text t = {0};

    text_printf(
        &t, "\"method\":\"%s\",\"route\":\"%s\",\"status\":%d,\"ms\":%lld.%lld,\"bytes\":%zu",
        r->route != NULL ? method_names[r->method] : "-", r->route != NULL ? r->route->path : "-",
        r->reply.status, (long long)tenths / 10, (long long)tenths % 10, r->reply.sent);
    if (r->user[0] != '\0')
        text_printf(&t, ",\"userId\":\"%s\"", r->user);
    log_members(LOG_INFO, "request", t.bytes);
    text_free(&t);
}

/* Reads, handles, answers and logs one request. */
static void
serve(FCGX_Request *f, struct request *r)
{
    int64_t started = clock_steady();

    r->send = send_piece;
    r->connection = f;
    store_deadline(r->store, deadline_from(r, started));
    read_request(f, r);
    log_request(r->id);
    gate_serve(r);
    if (r->receive != NULL) /* the handler may have refused the file */
        discard_rest(f);
    if (r->poll_topic[0] == '\0') {
        if (!r->reply.broken)
            fcgi_reply_send(f, r, true);
        log_line(r, started);
    }
    log_request(NULL);
}

/* Resets the request for the next one, keeping what belongs to the thread. */
static void
forget(struct request *r)
{
    struct request kept = {.arena = r->arena,
                           .store = r->store,
                           .bus = r->bus,
                           .epoch = r->epoch,
                           .config = r->config,
                           .revocation = r->revocation,
                           .throttle = r->throttle,
                           .reply.body = r->reply.body};

    arena_reset(r->arena);
    if (kept.reply.body.size > REQUEST_BODY_MAX)
        text_free(&kept.reply.body);
    text_clear(&kept.reply.body);
    *r = kept;
}

static FCGX_Request *
new_connection(void)
{
    FCGX_Request *f = must_alloc(1, sizeof(*f));

    FCGX_InitRequest(f, -1, 0); /* -1: the library never accepts connections itself */
    return f;
}

/* Serves one request on a connection; afterwards the connection waits in the epoll again. */
static void
finish(struct worker *w, FCGX_Request *f, struct request *r)
{
    bool kept = f->keepConnection && FCGX_GetError(f->in) == 0;
    int fd;

    if (w->ending) /* the kept connection is closed after its reply, not before */
        kept = false;
    if (r->reply.broken) /* nginx must not take an incomplete reply for a complete one */
        kept = false;
    FCGX_Free(f, !kept); /* not FCGX_Finish_r(): all has been written, to the request's end */
    forget(r);
    if (f->ipcFd >= 0) {
        fd = f->ipcFd;
        f->ipcFd = -1;
        arm(w->epoll, EPOLL_CTL_MOD, fd);
    }
}

/* Serves one request of a readable connection.  If it is set aside, *f is replaced by a new one. */
static void
serve_connection(struct worker *w, FCGX_Request **f, struct request *r, int fd)
{
    (*f)->ipcFd = fd;
    (*f)->keepConnection = 1; /* otherwise FCGX_Accept_r() closes it first */
    if (FCGX_Accept_r(*f) < 0) {
        (*f)->ipcFd = -1; /* both the peer and the library have closed it */
        return;
    }
    serve(*f, r);
    if (r->poll_topic[0] != '\0') {
        const struct long_poll_wait wait = {.connection = *f,
                                            .fd = fd,
                                            .user = r->user,
                                            .topic = r->poll_topic,
                                            .after = r->poll_after,
                                            .seconds = r->poll_seconds};

        if (long_poll_add(w->polls, &wait)) {
            *f = new_connection();
            forget(r);
            return;
        }
        forget(r);
        r->waited = true; /* no room: answered as it is */
        serve(*f, r);
    }
    finish(w, *f, r);
}

/* Handles waiting requests again if their wait is over, or all of them. */
static void
resume(struct worker *w, struct request *r, bool all)
{
    FCGX_Request *f;

    while ((f = long_poll_take(w->polls, all)) != NULL) {
        if (long_poll_hung_up(f->ipcFd)) {
            FCGX_Free(f, true);
            free(f);
            continue;
        }
        r->waited = true;
        serve(f, r);
        finish(w, f, r);
        free(f);
    }
}

static void
take_due(struct worker *w, struct request *r)
{
    uint64_t due;

    if (read(long_poll_fd(w->polls), &due, sizeof(due)) < 0) {
        /* Another thread has read it. */
    }
    arm(w->epoll, EPOLL_CTL_MOD, long_poll_fd(w->polls));
    resume(w, r, false);
}

static void
take_connection(struct worker *w, int fd)
{
    const struct timeval limit = {.tv_sec = READ_S};

    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) != 0)
        log_warn("worker: a connection has no time limit: %s", strerror(errno));
    arm(w->epoll, EPOLL_CTL_ADD, fd);
}

/*
 * Accepts connections until SIGTERM, in a thread of its own.  If the serving threads did it, a new
 * connection would wait until one of them is free, while the accepted ones are served again and
 * again: with 256 clients some waited for more than 5 s for their first reply.
 */
static void *
accept_main(void *arg)
{
    struct worker *w = arg;
    struct pollfd wait[] = {{.fd = w->quit, .events = POLLIN},
                            {.fd = w->listener, .events = POLLIN}};
    uint64_t one;

    for (;;) {
        int fd;

        if (poll(wait, 2, -1) < 0)
            continue;
        if (wait[0].revents != 0 && read(w->quit, &one, sizeof(one)) > 0)
            return NULL;
        fd = accept4(w->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            take_connection(w, fd);
        else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
            usleep(ACCEPT_PAUSE_US);
    }
}

static void
open_request(struct worker *w, struct request *r)
{
    *r = (struct request){.arena = arena_new((size_t)w->config->api_request_bytes),
                          .store = store_take(w->pool),
                          .bus = w->bus,
                          .epoch = w->epoch,
                          .config = w->config,
                          .revocation = w->revocation,
                          .throttle = w->throttle};
    if (r->store == NULL)
        must_not_happen("worker: the pool has no connection left for a thread");
    store_limit(r->store, r->arena);
    store_notes_in(r->store, &w->notes[atomic_fetch_add(&w->thread_count, 1)]);
}

static void
close_request(struct request *r)
{
    store_limit(r->store, NULL);
    store_give(r->store);
    text_free(&r->reply.body);
    arena_free(r->arena);
}

/*
 * After SIGTERM each thread serves kept connections for a moment longer, and accepts no new ones.
 */
static void
end_soon(struct worker *w, int64_t *until)
{
    uint64_t one;

    if (*until != 0) /* the others' counts */
        sched_yield();
    else if (read(w->quit, &one, sizeof(one)) > 0)
        *until = clock_steady() + LAST_US;
    w->ending = true;
}

static void *
thread_main(void *arg)
{
    struct worker *w = arg;
    FCGX_Request *f = new_connection();
    struct epoll_event event;
    struct request r;
    int64_t until = 0; /* when this thread ends; 0: not known yet */

    open_request(w, &r);
    for (;;) {
        int left = until == 0 ? -1 : (int)((until - clock_steady()) / 1000);
        int n = until != 0 && left <= 0 ? 0 : epoll_wait(w->epoll, &event, 1, left);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        if (event.data.fd == w->quit)
            end_soon(w, &until);
        else if (event.data.fd == long_poll_fd(w->polls))
            take_due(w, &r);
        else
            serve_connection(w, &f, &r, event.data.fd);
    }
    resume(w, &r, true); /* waiting requests are answered now */
    close_request(&r);
    free(f);
    return NULL;
}

static bool
open_services(struct worker *w)
{
    struct store *store;
    enum err err;

    /* For each thread, the revocation thread, its first query, and the long polls. */
    err = store_pool_open(w->config->mongodb_uri, w->config->mongodb_database,
                          w->config->api_threads + 3, &w->pool);
    w->bus = bus_open(w->config->redis_url);
    w->throttle = throttle_open(w->config->redis_url);
    if (err != ERR_NONE || w->bus == NULL || w->throttle == NULL ||
        (store = store_take(w->pool)) == NULL)
        return false;
    err = store_epoch(store, w->epoch);
    store_give(store);
    if (err == ERR_NONE)
        err = store_clock_start(w->pool);
    if (err != ERR_NONE)
        return false;
    session_revocation_watch(w->revocation, w->pool);
    w->polls = long_poll_open(w->pool);
    return true;
}

int
worker_run(int listener, const struct config *config, struct store_note *notes,
           struct session_revocation *revocation)
{
    struct worker w = {
        .config = config, .listener = listener, .notes = notes, .revocation = revocation};
    struct epoll_event quit = {.events = EPOLLIN};
    struct sigaction term = {.sa_handler = on_term};
    long n = config->api_threads;
    pthread_t *threads = must_alloc((size_t)n, sizeof(*threads)), acceptor;

    w.epoll = epoll_create1(EPOLL_CLOEXEC);
    w.quit = quit_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
    quit_count = (uint64_t)n + 1;
    quit.data.fd = w.quit;
    /*
     * Otherwise malloc() would consolidate all small free chunks for each of libfcgi's 8 KiB
     * buffers.
     */
    mallopt(M_MXFAST, 0);
    sigaction(SIGTERM, &term, NULL);
    signal(SIGINT, SIG_IGN); /* Ctrl-C reaches the parent, which signals us */
    FCGX_Init();
    signal(SIGPIPE, SIG_IGN);
    if (w.epoll < 0 || !open_services(&w))
        return 1;
    epoll_ctl(w.epoll, EPOLL_CTL_ADD, w.quit, &quit);
    arm(w.epoll, EPOLL_CTL_ADD, long_poll_fd(w.polls));
    for (long i = 0; i < n; i++)
        threads[i] = must_thread(thread_main, &w);
    acceptor = must_thread(accept_main, &w);
    log_info("worker: serving with %ld threads", n);
    for (long i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    pthread_join(acceptor, NULL);
    bus_close(w.bus);
    throttle_close(w.throttle);
    free(threads);
    log_info("worker: done");
    return 0;
}
