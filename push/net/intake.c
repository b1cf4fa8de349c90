/*
 * It counts reads, not bytes: libwebsockets reads at most INTAKE_READ bytes at once, so a limit on
 * reads is one on bytes too, and counting needs no system call.  With TLS the library takes a
 * record of up to 16 KiB from the kernel and reads from that, so there the kernel is asked how many
 * bytes wait, and these count as the reads that they will become.
 */
#include "push/net/intake.h"

#include <libwebsockets.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "common/base/must.h"
#include "common/time/clock.h"
#include "push/metrics.h"

/* Enough for the 200 messages that quota.c allows at once together with two of 128 KiB, and then
 * for 20 a second of 5 KiB each. */
static const struct bucket_size reads = {2200, 570};

#define RECORD 16384 /* bytes of a TLS record */

/* A socket that is not read at the moment. */
struct pause {
    struct pause *after, **link;
    struct intake *intake;
    struct lws *wsi;
};

static struct {
    struct ev_loop *loop;
    struct pause *pauses;
} intakes;

void
intake_open(struct ev_loop *loop)
{
    intakes.loop = loop;
}

/* Stops reading from the socket until the next tick. */
static void
pause_reading(struct intake *in)
{
    struct pause *p = must_alloc(1, sizeof(*p));

    metrics[METRIC_PAUSES]++;
    p->intake = in;
    p->wsi = in->watcher.data;
    p->after = intakes.pauses;
    p->link = &intakes.pauses;
    if (p->after != NULL)
        p->after->link = &p->after;
    intakes.pauses = p;
    ev_io_stop(intakes.loop, &in->watcher);
    in->watcher.data = p;
    lws_rx_flow_control(p->wsi, 0);
}

/* Takes a pause out of the list and frees it. */
static void
drop_pause(struct pause *p)
{
    *p->link = p->after;
    if (p->after != NULL)
        p->after->link = p->link;
    free(p);
}

/* The number of reads that follow from one wake-up. */
static int32_t
reads_ahead(const struct intake *in)
{
    int waiting = 0;

    if (!lws_is_ssl(in->watcher.data) || ioctl(in->watcher.fd, FIONREAD, &waiting) != 0 ||
        waiting < INTAKE_READ)
        return 1;
    return (waiting < RECORD ? waiting : RECORD) / INTAKE_READ + 1;
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
    ev_io_init(&in->watcher, on_readable, lws_get_socket_fd(wsi), EV_READ);
    ev_set_priority(&in->watcher, 1); /* before the library's own, which reads */
    in->watcher.data = wsi;
    ev_io_start(intakes.loop, &in->watcher);
}

void
intake_end(struct intake *in)
{
    if (in->watcher.data == NULL)
        return;
    if (ev_is_active(&in->watcher))
        ev_io_stop(intakes.loop, &in->watcher);
    else
        drop_pause(in->watcher.data);
    in->watcher.data = NULL;
}

void
intake_tick(void)
{
    struct pause *p;

    while ((p = intakes.pauses) != NULL) {
        struct intake *in = p->intake;
        struct lws *wsi = p->wsi;

        drop_pause(p);
        in->watcher.data = wsi;
        ev_io_start(intakes.loop, &in->watcher);
        lws_rx_flow_control(wsi, 1);
    }
}
