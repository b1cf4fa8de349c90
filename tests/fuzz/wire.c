/*
 * Any message of a browser: read, and whatever is echoed of it is JSON again.
 */
#include <stdlib.h>
#include <string.h>

#include "common/text/json.h"
#include "common/text/text.h"
#include "push/base/frame.h"
#include "push/base/wire.h"
#include "tests/fuzz/fuzz.h"

static void
must_be_json(const char *text, size_t len)
{
    struct wire_in in = {0};
    const char *why;

    must(json_parse(text, len, &in.root, &why) == ERR_NONE);
    wire_in_free(&in);
}

static void
must_be_message(struct frame *f)
{
    must_be_json((const char *)f->bytes + f->head, f->len - f->head);
    frame_drop(f);
}

static void
answer(struct wire_in *in)
{
    struct text signal = {0};

    switch (in->op) {
    case WIRE_FOLLOW:
    case WIRE_UNFOLLOW:
        must(in->topic != NULL);
        must_be_message(wire_unfollowed(in->topic, in->ref));
        must_be_message(wire_following(in->topic, "c", true, in->ref));
        break;
    case WIRE_SIGNAL:
        wire_signal(&signal, in, "user:me", "0123456789abcdef01234567");
        must_be_json(signal.bytes, signal.len);
        text_free(&signal);
        break;
    case WIRE_HELLO:
    case WIRE_TOKEN:
        must(in->token != NULL && strlen(in->token) == in->token_len);
        break;
    default:
        must_be_message(wire_pong(in->ref));
        break;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *detail = NULL;
    struct wire_in in;
    enum wire_error error;

    if (size > WIRE_MAX)
        return 0;
    error = wire_read((const char *)data, size, &in, &detail);
    must(strlen(in.ref) < WIRE_REF);
    if (error != WIRE_OK)
        must_be_message(wire_error_frame(error, detail, in.ref));
    else
        answer(&in);
    wire_in_free(&in);
    return 0;
}
