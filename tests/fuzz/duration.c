/*
 * Durations: whatever is accepted is not negative and cannot overflow, and nothing else follows it.
 */
#include <string.h>

#include "common/time/duration.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[DURATION_TEXT_MAX + 2];
    struct duration d, other;

    if (size > DURATION_TEXT_MAX || memchr(data, '\0', size) != NULL)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    if (!duration_read(text, &d))
        return 0;
    must(text[0] == 'P' && d.days >= 0 && d.ms >= 0);
    must(d.days <= 7LL * 999999999 && d.ms <= 999999999LL * 3661000);
    strcat(text, "1"); /* a number without a unit */
    must(!duration_read(text, &other));
    return 0;
}
