/*
 * Keys are fractions in base 62 that never end in the digit 0, so that two keys
 * are equal only if their texts are, and there is always one between.
 */
#include "api/order_key.h"

#include <string.h>

#include "common/text.h"

#define BASE 62

static const char DIGITS[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static int
value(char c)
{
    const char *at = c == '\0' ? NULL : strchr(DIGITS, c);

    return at == NULL ? 0 : (int)(at - DIGITS);
}

void
order_key_last(struct text *out, int64_t seq)
{
    char digits[16];
    int n = 0;

    do
        digits[n++] = DIGITS[seq % BASE];
    while ((seq /= BASE) > 0);
    /* The count of digits first: "a" for one and so on, so that longer ones sort later. */
    text_putc(out, DIGITS[BASE / 2 + n]);
    while (n > 0)
        text_putc(out, digits[--n]);
    text_putc(out, DIGITS[BASE / 2]);
}

/* The digit of a key at a place: beyond its end, 0 of a lower and BASE of an open upper bound. */
static int
digit(const char *key, size_t len, size_t at, int beyond)
{
    return at < len ? value(key[at]) : beyond;
}

bool
order_key_between(struct text *out, const char *before, const char *after)
{
    size_t low = before == NULL ? 0 : strlen(before), high = strlen(after);
    bool open = false; /* the upper bound no longer matters */

    if (before != NULL && strcmp(before, after) >= 0)
        return false;
    for (size_t at = 0; at < ORDER_KEY_MAX; at++) {
        int a = digit(before, low, at, 0), b = open ? BASE : digit(after, high, at, 0);

        if (b - a > 1) {
            text_putc(out, DIGITS[a + (b - a) / 2]);
            return true;
        }
        text_putc(out, DIGITS[a]);
        if (b - a == 1)
            open = true; /* all that follows this digit lies below the upper bound */
    }
    return false;
}
