/*
 * Frames and published messages, including malicious ones.
 */
#include "common/change/event.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "common/text/json.h"
#include "common/text/text.h"
#include "tests/unit/unit.h"

#define ID    "0123456789abcdef01234567"
#define OTHER "fedcba9876543210fedcba98"
#define P     "project:" ID
#define U     "user:" ID
#define EPOCH "deadbeef"

static void
test_every_event_kind_has_its_names(void **state)
{
    (void)state;
    for (int i = 0; i < EVENT__COUNT; i++) {
        const struct event_row *n = &event_rows[i];

        if (n->kind == NULL || n->entity == NULL)
            unit_wrong("kind %d has no names", i);
        else if (strncmp(n->kind, n->entity, strlen(n->entity)) != 0 ||
                 n->kind[strlen(n->entity)] != '.' ||
                 strlen(n->kind) >= sizeof(((struct event_head *)0)->kind))
            unit_wrong("%s is no kind of %s", n->kind, n->entity);
        for (int k = 0; k < i; k++)
            if (unit_same(event_rows[k].kind, n->kind))
                unit_wrong("%s is there twice", n->kind);
    }
    unit_rows_done();
}

static void
test_a_frame(void **state)
{
    struct text t = {0};
    struct event e = {.kind = EVENT_TASK_UPDATED,
                      .topic = P,
                      .seq = 7,
                      .rev = 3,
                      .at = 1769850000123,
                      .entity_id = OTHER,
                      .actor_id = ID,
                      .changes = "{\"title\":[\"a\",\"b\"]}",
                      .data = "{\"id\":\"" OTHER "\"}"};

    (void)state;
    event_frame(&t, EPOCH, &e);
    assert_string_equal(
        t.bytes,
        "{\"op\":\"event\",\"topic\":\"" P "\",\"seq\":7,\"cursor\":\"" EPOCH "~p" ID
        ".7\",\"kind\":\"task.updated\",\"actorId\":\"" ID
        "\",\"at\":\"2026-01-31T09:00:00.123Z\",\"entity\":\"task\",\"entityId\":\"" OTHER
        "\",\"rev\":3,\"changes\":{\"title\":[\"a\",\"b\"]},\"data\":{\"id\":\"" OTHER "\"}}");
    assert_memory_equal(t.bytes, EVENT_FRAME_START, strlen(EVENT_FRAME_START));
    text_free(&t);
}

/* A user's topic is "me" for that user; no actor; no content left. */
/* The counters of other entities come before the content, which stays recognizable. */
static void
test_counters_in_a_frame(void **state)
{
    struct text frame = {0}, counts = {0};
    struct event e = {.kind = EVENT_COMMENT_CREATED, .topic = P, .entity_id = OTHER};
    const char *end = ",\"rev\":0,\"counts\":{\"" ID "\":{\"comments\":4},\"" OTHER
                      "\":{\"comments\":0}}" EVENT_CONTENT_START "{},\"data\":null}";

    (void)state;
    event_count(&e, &counts, ID, "{\"comments\":4}");
    event_count(&e, &counts, OTHER, "{\"comments\":0}");
    assert_string_equal(e.counted[0], ID);
    assert_string_equal(e.counted[1], OTHER);
    event_frame(&frame, EPOCH, &e);
    assert_true(frame.len > strlen(end));
    assert_string_equal(frame.bytes + frame.len - strlen(end), end);
    text_free(&counts);
    text_free(&frame);
}

static void
test_a_frame_without_optional_fields(void **state)
{
    struct text t = {0};
    struct event e = {.kind = EVENT_SESSION_REVOKED, .topic = U, .seq = 1, .entity_id = OTHER};

    (void)state;
    event_frame(&t, EPOCH, &e);
    assert_string_equal(
        t.bytes, "{\"op\":\"event\",\"topic\":\"user:me\",\"seq\":1,\"cursor\":\"" EPOCH "~u" ID
                 ".1\",\"kind\":\"session.revoked\",\"actorId\":null,"
                 "\"at\":\"1970-01-01T00:00:00.000Z\",\"entity\":\"session\",\"entityId\":\"" OTHER
                 "\",\"rev\":0,\"changes\":{},\"data\":null}");
    text_free(&t);
}

/* A JSON string of so many bytes, its quotes included. */
static struct text
string_of(size_t len)
{
    struct text t = {0};

    text_putc(&t, '"');
    while (t.len < len - 1)
        text_putc(&t, 'x');
    text_putc(&t, '"');
    return t;
}

static bool
ends_with(const struct text *t, const char *end)
{
    return t->len >= strlen(end) && unit_same(t->bytes + t->len - strlen(end), end);
}

static void
test_data_over_the_limit_is_omitted_and_marked(void **state)
{
    struct text most = string_of(EVENT_DATA_MAX), over = string_of(EVENT_DATA_MAX + 1), t = {0};
    struct event e = {
        .kind = EVENT_TASK_UPDATED, .topic = P, .seq = 1, .entity_id = OTHER, .data = most.bytes};

    (void)state;
    event_frame(&t, EPOCH, &e);
    assert_non_null(strstr(t.bytes, ",\"changes\":{},\"data\":\"x"));
    text_clear(&t);
    e.data = over.bytes;
    event_frame(&t, EPOCH, &e);
    assert_true(ends_with(&t, ",\"changes\":{},\"dataOmitted\":true,\"data\":null}"));
    text_free(&t);
    text_free(&most);
    text_free(&over);
}

static void
test_long_values_are_named_and_short_ones_included(void **state)
{
    struct text changes = {0}, half = string_of(EVENT_VALUES_MAX / 2), one = {0};

    (void)state;
    text_puts(&one, "1");
    text_putc(&changes, '{');
    event_change(&changes, "access", &one, &one);
    event_change(&changes, "description", &half, &half); /* after the first one, too long */
    event_change(&changes, "title", &one, &half);
    event_change(&changes, "notes", &one, &half);
    event_change(&changes, "number", &one, &one);
    text_putc(&changes, '}');
    assert_non_null(
        strstr(changes.bytes, "{\"access\":[1,1],\"description\":null,\"title\":[1,\"x"));
    assert_true(ends_with(&changes, "\"],\"notes\":null,\"number\":[1,1]}"));
    text_free(&changes);
    text_free(&half);
    text_free(&one);
}

/* As many fields as a shape may have, all of them long: the frame still fits a message of push. */
static void
test_no_frame_exceeds_the_size_of_a_message(void **state)
{
    struct text changes = {0}, small = string_of(EVENT_SMALL_VALUE / 2), t = {0};
    struct text most = string_of(EVENT_DATA_MAX), large = string_of(EVENT_VALUES_MAX / 2 - 100);
    struct event e = {.kind = EVENT_TASK_UPDATED, .topic = P, .entity_id = OTHER};

    (void)state;
    text_putc(&changes, '{');
    event_change(&changes, "theFieldWhichTakesAllTheRoomThereIs", &large, &large);
    for (int i = 1; i < 64; i++)
        event_change(&changes, "anotherFieldWithQuiteALongName", &small, &small);
    text_putc(&changes, '}');
    assert_true(changes.len <= EVENT_CHANGES_MAX);
    e.changes = changes.bytes;
    e.data = most.bytes;
    event_frame(&t, EPOCH, &e);
    assert_true(t.len < 57344);
    text_free(&large);
    large = string_of(EVENT_CHANGES_MAX + 1);
    e.changes = large.bytes;
    text_clear(&t);
    event_frame(&t, EPOCH, &e);
    assert_non_null(strstr(t.bytes, ",\"changes\":null,\"data\":\"x"));
    text_free(&changes);
    text_free(&small);
    text_free(&most);
    text_free(&large);
    text_free(&t);
}

static void
test_every_frame_is_json_and_can_be_read(void **state)
{
    static const char *const topics[] = {P, U, "everyone"};
    struct text frame = {0}, message = {0};

    (void)state;
    for (int i = 0; i < EVENT__COUNT * 3; i++) {
        struct event e = {.kind = (enum event_kind)(i / 3),
                          .topic = topics[i % 3],
                          .seq = 999999999999999,
                          .entity_id = OTHER};
        struct event_head head;
        struct json_object *json;
        const char *why;

        text_clear(&frame);
        text_clear(&message);
        event_frame(&frame, EPOCH, &e);
        assert_int_equal(json_parse(frame.bytes, frame.len, &json, &why), ERR_NONE);
        json_object_put(json);
        event_message(&message, &e, frame.bytes, frame.len);
        assert_int_equal(event_message_read(message.bytes, message.len, &head), ERR_NONE);
        assert_int_equal(head.seq, e.seq);
        assert_string_equal(head.kind, event_rows[e.kind].kind);
        assert_string_equal(head.entity_id, OTHER);
        assert_int_equal(head.len, frame.len);
        assert_memory_equal(head.frame, frame.bytes, frame.len);
    }
    text_free(&frame);
    text_free(&message);
}

/* clang-format off */
static const struct {
    const char *text;
    size_t len;
    int64_t seq; /* -1: malformed */
    const char *frame;
} messages[] = {
    {BYTES("1 task.created " ID "\n{}"), 1, "{}"},
    {BYTES("999999999999999 task.created " ID "\n{}"), 999999999999999, "{}"},
    {BYTES("1 task.created " ID "\n{\"a\":\"x y\\n\"}\n\n"), 1, "{\"a\":\"x y\\n\"}\n\n"},
    {BYTES(""), -1},
    {BYTES("1"), -1},
    {BYTES("1 "), -1},
    {BYTES("1 task.created"), -1},
    {BYTES("1 task.created "), -1},
    {BYTES("1 task.created " ID), -1},
    {BYTES("1 task.created " ID "\n"), -1},
    {BYTES("1\ntask.created\n" ID "\n{}"), -1},
    {BYTES(" 1 task.created " ID "\n{}"), -1},
    {BYTES("-1 task.created " ID "\n{}"), -1},
    {BYTES("+1 task.created " ID "\n{}"), -1},
    {BYTES("1.5 task.created " ID "\n{}"), -1},
    {BYTES("x task.created " ID "\n{}"), -1},
    {BYTES("9999999999999999 task.created " ID "\n{}"), -1},
    {BYTES("99999999999999999999999 task.created " ID "\n{}"), -1},
    {BYTES("1 12345678901234567890123456789012 " ID "\n{}"), -1},
    {BYTES("1 task.created " ID "0\n{}"), -1},
    {BYTES("1 task.created " ID ID ID ID "\n{}"), -1},
    {BYTES("\0"), -1},
};
/* clang-format on */

static void
test_messages(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(messages); i++) {
        struct event_head head;
        size_t len = messages[i].len;
        char *exact = test_malloc(len + 1);
        enum err err;

        memcpy(exact, messages[i].text, len);
        err = event_message_read(exact, len, &head);
        if (err != (messages[i].seq < 0 ? ERR_MALFORMED : ERR_NONE))
            unit_wrong("'%s': err %d", messages[i].text, (int)err);
        else if (err == ERR_NONE &&
                 (head.seq != messages[i].seq || head.len != strlen(messages[i].frame) ||
                  memcmp(head.frame, messages[i].frame, head.len) != 0))
            unit_wrong("'%s': %lld, %.*s", messages[i].text, (long long)head.seq, (int)head.len,
                       head.frame);
        test_free(exact);
    }
    unit_rows_done();
}

static void
test_topics(void **state)
{
    unsigned char id[12];
    char topic[EVENT_TOPIC];

    (void)state;
    assert_true(text_unhex(id, 12, ID));
    topic_of_project(topic, id);
    assert_string_equal(topic, P);
    assert_true(topic_is_project(topic) && !topic_is_user(topic));
    assert_string_equal(topic_id(topic), ID);
    topic_of_user(topic, id);
    assert_string_equal(topic, U);
    assert_true(topic_is_user(topic) && !topic_is_project(topic));
    assert_string_equal(topic_id(topic), ID);
    assert_string_equal(topic_id(EVERYONE_TOPIC), "");
}

static void
test_kinds_are_found_by_name(void **state)
{
    (void)state;
    for (int i = 0; i < EVENT__COUNT; i++)
        if (event_kind_of(event_rows[i].kind) != (enum event_kind)i)
            unit_wrong("%s is taken for another kind", event_rows[i].kind);
    assert_int_equal(event_kind_of("task.vanished"), EVENT__COUNT);
    assert_int_equal(event_kind_of(""), EVENT__COUNT);
    unit_rows_done();
}

/*
 * A change caches the project that it has read until an event says that the project's document has
 * changed, so every kind whose event comes with a write to that document must say so.
 */
static void
test_kinds_that_change_rights(void **state)
{
    (void)state;
    for (int i = 0; i < EVENT__COUNT; i++) {
        const struct event_row *row = &event_rows[i];
        bool expected = unit_same(row->entity, "project") || unit_same(row->entity, "member");

        if (row->rights != expected)
            unit_wrong("%s: rights is %d", row->kind, row->rights);
    }
    unit_rows_done();
}

/* Whatever a user has written in the entity. */
static void
test_the_project_of_an_event(void **state)
{
    static const struct {
        const char *changes, *data, *project; /* NULL: none */
    } rows[] = {
        {NULL, NULL, NULL},
        {NULL, "{\"projectId\":\"" ID "\"}", ID},
        {"{\"role\":[null,\"owner\"],\"projectId\":[null,\"" ID "\"]}", NULL, ID},
        {"{\"role\":[\"owner\",null],\"projectId\":[\"" ID "\",null]}", NULL, ID},
        {"{\"projectId\":[\"" OTHER "\",\"" ID "\"]}", "{\"projectId\":\"" ID "\"}", ID},
        {"{\"title\":[\"\\\",\\\"data\\\":{\",\"]}\"]}", "{\"projectId\":\"" ID "\"}", ID},
        {"{\"title\":[\"a\",\"\\\"projectId\\\":\\\"" OTHER "\\\"\"]}", "{\"title\":\"x\"}", NULL},
        {NULL, "{\"title\":\"\\\"projectId\\\":\\\"" OTHER "\\\"\",\"projectId\":\"" ID "\"}", ID},
        {NULL, "{\"items\":[{\"projectId\":\"" OTHER "\"}]}", NULL},
        {NULL, "{\"projectId\":\"Inbox\"}", NULL},
        {NULL, "{\"projectId\":null}", NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct event e = {.kind = EVENT_MEMBER_ADDED,
                          .topic = U,
                          .entity_id = ID,
                          .changes = rows[i].changes,
                          .data = rows[i].data};
        struct text t = {0};
        char id[25];
        bool found;

        event_frame(&t, EPOCH, &e);
        found = event_project(t.bytes, t.len, id);
        if (found != (rows[i].project != NULL) || (found && !unit_same(id, rows[i].project)))
            unit_wrong("%s", t.bytes);
        text_free(&t);
    }
    unit_rows_done();
}

static void
test_a_forgotten_event_names_no_project(void **state)
{
    static const char frame[] = "{\"op\":\"event\",\"topic\":\"" P "\",\"rev\":1" EVENT_FORGOTTEN;
    char id[25];

    (void)state;
    assert_false(event_project(frame, strlen(frame), id));
    assert_false(event_project(frame, strlen(frame) - 1, id));
    assert_false(event_project("", 0, id));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_event_kind_has_its_names),
        cmocka_unit_test(test_a_frame),
        cmocka_unit_test(test_counters_in_a_frame),
        cmocka_unit_test(test_a_frame_without_optional_fields),
        cmocka_unit_test(test_data_over_the_limit_is_omitted_and_marked),
        cmocka_unit_test(test_long_values_are_named_and_short_ones_included),
        cmocka_unit_test(test_no_frame_exceeds_the_size_of_a_message),
        cmocka_unit_test(test_every_frame_is_json_and_can_be_read),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_topics),
        cmocka_unit_test(test_kinds_are_found_by_name),
        cmocka_unit_test(test_kinds_that_change_rights),
        cmocka_unit_test(test_the_project_of_an_event),
        cmocka_unit_test(test_a_forgotten_event_names_no_project),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
