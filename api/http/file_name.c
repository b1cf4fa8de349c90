/*
 * Names are checked where they come in, and encoded where they leave.
 */
#include "api/http/file_name.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/text/text.h"
#include "common/text/unicode.h"

/* Controls, and what hides or reorders the characters around it. */
static bool
is_deceptive(int32_t point)
{
    return point < 0x20 || (point >= 0x7F && point < 0xA0) ||       /* C0, DEL, C1 */
           point == 0x061C || point == 0x200E || point == 0x200F || /* direction marks */
           (point >= 0x2028 && point <= 0x202E) || /* separators, embeddings, overrides */
           (point >= 0x2066 && point <= 0x206F) || /* isolates, deprecated format characters */
           point == 0xFEFF || (point >= 0xFFF9 && point <= 0xFFFB);
}

const char *
file_name_fault(const char *name)
{
    size_t len = strlen(name);
    int32_t point;

    if (len > FILE_NAME_MAX)
        return "must have at most 255 bytes";
    if (!unicode_visible(name, len))
        return "must have a visible character";
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return "must not be . or ..";
    for (int n; (n = unicode_next(name, &point)) > 0; name += n) {
        if (point == '/' || point == '\\')
            return "must not contain / or \\";
        if (is_deceptive(point))
            return "must not contain control or direction characters";
    }
    return NULL;
}

/* One character for each code point that cannot be sent in a quoted string. */
static void
add_ascii(struct text *out, const char *name)
{
    int32_t point;

    for (int n; (n = unicode_next(name, &point)) > 0; name += n)
        text_putc(out, point < 0x7F && strchr("\"\\%", (int)point) == NULL ? (char)point : '_');
}

/* attr-char of RFC 8187; everything else as percent and two hex digits. */
static void
add_encoded(struct text *out, const char *name)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                "!#$&+-.^_`|~";

    for (; *name != '\0'; name++) {
        if (strchr(plain, *name) != NULL)
            text_putc(out, *name);
        else
            text_printf(out, "%%%02X", (unsigned)(unsigned char)*name);
    }
}

void
file_name_disposition(struct text *out, const char *type, const char *name)
{
    text_printf(out, "%s; filename=\"", type);
    add_ascii(out, name);
    text_puts(out, "\"; filename*=UTF-8''");
    add_encoded(out, name);
}
