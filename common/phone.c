/*
 * Which countries have a 0 that is dialled inside only, and none within their
 * numbers, is from libphonenumber's metadata (9.0; national_prefix): take it
 * from there again when a country changes.
 */
#include "common/phone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_MIN 8 /* of any international number in use */
#define DIGITS_MAX 15

static const short trunk_zero[] = {
    20,  27,  31,  32,  33,  40,  41,  43,  44,  46,  49,  51,  53,  54,  55,  57,  58,  60,
    61,  62,  63,  64,  66,  81,  82,  84,  86,  90,  91,  92,  93,  94,  95,  98,  211, 212,
    213, 218, 231, 232, 233, 234, 243, 249, 250, 251, 252, 254, 255, 256, 260, 261, 262, 263,
    264, 265, 291, 353, 355, 358, 359, 370, 373, 374, 377, 380, 381, 382, 383, 385, 386, 387,
    389, 421, 423, 508, 590, 591, 593, 594, 595, 596, 598, 686, 850, 855, 856, 880, 886, 961,
    962, 963, 964, 966, 967, 970, 971, 972, 976, 977, 994, 995, 996,
};

/* How many of the digits are the code of a country with such a 0; 0: of none. */
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

bool
phone_normal(const char *typed, char out[PHONE_E164])
{
    char digits[64];
    size_t n = 0, code;

    if (*typed++ != '+')
        return false;
    for (; *typed != '\0'; typed++) {
        if (strchr(" -()./", *typed) != NULL)
            continue;
        if (*typed < '0' || *typed > '9' || n + 1 == sizeof(digits))
            return false;
        digits[n++] = *typed;
    }
    digits[n] = '\0';
    code = country_with_zero(digits);
    if (code > 0 && digits[code] == '0')
        memmove(digits + code, digits + code + 1, n-- - code);
    if (digits[0] == '0' || n < DIGITS_MIN || n > DIGITS_MAX)
        return false;
    snprintf(out, PHONE_E164, "+%.15s", digits);
    return true;
}
