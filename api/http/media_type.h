/*
 * What a file is, by its first bytes and by what its sender says.  Pure.
 */
#ifndef API_HTTP_MEDIA_TYPE_H
#define API_HTTP_MEDIA_TYPE_H

#include <stdbool.h>
#include <stddef.h>

#define MEDIA_TYPE_MAX    100 /* characters */
#define MEDIA_TYPE_SNIFFS 512 /* bytes that are looked at */

/*
 * The type of a file that begins with these bytes; declared: the Content-Type that came with it, or
 * NULL.  Bytes that are recognized decide.  Otherwise the declared type, in lower case and without
 * parameters, unless it is malformed, names a format that the bytes would have to show, or one that
 * browsers run (HTML, SVG, XML, scripts); then text/plain or application/octet-stream.
 */
void media_type_of(const char *bytes, size_t len, const char *declared,
                   char out[MEDIA_TYPE_MAX + 1]);

/* Is it one of the images that browsers may show in place?  Only recognized bytes have such a type.
 */
bool media_type_shown(const char *type);

#endif
