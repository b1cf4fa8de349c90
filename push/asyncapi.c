/*
 * AsyncAPI 3.0 from the messages' rows here, the error and close codes of wire.h and the event
 * kinds of common/change/event.c.
 */
#include "push/asyncapi.h"

#include <string.h>

#include "common/change/event.h"
#include "common/text/json.h"
#include "common/text/text.h"
#include "push/base/wire.h"

#define MEMBERS  13
#define STRING   "{\"type\":\"string\"}"
#define REF      "{\"type\":[\"string\",\"number\"]}"
#define FLAG     "{\"type\":\"boolean\"}"
#define NUMBER   "{\"type\":\"integer\"}"
#define ID       "{\"type\":\"string\",\"pattern\":\"^[0-9a-f]{24}$\"}"
#define MAY_ID   "{\"type\":[\"string\",\"null\"],\"pattern\":\"^[0-9a-f]{24}$\"}"
#define INSTANT  "{\"type\":\"string\",\"format\":\"date-time\"}"
#define ANY      "{\"type\":[\"object\",\"null\"]}"
#define LIST(of) "{\"type\":\"array\",\"items\":" of "}"

/* A message; a member's name ends with '?' when it may be absent. */
struct message {
    const char *op, *about;
    struct {
        const char *name, *schema;
    } members[MEMBERS];
};

/* clang-format off */
static const struct message from_clients[] = {
    {"hello", "Authenticates the socket; required within PUSH_HELLO_SECONDS unless the upgrade request had an Authorization header.",
     {{"token", STRING}, {"ref?", REF}}},
    {"token", "A newer access token of the same login session.", {{"token", STRING}, {"ref?", REF}}},
    {"follow", "Follows `project:<id>`, `user:me`, or `all` topics of the user; with `since`, every event after that cursor.",
     {{"topic", STRING}, {"since?", STRING}, {"ref?", REF}}},
    {"unfollow", "Ends a follow.", {{"topic", STRING}, {"ref?", REF}}},
    {"presence", "Joins the list of users present on the topic with a state, and asks for the list.",
     {{"topic", STRING}, {"state?", STRING}, {"ref?", REF}}},
    {"signal", "Goes to the other sockets on the topic (typing, editing); not stored. Further members are relayed.",
     {{"topic", STRING}}},
    {"ping", "Asks for a pong.", {{"ref?", REF}}},
    {NULL, NULL, {{NULL, NULL}}},
};
static const struct message from_server[] = {
    {"ready", "The token was accepted.", {{"user", ID}, {"epoch", STRING}, {"heartbeat", NUMBER}, {"ref?", REF}}},
    {"following", "Live events begin at this cursor; `recovered`: every event after `since` is sent first.",
     {{"topic", STRING}, {"cursor", STRING}, {"recovered", FLAG}, {"topics?", LIST(STRING)},
      {"incomplete?", "{\"const\":true,\"description\":\"with all: the user may see more projects than are followed\"}"},
      {"ref?", REF}}},
    {"resync", "The missed events cannot be sent: read a snapshot. Live events begin at this cursor.",
     {{"topic", STRING}, {"cursor", STRING},
      {"reason", "{\"enum\":[\"bad-cursor\",\"epoch\",\"trimmed\",\"future\",\"too-far\",\"new\"]}"}, {"ref?", REF}}},
    {"unfollowed", "The follow has ended.", {{"topic", STRING}, {"ref?", REF}}},
    {"event", "A change; a topic's events arrive in the order of `seq`, each once, none skipped. `session.revoked` with the user's own id as `entityId`: all login sessions except `data.kept` have ended.",
     {{"topic", STRING}, {"seq", NUMBER}, {"cursor", STRING}, {"kind", "{\"$ref\":\"#/components/schemas/Kind\"}"},
      {"actorId", MAY_ID}, {"at", INSTANT}, {"entity", STRING}, {"entityId", ID}, {"rev", NUMBER},
      {"counts?", "{\"type\":\"object\",\"description\":\"task: {subtasks, comments, attachments}, the counters of other tasks that have changed with it\"}"},
      {"changes", "{\"type\":[\"object\",\"null\"],\"description\":\"field: [before, after], or null where these are long\"}"},
      {"dataOmitted?", "{\"const\":true,\"description\":\"the entity is too large for an event: get it by its id\"}"},
      {"data", ANY}}},
    {"left", "The right to the topic was lost; nothing of it is sent after this.", {{"topic", STRING}, {"reason", STRING}}},
    {"presence", "The complete list of users present.", {{"topic", STRING}, {"users", LIST("{\"type\":\"object\"}")}, {"ref?", REF}}},
    {"signal", "A signal of another client, with `userId`.", {{"topic", STRING}, {"userId", ID}}},
    {"pong", "The answer to ping.", {{"ref?", REF}}},
    {"notice", "`store-away`: the database is unavailable; `store-back`: it is available again.", {{"code", "{\"enum\":[\"store-away\",\"store-back\"]}"}}},
    {"error", "The message was not carried out.", {{"code", "{\"$ref\":\"#/components/schemas/ErrorCode\"}"}, {"detail", STRING}, {"ref?", REF}}},
    {NULL, NULL, {{NULL, NULL}}},
};
static const struct {
    int code;
    const char *about;
} closes[] = {
    {CLOSE_TOO_LARGE,    "a message was too large: over 64 KiB, a follow over 128 KiB"},
    {CLOSE_RESTART,      "the server restarts: reconnect with a cursor"},
    {CLOSE_UNAUTHORISED, "not authorised, or no longer"},
    {CLOSE_FORBIDDEN,    "forbidden: an API token cannot open a socket; use the access token of a login session"},
    {CLOSE_NO_HELLO,     "no hello within PUSH_HELLO_SECONDS"},
    {CLOSE_OVER_LIMIT,   "too slow, too many messages, or too many sockets of one user; reconnect with a cursor"},
};
/* clang-format on */

static void
quote(struct text *t, const char *string)
{
    json_string(t, string, strlen(string));
}

/* Appends one message as a JSON Schema; members without '?' are required. */
static void
write_message(struct text *t, const struct message *m, const char *side)
{
    struct text required = {0};

    text_printf(t, "\"%s-%s\":{\"title\":\"%s\",\"summary\":", side, m->op, m->op);
    quote(t, m->about);
    text_printf(t, ",\"payload\":{\"type\":\"object\",\"properties\":{\"op\":{\"const\":\"%s\"}",
                m->op);
    for (int i = 0; i < MEMBERS && m->members[i].name != NULL; i++) {
        size_t len = strcspn(m->members[i].name, "?");

        text_printf(t, ",\"%.*s\":%s", (int)len, m->members[i].name, m->members[i].schema);
        if (m->members[i].name[len] == '\0')
            text_printf(&required, ",\"%s\"", m->members[i].name);
    }
    text_printf(t, "},\"required\":[\"op\"%s]}}", required.bytes == NULL ? "" : required.bytes);
    text_free(&required);
}

static void
write_messages(struct text *t, const struct message *messages, const char *side)
{
    for (const struct message *m = messages; m->op != NULL; m++) {
        if (m != messages)
            text_putc(t, ',');
        write_message(t, m, side);
    }
}

/* An operation of the channel: what the server receives, or sends. */
static void
write_operation(struct text *t, const struct message *messages, const char *side,
                const char *action)
{
    text_printf(t,
                "\"%s\":{\"action\":\"%s\",\"channel\":{\"$ref\":\"#/channels/live\"},"
                "\"messages\":[",
                side, action);
    for (const struct message *m = messages; m->op != NULL; m++)
        text_printf(t, "%s{\"$ref\":\"#/channels/live/messages/%s-%s\"}", m == messages ? "" : ",",
                    side, m->op);
    text_puts(t, "]}");
}

/* Appends the schemas that messages refer to: event kinds and error codes. */
static void
write_schemas(struct text *t)
{
    text_puts(t, "\"Kind\":{\"enum\":[");
    for (int i = 0; i < EVENT__COUNT; i++)
        text_printf(t, "%s\"%s\"", i > 0 ? "," : "", event_rows[i].kind);
    text_puts(t, "]},\"ErrorCode\":{\"enum\":[");
    for (int i = WIRE_OK + 1; i < WIRE_ERROR__COUNT; i++)
        text_printf(t, "%s\"%s\"", i > WIRE_OK + 1 ? "," : "", wire_error_name((enum wire_error)i));
    text_puts(t, "]}");
}

void
asyncapi_write(struct text *t)
{
    text_puts(t, "{\"asyncapi\":\"3.0.0\",\"info\":{\"title\":\"Taskwire "
                 "live\",\"version\":\"" TASKWIRE_VERSION
                 "\"},\"channels\":{\"live\":{\"address\":\"/v1/live\","
                 "\"description\":\"WebSocket, subprotocol taskwire.v1, JSON text frames\","
                 "\"x-close-codes\":{");
    for (size_t i = 0; i < sizeof(closes) / sizeof(closes[0]); i++)
        text_printf(t, "%s\"%d\":\"%s\"", i > 0 ? "," : "", closes[i].code, closes[i].about);
    text_puts(t, "},\"messages\":{");
    write_messages(t, from_clients, "client");
    text_putc(t, ',');
    write_messages(t, from_server, "server");
    text_puts(t, "}}},\"operations\":{");
    write_operation(t, from_clients, "client", "receive");
    text_putc(t, ',');
    write_operation(t, from_server, "server", "send");
    text_puts(t, "},\"components\":{\"schemas\":{");
    write_schemas(t);
    text_puts(t, "}}}\n");
}
