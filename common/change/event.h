/*
 * The event: built by api, stored in the log, relayed by push, defined here only.
 */
#ifndef COMMON_CHANGE_EVENT_H
#define COMMON_CHANGE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/id.h"
#include "common/topics/topic.h"

struct text;

#define EVENT_CHANNEL "tw:"

/*
 * An event has a maximum size whatever its entity's size, so that a small change of a large
 * document costs little everywhere.  With its other members a frame stays below 56 KiB, and so
 * below push's limit of 64 KiB for a message.
 */
#define EVENT_DATA_MAX    8192  /* bytes; a longer document is left out: dataOmitted */
#define EVENT_VALUES_MAX  24576 /* bytes of values; further ones are left out: null */
#define EVENT_SMALL_VALUE 256   /* bytes of both values; values this small are always included */
#define EVENT_CHANGES_MAX 45056 /* bytes; longer changes are left out: null */
#define EVENT_COUNTED     2     /* other entities whose counters one event can tell */

enum event_kind {
#define EVENT(name, kind, entity, rights) EVENT_##name,
#include "common/change/events.def"
#undef EVENT
    EVENT__COUNT
};

/* The rows of events.def, indexed by enum event_kind. */
extern const struct event_row {
    const char *kind, *entity; /* as on the wire */
    bool rights;               /* the project's document changes, and rights with it */
} event_rows[EVENT__COUNT];

/* The kind of that name; EVENT__COUNT when there is none. */
enum event_kind event_kind_of(const char *name);

struct event {
    enum event_kind kind;
    const char *topic;     /* "project:<id>", "user:<id>" or "everyone" */
    int64_t seq, rev, at;  /* at in ms since 1970 */
    const char *entity_id; /* 24 hex digits */
    const char *actor_id;  /* 24 hex digits; NULL: the system */
    const char *counts;    /* JSON object made by event_count(); NULL: none */
    const char *changes;   /* JSON object made by event_change(); NULL: {} */
    const char *data;      /* JSON of the public document after the change; NULL: null */
    char counted[EVENT_COUNTED][ID_TEXT]; /* the entities in counts; "": none */
};

/*
 * Adds to the counts of an event: the counters that another entity has after the change, as JSON.
 * `text` is the memory of event->counts.
 */
void event_count(struct event *event, struct text *text, const char *entity_id,
                 const char *counters);

/*
 * Appends a member `"name":[before,after]` (both JSON) to the changes of an event, which begin with
 * "{"; or `"name":null` if the values are too long.
 */
void event_change(struct text *changes, const char *name, const struct text *before,
                  const struct text *after);

/*
 * Appends the event's frame, the JSON that a WebSocket client receives.  Data over EVENT_DATA_MAX
 * is null with `"dataOmitted":true` before it: a client fetches the entity by its id.  Changes over
 * EVENT_CHANGES_MAX are null.
 */
void event_frame(struct text *out, const char *epoch, const struct event *event);

/*
 * The start of a frame's content; nothing before it comes from users.  And what replaces the
 * content when it is erased: number, cursor, kind and entity stay, and a client that wants the
 * entity fetches it by its id.
 */
#define EVENT_CONTENT_START ",\"changes\":"
#define EVENT_FORGOTTEN     EVENT_CONTENT_START "null,\"dataOmitted\":true,\"data\":null}"

/* The start of every frame; the rest are the members of a log item. */
#define EVENT_FRAME_START "{\"op\":\"event\","

/*
 * The content of a stored frame: two JSON values within it.  "null" for changes: they were too
 * long, or erased.
 */
struct event_content {
    const char *changes, *data;
    size_t changes_len, data_len;
};

/* false for what event_frame() did not write. */
bool event_content(const char *frame, size_t len, struct event_content *out);

/*
 * The id of the project that the entity is in or has left, according to a stored frame; false if
 * the frame names no project or its content was erased.
 */
bool event_project(const char *frame, size_t len, char id[ID_TEXT]);

/*
 * Calls each with the name of every change in a stored frame; false if the frame does not tell
 * (its content was erased, or its changes were too long).
 */
typedef void (*event_named)(void *arg, const char *name, size_t len);
bool event_changed(const char *frame, size_t len, event_named each, void *arg);

/* Appends what is published: "<seq> <kind> <entityId>\n<frame>". */
void event_message(struct text *out, const struct event *event, const char *frame, size_t len);

/* A published message taken apart; frame points into the message. */
struct event_head {
    int64_t seq;
    char kind[32], entity_id[ID_TEXT];
    const char *frame;
    size_t len;
};

/* ERR_MALFORMED when it is not such a message. */
enum err event_message_read(const char *message, size_t len, struct event_head *out) MUST_CHECK;

#endif
