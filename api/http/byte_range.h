/*
 * The header Range (RFC 9110, 14.2).  Pure.
 */
#ifndef API_HTTP_BYTE_RANGE_H
#define API_HTTP_BYTE_RANGE_H

#include <stdint.h>

/* Which part of a content is sent: the bytes from first to last, both included. */
struct byte_range {
    int64_t first, last;
};

enum byte_range_kind {
    BYTE_RANGE_WHOLE, /* no range, or one that is ignored: 200 */
    BYTE_RANGE_PART,  /* 206 */
    BYTE_RANGE_NONE,  /* the content has no such bytes: 416 */
};

/*
 * Reads the header (NULL: absent) for a content of size bytes; *out is set for BYTE_RANGE_PART.
 * Ignored, as the RFC allows: other units, what is malformed, and several ranges at once, since
 * their reply would be longer than the whole content.
 */
enum byte_range_kind byte_range_read(const char *header, int64_t size, struct byte_range *out);

#endif
