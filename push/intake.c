/*
 * Counts reads, not bytes: libwebsockets reads at most the rx_buffer_size of server.c and LWS_PRE
 * at once, 272 bytes, so reads bound bytes too, and a count needs no system call.  With TLS a read
 * may take a record of 16 KiB from the kernel.
 */
#include "push/intake.h"

#include <libwebsockets.h>
#include <stddef.h>

#include "common/clock.h"
#include "push/metrics.h"

/* For the 200 messages that ops.c allows at once, and two of 128 KiB with them; then for its 20 a
 * second, of 5 KiB each. */
static const struct bucket_size reads = {1500, 400};

static struct {
    struct ev_loop *loop;
    struct intake *paused;
} intakes;

void
intake_open(struct ev_loop *loop)
{
    intakes.loop = loop;
}

static void
pause_reading(struct intake *in)
{
    metrics[METRIC_PAUSES]++;
    ev_io_stop(intakes.loop, &in->watcher);
    lws_rx_flow_control(in->wsi, 0);
    in->after = intakes.paused;
    in->link = &intakes.paused;
    if (in->after != NULL)
        in->after->link = &in->after;
    intakes.paused = in;
}

static void
unlink_paused(struct intake *in)
{
    *in->link = in->after;
    if (in->after != NULL)
        in->after->link = in->link;
    in->link = NULL;
}

static void
on_readable(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct intake *in = (struct intake *)((char *)watcher - offsetof(struct intake, watcher));

    (void)loop, (void)events;
    if (!bucket_take(&in->spent, &reads, 1, clock_steady()))
        pause_reading(in);
}

void
intake_begin(struct intake *in, struct lws *wsi)
{
    in->wsi = wsi;
    ev_io_init(&in->watcher, on_readable, lws_get_socket_fd(wsi), EV_READ);
    ev_set_priority(&in->watcher, 1); /* before the library's own, which reads */
    ev_io_start(intakes.loop, &in->watcher);
}

void
intake_end(struct intake *in)
{
    if (in->wsi == NULL)
        return;
    ev_io_stop(intakes.loop, &in->watcher);
    if (in->link != NULL)
        unlink_paused(in);
    in->wsi = NULL;
}

void
intake_tick(void)
{
    struct intake *in;

    while ((in = intakes.paused) != NULL) {
        unlink_paused(in);
        ev_io_start(intakes.loop, &in->watcher);
        lws_rx_flow_control(in->wsi, 1);
    }
}
