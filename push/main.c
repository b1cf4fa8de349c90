/*
 * taskwire-push: opens all modules on one loop, ticks once a second, drains on SIGTERM.
 */
#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/id.h"
#include "common/config.h"
#include "common/log.h"
#include "common/secrets/token.h"
#include "common/text/text.h"
#include "push/asyncapi.h"
#include "push/base/wire.h"
#include "push/metrics.h"
#include "push/net/server.h"
#include "push/net/session.h"
#include "push/net/tls.h"
#include "push/sources/feed.h"
#include "push/sources/reader.h"
#include "push/topics/hub.h"
#include "push/trim.h"
#include "push/wiring.h"

#define DRAIN_STEP  0.1 /* seconds between two groups of closed sockets */
#define DRAIN_LAST  2.0 /* seconds for the last sockets to take their close frames */
#define DRAIN_EMPTY 2   /* further steps in which the last frames are sent */

static struct {
    struct config config;
    struct ev_loop *loop;
    ev_timer tick, drain;
    ev_signal term, interrupt, hangup;
    double drained; /* seconds since draining began */
    int empty;      /* steps without a socket */
    uint32_t lot;
} program;

static void
on_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop, (void)timer, (void)events;
    wiring_tick();
    server_tick();
    trim_tick();
}

static void
notify(struct session *s, void *code)
{
    session_send(s, wire_notice(code));
}

static void
on_away(bool away)
{
    metrics[METRIC_STORE_UNAVAILABLE] = away;
    sessions_each(notify, away ? "store-away" : "store-back");
}

/* Closes the next group of sockets; stops the loop when none is left or time is up. */
static void
on_drain(struct ev_loop *loop, ev_timer *timer, int events)
{
    double spread = (double)program.config.push_drain_seconds;

    (void)timer, (void)events;
    program.drained += DRAIN_STEP;
    if (sessions_drain(program.drained > spread ? UINT32_MAX : program.lot) == 0)
        program.empty++;
    if (program.empty > DRAIN_EMPTY || program.drained > spread + DRAIN_LAST)
        ev_break(loop, EVBREAK_ALL);
}

/* Asked to stop: accepts no new sockets and closes the open ones little by little. */
static void
on_term(struct ev_loop *loop, ev_signal *signal, int events)
{
    double steps = (double)program.config.push_drain_seconds / DRAIN_STEP;

    (void)signal, (void)events;
    if (ev_is_active(&program.drain))
        return;
    program.lot = (uint32_t)((double)metrics[METRIC_SOCKETS] / (steps < 1 ? 1 : steps)) + 1;
    log_info("main: draining %lld sockets", (long long)metrics[METRIC_SOCKETS]);
    server_stop_accepting();
    ev_timer_start(loop, &program.drain);
}

static void
on_hangup(struct ev_loop *loop, ev_signal *signal, int events)
{
    (void)loop, (void)signal, (void)events;
    tls_reload();
}

static void
start_watchers(void)
{
    ev_timer_init(&program.tick, on_tick, 1., 1.);
    ev_timer_start(program.loop, &program.tick);
    ev_timer_init(&program.drain, on_drain, 0., DRAIN_STEP);
    ev_signal_init(&program.term, on_term, SIGTERM);
    ev_signal_start(program.loop, &program.term);
    ev_signal_init(&program.interrupt, on_term, SIGINT);
    ev_signal_start(program.loop, &program.interrupt);
    ev_signal_init(&program.hangup, on_hangup, SIGHUP);
    ev_signal_start(program.loop, &program.hangup);
}

static bool
open_all(void)
{
    const struct config *c = &program.config;

    wiring_open(program.loop, c);
    reader_on_away(on_away);
    if (!reader_open(program.loop, c))
        return false;
    hub_want("everyone", (unsigned char[ID_BYTES]){0}); /* for good: following `all` needs it */
    return feed_open(program.loop, c->redis_url, &wiring_feed_calls) &&
           metrics_open(program.loop, c->push_metrics) &&
           server_open(program.loop, c, &wiring_server_calls);
}

static void
close_all(void)
{
    server_close();
    sessions_stop();
    metrics_close();
    feed_close();
    reader_close();
    wiring_close();
}

int
main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--asyncapi") == 0) {
        struct text contract = {0};

        asyncapi_write(&contract);
        fputs(contract.bytes, stdout);
        text_free(&contract);
        return 0;
    }
    trim_open();
    config_start(&program.config, "taskwire-push", CONFIG_PUSH, argc, argv);
    if (token_open(program.config.signing_keys) != ERR_NONE)
        return 2;
    program.loop = ev_default_loop(0);
    if (program.loop == NULL || !open_all())
        _exit(1); /* reader threads may be running, and exit() would free what they use */
    start_watchers();
    log_info("main: listening on %s", program.config.push_socket);
    ev_run(program.loop, 0);
    close_all();
    log_info("main: stopped");
    return 0;
}
