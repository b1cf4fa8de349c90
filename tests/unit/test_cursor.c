/*
 * Cursors of one topic and of many, including malicious ones.
 */
#include "common/change/cursor.h"

#include <stdio.h>
#include <string.h>

#include "common/text/text.h"
#include "tests/unit/unit.h"

#define ID    "0123456789abcdef01234567"
#define OTHER "fedcba9876543210fedcba98"
#define P     "project:" ID
#define U     "user:" ID
#define EPOCH "deadbeef"
#define MANY  5002 /* the most a user can follow: 5,000 projects, user:me and everyone */

/* clang-format off */
static const struct {
    const char *text;
    size_t len;
    const char *topic;
    enum cursor_answer answer;
    int64_t seq;
} cursors[] = {
    {BYTES(EPOCH "~p" ID ".5"), P, CURSOR_OK, 5},
    {BYTES(EPOCH "~u" ID ".0"), U, CURSOR_OK, 0},
    {BYTES(EPOCH "~e.1"), "everyone", CURSOR_OK, 1},
    {BYTES(EPOCH "~e.1~p" ID ".12~u" ID ".3"), P, CURSOR_OK, 12},
    {BYTES(EPOCH "~e.1~p" ID ".12~u" ID ".3"), U, CURSOR_OK, 3},
    {BYTES(EPOCH "~p" ID ".999999999999999"), P, CURSOR_OK, 999999999999999},
    {BYTES("00000000~p" ID ".5"), P, CURSOR_OTHER_EPOCH, 0},
    {BYTES("00000000~e.5"), P, CURSOR_OTHER_EPOCH, 0},
    /* Does not name the topic. */
    {BYTES(EPOCH "~u" ID ".5"), P, CURSOR_MALFORMED, 0},
    {BYTES(EPOCH "~p" OTHER ".5"), P, CURSOR_MALFORMED, 0},
    {BYTES(EPOCH "~e.5"), P, CURSOR_MALFORMED, 0},
    /* Not made by us. */
    {BYTES(""), P, CURSOR_MALFORMED, 0},
    {BYTES(EPOCH), P, CURSOR_MALFORMED, 0},
    {BYTES(EPOCH "~"), P, CURSOR_MALFORMED, 0},
    {BYTES(EPOCH "~p"), P, CURSOR_MALFORMED, 0},
    {BYTES(EPOCH "~p" ID), P, CURSOR_MALFORMED, 0},
    {BYTES(EPOCH "~p" ID "."), P, CURSOR_MALFORMED, 0},
    {BYTES(EPOCH "~p" ID ".5~"), P, CURSOR_MALFORMED, 0},
    {BYTES(EPOCH "~p" ID ".5~~e.1"), P, CURSOR_MALFORMED, 0},
    {BYTES(EPOCH "~p" ID ".5 "), P, CURSOR_MALFORMED, 0},
    {BYTES(EPOCH "~p" ID ".5x"), P, CURSOR_MALFORMED, 0},
    {BYTES(EPOCH "~p" ID ".-5"), P, CURSOR_MALFORMED, 0},
    {BYTES(EPOCH "~p" ID ".+5"), P, CURSOR_MALFORMED, 0},
    {BYTES(EPOCH "~p" ID ".5.5"), P, CURSOR_MALFORMED, 0},
    {BYTES(EPOCH "~p" ID ".1234567890123456"), P, CURSOR_MALFORMED, 0},
    {BYTES(EPOCH "~p" ID ".99999999999999999999999999"), P, CURSOR_MALFORMED, 0},
    {BYTES(EPOCH "~p0123456789abcdef0123456g.5"), P, CURSOR_MALFORMED, 0},
    {BYTES(EPOCH "~x" ID ".5"), P, CURSOR_MALFORMED, 0},
    {BYTES(EPOCH "~P" ID ".5"), P, CURSOR_MALFORMED, 0},
    {BYTES(EPOCH "~\0" ID ".5"), U, CURSOR_MALFORMED, 0},
    {BYTES(EPOCH "~" P ".5"), P, CURSOR_MALFORMED, 0},
    {BYTES(EPOCH "~e5"), "everyone", CURSOR_MALFORMED, 0},
    {BYTES(EPOCH "~e.1\0"), "everyone", CURSOR_MALFORMED, 0},
    {BYTES(EPOCH " ~e.1"), "everyone", CURSOR_MALFORMED, 0},
    {BYTES("deadbee~e.1"), "everyone", CURSOR_MALFORMED, 0},
    {BYTES("deadbeeg~e.1"), "everyone", CURSOR_MALFORMED, 0},
    {BYTES("~p" ID ".5"), P, CURSOR_MALFORMED, 0},
    {BYTES("5"), P, CURSOR_MALFORMED, 0},
    {BYTES("null"), P, CURSOR_MALFORMED, 0},
    {BYTES(EPOCH "~e.1~p" ID ".12~e.3"), P, CURSOR_MALFORMED, 0}, /* given more than once */
    /* Packed: 0x10 and 0x20 begin `everyone` and a project, "AA" is a seq of 0. */
    {BYTES(EPOCH "*EAU"), "everyone", CURSOR_OK, 5},
    {BYTES(EPOCH "*EIAB"), "everyone", CURSOR_OK, 128},
    {BYTES(EPOCH "*EP_____f_3__"), "everyone", CURSOR_MALFORMED, 0},
    {BYTES(EPOCH "*IAEjRWeJq83vASNFZwc"), P, CURSOR_OK, 7},
    {BYTES("00000000*EAU"), "everyone", CURSOR_OTHER_EPOCH, 0},
    {BYTES(EPOCH "*EAU"), P, CURSOR_MALFORMED, 0},
    {BYTES(EPOCH "*"), "everyone", CURSOR_MALFORMED, 0},
    {BYTES(EPOCH "*EA"), "everyone", CURSOR_MALFORMED, 0},    /* no seq */
    {BYTES(EPOCH "*EIA"), "everyone", CURSOR_MALFORMED, 0},   /* a seq without an end */
    {BYTES(EPOCH "*EIAA"), "everyone", CURSOR_MALFORMED, 0},  /* a seq longer than it must be */
    {BYTES(EPOCH "*EQU"), "everyone", CURSOR_MALFORMED, 0},   /* shares an id but is the first */
    {BYTES(EPOCH "*AAU"), "everyone", CURSOR_MALFORMED, 0},   /* no such kind */
    {BYTES(EPOCH "*QAU"), "everyone", CURSOR_MALFORMED, 0},   /* nor this */
    {BYTES(EPOCH "*EAUQBQ"), "everyone", CURSOR_MALFORMED, 0}, /* twice */
    {BYTES(EPOCH "*IAEjRWeJq83vASNFZw"), P, CURSOR_MALFORMED, 0},
    {BYTES(EPOCH "*IwEjRWeJq83vASNFZwc"), P, CURSOR_MALFORMED, 0},
    {BYTES(EPOCH "*EAU="), "everyone", CURSOR_MALFORMED, 0},
    {BYTES(EPOCH "*EAU~e.5"), "everyone", CURSOR_MALFORMED, 0},
};
/* clang-format on */

static void
test_cursors(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cursors); i++) {
        size_t len = cursors[i].len;
        char *exact = test_malloc(len + 1);
        int64_t seq = -1;
        enum cursor_answer answer;

        memcpy(exact, cursors[i].text, len);
        answer = cursor_find(exact, len, EPOCH, cursors[i].topic, &seq);
        if (answer != cursors[i].answer || (answer == CURSOR_OK && seq != cursors[i].seq))
            unit_wrong("cursor %zu '%s': %d, %lld", i, cursors[i].text, (int)answer,
                       (long long)seq);
        test_free(exact);
    }
    unit_rows_done();
}

/* The name of a topic whose id differs from its neighbours' as much as possible. */
static void
topic_name(int i, char topic[EVENT_TOPIC])
{
    unsigned char id[12];

    for (int k = 0; k < 12; k++)
        id[k] = (unsigned char)((unsigned)(i + 1) * 2654435761u * (unsigned)(k + 1) >> (k % 3) * 8);
    id[0] = (unsigned char)i;
    id[1] = (unsigned char)(i >> 8);
    strcpy(topic, i % 2 ? "project:" : "user:");
    text_hex(topic + strlen(topic), id, 12);
}

static int64_t
topic_seq(int i)
{
    return i == 7 ? 999999999999999 : (int64_t)i * i * 1000;
}

static void
test_cursors_of_many_topics(void **state)
{
    struct text t = {0};
    struct cursor out = {0}, in = {0};
    char topic[EVENT_TOPIC];
    int64_t seq;

    (void)state;
    for (int i = 1; i < MANY; i++) {
        topic_name(i, topic);
        cursor_put(&out, topic, topic_seq(i));
    }
    cursor_put(&out, "everyone", 77);
    cursor_write(&out, EPOCH, &t);
    assert_true(t.len < 131072 - 256); /* it fits into a follow: WIRE_FOLLOW_MAX */
    assert_int_equal(cursor_read(&in, t.bytes, t.len, EPOCH), CURSOR_OK);
    assert_int_equal(in.count, MANY);
    for (int i = 1; i < MANY; i++) {
        topic_name(i, topic);
        assert_true(cursor_seq(&in, topic, &seq));
        assert_int_equal(seq, topic_seq(i));
    }
    assert_true(cursor_seq(&in, "everyone", &seq) && seq == 77);
    assert_false(cursor_seq(&in, "user:" OTHER, &seq));
    cursor_free(&in);
    /* Cut off anywhere it is malformed, or names fewer topics; never others. */
    for (size_t len = 9; len < 200; len++)
        if (cursor_read(&in, t.bytes, len, EPOCH) == CURSOR_OK) {
            assert_true(in.count < MANY);
            for (uint32_t i = 0; i < in.count; i++)
                assert_true(in.places[i].seq == out.places[i].seq &&
                            memcmp(in.places[i].key, out.places[i].key, 13) == 0);
            cursor_free(&in);
        }
    cursor_free(&out);
    text_free(&t);
}

static void
test_cursors_of_older_servers_are_accepted(void **state)
{
    struct text t = {0};
    struct cursor in = {0};
    char topic[EVENT_TOPIC], again[EVENT_TOPIC];
    int64_t seq;

    (void)state;
    text_puts(&t, EPOCH);
    for (int i = 1; i < MANY; i++) {
        topic_name(i, topic);
        text_printf(&t, "~%c%s.%d", topic[0], strchr(topic, ':') + 1, i);
    }
    assert_int_equal(cursor_read(&in, t.bytes, t.len, EPOCH), CURSOR_OK);
    for (int i = 1; i < MANY; i++) {
        topic_name(i, topic);
        assert_true(cursor_seq(&in, topic, &seq) && seq == i);
    }
    for (uint32_t i = 0; i < in.count; i++) {
        cursor_topic(&in.places[i], again);
        assert_int_equal(strlen(topic_id(again)), 24);
    }
    cursor_free(&in);
    text_free(&t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cursors),
        cmocka_unit_test(test_cursors_of_many_topics),
        cmocka_unit_test(test_cursors_of_older_servers_are_accepted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
