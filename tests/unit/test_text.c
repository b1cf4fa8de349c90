/*
 * Growing text; UTF-8, hex and base64url.
 */
#include "common/text/text.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

/* clang-format off */
static const struct {
    const char *bytes;
    size_t len;
    int points; /* -1: not UTF-8 */
} utf8[] = {
    {BYTES(""), 0},
    {BYTES("a"), 1},
    {BYTES("a\0b"), 3},
    {BYTES("\x7F"), 1},
    {BYTES("\xC2\x80"), 1},
    {BYTES("\xDF\xBF"), 1},
    {BYTES("\xE0\xA0\x80"), 1},
    {BYTES("\xED\x9F\xBF"), 1},
    {BYTES("\xEE\x80\x80"), 1},
    {BYTES("\xEF\xBF\xBF"), 1},
    {BYTES("\xF0\x90\x80\x80"), 1},
    {BYTES("\xF4\x8F\xBF\xBF"), 1},
    {BYTES("na\xC3\xAFve \xF0\x9F\x98\x80"), 7},
    {BYTES("e\xCC\x81"), 2},
    {BYTES("\x80"), -1},
    {BYTES("\xBF"), -1},
    {BYTES("\xC0\x80"), -1},          /* overlong NUL */
    {BYTES("\xC1\xBF"), -1},
    {BYTES("\xC2"), -1},
    {BYTES("\xC2\x41"), -1},
    {BYTES("\xC2\xC2"), -1},
    {BYTES("\xE0\x9F\xBF"), -1},      /* overlong */
    {BYTES("\xE2\x82"), -1},
    {BYTES("\xE2\x82\x41"), -1},
    {BYTES("\xED\xA0\x80"), -1},      /* U+D800 */
    {BYTES("\xED\xBF\xBF"), -1},      /* U+DFFF */
    {BYTES("\xF0\x8F\xBF\xBF"), -1},  /* overlong */
    {BYTES("\xF0\x9F\x98"), -1},
    {BYTES("\xF0\x9F\x98\x41"), -1},
    {BYTES("\xF4\x90\x80\x80"), -1},  /* beyond U+10FFFF */
    {BYTES("\xF5\x80\x80\x80"), -1},
    {BYTES("\xF8\x88\x80\x80\x80"), -1},
    {BYTES("\xFE"), -1},
    {BYTES("\xFF"), -1},
    {BYTES("good\xFF"), -1},
};

static const struct {
    const char *bytes;
    size_t len;
    const char *text;
} base64[] = { /* RFC 4648 section 10, without padding */
    {BYTES(""), ""},
    {BYTES("f"), "Zg"},
    {BYTES("fo"), "Zm8"},
    {BYTES("foo"), "Zm9v"},
    {BYTES("foob"), "Zm9vYg"},
    {BYTES("fooba"), "Zm9vYmE"},
    {BYTES("foobar"), "Zm9vYmFy"},
    {BYTES("\xFB\xFF\xBF"), "-_-_"},
    {BYTES("\0\0\0"), "AAAA"},
};

static const char *const not_base64[] = {
    "A", "AAAAA", "Zg==", "Zm9v=", "Zm 9v", "Zm9v\n", "+/+/", "Zm9!", "\xC3\xA9xx", "Zm9v.AAA",
};
/* clang-format on */

static void
test_utf8(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(utf8); i++) {
        char *exact = test_malloc(utf8[i].len + 1);
        bool ok;

        memcpy(exact, utf8[i].bytes, utf8[i].len);
        ok = text_utf8(exact, utf8[i].len);
        if (ok != (utf8[i].points >= 0))
            unit_wrong("utf8 row %zu: %d", i, ok);
        if (ok && text_points(exact, utf8[i].len) != (size_t)utf8[i].points)
            unit_wrong("utf8 row %zu: %zu characters", i, text_points(exact, utf8[i].len));
        test_free(exact);
    }
    unit_rows_done();
}

static void
test_base64(void **state)
{
    unsigned char back[16];
    char out[32];

    (void)state;
    for (size_t i = 0; i < COUNT(base64); i++) {
        size_t len = base64[i].len;

        text_base64url(out, (const unsigned char *)base64[i].bytes, len);
        if (!unit_same(out, base64[i].text) || strlen(out) >= TEXT_BASE64(len))
            unit_wrong("base64 row %zu: %s", i, out);
        if (text_unbase64url(back, len, out, strlen(out)) != (long)len ||
            memcmp(back, base64[i].bytes, len) != 0)
            unit_wrong("base64 row %zu: does not come back", i);
        if (len > 0 && text_unbase64url(back, len - 1, out, strlen(out)) != -1)
            unit_wrong("base64 row %zu: goes over its size", i);
    }
    for (size_t i = 0; i < COUNT(not_base64); i++)
        if (text_unbase64url(back, sizeof(back), not_base64[i], strlen(not_base64[i])) != -1)
            unit_wrong("'%s' is taken for base64url", not_base64[i]);
    if (text_unbase64url(back, sizeof(back), "Zm\0v", 4) != -1)
        unit_wrong("NUL is taken for base64url");
    unit_rows_done();
}

static void
test_any_bytes_survive_encoding(void **state)
{
    unsigned char bytes[64], back[64];
    char text[TEXT_BASE64(64)], hex[129];

    (void)state;
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        text_random(bytes, len);
        text_base64url(text, bytes, len);
        assert_int_equal(text_unbase64url(back, sizeof(back), text, strlen(text)), len);
        assert_memory_equal(bytes, back, len);
        text_hex(hex, bytes, len);
        assert_int_equal(strlen(hex), 2 * len);
        memset(back, 0, sizeof(back));
        assert_true(text_unhex(back, len, hex));
        assert_memory_equal(bytes, back, len);
    }
}

static void
test_hex(void **state)
{
    unsigned char out[2];
    char hex[5];

    (void)state;
    assert_true(text_unhex(out, 2, "0aF9"));
    assert_int_equal(out[0], 0x0a);
    assert_int_equal(out[1], 0xf9);
    text_hex(hex, out, 2);
    assert_string_equal(hex, "0af9");
    assert_false(text_unhex(out, 2, "0a"));
    assert_false(text_unhex(out, 2, "0aF"));
    assert_false(text_unhex(out, 2, "0ag9"));
    assert_false(text_unhex(out, 2, " af9"));
    assert_false(text_unhex(out, 2, "0x11"));
    assert_true(text_unhex(out, 0, ""));
}

static void
test_sha256(void **state)
{
    char out[65];

    (void)state;
    text_sha256(out, "", 0);
    assert_string_equal(out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    text_sha256(out, "abc", 3);
    assert_string_equal(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* However the bytes are divided. */
static void
test_sha256_of_pieces(void **state)
{
    char whole[65], pieces[65], bytes[300];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)i;
    text_sha256(whole, bytes, sizeof(bytes));
    for (size_t size = 1; size <= sizeof(bytes); size += 37) {
        struct text_digest *d = text_digest_new();

        for (size_t at = 0; at < sizeof(bytes); at += size)
            text_digest_add(d, bytes + at, at + size < sizeof(bytes) ? size : sizeof(bytes) - at);
        text_digest_end(d, pieces);
        text_digest_free(d);
        assert_string_equal(pieces, whole);
    }
    text_digest_free(NULL);
}

static void
test_text_grows(void **state)
{
    struct text t = {0};
    char *copy;

    (void)state;
    text_clear(&t);
    text_add(&t, NULL, 0);
    assert_string_equal(t.bytes, "");
    text_puts(&t, "a");
    text_putc(&t, 'b');
    text_int(&t, INT64_MIN);
    text_printf(&t, "%s%d", "|", 7);
    assert_string_equal(t.bytes, "ab-9223372036854775808|7");
    assert_int_equal(t.len, strlen(t.bytes));
    for (int i = 0; i < 10000; i++)
        text_printf(&t, "%08d", i);
    assert_int_equal(t.len, 24 + 80000);
    assert_string_equal(t.bytes + t.len - 8, "00009999");
    copy = text_dup(t.bytes);
    assert_string_equal(copy, t.bytes);
    free(copy);
    text_clear(&t);
    assert_int_equal(t.len, 0);
    assert_string_equal(t.bytes, "");
    text_add(&t, "x\0y", 3);
    assert_memory_equal(t.bytes, "x\0y", 4);
    text_free(&t);
    assert_null(t.bytes);
    text_free(&t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_any_bytes_survive_encoding),
        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_sha256),
        cmocka_unit_test(test_sha256_of_pieces),
        cmocka_unit_test(test_text_grows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
