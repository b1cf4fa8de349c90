/*
 * It counts reads, not bytes: libwebsockets reads at most the rx_buffer_size of server.c and
 * LWS_PRE at once, 272 bytes, so a limit on reads is one on bytes too, and counting needs no system
 * call. With TLS the library takes a record of up to 16 KiB from the kernel and reads from that, so
 * there the kernel is asked how many bytes wait, and these count as the reads that they will
 * become.
 */
#include "push/net/intake.h"

#include <libwebsockets.h>
#include <stddef.h>
#include <sys/ioctl.h>

#include "common/clock.h"
#include "push/metrics.h"

/* Enough for the 200 messages that quota.c allows at once together with two of 128 KiB, and then
 * for 20 a second of 5 KiB each. */
static const struct bucket_size reads = {1500, 400};

#define READ   272   /* bytes of one read */
#define RECORD 16384 /* bytes of a TLS record */

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

/* The number of reads that follow from one wake-up. */
static int32_t
reads_ahead(struct intake *in)
{
    int waiting = 0;

    if (!lws_is_ssl(in->wsi) || ioctl(in->watcher.fd, FIONREAD, &waiting) != 0 || waiting < READ)
        return 1;
    return (waiting < RECORD ? waiting : RECORD) / READ + 1;
}

static void
on_readable(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct intake *in = (struct intake *)((char *)watcher - offsetof(struct intake, watcher));

    (void)loop, (void)events;
    if (!bucket_take(&in->spent, &reads, reads_ahead(in), clock_steady()))
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
