/*
 * Names of files: which are accepted, and how they are sent in Content-Disposition.  Pure.
 */
#ifndef API_HTTP_FILE_NAME_H
#define API_HTTP_FILE_NAME_H

struct text;

#define FILE_NAME_MAX 255 /* bytes: what file systems take (NAME_MAX of Linux) */

/*
 * Why a name (well-formed UTF-8) is not accepted; NULL: it is.  An accepted name is one that a
 * browser can save under as it is: without folders, and displayed as what it is.
 */
const char *file_name_fault(const char *name);

/*
 * Appends a value of Content-Disposition (RFC 6266): `inline` or `attachment`, the name for old
 * clients in ASCII, and the whole name as RFC 8187 encodes it.
 */
void file_name_disposition(struct text *out, const char *type, const char *name);

#endif
