/*
 * Frames and published messages as text.
 */
#include "common/change/event.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/id.h"
#include "common/base/must.h"
#include "common/change/cursor.h"
#include "common/text/json.h"
#include "common/text/text.h"
#include "common/time/clock.h"

const struct event_row event_rows[EVENT__COUNT] = {
#define EVENT(name, kind, entity, rights) [EVENT_##name] = {kind, entity, rights},
#include "common/change/events.def"
#undef EVENT
};

enum event_kind
event_kind_of(const char *name)
{
    int kind = 0;

    while (kind < EVENT__COUNT && strcmp(event_rows[kind].kind, name) != 0)
        kind++;
    return (enum event_kind)kind;
}

void
event_change(struct text *changes, const char *name, const struct text *before,
             const struct text *after)
{
    size_t len = before->len + after->len;
    bool included = len <= EVENT_SMALL_VALUE || changes->len + len <= EVENT_VALUES_MAX;

    if (changes->bytes[changes->len - 1] != '{')
        text_putc(changes, ',');
    text_printf(changes, "\"%s\":", name);
    if (!included) {
        text_puts(changes, "null");
        return;
    }
    text_putc(changes, '[');
    text_add(changes, before->bytes, before->len);
    text_putc(changes, ',');
    text_add(changes, after->bytes, after->len);
    text_putc(changes, ']');
}

/* What changed: the last members of a frame. */
static void
write_content(struct text *out, const struct event *e)
{
    bool omitted = e->data != NULL && strlen(e->data) > EVENT_DATA_MAX;

    text_puts(out, EVENT_CONTENT_START);
    if (e->changes != NULL && strlen(e->changes) > EVENT_CHANGES_MAX)
        text_puts(out, "null");
    else
        text_puts(out, e->changes == NULL ? "{}" : e->changes);
    if (omitted)
        text_puts(out, ",\"dataOmitted\":true");
    text_puts(out, ",\"data\":");
    text_puts(out, omitted || e->data == NULL ? "null" : e->data);
    text_putc(out, '}');
}

void
event_frame(struct text *out, const char *epoch, const struct event *e)
{
    char at[CLOCK_INSTANT];
    bool own = topic_is_user(e->topic); /* read by that user only */

    clock_write(at, e->at);
    text_printf(out, EVENT_FRAME_START "\"topic\":\"%s\",\"seq\":%lld,\"cursor\":\"",
                own ? "user:me" : e->topic, (long long)e->seq);
    cursor_write_one(out, epoch, e->topic, e->seq);
    text_printf(out, "\",\"kind\":\"%s\",", event_rows[e->kind].kind);
    if (e->actor_id == NULL)
        text_puts(out, "\"actorId\":null,");
    else
        text_printf(out, "\"actorId\":\"%s\",", e->actor_id);
    text_printf(out, "\"at\":\"%s\",\"entity\":\"%s\",\"entityId\":\"%s\",\"rev\":%lld", at,
                event_rows[e->kind].entity, e->entity_id, (long long)e->rev);
    if (e->counts != NULL)
        text_printf(out, ",\"counts\":%s", e->counts);
    write_content(out, e);
}

void
event_count(struct event *event, struct text *text, const char *entity_id, const char *counters)
{
    int n = 0;

    while (n < EVENT_COUNTED && event->counted[n][0] != '\0')
        n++;
    if (n == EVENT_COUNTED)
        must_not_happen("event: more counters than an event can tell");
    strcpy(event->counted[n], entity_id);
    if (n == 0)
        text_putc(text, '{');
    else
        text->bytes[text->len - 1] = ','; /* instead of the } */
    text_printf(text, "\"%s\":%s}", entity_id, counters);
    event->counts = text->bytes;
}

void
event_message(struct text *out, const struct event *e, const char *frame, size_t len)
{
    text_printf(out, "%lld %s %s\n", (long long)e->seq, event_rows[e->kind].kind, e->entity_id);
    text_add(out, frame, len);
}

/* Copies the word at *p up to the mark; false when it is too long or the mark is missing. */
static bool
read_word(const char **p, const char *end, char mark, char *out, size_t size)
{
    const char *stop = memchr(*p, mark, (size_t)(end - *p));

    if (stop == NULL || (size_t)(stop - *p) >= size)
        return false;
    memcpy(out, *p, (size_t)(stop - *p));
    out[stop - *p] = '\0';
    *p = stop + 1;
    return true;
}

enum err
event_message_read(const char *message, size_t len, struct event_head *out)
{
    const char *p = message, *end = message + len;
    size_t n = cursor_read_seq(p, len, &out->seq);

    if (n == 0 || n == len || p[n] != ' ')
        return ERR_MALFORMED;
    p += n + 1;
    if (!read_word(&p, end, ' ', out->kind, sizeof(out->kind)) ||
        !read_word(&p, end, '\n', out->entity_id, sizeof(out->entity_id)) || p == end)
        return ERR_MALFORMED;
    out->frame = p;
    out->len = (size_t)(end - p);
    return ERR_NONE;
}

/* The end of the well-formed JSON value at p; `end` if it does not end. */
static const char *
skip_value(const char *p, const char *end)
{
    bool quoted = false;

    for (int depth = 0; p < end; p++) {
        if (quoted && *p == '\\')
            p++;
        else if (*p == '"')
            quoted = !quoted;
        else if (!quoted && (*p == '{' || *p == '['))
            depth++;
        else if (!quoted && depth == 0 && strchr(",}]", *p) != NULL)
            return p;
        else if (!quoted && (*p == '}' || *p == ']'))
            depth--;
    }
    return end;
}

/* Removes a word from the start of the text; false when the text does not start with it. */
static bool
take(const char **p, const char *end, const char *word)
{
    size_t len = strlen(word);

    if ((size_t)(end - *p) < len || memcmp(*p, word, len) != 0)
        return false;
    *p += len;
    return true;
}

bool
event_content(const char *frame, size_t len, struct event_content *out)
{
    const char *p = memmem(frame, len, EVENT_CONTENT_START, strlen(EVENT_CONTENT_START));
    const char *end = frame + len;

    if (p == NULL)
        return false;
    out->changes = p + strlen(EVENT_CONTENT_START);
    p = skip_value(out->changes, end);
    out->changes_len = (size_t)(p - out->changes);
    take(&p, end, ",\"dataOmitted\":true");
    if (!take(&p, end, ",\"data\":"))
        return false;
    out->data = p;
    p = skip_value(p, end);
    out->data_len = (size_t)(p - out->data);
    return p + 1 == end && *p == '}';
}

bool
event_changed(const char *frame, size_t len, event_named each, void *arg)
{
    struct event_content c;
    const char *p, *end, *quote;

    if (!event_content(frame, len, &c) || c.changes_len < 2 || c.changes[0] != '{')
        return false;
    end = c.changes + c.changes_len;
    for (p = c.changes + 1; p < end && *p == '"'; p += p < end && *p == ',') {
        if ((quote = memchr(p + 1, '"', (size_t)(end - p - 1))) == NULL)
            return false;
        each(arg, p + 1, (size_t)(quote - p - 1));
        p = skip_value(quote + 2, end);
    }
    return true;
}

bool
event_project(const char *frame, size_t len, char id[ID_TEXT])
{
    struct event_content c;
    unsigned char bytes[ID_BYTES];

    return event_content(frame, len, &c) &&
           (json_member(c.data, c.data_len, "projectId", id, ID_TEXT) ||
            json_member(c.changes, c.changes_len, "projectId", id, ID_TEXT)) &&
           strlen(id) == ID_DIGITS && text_unhex(bytes, ID_BYTES, id);
}
