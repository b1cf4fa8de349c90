/*
 * A message is `~<kind> <sender>\n<text>`.
 */
#include "push/clients/peer.h"

#include <stdio.h>
#include <string.h>

#include "common/change/event.h"
#include "common/text/text.h"
#include "push/net/session.h"
#include "push/sources/feed.h"
#include "push/topics/hub.h"

/* This daemon's name: random, and new with each start. */
static const char *
daemon_name(void)
{
    static char name[17];
    unsigned char bytes[8];

    if (name[0] == '\0') {
        text_random(bytes, sizeof(bytes));
        text_hex(name, bytes, sizeof(bytes));
    }
    return name;
}

void
peer_name(const struct session *s, char out[PEER_NAME])
{
    snprintf(out, PEER_NAME, "%s.%u", daemon_name(), s->number);
}

void
peer_publish(struct topic *t, enum peer_kind kind, const char *text, const struct session *s)
{
    char channel[EVENT_TOPIC + sizeof(EVENT_CHANNEL)] = EVENT_CHANNEL, sender[PEER_NAME];
    struct text message = {0};
    const char *words[] = {"PUBLISH", channel, NULL};
    size_t lens[3] = {7, strlen(strcat(channel, t->name)), 0};

    peer_name(s, sender);
    text_printf(&message, "%c%c %s\n%s", PEER_MARK, (char)kind, sender, text == NULL ? "" : text);
    words[2] = message.bytes;
    lens[2] = message.len;
    feed_command(words, lens, 3, NULL, NULL);
    text_free(&message);
}

bool
peer_read(const char *message, size_t len, struct peer_message *out)
{
    const char *line = memchr(message, '\n', len), *sender = message + 3;

    if (len < 4 || line == NULL || line < sender)
        return false;
    *out = (struct peer_message){
        .kind = message[1] == PEER_PRESENCE ? PEER_PRESENCE : PEER_SIGNAL,
        .sender = sender,
        .sender_len = (size_t)(line - sender),
        .text = line + 1,
        .text_len = (size_t)(message + len - line - 1),
    };
    return true;
}

bool
peer_is_sender(const struct peer_message *m, const struct session *s)
{
    char name[PEER_NAME];

    peer_name(s, name);
    return strlen(name) == m->sender_len && memcmp(name, m->sender, m->sender_len) == 0;
}
