/*
 * /v1/health: is the process running; /v1/ready: can it work; /v1/openapi.json: its API
 * description.
 */
#include "api/v1/handlers.h"

#include "api/http/reply.h"
#include "api/http/request.h"
#include "api/server/openapi.h"
#include "common/redis/bus.h"
#include "common/store/store.h"

enum err
health_alive(struct request *r)
{
    text_puts(reply_json(r, 200), "{\"status\":\"ok\"}");
    return ERR_NONE;
}

/* Without Redis changes arrive a second later, but nothing fails, so that counts as ready. */
enum err
health_ready(struct request *r)
{
    bool store = store_ping(r->store) == ERR_NONE, bus = bus_ping(r->bus);

    text_printf(reply_json(r, store ? 200 : 503),
                "{\"status\":\"%s\",\"checks\":{\"mongodb\":\"%s\",\"redis\":\"%s\"}}",
                !store ? "unavailable"
                : bus  ? "ok"
                       : "degraded",
                store ? "ok" : "unavailable", bus ? "ok" : "unavailable");
    if (!store)
        r->reply.retry_after = 1;
    return ERR_NONE;
}

enum err
health_openapi(struct request *r)
{
    openapi_write(reply_json(r, 200));
    return ERR_NONE;
}
