/*
 * The unix socket that nginx connects to, and the port for browsers that connect directly, with TLS
 * if there is a certificate.
 */
#include "push/net/listen.h"

#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "common/config.h"
#include "common/log.h"
#include "push/net/lws_memory.h"
#include "push/net/handshake.h"
#include "push/net/tls.h"

#define OPEN_FILES 131072

/* session.c sends pings: lws keeps its own in a sorted list, to which adding is slow. */
static const lws_retry_bo_t no_pings = {0};

/* Listens on the unix socket that nginx connects to; false: logged. */
static bool
listen_unix(struct lws_context *context, struct lws_context_creation_info info, const char *path)
{
    mode_t before = umask(0007);
    struct lws_vhost *vhost;

    info.vhost_name = HANDSHAKE_NGINX;
    info.port = 0; /* as lws requires for a path */
    info.iface = path;
    info.options |= LWS_SERVER_OPTION_UNIX_SOCK;
    vhost = lws_create_vhost(context, &info);
    umask(before);
    if (vhost == NULL)
        log_error("listen: cannot listen on PUSH_SOCKET %s", path);
    return vhost != NULL;
}

/* Listens on host:port, with TLS if it is on; false: logged. */
static bool
listen_tcp(struct lws_context *context, struct lws_context_creation_info info, const char *address)
{
    static char host[128];
    const char *colon = strrchr(address, ':');

    if (colon == NULL || (size_t)(colon - address) >= sizeof(host) || atoi(colon + 1) <= 0) {
        log_error("listen: PUSH_LISTEN must be host:port");
        return false;
    }
    memcpy(host, address, (size_t)(colon - address));
    host[colon - address] = '\0';
    info.vhost_name = "direct";
    info.port = atoi(colon + 1);
    info.iface = host[0] == '\0' ? NULL : host;
    if (tls_on())
        info.options |= LWS_SERVER_OPTION_CREATE_VHOST_SSL_CTX;
    info.alpn = "http/1.1"; /* by default lws would offer HTTP/2 */
    if (lws_create_vhost(context, &info) != NULL)
        return true;
    log_error("listen: cannot listen on PUSH_LISTEN %s", address);
    return false;
}

static void
log_of_lws(int level, const char *line)
{
    size_t len = strcspn(line, "\n");

    log_write(level == LLL_ERR ? LOG_WARN : LOG_DEBUG, "listen: lws: %.*s", (int)len, line);
}

/* Each socket takes a file descriptor, and lws sizes its tables by the limit. */
static void
raise_open_files(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max < OPEN_FILES ? limit.rlim_max : OPEN_FILES;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        log_warn("listen: the limit of open files could not be raised");
}

struct lws_context *
listen_open(struct ev_loop *loop, const struct config *config,
            const struct lws_protocols *protocols)
{
    struct lws_context_creation_info info = {0};
    struct lws_context *context;
    void *loops[1] = {loop};

    if (!tls_open(config))
        return NULL;
    raise_open_files();
    lws_set_allocator(lws_memory_realloc);
    lws_set_log_level(LLL_ERR | LLL_WARN, log_of_lws);
    info.options = LWS_SERVER_OPTION_LIBEV | LWS_SERVER_OPTION_VALIDATE_UTF8 |
                   LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
    if (tls_on())
        info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
    info.foreign_loops = loops;
    info.protocols = protocols;
    info.max_http_header_data = 8192;
    info.max_http_header_pool = LWS_MEMORY_HANDSHAKES;
    info.timeout_secs = (unsigned)config->push_hello_seconds; /* for each step of a handshake, */
    info.timeout_secs_ah_idle = info.timeout_secs;            /* and for its headers */
    info.retry_and_idle_policy = &no_pings;
    info.gid = info.uid = -1;
    context = lws_create_context(&info);
    if (context == NULL) {
        log_error("listen: libwebsockets could not be started");
        return NULL;
    }
    if (listen_unix(context, info, config->push_socket) &&
        (*config->push_listen == '\0' || listen_tcp(context, info, config->push_listen)))
        return context;
    lws_context_destroy(context);
    return NULL;
}
