/*
 * The fake server keeps what it is given and never makes calls by itself.
 */
#include "tests/unit/push_fixture.h"

#include <ev.h>
#include <string.h>

#include "common/text/text.h"
#include "push/base/frame.h"
#include "push/clients/follow.h"
#include "push/events/lifecycle.h"
#include "push/net/server.h"
#include "push/net/session.h"
#include "push/topics/hub.h"
#include "push/wiring.h"
#include "tests/unit/unit.h"

struct ev_loop *push_loop;

struct config push_config = {
    .push_queue_bytes = PUSH_QUEUE,
    .push_hello_seconds = 1000,
    .push_heartbeat_seconds = 25,
    .push_user_sockets = 50,
    .push_presence_seconds = 30,
};

/* ------------------------------------------------------------ the server */

bool
server_busy(const struct conn *c)
{
    return c->busy;
}

static void
receive(struct conn *c, const char *text, size_t len)
{
    c->frames++;
    if (c->received_len + len + 1 < sizeof(c->received)) {
        memcpy(c->received + c->received_len, text, len);
        c->received_len += len;
        c->received[c->received_len++] = '\n';
        c->received[c->received_len] = '\0';
    }
    if (c->on_frame != NULL)
        c->on_frame(c, text, len);
}

void
server_write(struct conn *c, const unsigned char *bytes, size_t len)
{
    assert_false(c->busy);
    c->bytes += len;
    while (len > 0) {
        size_t head = bytes[1] < 126 ? 2 : bytes[1] == 126 ? 4 : 10;
        size_t text = head == 2 ? bytes[1] : 0;

        assert_int_equal(bytes[0], 0x81);
        for (size_t i = 2; i < head; i++)
            text = text << 8 | bytes[i];
        receive(c, (const char *)bytes + head, text);
        bytes += head + text;
        len -= head + text;
    }
    c->busy = c->slow;
    if (c->on_write != NULL)
        c->on_write(c);
}

void
server_wake(struct conn *c)
{
    c->waking = true;
}

void
server_ping(struct conn *c)
{
    c->pings++;
}

void
server_kill(struct conn *c)
{
    c->killed = true;
}

/* ------------------------------------------------------------ browsers */

void
push_run(void)
{
    for (int i = 0; i < 20; i++)
        ev_run(push_loop, EVRUN_NOWAIT);
}

void
push_connect(struct conn *c, const char *user_topic)
{
    bool fresh;
    struct topic *own = hub_topic(user_topic, &fresh);

    own->state = TOPIC_READY;
    c->session = wiring_server_calls.open(c);
    memcpy(c->session->user, own->id, 12);
    c->session->own = follow_begin(c->session, own, FOLLOW_QUIET, REASON_OWN);
    session_ready(c->session);
}

void
push_disconnect(struct conn *c)
{
    wiring_server_calls.gone(c->session);
    push_run();
}

void
push_say(struct conn *c, const char *text)
{
    wiring_server_calls.message(c->session, text, strlen(text), false);
}

void
push_drain(struct conn *c)
{
    const char *reason;

    c->busy = false;
    for (int i = 0; i < 100 && c->waking && !c->busy && c->session->code == 0; i++) {
        c->waking = false;
        assert_int_equal(wiring_server_calls.writable(c->session, &reason), 0);
    }
}

bool
push_heard(const struct conn *c, const char *text)
{
    return strstr(c->received, text) != NULL;
}

void
push_clear(struct conn *c)
{
    c->received[0] = '\0';
    c->received_len = 0;
}

void
push_add_event(struct topic *t, size_t len)
{
    struct text text = {0};
    struct frame *f;

    text_puts(&text, "{\"op\":\"event\",\"pad\":\"");
    while (text.len < len)
        text_putc(&text, 'x');
    text_puts(&text, "\"}");
    f = frame_new(text.bytes, text.len);
    stream_add(&t->stream, f);
    frame_drop(f);
    text_free(&text);
}

/* ------------------------------------------------------------ set-up */

int
push_open(void **state)
{
    (void)state;
    push_loop = ev_default_loop(0);
    wiring_open(push_loop, &push_config);
    lifecycle_set_epoch(PUSH_EPOCH);
    return 0;
}

int
push_close(void **state)
{
    (void)state;
    wiring_close();
    ev_loop_destroy(push_loop);
    return 0;
}
