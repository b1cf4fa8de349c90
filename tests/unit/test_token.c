/*
 * Access tokens: which are valid, and every way in which one is not.
 */
#include "common/secrets/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/text/text.h"
#include "common/time/clock.h"
#include "tests/unit/forge.h"
#include "tests/unit/unit.h"

#define USER    "0123456789abcdef01234567"
#define SESSION "fedcba9876543210fedcba98"
#define HEADER  "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"k1\"}"
#define KEYS    "k1 " FORGE_KEY "\n"

/* clang-format off */
#define CLAIMS(iss, aud, typ, sub, sid, nbf, exp)                                                  \
    "{\"iss\":" iss ",\"aud\":" aud ",\"typ\":" typ ",\"sub\":" sub ",\"sid\":" sid                \
    ",\"iat\":1700000000,\"nbf\":" nbf ",\"exp\":" exp "}"
#define GOOD CLAIMS("\"taskwire\"", "\"taskwire\"", "\"access\"", "\"" USER "\"", "\"" SESSION "\"", "1700000000", "4102444800")
#define WITH(sub, sid, nbf, exp) CLAIMS("\"taskwire\"", "\"taskwire\"", "\"access\"", sub, sid, nbf, exp)
#define FOR(sub, sid) WITH(sub, sid, "1700000000", "4102444800")
#define FROM_TO(nbf, exp) WITH("\"" USER "\"", "\"" SESSION "\"", nbf, exp)

/* All are signed with our key, as only we can: no more than the claims is left to be wrong. */
static const struct {
    const char *header, *claims;
    bool good;
} signed_rows[] = {
    {HEADER, GOOD, true},
    {"{\"kid\":\"k1\",\"alg\":\"HS256\"}", GOOD, true},
    {"{\"alg\":\"HS256\",\"typ\":\"JWT\"}", GOOD, false},
    {"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"k2\"}", GOOD, false},
    {"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"\"}", GOOD, false},
    {"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":1}", GOOD, false},
    {"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"../../k1\"}", GOOD, false},
    {"{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"k1\"}", GOOD, false},
    {"{\"alg\":\"none\",\"typ\":\"JWT\",\"kid\":\"k1\"}", GOOD, false},
    {"{\"alg\":\"nOnE\",\"typ\":\"JWT\",\"kid\":\"k1\"}", GOOD, false},
    {"{\"alg\":\"HS384\",\"typ\":\"JWT\",\"kid\":\"k1\"}", GOOD, false},
    {"{\"alg\":\"HS512\",\"typ\":\"JWT\",\"kid\":\"k1\"}", GOOD, false},
    {"{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"k1\"}", GOOD, false},
    {"{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"k1\"}", GOOD, false},
    {"{\"alg\":\"\",\"typ\":\"JWT\",\"kid\":\"k1\"}", GOOD, false},
    {"{\"alg\":1,\"typ\":\"JWT\",\"kid\":\"k1\"}", GOOD, false},
    {"{\"typ\":\"JWT\",\"kid\":\"k1\"}", GOOD, false},
    {"[]", GOOD, false},
    {"{}", GOOD, false},
    {"not JSON", GOOD, false},
    {HEADER, "{}", false},
    {HEADER, "[]", false},
    {HEADER, "null", false},
    {HEADER, "not JSON", false},
    {HEADER, CLAIMS("\"someone\"", "\"taskwire\"", "\"access\"", "\"" USER "\"", "\"" SESSION "\"", "1700000000", "4102444800"), false},
    {HEADER, CLAIMS("null", "\"taskwire\"", "\"access\"", "\"" USER "\"", "\"" SESSION "\"", "1700000000", "4102444800"), false},
    {HEADER, CLAIMS("[\"taskwire\"]", "\"taskwire\"", "\"access\"", "\"" USER "\"", "\"" SESSION "\"", "1700000000", "4102444800"), false},
    {HEADER, CLAIMS("\"taskwire\"", "\"other\"", "\"access\"", "\"" USER "\"", "\"" SESSION "\"", "1700000000", "4102444800"), false},
    {HEADER, CLAIMS("\"taskwire\"", "[\"taskwire\"]", "\"access\"", "\"" USER "\"", "\"" SESSION "\"", "1700000000", "4102444800"), false},
    {HEADER, CLAIMS("\"taskwire\"", "\"taskwire\"", "\"refresh\"", "\"" USER "\"", "\"" SESSION "\"", "1700000000", "4102444800"), false},
    {HEADER, CLAIMS("\"taskwire\"", "\"taskwire\"", "null", "\"" USER "\"", "\"" SESSION "\"", "1700000000", "4102444800"), false},
    {HEADER, FOR("\"\"", "\"" SESSION "\""), false},
    {HEADER, FOR("null", "\"" SESSION "\""), false},
    {HEADER, FOR("123456789012345678901234", "\"" SESSION "\""), false},
    {HEADER, FOR("\"" USER "0\"", "\"" SESSION "\""), false},
    {HEADER, FOR("\"0123456789abcdef0123456g\"", "\"" SESSION "\""), false},
    {HEADER, FOR("\"" USER "\"", "\"current\""), false},
    {HEADER, FOR("\"" USER "\"", "null"), false},
    {HEADER, FOR("{\"$ne\":null}", "\"" SESSION "\""), false},
    {HEADER, FROM_TO("1700000000", "1700000001"), false}, /* expired */
    {HEADER, FROM_TO("1700000000", "0"), false},
    {HEADER, FROM_TO("1700000000", "-1"), false},
    {HEADER, FROM_TO("1700000000", "null"), false},
    {HEADER, FROM_TO("1700000000", "\"4102444800\""), false},
    {HEADER, FROM_TO("1700000000", "4102444800.5"), false},
    {HEADER, FROM_TO("1700000000", "1e300"), false},
    {HEADER, FROM_TO("4102444700", "4102444800"), false}, /* not yet */
    {HEADER, FROM_TO("null", "4102444800"), false},
    {HEADER, FROM_TO("\"\"", "4102444800"), false},
    {HEADER, FROM_TO("0", "4102444800"), false},
};
/* clang-format on */

static bool
is_good(const char *text, size_t len, struct token *out)
{
    char *exact = test_malloc(len + 1);
    enum err err;

    memcpy(exact, text, len);
    err = token_verify(exact, len, out);
    test_free(exact);
    if (err != ERR_NONE && err != ERR_NO_AUTH)
        fail_msg("err %d", (int)err);
    return err == ERR_NONE;
}

static void
test_claims(void **state)
{
    struct text t = {0};
    struct token token;

    (void)state;
    assert_int_equal(token_open(KEYS), ERR_NONE);
    for (size_t i = 0; i < COUNT(signed_rows); i++) {
        const char *header = signed_rows[i].header, *claims = signed_rows[i].claims;

        text_clear(&t);
        forge_token(&t, header, strlen(header), claims, strlen(claims), FORGE_KEY);
        if (is_good(t.bytes, t.len, &token) != signed_rows[i].good)
            unit_wrong("row %zu: %s %s", i, header, claims);
    }
    text_free(&t);
    unit_rows_done();
}

static void
test_clocks_can_differ_slightly(void **state)
{
    static const struct {
        int nbf, exp;
        bool good;
    } rows[] = {
        {-60, 600, true}, {3, 600, true}, {60, 600, false}, {-60, 1, true}, {-60, -1, false}};
    struct text t = {0};
    struct token token;

    (void)state;
    assert_int_equal(token_open(KEYS), ERR_NONE);
    for (size_t i = 0; i < COUNT(rows); i++) {
        long long now = clock_now() / 1000;
        char claims[512];

        snprintf(claims, sizeof(claims), FROM_TO("%lld", "%lld"), now + rows[i].nbf,
                 now + rows[i].exp);
        text_clear(&t);
        forge_token(&t, HEADER, strlen(HEADER), claims, strlen(claims), FORGE_KEY);
        if (is_good(t.bytes, t.len, &token) != rows[i].good)
            unit_wrong("nbf %+d, exp %+d", rows[i].nbf, rows[i].exp);
    }
    text_free(&t);
    unit_rows_done();
}

/* A token that was found valid expires all the same. */
static void
test_a_remembered_token_expires(void **state)
{
    struct text t = {0};
    struct token token;
    char claims[512];
    int64_t until = clock_steady() + 3000000;

    (void)state;
    assert_int_equal(token_open(KEYS), ERR_NONE);
    snprintf(claims, sizeof(claims), FROM_TO("1700000000", "%lld"),
             (long long)clock_now() / 1000 + 2);
    forge_token(&t, HEADER, strlen(HEADER), claims, strlen(claims), FORGE_KEY);
    assert_true(is_good(t.bytes, t.len, &token));
    while (is_good(t.bytes, t.len, &token) && clock_steady() < until)
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    assert_false(is_good(t.bytes, t.len, &token));
    text_free(&t);
}

static struct token
sample(void)
{
    return (struct token){USER, SESSION, clock_now() / 1000 + TOKEN_SECONDS};
}

static void
test_a_signed_token_identifies_its_user(void **state)
{
    struct token in = sample(), out;
    char *text;

    (void)state;
    assert_int_equal(token_open(KEYS), ERR_NONE);
    text = token_sign(&in);
    for (int i = 0; i < 3; i++) { /* from the second time on it is remembered */
        memset(&out, 0, sizeof(out));
        assert_true(is_good(text, strlen(text), &out));
        assert_string_equal(out.user, USER);
        assert_string_equal(out.session, SESSION);
        assert_int_equal(out.expires, in.expires);
        assert_false(out.link);
    }
    free(text);
}

/* The token of a share link is of another type, so that it never passes for a user's. */
static void
test_a_links_token_says_that_it_is_one(void **state)
{
    struct token in = sample(), out = {0};
    char *text;

    (void)state;
    assert_int_equal(token_open(KEYS), ERR_NONE);
    in.link = true;
    text = token_sign(&in);
    for (int i = 0; i < 2; i++) {
        assert_true(is_good(text, strlen(text), &out));
        assert_true(out.link);
    }
    free(text);
}

/* If any character is changed, the token is no longer valid. */
static void
test_a_changed_token_is_refused(void **state)
{
    struct token in = sample(), out;
    char *text;
    size_t len;

    (void)state;
    assert_int_equal(token_open(KEYS), ERR_NONE);
    text = token_sign(&in);
    len = strlen(text);
    assert_true(is_good(text, len, &out));
    for (size_t i = 0; i < len; i++) {
        char was = text[i];

        text[i] = was == 'A' ? 'B' : 'A';
        /* The last character holds two bits that say nothing. */
        if (is_good(text, len, &out) && i + 1 < len)
            unit_wrong("changed at %zu", i);
        text[i] = was;
        if (is_good(text, i, &out))
            unit_wrong("cut at %zu", i);
    }
    free(text);
    unit_rows_done();
}

static void
test_shapes(void **state)
{
    static const char *const bad[] = {
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "....aaaa....",
        "eyJh.eyJh.",
        ".eyJh.eyJh",
        "eyJh..eyJh",
        "eyJh.eyJh",
        "eyJh.eyJh.eyJh.eyJh",
        "eyJh.eyJh.ey=h",
        "eyJh.eyJh.eyJ+",
        "eyJh eyJh.eyJh.eyJh",
        "eyJhbGciOiJub25lIn0.e30.",
        "eyJhbGciOiJub25lIn0.e30.AAAA",
        "\xC3\xA9\xC3\xA9\xC3\xA9.eyJh.eyJh",
        "null",
        "undefined",
    };
    struct token in = sample(), out;
    char *text, *longer = test_malloc(9000000);

    (void)state;
    assert_int_equal(token_open(KEYS), ERR_NONE);
    for (size_t i = 0; i < COUNT(bad); i++)
        if (is_good(bad[i], strlen(bad[i]), &out))
            unit_wrong("'%s' is taken", bad[i]);
    text = token_sign(&in);
    snprintf(longer, 9000000, "%s", text);
    assert_false(is_good(longer, strlen(text) + 1, &out)); /* with its NUL */
    strcat(longer, ".AAAA");
    assert_false(is_good(longer, strlen(longer), &out));
    memset(longer, 'A', 9000000);
    longer[10] = longer[20] = '.';
    assert_false(is_good(longer, 9000000, &out));
    free(text);
    test_free(longer);
    unit_rows_done();
}

/* The first key signs, all verify; a key that is gone is gone. */
static void
test_keys_rotate(void **state)
{
    static const struct {
        const char *keys;
        bool good;
    } rows[] = {
        {"k1 " FORGE_KEY, true},
        {"k2 " FORGE_OTHER "\nk1 " FORGE_KEY, true},
        {"  k2\t" FORGE_OTHER "\r\n\n k1 " FORGE_KEY "\n\n", true},
        {"k2 " FORGE_OTHER, false},
        {"k1 " FORGE_OTHER, false},
        {"k2 " FORGE_KEY, false}, /* the kid belongs to the key */
    };
    struct token in = sample(), out;
    char *text;

    (void)state;
    assert_int_equal(token_open("k1 " FORGE_KEY "\nk2 " FORGE_OTHER), ERR_NONE);
    text = token_sign(&in);
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(token_open(rows[i].keys), ERR_NONE);
        if (is_good(text, strlen(text), &out) != rows[i].good)
            unit_wrong("with %s", rows[i].keys);
    }
    free(text);
    unit_rows_done();
}

static void
test_bad_keys_prevent_the_start(void **state)
{
    static const char *const bad[] = {
        "",
        "\n",
        "k1",
        "k1 abc",
        FORGE_KEY,
        "k1 " FORGE_KEY "0",
        "k1 " FORGE_KEY " k2",
        "k1 g00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        "k1 " FORGE_KEY "\nk2 short",
        ("a-key-id-of-more-than-thirty-two-characters " FORGE_KEY),
    };
    struct text many = {0};

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        if (token_open(bad[i]) != ERR_INVALID)
            unit_wrong("'%s' is taken for keys", bad[i]);
    for (int i = 0; i < 8; i++)
        text_printf(&many, "k%d " FORGE_KEY "\n", i);
    assert_int_equal(token_open(many.bytes), ERR_NONE);
    text_puts(&many, "k8 " FORGE_KEY "\n");
    assert_int_equal(token_open(many.bytes), ERR_INVALID);
    text_free(&many);
    unit_rows_done();
}

static void
test_secrets(void **state)
{
    char a[TOKEN_SECRET], b[TOKEN_SECRET], hash[TOKEN_HASH], again[TOKEN_HASH];
    unsigned char bytes[32];

    (void)state;
    assert_int_equal(token_open(KEYS), ERR_NONE);
    token_secret(a, hash);
    token_secret(b, again);
    assert_string_not_equal(a, b);
    assert_int_equal(text_unbase64url(bytes, 32, a, strlen(a)), 32);
    token_hash(again, a);
    assert_string_equal(hash, again);
}

/* What was stored when one key served all purposes is still read, and encrypted again. */
static void
test_data_made_with_the_underived_key_can_be_read(void **state)
{
    static const char encrypted_hex[] = "00000000000000000000000043a9b13a4d51c9f89464f87e654c3ed8"
                                        "51959ee662cfe66d20fc";
    unsigned char encrypted[38];
    struct text out = {0};

    (void)state;
    assert_int_equal(token_open(KEYS), ERR_NONE);
    assert_true(token_mac_is("fc7e222519e8927cb06e126d0022bf50946f838a465c241f4ef4c60e0198b12e",
                             "code:", "123456", 6));
    assert_true(text_unhex(encrypted, sizeof(encrypted), encrypted_hex));
    assert_int_equal(token_decrypt(&out, "secret", (char *)encrypted, sizeof(encrypted)), ERR_NONE);
    assert_string_equal(out.bytes, "some bytes");
    assert_true(token_encrypted_with_old_key("secret", (char *)encrypted, sizeof(encrypted)));
    text_free(&out);
}

/* A refresh secret proves that we made it, for that session, under a key that we still have. */
static void
test_refresh_secrets(void **state)
{
    char secret[TOKEN_SECRET], next[TOKEN_SECRET], hash[TOKEN_HASH], other[TOKEN_SECRET];

    (void)state;
    assert_int_equal(token_open(KEYS), ERR_NONE);
    token_refresh(secret, hash, SESSION);
    assert_int_equal(strlen(secret), TOKEN_SECRET - 1);
    assert_true(token_refresh_issued(secret, SESSION));
    assert_false(token_refresh_issued(secret, USER));
    token_secret(other, hash);
    assert_false(token_refresh_issued(other, SESSION));
    assert_false(token_refresh_issued("", SESSION));
    for (size_t i = 0; i + 1 < TOKEN_SECRET - 1; i++) {
        memcpy(other, secret, TOKEN_SECRET);
        other[i] = other[i] == 'A' ? 'B' : 'A';
        if (token_refresh_issued(other, SESSION))
            unit_wrong("changed at %zu", i);
    }
    assert_true(token_successor(next, 0, secret, SESSION, 0));
    assert_string_not_equal(next, secret);
    assert_true(token_refresh_issued(next, SESSION));
    assert_true(token_successor(other, 0, secret, SESSION, 1));
    assert_string_not_equal(other, next);
    assert_true(token_refresh_issued(other, SESSION));
    assert_int_equal(token_open("k2 " FORGE_OTHER), ERR_NONE);
    assert_false(token_refresh_issued(secret, SESSION));
    unit_rows_done();
}

/* What followed a secret under an earlier key is found again after the keys have moved on. */
static void
test_successors_survive_a_new_key(void **state)
{
    char secret[TOKEN_SECRET], before[TOKEN_SECRET], now[TOKEN_SECRET], hash[TOKEN_HASH];
    int found = -1;

    (void)state;
    assert_int_equal(token_open(KEYS), ERR_NONE);
    token_refresh(secret, hash, SESSION);
    assert_true(token_successor(before, 0, secret, SESSION, 0));
    assert_int_equal(token_open("k2 " FORGE_OTHER "\n" KEYS), ERR_NONE);
    for (int i = 0; token_successor(now, i, secret, SESSION, 0); i++)
        if (strcmp(now, before) == 0)
            found = i;
    assert_int_equal(found, 1);
    assert_false(token_successor(now, 4, secret, SESSION, 0));
    assert_true(token_refresh_issued(before, SESSION));
}

/* Keyed, for one purpose, and known under keys that no longer sign. */
static void
test_keyed_hashes(void **state)
{
    char mac[TOKEN_HASH], other[TOKEN_HASH];

    (void)state;
    assert_int_equal(token_open(KEYS), ERR_NONE);
    token_mac(mac, 0, "code:", "123456", 6);
    assert_int_equal(strlen(mac), TOKEN_HASH - 1);
    assert_true(token_mac_is(mac, "code:", "123456", 6));
    assert_false(token_mac_is(mac, "code:", "123457", 6));
    assert_false(token_mac_is(mac, "code:", "12345", 5));
    assert_false(token_mac_is(mac, "digest:", "123456", 6));
    assert_false(token_mac_is("", "code:", "123456", 6));
    token_mac(other, 0, "code:", "12345\0", 7);
    assert_string_not_equal(mac, other);
    assert_int_equal(token_open("k2 " FORGE_OTHER "\n" KEYS), ERR_NONE);
    assert_true(token_mac_is(mac, "code:", "123456", 6));
    assert_int_equal(token_open("k2 " FORGE_OTHER), ERR_NONE);
    assert_false(token_mac_is(mac, "code:", "123456", 6));
}

static void
test_encryption(void **state)
{
    static const size_t lengths[] = {0, 1, 15, 16, 17, 1000, 100000};
    struct text encrypted = {0}, again = {0}, out = {0};
    char *bytes = test_calloc(1, 100000);

    (void)state;
    assert_int_equal(token_open(KEYS), ERR_NONE);
    text_random((unsigned char *)bytes, 100000);
    for (size_t i = 0; i < COUNT(lengths); i++) {
        text_clear(&encrypted);
        text_clear(&again);
        text_clear(&out);
        token_encrypt(&encrypted, "secret", bytes, lengths[i]);
        token_encrypt(&again, "secret", bytes, lengths[i]);
        assert_memory_not_equal(encrypted.bytes, again.bytes, encrypted.len);
        assert_int_equal(token_decrypt(&out, "secret", encrypted.bytes, encrypted.len), ERR_NONE);
        assert_int_equal(out.len, lengths[i]);
        assert_memory_equal(out.bytes, bytes, lengths[i]);
        assert_int_equal(token_decrypt(&out, "Secret", encrypted.bytes, encrypted.len),
                         ERR_INVALID);
        assert_int_equal(token_decrypt(&out, "secret", encrypted.bytes, encrypted.len - 1),
                         ERR_INVALID);
        assert_int_equal(out.len, lengths[i]); /* what cannot be decrypted adds nothing */
    }
    test_free(bytes);
    text_free(&encrypted);
    text_free(&again);
    text_free(&out);
}

static void
test_tampered_data_is_detected(void **state)
{
    struct text encrypted = {0}, out = {0};

    (void)state;
    assert_int_equal(token_open(KEYS), ERR_NONE);
    token_encrypt(&encrypted, "secret", "some bytes", 10);
    for (size_t i = 0; i < encrypted.len; i++) {
        encrypted.bytes[i] = (char)(encrypted.bytes[i] ^ 1);
        if (token_decrypt(&out, "secret", encrypted.bytes, encrypted.len) != ERR_INVALID)
            unit_wrong("changed at %zu", i);
        encrypted.bytes[i] = (char)(encrypted.bytes[i] ^ 1);
        if (token_decrypt(&out, "secret", encrypted.bytes, i) != ERR_INVALID)
            unit_wrong("cut at %zu", i);
    }
    assert_int_equal(token_open("k2 " FORGE_OTHER "\n" KEYS), ERR_NONE);
    assert_int_equal(token_decrypt(&out, "secret", encrypted.bytes, encrypted.len), ERR_NONE);
    assert_int_equal(token_open("k2 " FORGE_OTHER), ERR_NONE);
    assert_int_equal(token_decrypt(&out, "secret", encrypted.bytes, encrypted.len), ERR_INVALID);
    assert_int_equal(out.len, 10);
    text_free(&encrypted);
    text_free(&out);
    unit_rows_done();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_claims),
        cmocka_unit_test(test_clocks_can_differ_slightly),
        cmocka_unit_test(test_a_remembered_token_expires),
        cmocka_unit_test(test_a_signed_token_identifies_its_user),
        cmocka_unit_test(test_a_links_token_says_that_it_is_one),
        cmocka_unit_test(test_a_changed_token_is_refused),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_keys_rotate),
        cmocka_unit_test(test_bad_keys_prevent_the_start),
        cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_data_made_with_the_underived_key_can_be_read),
        cmocka_unit_test(test_refresh_secrets),
        cmocka_unit_test(test_successors_survive_a_new_key),
        cmocka_unit_test(test_keyed_hashes),
        cmocka_unit_test(test_encryption),
        cmocka_unit_test(test_tampered_data_is_detected),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
