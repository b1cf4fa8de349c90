/*
 * Keys do not contain personal addresses, only their hashes.
 */
#include "api/http/limits.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "api/http/request.h"
#include "api/schema/doc.h"
#include "common/config.h"
#include "common/log.h"
#include "common/redis/throttle.h"
#include "common/secrets/password.h"
#include "common/time/clock.h"

#define MINUTE 60

void
limits_report(struct request *r, const struct limit_state *state)
{
    const char *rates = r->reply.rates, *policies = r->reply.policies;
    long remaining = state->remaining < 0 ? 0 : state->remaining;
    long reset = state->reset < 1 ? 1 : state->reset;

    r->reply.rates = arena_printf(r->arena, "%s%s\"%s\";r=%ld;t=%ld", rates == NULL ? "" : rates,
                                  rates == NULL ? "" : ", ", state->name, remaining, reset);
    r->reply.policies =
        arena_printf(r->arena, "%s%s\"%s\";q=%ld;w=%ld", policies == NULL ? "" : policies,
                     policies == NULL ? "" : ", ", state->name, state->limit, state->window);
    if (r->reply.limit > 0 && r->reply.remaining <= remaining)
        return;
    r->reply.limit = state->limit;
    r->reply.remaining = remaining;
    r->reply.reset = reset;
}

/*
 * A customer has a whole IPv6 network, so the /64 counts; IPv4-mapped addresses count individually.
 */
void
limits_network(const char *address, char out[LIMITS_NETWORK])
{
    struct in6_addr six;

    if (inet_pton(AF_INET6, address, &six) != 1 || IN6_IS_ADDR_V4MAPPED(&six)) {
        snprintf(out, LIMITS_NETWORK, "%.60s", address);
        return;
    }
    memset(six.s6_addr + 8, 0, 8);
    if (inet_ntop(AF_INET6, &six, out, LIMITS_NETWORK) == NULL)
        out[0] = '\0';
}

enum err
limits_address(struct request *r)
{
    long limit;
    struct throttle_window window;
    char net[LIMITS_NETWORK], key[LIMITS_NETWORK + 16];

    if (r->throttle == NULL || r->address == NULL)
        return ERR_NONE;
    limit = r->config->address_logins;
    limits_network(r->address, net);
    snprintf(key, sizeof(key), "address:%s", net);
    if (throttle_count(r->throttle, key, MINUTE, &window) != ERR_NONE)
        return ERR_NONE;
    limits_report(
        r, &(struct limit_state){"address", limit, MINUTE, limit - window.count, window.seconds});
    if (window.count <= limit)
        return ERR_NONE;
    r->reply.retry_after = (int)r->reply.reset;
    return request_fail(r, ERR_THROTTLED, "too many requests from this address");
}

void
limits_hashing(struct request *r, const char *account)
{
    char net[LIMITS_NETWORK] = "";

    if (r->address != NULL)
        limits_network(r->address, net);
    password_caller(account, net);
}

static enum err
refuse(struct request *r, int64_t wait_ms)
{
    r->reply.retry_after = (int)((wait_ms + 999) / 1000);
    limits_report(r, &(struct limit_state){"account", r->config->account_failures,
                                           THROTTLE_KEPT_MS / 1000, 0, r->reply.retry_after});
    return request_fail(r, ERR_THROTTLED, "too many failures; try again in %d s",
                        r->reply.retry_after);
}

/* Like throttle_try(), with MongoDB: the request that updates `until` may try. */
static enum err
try_stored(struct request *r, const char *key, int64_t *wait_ms)
{
    bson_t *filter = request_keep(r, BCON_NEW("_id", BCON_UTF8(key))), *doc, *set;
    int64_t now = clock_now(), until = 0, delay, matched;
    enum err err = store_get(r->store, STORE_THROTTLES, filter, NULL, &doc);

    *wait_ms = 0;
    if (err != ERR_NONE)
        return err == ERR_NOT_FOUND ? ERR_NONE : err;
    request_keep(r, doc);
    doc_time(doc, "until", &until);
    delay = throttle_delay((long)doc_int(doc, "failures"), r->config->account_failures);
    if (until > now)
        *wait_ms = until - now;
    if (until > now || delay == 0)
        return ERR_NONE;
    BSON_APPEND_DATE_TIME(filter, "until", until);
    set = request_keep(r, BCON_NEW("$set", "{", "until", BCON_DATE_TIME(now + delay), "}"));
    err = store_update(r->store, STORE_THROTTLES, filter, set, &matched);
    if (err == ERR_NONE && matched == 0)
        *wait_ms = delay; /* another request was first */
    return err;
}

static enum err
fail_stored(struct request *r, const char *key)
{
    int64_t matched = 0, expires = clock_now() + THROTTLE_KEPT_MS;
    bson_t *filter = request_keep(r, BCON_NEW("_id", BCON_UTF8(key)));
    bson_t *more = request_keep(r, BCON_NEW("$inc", "{", "failures", BCON_INT32(1), "}", "$set",
                                            "{", "expiresAt", BCON_DATE_TIME(expires), "}"));
    bson_t *first =
        request_keep(r, BCON_NEW("_id", BCON_UTF8(key), "failures", BCON_INT32(1), "until",
                                 BCON_DATE_TIME(0), "expiresAt", BCON_DATE_TIME(expires)));
    enum err err = store_update(r->store, STORE_THROTTLES, filter, more, &matched);

    if (err == ERR_NONE && matched == 0)
        err = store_insert(r->store, STORE_THROTTLES, first);
    if (err == ERR_CONFLICT) /* a twin was first */
        err = store_update(r->store, STORE_THROTTLES, filter, more, &matched);
    return err;
}

enum err
limits_try(struct request *r, const char *account)
{
    char key[65];
    int64_t wait = 0;
    enum err err = ERR_STORE;

    text_sha256(key, account, strlen(account));
    if (r->throttle != NULL)
        err = throttle_try(r->throttle, key, r->config->account_failures, &wait);
    if (err != ERR_NONE)
        err = try_stored(r, key, &wait);
    return err == ERR_NONE && wait > 0 ? refuse(r, wait) : err;
}

void
limits_tried(struct request *r, const char *account, bool right)
{
    char key[65];
    enum err err = ERR_STORE;

    text_sha256(key, account, strlen(account));
    if (r->throttle != NULL)
        err = right ? throttle_passed(r->throttle, key) : throttle_failed(r->throttle, key);
    if (err != ERR_NONE && right)
        err = store_remove(r->store, STORE_THROTTLES,
                           request_keep(r, BCON_NEW("_id", BCON_UTF8(key))));
    else if (err != ERR_NONE)
        err = fail_stored(r, key);
    if (err != ERR_NONE)
        log_warn("limits: an attempt was not counted");
}
