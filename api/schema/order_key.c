/*
 * Keys are fractions in base 62 that never end in the digit 0, so that two keys are equal only if
 * their texts are, and there is always a key between two.  Keys made at either end begin with a
 * whole number.  Its first digit gives the number of digits that follow: counted upwards from the
 * middle digit for keys at the end, downwards for keys at the top, so that keys stay short however
 * many items are moved to an end.
 */
#include "api/schema/order_key.h"

#include <string.h>

#include "common/text/text.h"

#define BASE      62
#define ZERO      (BASE / 2) /* the first digit of a whole number with no digits */
#define WHOLE_MAX 11         /* digits of 2^63 */

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
    text_putc(out, DIGITS[ZERO + n]);
    while (n > 0)
        text_putc(out, digits[--n]);
    text_putc(out, DIGITS[ZERO]);
}

/*
 * The key's whole number minus one, plus a half: sorts before all keys with this or a later whole
 * number.
 */
static bool
step_down(struct text *out, const char *key)
{
    int n = value(key[0]) - ZERO, count = n < 0 ? -n : n, at = count;
    char digits[WHOLE_MAX + 1];

    if (count > WHOLE_MAX || strlen(key) <= (size_t)count)
        return false; /* it does not begin with a whole number */
    memcpy(digits, key + 1, (size_t)count);
    while (at > 0 && digits[at - 1] == DIGITS[0])
        digits[--at] = DIGITS[BASE - 1];
    if (at > 0) {
        digits[at - 1] = DIGITS[value(digits[at - 1]) - 1];
    } else { /* all were 0: one digit less, and below zero one more */
        count = --n < 0 ? -n : n;
        if (count > WHOLE_MAX)
            return false;
        memset(digits, DIGITS[BASE - 1], (size_t)count);
    }
    text_putc(out, DIGITS[ZERO + n]);
    text_add(out, digits, (size_t)count);
    text_putc(out, DIGITS[ZERO]);
    return true;
}

/*
 * The digit of a key at a position: past its end, 0 for a lower and BASE for an open upper bound.
 */
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
    if (before == NULL && step_down(out, after))
        return true;
    for (size_t at = 0; at < ORDER_KEY_MAX; at++) {
        int a = digit(before, low, at, 0), b = open ? BASE : digit(after, high, at, 0);

        if (b - a > 1) {
            text_putc(out, DIGITS[a + (b - a) / 2]);
            return true;
        }
        text_putc(out, DIGITS[a]);
        if (b - a == 1)
            open = true; /* everything after this digit is below the upper bound */
    }
    return false;
}
