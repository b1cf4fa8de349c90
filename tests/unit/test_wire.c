/*
 * The messages to and from a browser, and what push reads from an event.
 */
#include "push/base/wire.h"

#include <string.h>

#include "common/text/json.h"
#include "common/text/text.h"
#include "push/base/frame.h"
#include "push/base/payload.h"
#include "tests/unit/unit.h"

#define T "\"topic\":\"user:me\""

static const struct {
    const char *text;
    enum wire_error error;
    const char *ref; /* as JSON */
} messages[] = {
    {"{\"op\":\"ping\"}", WIRE_OK, ""},
    {"{\"op\":\"ping\",\"ref\":7}", WIRE_OK, "7"},
    {"{\"op\":\"ping\",\"ref\":\"a\\\"b\"}", WIRE_OK, "\"a\\\"b\""},
    {"{\"op\":\"ping\",\"ref\":1.5}", WIRE_OK, "1.5"},
    {"{\"op\":\"ping\",\"ref\":null}", WIRE_BAD_FIELD, ""},
    {"{\"op\":\"ping\",\"ref\":{}}", WIRE_BAD_FIELD, ""},
    {"{\"op\":\"ping\",\"ref\":true}", WIRE_BAD_FIELD, ""},
    {"{\"op\":\"ping\",\"ref\":"
     "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}",
     WIRE_BAD_FIELD, ""},
    {"{\"op\":\"fly\",\"ref\":1}", WIRE_UNKNOWN_OP, "1"},
    {"{\"op\":\"\"}", WIRE_UNKNOWN_OP, ""},
    {"{\"op\":5}", WIRE_BAD_FIELD, ""},
    {"{\"ref\":\"r\"}", WIRE_BAD_FIELD, "\"r\""},
    {"{}", WIRE_BAD_FIELD, ""},
    {"[]", WIRE_MALFORMED, ""},
    {"", WIRE_MALFORMED, ""},
    {"null", WIRE_MALFORMED, ""},
    {"{\"op\":\"ping\"}x", WIRE_MALFORMED, ""},
    {"{\"op\":\"ping\",\"op\":\"ping\"}", WIRE_MALFORMED, ""},
    {"{\"op\":\"hello\",\"token\":\"t\"}", WIRE_OK, ""},
    {"{\"op\":\"hello\"}", WIRE_BAD_FIELD, ""},
    {"{\"op\":\"hello\",\"token\":null}", WIRE_BAD_FIELD, ""},
    {"{\"op\":\"token\",\"token\":{\"$gt\":\"\"}}", WIRE_BAD_FIELD, ""},
    {"{\"op\":\"follow\"," T "}", WIRE_OK, ""},
    {"{\"op\":\"follow\"," T ",\"since\":\"x\"}", WIRE_OK, ""},
    {"{\"op\":\"follow\"," T ",\"since\":4}", WIRE_BAD_FIELD, ""},
    {"{\"op\":\"follow\",\"topic\":4,\"ref\":4}", WIRE_BAD_FIELD, "4"},
    {"{\"op\":\"follow\"}", WIRE_BAD_FIELD, ""},
    {"{\"op\":\"unfollow\"," T "}", WIRE_OK, ""},
    {"{\"op\":\"presence\"," T ",\"state\":\"away\"}", WIRE_OK, ""},
    {"{\"op\":\"presence\"," T ",\"state\":1}", WIRE_BAD_FIELD, ""},
    {"{\"op\":\"signal\"," T ",\"any\":[1]}", WIRE_OK, ""},
    {"{\"op\":\"ping\",\"topic\":4}", WIRE_OK,
     ""}, /* members that an op does not have are ignored */
};

static void
test_messages_from_a_browser(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(messages); i++) {
        const char *text = messages[i].text, *detail;
        struct wire_in in;
        enum wire_error error = wire_read(text, strlen(text), &in, &detail);

        if (error != messages[i].error)
            unit_wrong("%s: %s", text, wire_error_name(error));
        else if (strcmp(in.ref, messages[i].ref) != 0)
            unit_wrong("%s: its ref is %s", text, in.ref);
        wire_in_free(&in);
    }
    unit_rows_done();
}

static void
check(struct frame *f, const char *wanted)
{
    const char *text = (const char *)f->bytes + f->head, *why;
    struct json_object *json;
    size_t len = f->len - f->head;

    if (len != strlen(wanted) || memcmp(text, wanted, len) != 0)
        unit_wrong("%.*s is not %s", (int)len, text, wanted);
    if (json_parse(text, len, &json, &why) != ERR_NONE)
        unit_wrong("%.*s: %s", (int)len, text, why);
    else
        wire_in_free(&(struct wire_in){.root = json});
    frame_drop(f);
}

static void
test_messages_to_a_browser(void **state)
{
    (void)state;
    check(wire_ready("u", "e", 25, "\"r\""),
          "{\"op\":\"ready\",\"user\":\"u\",\"epoch\":\"e\",\"heartbeat\":25,\"ref\":\"r\"}");
    check(wire_following("user:me", "c", true, ""),
          "{\"op\":\"following\",\"topic\":\"user:me\",\"cursor\":\"c\",\"recovered\":true}");
    check(wire_following_all("c", false, "[\"user:me\"]", false, "1"),
          "{\"op\":\"following\",\"topic\":\"all\",\"cursor\":\"c\",\"recovered\":false,"
          "\"topics\":[\"user:me\"],\"ref\":1}");
    check(wire_resync("t", "c", "epoch", NULL),
          "{\"op\":\"resync\",\"topic\":\"t\",\"cursor\":\"c\",\"reason\":\"epoch\"}");
    check(wire_left("t", "removed"), "{\"op\":\"left\",\"topic\":\"t\",\"reason\":\"removed\"}");
    check(wire_unfollowed("a\"\n\x01", "2"),
          "{\"op\":\"unfollowed\",\"topic\":\"a\\\"\\n\\u0001\",\"ref\":2}");
    check(wire_pong(""), "{\"op\":\"pong\"}");
    check(wire_notice("store-away"), "{\"op\":\"notice\",\"code\":\"store-away\"}");
    check(wire_presence("t", "[]", "3"),
          "{\"op\":\"presence\",\"topic\":\"t\",\"users\":[],\"ref\":3}");
    check(wire_error_frame(WIRE_NOT_FOUND, NULL, "4"),
          "{\"op\":\"error\",\"code\":\"not-found\",\"detail\":\"This topic does not exist, or you "
          "may "
          "not see it.\",\"ref\":4}");
    unit_rows_done();
}

static void
test_every_error_has_a_name_and_a_sentence(void **state)
{
    (void)state;
    for (enum wire_error e = WIRE_OK + 1; e < WIRE_ERROR__COUNT; e++) {
        struct frame *f;

        if (wire_error_name(e) == NULL) {
            unit_wrong("error %d has no name", (int)e);
            continue;
        }
        f = wire_error_frame(e, "more", NULL);
        if (memmem(f->bytes, f->len, ". (more)\"}", 10) == NULL)
            unit_wrong("%s has no sentence", wire_error_name(e));
        frame_drop(f);
    }
    unit_rows_done();
}

static void
test_a_signal_contains_the_id_of_its_sender(void **state)
{
    const char *text =
        "{\"op\":\"signal\",\"topic\":\"x\",\"ref\":1,\"userId\":\"forged\",\"n\":{\"a\":1}}";
    const char *detail;
    struct wire_in in;
    struct text out = {0};

    (void)state;
    assert_int_equal(wire_read(text, strlen(text), &in, &detail), WIRE_OK);
    wire_signal(&out, &in, "project:p", "anna");
    assert_string_equal(
        out.bytes,
        "{\"op\":\"signal\",\"topic\":\"project:p\",\"userId\":\"anna\",\"n\":{\"a\":1}}");
    text_free(&out);
    wire_in_free(&in);
}

#define P "0123456789abcdef01234567"

static const struct {
    const char *text;
    bool readable, access, opened;
    const char *project;
    int64_t rev;
} frames[] = {
    {"{\"rev\":3,\"changes\":{},\"data\":null}", true, false, false, "", 3},
    {"{\"rev\":3,\"changes\":{\"access\":[\"members\",\"everyone\"]}}", true, true, true, "", 3},
    {"{\"rev\":3,\"changes\":{\"access\":[\"everyone\",\"members\"]}}", true, true, false, "", 3},
    {"{\"changes\":{\"access\":[\"everyone\"]}}", true, true, false, "", -1},
    {"{\"changes\":{\"access\":\"everyone\"}}", true, true, false, "", -1},
    {"{\"changes\":{},\"data\":{\"projectId\":\"" P "\"}}", true, false, false, P, -1},
    {"{\"changes\":{\"projectId\":[\"" P "\",null]},\"data\":null}", true, false, false, P, -1},
    {"{\"changes\":{},\"data\":{\"projectId\":5}}", true, false, false, "", -1},
    {"{\"changes\":{},\"data\":{\"projectId\":\"short\"}}", true, false, false, "", -1},
    {"{\"changes\":[]}", false, false, false, "", -1},
    {"{}", false, false, false, "", -1},
    {"[]", false, false, false, "", -1},
    {"", false, false, false, "", -1},
    {"{\"changes\":{", false, false, false, "", -1},
};

static void
test_what_is_read_from_an_event(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(frames); i++) {
        struct frame *f = frame_new(frames[i].text, strlen(frames[i].text));
        struct payload p;

        payload_read(&p, f);
        if (p.readable != frames[i].readable || p.access != frames[i].access ||
            p.opened != frames[i].opened || strcmp(p.project, frames[i].project) != 0 ||
            p.rev != frames[i].rev)
            unit_wrong("%s", frames[i].text);
        frame_drop(f);
    }
    unit_rows_done();
}

static void
test_the_time_of_an_event(void **state)
{
    const struct {
        const char *text;
        int64_t at;
    } rows[] = {
        {"{\"op\":\"event\",\"at\":\"1970-01-01T00:00:01.500Z\",\"changes\":{}}", 1500},
        {"{\"op\":\"event\",\"at\":\"1970-01-01T00:00:01.500", 0},
        {"{\"at\":\"", 0},
        {"", 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct frame *f = frame_new(rows[i].text, strlen(rows[i].text));

        if (payload_at(f) != rows[i].at)
            unit_wrong("%s", rows[i].text);
        frame_drop(f);
    }
    unit_rows_done();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_from_a_browser),
        cmocka_unit_test(test_messages_to_a_browser),
        cmocka_unit_test(test_every_error_has_a_name_and_a_sentence),
        cmocka_unit_test(test_a_signal_contains_the_id_of_its_sender),
        cmocka_unit_test(test_what_is_read_from_an_event),
        cmocka_unit_test(test_the_time_of_an_event),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
