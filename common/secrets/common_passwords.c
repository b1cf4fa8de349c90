/*
 * data/common_passwords.txt is a sorted list of the passwords of 12 characters or more from two
 * maintained lists (Django's common-passwords, BSD; zxcvbn's frequency lists, MIT) and of the 4,000
 * most common words in the shorter ones.
 */
#include "common/secrets/common_passwords.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "common/base/embed.h"

EMBED(common_passwords_list, "common/data/common_passwords.txt");

#define LONGEST 64 /* the longest line of the list is shorter */
#define PERIOD  4  /* longest repeated part, as in "abcdabcdabcd" */

/* Is word (len bytes, lower case) a line of the list? */
static bool
listed(const char *word, size_t len)
{
    size_t low = 0, high = strlen(common_passwords_list);

    while (low < high) {
        size_t at = low + (high - low) / 2, end;
        int order;

        while (at > low && common_passwords_list[at - 1] != '\n')
            at--;
        end = at + strcspn(common_passwords_list + at, "\n");
        order = strncmp(word, common_passwords_list + at, len < end - at ? len : end - at);
        if (order == 0)
            order = (len > end - at) - (len < end - at);
        if (order == 0)
            return true;
        if (order < 0)
            high = at;
        else
            low = end + 1;
    }
    return false;
}

/* Finds "password" in "!password1234". */
static bool
lengthened_word(const char *lower, size_t len)
{
    size_t start = 0;

    while (start < len && !isalpha((unsigned char)lower[start]))
        start++;
    while (len > start && !isalpha((unsigned char)lower[len - 1]))
        len--;
    return len > start && listed(lower + start, len - start);
}

/* "aaaaaaaaaaaa", "abcabcabcabc". */
static bool
repeats(const char *p, size_t len)
{
    for (size_t period = 1; period <= PERIOD; period++)
        if (len > period && memcmp(p, p + period, len - period) == 0)
            return true;
    return false;
}

/* "abcdefghijkl", "123456789012", "987654321098". */
static bool
is_sequence(const char *p, size_t len)
{
    for (int step = -1; step <= 1; step += 2) {
        size_t i = 1;

        while (i < len && (p[i] == p[i - 1] + step ||
                           (isdigit((unsigned char)p[i]) && isdigit((unsigned char)p[i - 1]) &&
                            (p[i] - p[i - 1] - step) % 10 == 0)))
            i++;
        if (i == len)
            return true;
    }
    return false;
}

bool
common_passwords_has(const char *password)
{
    char lower[LONGEST + 1];
    size_t len = strlen(password);

    if (repeats(password, len) || is_sequence(password, len))
        return true;
    if (len > LONGEST)
        return false;
    for (size_t i = 0; i <= len; i++)
        lower[i] = (char)tolower((unsigned char)password[i]);
    return listed(lower, len) || lengthened_word(lower, len);
}
