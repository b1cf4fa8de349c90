/*
 * Not built yet.
 */
#include "push/presence.h"

#include "push/session.h"

enum wire_error
presence_op(struct session *s, const struct wire_in *in)
{
    (void)s, (void)in;
    return WIRE_UNKNOWN_OP;
}

enum wire_error
presence_signal_op(struct session *s, const struct wire_in *in)
{
    (void)s, (void)in;
    return WIRE_UNKNOWN_OP;
}

void
presence_gone(struct follow *f)
{
    (void)f;
}

bool
presence_message(const char *channel, const char *message, size_t len)
{
    (void)channel, (void)message, (void)len;
    return false;
}

void
presence_up(void)
{
}
