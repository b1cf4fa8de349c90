/*
 * Access tokens and encrypted bytes.  The first byte chooses: the rest is a token as it
 * came; or header, newline and claims that we sign, so that the claims are
 * reached; or encrypted bytes.
 */
#include "common/secrets/token.h"

#include <stdbool.h>
#include <string.h>

#include "common/base/id.h"
#include "common/text/text.h"
#include "common/time/clock.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/forge.h"

static bool
is_id(const char *id)
{
    return strlen(id) == ID_DIGITS && strspn(id, "0123456789abcdef") == ID_DIGITS;
}

/* Is the third segment the signature of the first two? */
static bool
is_signed(const char *token, size_t len)
{
    const char *end = memrchr(token, '.', len);
    unsigned char header[1024], claims[1024];
    const char *mark = memchr(token, '.', len);
    long header_len, claims_len;
    struct text ours = {0};
    bool same;

    header_len = text_unbase64url(header, sizeof(header), token, (size_t)(mark - token));
    claims_len = text_unbase64url(claims, sizeof(claims), mark + 1, (size_t)(end - mark - 1));
    must(header_len > 0 && claims_len > 0);
    forge_token(&ours, (char *)header, (size_t)header_len, (char *)claims, (size_t)claims_len,
                FORGE_KEY);
    /* The last character holds two bits that say nothing. */
    same = ours.len == len && memcmp(ours.bytes, token, len - 1) == 0;
    text_free(&ours);
    return same;
}

static void
verify(const char *token, size_t len)
{
    struct token out;
    enum err err = token_verify(token, len, &out);

    must(err == ERR_NONE || err == ERR_NO_AUTH);
    if (err != ERR_NONE)
        return;
    must(is_id(out.user) && is_id(out.session) && out.expires > clock_now() / 1000 - 1);
    must(is_signed(token, len));
}

static void
verify_signed(const char *bytes, size_t len)
{
    const char *mark = memchr(bytes, '\n', len);
    struct text t = {0};

    if (mark == NULL)
        return;
    forge_token(&t, bytes, (size_t)(mark - bytes), mark + 1, len - (size_t)(mark - bytes) - 1,
                FORGE_KEY);
    verify(t.bytes, t.len);
    text_free(&t);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool open;
    const char *rest = (const char *)data + 1;
    struct text out = {0};

    open = open || token_open("k1 " FORGE_KEY) == ERR_NONE;
    must(open);
    if (size < 1)
        return 0;
    switch (data[0] % 3) {
    case 0:
        verify(rest, size - 1);
        break;
    case 1:
        verify_signed(rest, size - 1);
        break;
    default:
        must(token_decrypt(&out, "secret", rest, size - 1) == ERR_INVALID && out.len == 0);
    }
    text_free(&out);
    return 0;
}
