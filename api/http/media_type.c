/*
 * The signatures are those of the WHATWG's "MIME Sniffing", 6 to 7.
 */
#include "api/http/media_type.h"

#include <string.h>

#include "common/text/text.h"

#define OCTETS "application/octet-stream"
#define PLAIN  "text/plain"

/* clang-format off */
static const struct {
    const char *type;
    const char *begins;
    size_t len;
    const char *at_8; /* what follows at byte 8; NULL: anything */
    bool shown;
} signatures[] = {
    {"image/png",          "\x89PNG\r\n\x1A\n", 8, NULL,     true},
    {"image/jpeg",         "\xFF\xD8\xFF",      3, NULL,     true},
    {"image/gif",          "GIF87a",            6, NULL,     true},
    {"image/gif",          "GIF89a",            6, NULL,     true},
    {"image/webp",         "RIFF",              4, "WEBPVP", true},
    {"application/pdf",    "%PDF-",             5, NULL,     false},
};

/* Declared types that are not believed: what browsers run, and containers of such. */
static const char *const refused[] = {
    "text/html", "application/xhtml+xml", "image/svg+xml", "text/xml", "application/xml",
    "text/javascript", "application/javascript", "application/ecmascript", "text/ecmascript",
    "application/x-javascript", "text/xsl", "application/xslt+xml", "multipart/related",
    "message/rfc822", "application/x-shockwave-flash", "text/cache-manifest",
};
/* clang-format on */

static const char *
recognized(const char *bytes, size_t len)
{
    for (size_t i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++) {
        const char *more = signatures[i].at_8;

        if (len < signatures[i].len || memcmp(bytes, signatures[i].begins, signatures[i].len) != 0)
            continue;
        if (more == NULL || (len >= 8 + strlen(more) && memcmp(bytes + 8, more, strlen(more)) == 0))
            return signatures[i].type;
    }
    return NULL;
}

static bool
is_signature(const char *type)
{
    for (size_t i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++)
        if (strcmp(signatures[i].type, type) == 0)
            return true;
    return false;
}

bool
media_type_shown(const char *type)
{
    for (size_t i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++)
        if (signatures[i].shown && strcmp(signatures[i].type, type) == 0)
            return true;
    return false;
}

/* Copies "type/subtype" (RFC 6838, 4.2) in lower case; false if it is malformed or too long. */
static bool
read_declared(const char *declared, char out[MEDIA_TYPE_MAX + 1])
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789!#$&-^_.+/";
    size_t len = strcspn(declared, "; \t,");
    const char *slash;

    if (len > MEDIA_TYPE_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        out[i] = (char)(declared[i] >= 'A' && declared[i] <= 'Z' ? declared[i] + 32 : declared[i]);
    out[len] = '\0';
    slash = strchr(out, '/');
    return slash != NULL && slash > out && slash[1] != '\0' && strchr(slash + 1, '/') == NULL &&
           strspn(out, allowed) == len;
}

static bool
is_believed(const char *type)
{
    size_t len = strlen(type);

    if (is_signature(type) || (len > 4 && strcmp(type + len - 4, "+xml") == 0))
        return false;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        if (strcmp(refused[i], type) == 0)
            return false;
    return true;
}

/* Text in UTF-8 without controls; the last character may be cut off. */
static bool
is_text(const char *bytes, size_t len)
{
    size_t whole = len;

    for (size_t i = 0; i < len; i++)
        if ((unsigned char)bytes[i] < 0x20 && memchr("\t\n\r\f", bytes[i], 4) == NULL)
            return false;
    for (int cut = 0; cut < 3 && whole > 0 && !text_utf8(bytes, whole); cut++)
        whole--;
    return len > 0 && text_utf8(bytes, whole);
}

void
media_type_of(const char *bytes, size_t len, const char *declared, char out[MEDIA_TYPE_MAX + 1])
{
    size_t seen = len < MEDIA_TYPE_SNIFFS ? len : MEDIA_TYPE_SNIFFS;
    const char *type = recognized(bytes, seen);

    if (type == NULL && declared != NULL && read_declared(declared, out) && is_believed(out))
        return;
    if (type == NULL)
        type = is_text(bytes, seen) ? PLAIN : OCTETS;
    strcpy(out, type);
}
