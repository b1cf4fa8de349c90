/*
 * The libwebsockets (lws) callbacks.  Frames are written as raw bytes including their headers
 * (frame.c), so one write carries many frames and every socket gets the same bytes.  lws keeps what
 * the kernel did not take and sends it by itself; until then (server_busy) nothing may be written.
 */
#include "push/net/server.h"

#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/must.h"
#include "common/config.h"
#include "push/metrics.h"
#include "push/net/handshake.h"
#include "push/net/intake.h"
#include "push/net/listen.h"
#include "push/net/tls.h"

#define SEND_BUFFER 131072 /* the kernel's part of a direct socket's queue; it doubles it */

/* A connection; lws keeps it beside its own state.  88 bytes, for each idle socket. */
struct conn {
    struct lws *wsi;
    struct session *session; /* NULL before the handshake ends and after the close began */
    uint32_t len;            /* of the input so far; messages are far smaller than its range */
    bool too_large : 1;
    bool waking : 1;
    bool holding : 1; /* replies wait for the loop, so that a pong that is due goes first */
    char *input;      /* fragments of a message that has not ended */
    struct intake intake;
};

static struct {
    struct lws_context *context;
    const struct config *config;
    const struct server_calls *calls;
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

/* The ping has a payload because lws does not report the pong to an empty one. */
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

/* ------------------------------------------------------------ new connections */

static void
take_authorization(struct conn *c)
{
    char header[1200];

    if (lws_hdr_copy(c->wsi, header, sizeof(header), WSI_TOKEN_HTTP_AUTHORIZATION) > 7 &&
        strncasecmp(header, "Bearer ", 7) == 0)
        server.calls->token(c->session, header + 7, strlen(header + 7));
}

/* The handshake is complete: opens the session of a connection. */
static void
begin(struct conn *c, struct lws *wsi)
{
    memset(c, 0, sizeof(*c));
    c->wsi = wsi;
    c->session = server.calls->open(c);
    handshake_done(wsi);
    intake_begin(&c->intake, wsi);
    if (!handshake_through_nginx(wsi))
        setsockopt(lws_get_socket_fd(wsi), SOL_SOCKET, SO_SNDBUF, &(int){SEND_BUFFER}, sizeof(int));
    take_authorization(c);
}

/* ------------------------------------------------------------ messages in */

static void
too_large(struct conn *c)
{
    free(c->input);
    c->input = NULL;
    c->too_large = true;
    server.calls->too_large(c->session);
}

/* Passes on whole messages as they are; fragments are joined first. */
static void
receive(struct conn *c, const char *bytes, size_t len)
{
    size_t rest = lws_remaining_packet_payload(c->wsi);
    bool last = rest == 0 && lws_is_final_fragment(c->wsi);

    if (c->session == NULL || c->too_large)
        return;
    if (c->len + len + rest > server.calls->message_max(c->session)) {
        too_large(c);
        return;
    }
    if (last && c->len == 0) {
        server.calls->message(c->session, bytes, len, lws_frame_is_binary(c->wsi) != 0);
        return;
    }
    c->input = must_resize(c->input, c->len + len + rest + 1);
    memcpy(c->input + c->len, bytes, len);
    c->len += (uint32_t)len;
    server.calls->alive(c->session);
    if (!last)
        return;
    c->holding = true;
    server.calls->message(c->session, c->input, c->len, lws_frame_is_binary(c->wsi) != 0);
    c->holding = false;
    free(c->input);
    c->input = NULL;
    c->len = 0;
}

static void
close_session(struct conn *c)
{
    if (c->session != NULL)
        server.calls->gone(c->session);
    c->session = NULL;
    free(c->input);
    c->input = NULL;
}

/* Lets the session write; sends its close code once it asks for that.  -1: lws closes. */
static int
writable(struct conn *c)
{
    const char *reason = "";
    unsigned char text[64];
    uint16_t code;

    c->waking = false;
    code = c->session == NULL ? 0 : server.calls->writable(c->session, &reason);
    if (code == 0)
        return 0;
    memcpy(text, reason, strlen(reason) + 1);
    lws_close_reason(c->wsi, (enum lws_close_status)code, text, strlen(reason));
    close_session(c);
    return -1;
}

/* The events of lws.  A value other than 0 closes the connection. */
static int
callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
    struct conn *c = user;

    switch (reason) {
    case LWS_CALLBACK_HTTP:
        handshake_refuse_http(wsi);
        return -1;
    case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS:
        return tls_use(user) ? 0 : -1;
    case LWS_CALLBACK_FILTER_NETWORK_CONNECTION:
        return server.draining;
    case LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED:
        return handshake_accept(wsi) ? 0 : -1;
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return handshake_check(wsi, server.draining) ? 0 : -1;
    case LWS_CALLBACK_ESTABLISHED:
        begin(c, wsi);
        return 0;
    case LWS_CALLBACK_RECEIVE:
        receive(c, in, len);
        return 0;
    case LWS_CALLBACK_RECEIVE_PONG:
        if (c->session != NULL)
            server.calls->alive(c->session);
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return writable(c);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        close_session(c);
        return len == 1 ? -1 : 0; /* half a code: lws would send it back */
    case LWS_CALLBACK_CLOSED:
        intake_end(&c->intake);
        close_session(c);
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        handshake_forget(wsi);
        return 0;
    default:
        return 0;
    }
}

static const struct lws_protocols protocols[] = {
    {
        .name = HANDSHAKE_SUBPROTOCOL,
        .callback = callback,
        .per_session_data_size = sizeof(struct conn),
        .rx_buffer_size = INTAKE_READ - LWS_PRE, /* kept for each socket */
        /* Without it lws writes at most rx_buffer_size at once, and copies the rest. */
        .tx_packet_size = 64 * 1024 * 1024,
    },
    {0},
};

bool
server_open(struct ev_loop *loop, const struct config *config, const struct server_calls *calls)
{
    server.config = config;
    server.calls = calls;
    intake_open(loop);
    handshake_open(config);
    server.context = listen_open(loop, config, protocols);
    return server.context != NULL;
}

/* lws checks its timeouts only when one of its sockets was busy; without this, idle ones would
 * never time out. */
void
server_tick(void)
{
    intake_tick();
    lws_cancel_service(server.context);
}

void
server_stop_accepting(void)
{
    server.draining = true;
    unlink(server.config->push_socket); /* nginx connects to another daemon or to our successor */
}

void
server_close(void)
{
    if (server.context != NULL)
        lws_context_destroy(server.context);
    server.context = NULL;
}
