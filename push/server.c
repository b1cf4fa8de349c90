/*
 * libwebsockets, and nothing else knows it.  Frames are written as raw bytes,
 * headers included (frame.c): one write for many, and the same bytes for every
 * socket.  lws keeps what the kernel did not take and goes on by itself; while
 * it holds something (server_busy) nothing may follow.
 */
#include "push/server.h"

#include <arpa/inet.h>
#include <ev.h>
#include <libwebsockets.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "common/config.h"
#include "common/log.h"
#include "push/addresses.h"
#include "push/apart.h"
#include "push/metrics.h"
#include "push/session.h"
#include "push/who.h"
#include "push/wire.h"

#define SUBPROTOCOL "taskwire.v1"
#define OPEN_FILES  131072
#define SEND_BUFFER 131072 /* the kernel's part of a direct socket's queue; it doubles it */

/* A connection; lws keeps it beside its own state. */
struct conn {
    struct lws *wsi;
    struct session *session; /* NULL before the handshake ends and after the close began */
    struct address *address; /* counted; NULL behind nginx */
    char *input;             /* pieces of a message that has not ended */
    size_t len;
    bool too_large, waking;
    bool holding; /* what is said now waits for the loop: a pong that is due goes first */
};

static struct {
    struct lws_context *context;
    const struct config *config;
    bool draining;
} server;

bool
server_busy(const struct conn *c)
{
    return c->holding || lws_partial_buffered(c->wsi);
}

void
server_wake(struct conn *c)
{
    if (c->waking)
        return;
    c->waking = true;
    lws_callback_on_writable(c->wsi);
}

void
server_write(struct conn *c, const unsigned char *bytes, size_t len)
{
    metrics[METRIC_WRITES]++;
    metrics[METRIC_BYTES_OUT] += (int64_t)len;
    /* LWS_WRITE_RAW leaves the bytes alone, whatever the type says. */
    if (lws_write(c->wsi, (unsigned char *)(uintptr_t)bytes, len, LWS_WRITE_RAW) < 0)
        server_kill(c);
}

/* With a payload: of the answer to an empty ping lws tells nobody. */
void
server_ping(struct conn *c)
{
    unsigned char ping[LWS_PRE + 1] = {0};

    if (lws_write(c->wsi, ping + LWS_PRE, 1, LWS_WRITE_PING) < 0)
        server_kill(c);
}

void
server_kill(struct conn *c)
{
    lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
    lws_cancel_service(server.context); /* its timers start only after something has happened */
}

/* ------------------------------------------------------------ the handshake */

/* Is the origin one of the comma list?  No Origin: not a browser. */
static bool
origin_ok(struct lws *wsi)
{
    char origin[256];
    const char *p = server.config->allowed_origins;
    int len = lws_hdr_total_length(wsi, WSI_TOKEN_ORIGIN);

    if (len == 0)
        return true;
    if (lws_hdr_copy(wsi, origin, sizeof(origin), WSI_TOKEN_ORIGIN) <= 0)
        return false;
    while (*p != '\0') {
        size_t n = strcspn(p, ",");

        if (n == strlen(origin) && strncasecmp(p, origin, n) == 0)
            return true;
        p += n + (p[n] == ',');
        p += strspn(p, " ");
    }
    return false;
}

static bool
subprotocol_ok(struct lws *wsi)
{
    char list[256];
    char *save = NULL;

    if (lws_hdr_copy(wsi, list, sizeof(list), WSI_TOKEN_PROTOCOL) <= 0)
        return false;
    for (char *one = strtok_r(list, ", ", &save); one != NULL; one = strtok_r(NULL, ", ", &save))
        if (strcmp(one, SUBPROTOCOL) == 0)
            return true;
    return false;
}

static int
refuse(struct lws *wsi, unsigned status)
{
    metrics[METRIC_REFUSED]++;
    if (lws_return_http_status(wsi, status, NULL) != 0)
        return -1;
    return -1;
}

static int
judge_handshake(struct lws *wsi)
{
    char path[64];

    if (server.draining)
        return refuse(wsi, HTTP_STATUS_SERVICE_UNAVAILABLE);
    if (lws_hdr_copy(wsi, path, sizeof(path), WSI_TOKEN_GET_URI) <= 0 ||
        strcmp(path, "/v1/live") != 0)
        return refuse(wsi, HTTP_STATUS_NOT_FOUND);
    if (!origin_ok(wsi))
        return refuse(wsi, HTTP_STATUS_FORBIDDEN);
    if (!subprotocol_ok(wsi))
        return refuse(wsi, HTTP_STATUS_BAD_REQUEST);
    return 0;
}

/* A socket through nginx is counted and buffered there; a direct one is limited here. */
static void
limit_direct(struct conn *c)
{
    char name[64] = "";

    if (lws_get_vhost(c->wsi) == lws_get_vhost_by_name(server.context, "nginx"))
        return;
    setsockopt(lws_get_socket_fd(c->wsi), SOL_SOCKET, SO_SNDBUF, &(int){SEND_BUFFER}, sizeof(int));
    lws_get_peer_simple(c->wsi, name, sizeof(name));
    c->address = addresses_add(name);
    if (addresses_count(c->address) <= server.config->push_address_sockets)
        return;
    metrics[METRIC_CUT_LIMIT]++;
    session_close(c->session, CLOSE_OVER_LIMIT, "too many sockets");
}

static void
take_authorization(struct conn *c)
{
    char header[1200];

    if (lws_hdr_copy(c->wsi, header, sizeof(header), WSI_TOKEN_HTTP_AUTHORIZATION) > 7 &&
        strncasecmp(header, "Bearer ", 7) == 0 && c->session->code == 0)
        who_token(c->session, header + 7, strlen(header + 7));
}

static void
begin(struct conn *c, struct lws *wsi)
{
    memset(c, 0, sizeof(*c));
    c->wsi = wsi;
    c->session = session_open(c);
    limit_direct(c);
    take_authorization(c);
}

/* ------------------------------------------------------------ messages in */

static void
too_large(struct conn *c)
{
    free(c->input);
    c->input = NULL;
    c->too_large = true;
    metrics[METRIC_CUT_TOO_LARGE]++;
    session_close(c->session, CLOSE_TOO_LARGE, "message over 64 KiB");
}

/* Whole messages are handed on as they are, pieces are put together first. */
static void
receive(struct conn *c, const char *bytes, size_t len)
{
    size_t rest = lws_remaining_packet_payload(c->wsi);
    bool last = rest == 0 && lws_is_final_fragment(c->wsi);

    if (c->session == NULL || c->too_large)
        return;
    if (c->len + len + rest > WIRE_MAX) {
        too_large(c);
        return;
    }
    if (last && c->len == 0) {
        session_receive(c->session, bytes, len, lws_frame_is_binary(c->wsi) != 0);
        return;
    }
    c->input = realloc(c->input, c->len + len + rest + 1);
    if (c->input == NULL)
        abort();
    memcpy(c->input + c->len, bytes, len);
    c->len += len;
    session_heard(c->session);
    if (!last)
        return;
    c->holding = true;
    session_receive(c->session, c->input, c->len, lws_frame_is_binary(c->wsi) != 0);
    c->holding = false;
    free(c->input);
    c->input = NULL;
    c->len = 0;
}

static void
end(struct conn *c)
{
    if (c->session != NULL)
        session_gone(c->session);
    c->session = NULL;
    addresses_remove(c->address);
    c->address = NULL;
    free(c->input);
    c->input = NULL;
}

/* Says the close code once nothing waits before it; lws ends the connection. */
static int
writable(struct conn *c)
{
    struct session *s = c->session;
    unsigned char why[64];
    uint16_t code;

    c->waking = false;
    if (s == NULL || session_writable(s))
        return 0;
    code = s->code;
    memcpy(why, s->why, strlen(s->why) + 1);
    lws_close_reason(c->wsi, (enum lws_close_status)code, why, strlen((char *)why));
    end(c);
    return -1;
}

static int
callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
    struct conn *c = user;

    switch (reason) {
    case LWS_CALLBACK_HTTP:
        return refuse(wsi, HTTP_STATUS_NOT_FOUND);
    case LWS_CALLBACK_FILTER_NETWORK_CONNECTION:
        return server.draining;
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
        return judge_handshake(wsi);
    case LWS_CALLBACK_ESTABLISHED:
        begin(c, wsi);
        return 0;
    case LWS_CALLBACK_RECEIVE:
        receive(c, in, len);
        return 0;
    case LWS_CALLBACK_RECEIVE_PONG:
        if (c->session != NULL)
            session_heard(c->session);
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return writable(c);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        end(c);
        return len == 1 ? -1 : 0; /* half a code: lws would send it back */
    case LWS_CALLBACK_CLOSED:
        end(c);
        return 0;
    default:
        return 0;
    }
}

/* ------------------------------------------------------------ listening */

static const struct lws_protocols protocols[] = {
    {
        .name = SUBPROTOCOL,
        .callback = callback,
        .per_session_data_size = sizeof(struct conn),
        .rx_buffer_size = 256,
        /* Without it lws writes at most rx_buffer_size at once, and copies the rest. */
        .tx_packet_size = 64 * 1024 * 1024,
    },
    {0},
};

/* Pings are session.c's: lws keeps its own in a sorted list, slow to add to. */
static const lws_retry_bo_t no_pings = {0};

static bool
listen_unix(struct lws_context_creation_info *info, const char *path)
{
    mode_t before = umask(0007);
    struct lws_vhost *vhost;

    info->vhost_name = "nginx";
    info->port = 0; /* so lws wants it for a path */
    info->iface = path;
    info->options |= LWS_SERVER_OPTION_UNIX_SOCK;
    vhost = lws_create_vhost(server.context, info);
    info->options &= ~(uint64_t)LWS_SERVER_OPTION_UNIX_SOCK;
    umask(before);
    if (vhost == NULL)
        log_error("server: PUSH_SOCKET %s cannot be listened on", path);
    return vhost != NULL;
}

static bool
listen_tcp(struct lws_context_creation_info *info, const char *address)
{
    static char host[128];
    const char *colon = strrchr(address, ':');

    if (colon == NULL || (size_t)(colon - address) >= sizeof(host) || atoi(colon + 1) <= 0) {
        log_error("server: PUSH_LISTEN must be host:port");
        return false;
    }
    memcpy(host, address, (size_t)(colon - address));
    host[colon - address] = '\0';
    info->vhost_name = "direct";
    info->port = atoi(colon + 1);
    info->iface = host[0] == '\0' ? NULL : host;
    if (lws_create_vhost(server.context, info) != NULL)
        return true;
    log_error("server: PUSH_LISTEN %s cannot be listened on", address);
    return false;
}

static void
lws_says(int level, const char *line)
{
    size_t len = strcspn(line, "\n");

    log_write(level == LLL_ERR ? LOG_WARN : LOG_DEBUG, "server: lws: %.*s", (int)len, line);
}

/* A file per socket; lws sizes its tables by the limit. */
static void
raise_open_files(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max < OPEN_FILES ? limit.rlim_max : OPEN_FILES;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        log_warn("server: the number of open files cannot be raised");
}

bool
server_open(struct ev_loop *loop, const struct config *config)
{
    struct lws_context_creation_info info = {0};
    void *loops[1] = {loop};

    server.config = config;
    raise_open_files();
    lws_set_allocator(apart_realloc);
    lws_set_log_level(LLL_ERR | LLL_WARN, lws_says);
    info.options = LWS_SERVER_OPTION_LIBEV | LWS_SERVER_OPTION_VALIDATE_UTF8 |
                   LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
    info.foreign_loops = loops;
    info.protocols = protocols;
    info.max_http_header_data = 8192;
    info.max_http_header_pool = APART_HANDSHAKES;
    info.retry_and_idle_policy = &no_pings;
    info.gid = info.uid = -1;
    server.context = lws_create_context(&info);
    if (server.context == NULL) {
        log_error("server: libwebsockets does not start");
        return false;
    }
    return listen_unix(&info, config->push_socket) &&
           (*config->push_listen == '\0' || listen_tcp(&info, config->push_listen));
}

/* lws looks at its timeouts only when one of its sockets was busy: without this, silent ones stay.
 */
void
server_tick(void)
{
    lws_cancel_service(server.context);
}

void
server_stop_accepting(void)
{
    server.draining = true;
    unlink(server.config->push_socket); /* nginx goes to another daemon, or to the next of us */
}

void
server_close(void)
{
    if (server.context != NULL)
        lws_context_destroy(server.context);
    server.context = NULL;
}
