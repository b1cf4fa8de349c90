/*
 * Second factors: the vectors of RFC 6238 and RFC 4648, and the window.
 */
#include "common/secrets/totp.h"

#include <string.h>

#include "tests/unit/unit.h"

static const unsigned char secret[TOTP_SECRET + 1] = "12345678901234567890";

/* clang-format off */
static const struct {
    int64_t seconds;
    const char *code; /* the last six digits of RFC 6238, appendix B */
} vectors[] = {
    {59,          "287082"},
    {1111111109,  "081804"},
    {1111111111,  "050471"},
    {1234567890,  "005924"},
    {2000000000,  "279037"},
    {20000000000, "353130"},
};

static const struct {
    const char *bytes;
    const char *text;
} base32[] = { /* RFC 4648 section 10, without padding */
    {"", ""}, {"f", "MY"}, {"fo", "MZXQ"}, {"foo", "MZXW6"}, {"foob", "MZXW6YQ"},
    {"fooba", "MZXW6YTB"}, {"foobar", "MZXW6YTBOI"},
    {"12345678901234567890", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"},
};

static const char *const malformed[] = {
    "", "0", "28708", "2870822", "28708a", " 28708", "287082 ", "+87082", "287 82", "-28708",
    "\xD9\xA2\xD9\xA8\xD9\xA7",
};
/* clang-format on */

static void
test_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(vectors); i++) {
        int64_t ms = vectors[i].seconds * 1000, step = -1;
        char code[7];

        totp_code(code, secret, totp_step(ms));
        if (!unit_same(code, vectors[i].code))
            unit_wrong("%lld: %s", (long long)vectors[i].seconds, code);
        if (!totp_check(secret, vectors[i].code, ms, &step) || step != totp_step(ms))
            unit_wrong("%lld: its code is refused", (long long)vectors[i].seconds);
    }
    unit_rows_done();
}

static void
test_base32(void **state)
{
    char out[64];

    (void)state;
    for (size_t i = 0; i < COUNT(base32); i++) {
        size_t len = strlen(base32[i].bytes);

        totp_base32(out, (const unsigned char *)base32[i].bytes, len);
        if (!unit_same(out, base32[i].text) || strlen(out) >= TOTP_BASE32(len))
            unit_wrong("'%s': %s", base32[i].bytes, out);
    }
    unit_rows_done();
}

/* One step on either side is accepted, and reported. */
static void
test_the_window(void **state)
{
    int64_t now = 1769850000000, step;
    char code[7];

    (void)state;
    for (int64_t off = -3; off <= 3; off++) {
        step = -1;
        totp_code(code, secret, totp_step(now) + off);
        assert_int_equal(totp_check(secret, code, now, &step), off >= -1 && off <= 1);
        if (off >= -1 && off <= 1)
            assert_int_equal(step, totp_step(now) + off);
    }
    assert_int_equal(totp_step(29999), 0);
    assert_int_equal(totp_step(30000), 1);
}

static void
test_malformed_codes(void **state)
{
    int64_t step;

    (void)state;
    for (size_t i = 0; i < COUNT(malformed); i++)
        if (totp_check(secret, malformed[i], 59000, &step))
            unit_wrong("'%s' is taken", malformed[i]);
    unit_rows_done();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_base32),
        cmocka_unit_test(test_the_window),
        cmocka_unit_test(test_malformed_codes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
