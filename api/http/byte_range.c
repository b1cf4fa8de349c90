/*
 * One range, "bytes=first-last", "bytes=first-" or "bytes=-length".
 */
#include "api/http/byte_range.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define UNIT "bytes="

static const char *
skip_spaces(const char *p)
{
    return p + strspn(p, " \t");
}

/* Reads digits; a number that is too large becomes INT64_MAX.  NULL: there is no digit. */
static const char *
read_number(const char *p, int64_t *out)
{
    const char *begin = p;

    for (*out = 0; *p >= '0' && *p <= '9'; p++)
        *out = *out > (INT64_MAX - 9) / 10 ? INT64_MAX : *out * 10 + (*p - '0');
    return p == begin ? NULL : p;
}

/* The last `length` bytes. */
static enum byte_range_kind
suffix(int64_t length, int64_t size, struct byte_range *out)
{
    if (length == 0 || size == 0)
        return BYTE_RANGE_NONE;
    *out = (struct byte_range){length < size ? size - length : 0, size - 1};
    return BYTE_RANGE_PART;
}

static bool
ends(const char *p)
{
    return p != NULL && *skip_spaces(p) == '\0';
}

enum byte_range_kind
byte_range_read(const char *header, int64_t size, struct byte_range *out)
{
    int64_t first, last = INT64_MAX;
    const char *p;

    if (header == NULL || strncasecmp(header, UNIT, strlen(UNIT)) != 0)
        return BYTE_RANGE_WHOLE;
    p = skip_spaces(header + strlen(UNIT));
    if (*p == '-')
        return ends(read_number(p + 1, &last)) ? suffix(last, size, out) : BYTE_RANGE_WHOLE;
    if ((p = read_number(p, &first)) == NULL || *p++ != '-')
        return BYTE_RANGE_WHOLE;
    if (!ends(p) && (!ends(read_number(p, &last)) || last < first))
        return BYTE_RANGE_WHOLE;
    if (first >= size)
        return BYTE_RANGE_NONE;
    *out = (struct byte_range){first, last < size ? last : size - 1};
    return BYTE_RANGE_PART;
}
