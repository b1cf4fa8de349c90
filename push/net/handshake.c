/*
 * All of it is checked when the upgrade is requested, before lws looks for a subprotocol: if lws
 * finds none it closes the connection without a status.
 */
#include "push/net/handshake.h"

#include <libwebsockets.h>
#include <stdint.h>
#include <string.h>

#include "common/config.h"
#include "push/net/addresses.h"
#include "push/metrics.h"

#define AT_ONCE 64 /* handshakes of one address at a time */
#define SHAKING 1u /* bit of the opaque pointer: the handshake is not complete */

static const struct config *config;

void
handshake_open(const struct config *settings)
{
    config = settings;
}

bool
handshake_through_nginx(struct lws *wsi)
{
    return strcmp(lws_get_vhost_name(lws_get_vhost(wsi)), HANDSHAKE_NGINX) == 0;
}

/* ------------------------------------------------------------ addresses */

static struct address *
address_of(struct lws *wsi)
{
    return (struct address *)((uintptr_t)lws_get_opaque_user_data(wsi) & ~(uintptr_t)SHAKING);
}

void
handshake_done(struct lws *wsi)
{
    struct address *address = address_of(wsi);

    if (address == NULL || !((uintptr_t)lws_get_opaque_user_data(wsi) & SHAKING))
        return;
    addresses_shaken(address);
    lws_set_opaque_user_data(wsi, address);
}

/* An address is counted from the connection on, so that unfinished handshakes count too. */
bool
handshake_accept(struct lws *wsi)
{
    char name[64] = "";
    struct address *address;

    if (handshake_through_nginx(wsi))
        return true;
    lws_get_peer_simple(wsi, name, sizeof(name));
    address = addresses_add(name);
    lws_set_opaque_user_data(wsi, (void *)((uintptr_t)address | SHAKING));
    if (addresses_shaking(address) <= AT_ONCE &&
        addresses_count(address) <= config->push_address_sockets + AT_ONCE)
        return true;
    metrics[METRIC_CUT_LIMIT]++;
    return false;
}

void
handshake_forget(struct lws *wsi)
{
    handshake_done(wsi);
    addresses_remove(address_of(wsi));
    lws_set_opaque_user_data(wsi, NULL);
}

static bool
too_many(struct lws *wsi)
{
    const struct address *address = address_of(wsi);

    if (address == NULL || addresses_count(address) <= config->push_address_sockets)
        return false;
    metrics[METRIC_CUT_LIMIT]++;
    return true;
}

/* ------------------------------------------------------------ headers */

/* Is the origin in the comma-separated list?  Without Origin it is not a browser. */
static bool
origin_ok(struct lws *wsi)
{
    char origin[256];
    const char *p = config->allowed_origins;
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
    char list[127]; /* lws reads no longer ones */
    char *save = NULL;

    if (lws_hdr_copy(wsi, list, sizeof(list), WSI_TOKEN_PROTOCOL) <= 0)
        return false;
    for (char *one = strtok_r(list, ", ", &save); one != NULL; one = strtok_r(NULL, ", ", &save))
        if (strcmp(one, HANDSHAKE_SUBPROTOCOL) == 0)
            return true;
    return false;
}

static bool
path_ok(struct lws *wsi)
{
    char path[64];

    return lws_hdr_copy(wsi, path, sizeof(path), WSI_TOKEN_GET_URI) > 0 &&
           strcmp(path, "/v1/live") == 0;
}

static bool
upgrade_ok(struct lws *wsi)
{
    char upgrade[16];

    return lws_hdr_copy(wsi, upgrade, sizeof(upgrade), WSI_TOKEN_UPGRADE) > 0 &&
           strcasecmp(upgrade, "websocket") == 0;
}

/* ------------------------------------------------------------ answers */

static void
answer(struct lws *wsi, unsigned status, const char *why)
{
    metrics[METRIC_REFUSED]++;
    if (lws_return_http_status(wsi, status, why) != 0)
        return; /* it is dropped anyway */
}

bool
handshake_check(struct lws *wsi, bool draining)
{
    /* lws has answered a malformed Upgrade itself and freed the headers since (CVE-2025-11677). */
    if (lws_hdr_total_length(wsi, WSI_TOKEN_UPGRADE) == 0)
        return false;
    if (draining)
        answer(wsi, HTTP_STATUS_SERVICE_UNAVAILABLE, "restarting");
    else if (too_many(wsi))
        answer(wsi, 429, "too many sockets from this address");
    else if (!path_ok(wsi))
        answer(wsi, HTTP_STATUS_NOT_FOUND, NULL);
    else if (!upgrade_ok(wsi))
        answer(wsi, 426, "only WebSocket upgrades are served here");
    else if (!origin_ok(wsi))
        answer(wsi, HTTP_STATUS_FORBIDDEN, "this origin is not in ALLOWED_ORIGINS");
    else if (!subprotocol_ok(wsi))
        answer(wsi, HTTP_STATUS_BAD_REQUEST,
               "Sec-WebSocket-Protocol must contain " HANDSHAKE_SUBPROTOCOL);
    else
        return true;
    return false;
}

void
handshake_refuse_http(struct lws *wsi)
{
    if (path_ok(wsi))
        answer(wsi, 426, "only WebSocket upgrades are served here");
    else
        answer(wsi, HTTP_STATUS_NOT_FOUND, NULL);
}
