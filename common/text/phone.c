/*
 * Which countries have a leading 0 that is dialled only inside the country, and no 0 at the start
 * of their numbers otherwise, is from libphonenumber's metadata (9.0; national_prefix): update it
 * from there when a country changes.  The library itself is not used: Debian's version has the
 * numbering plans of 2022 and would refuse numbers assigned since.  Whether a number belongs to the
 * user is shown by the code that is sent to it.
 */
#include "common/text/phone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text/unicode.h"

#define DIGITS_MIN   8 /* in international numbers of all countries except these: */
#define DIGITS_SHORT 7
#define DIGITS_MAX   15

/* Countries with numbers of four digits: Tristan da Cunha (of +290), Niue, Tokelau (ITU, E.164). */
static const char *const short_numbers[] = {"290", "683", "690"};

static const short trunk_zero[] = {
    20,  27,  31,  32,  33,  40,  41,  43,  44,  46,  49,  51,  53,  54,  55,  57,  58,  60,
    61,  62,  63,  64,  66,  81,  82,  84,  86,  90,  91,  92,  93,  94,  95,  98,  211, 212,
    213, 218, 231, 232, 233, 234, 243, 249, 250, 251, 252, 254, 255, 256, 260, 261, 262, 263,
    264, 265, 291, 353, 355, 358, 359, 370, 373, 374, 377, 380, 381, 382, 383, 385, 386, 387,
    389, 421, 423, 508, 590, 591, 593, 594, 595, 596, 598, 686, 850, 855, 856, 880, 886, 961,
    962, 963, 964, 966, 967, 970, 971, 972, 976, 977, 994, 995, 996,
};

/* The length of the country code if the country has such a 0; 0: it has none. */
static size_t
country_with_zero(const char *digits)
{
    for (size_t len = 2; len <= 3; len++) {
        char code[4];

        snprintf(code, sizeof(code), "%.*s", (int)len, digits);
        for (size_t i = 0; i < sizeof(trunk_zero) / sizeof(trunk_zero[0]); i++)
            if (atoi(code) == trunk_zero[i])
                return len;
    }
    return 0;
}

static size_t
digits_min(const char *digits)
{
    for (size_t i = 0; i < sizeof(short_numbers) / sizeof(short_numbers[0]); i++)
        if (strncmp(digits, short_numbers[i], 3) == 0)
            return DIGITS_SHORT;
    return DIGITS_MIN;
}

/* The digits after a "+", without separators; returns how many, 0 if it is not a number. */
static size_t
read_digits(const char *typed, char *digits, size_t size)
{
    char *text = unicode_typed(typed);
    const char *p = text;
    size_t n = 0;
    int32_t point;
    bool ok = *p++ == '+';

    for (int step; ok && (step = unicode_next(p, &point)) > 0; p += step) {
        int digit = unicode_digit(point);

        if (point < 0x80 && strchr(" -()./", (char)point) != NULL)
            continue;
        ok = digit >= 0 && n + 1 < size;
        if (ok)
            digits[n++] = (char)('0' + digit);
    }
    free(text);
    digits[n] = '\0';
    return ok ? n : 0;
}

bool
phone_normal(const char *typed, char out[PHONE_E164])
{
    char digits[64];
    size_t n = read_digits(typed, digits, sizeof(digits)), code;

    code = country_with_zero(digits);
    if (code > 0 && digits[code] == '0')
        memmove(digits + code, digits + code + 1, n-- - code);
    if (digits[0] == '0' || n < digits_min(digits) || n > DIGITS_MAX)
        return false;
    snprintf(out, PHONE_E164, "+%.15s", digits);
    return true;
}
