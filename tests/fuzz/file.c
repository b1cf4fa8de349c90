/*
 * What comes with a file: the first byte chooses what the rest is, a Range, a name, or the type and
 * the first bytes.
 */
#include <string.h>

#include "api/http/byte_range.h"
#include "api/http/file_name.h"
#include "api/http/media_type.h"
#include "common/text/text.h"
#include "tests/fuzz/fuzz.h"

#define SIZE 1000

/* A part lies within the content. */
static void
check_range(const char *header)
{
    struct byte_range range = {-1, -1};

    switch (byte_range_read(header, SIZE, &range)) {
    case BYTE_RANGE_PART:
        must(range.first >= 0 && range.first <= range.last && range.last < SIZE);
        break;
    case BYTE_RANGE_NONE:
    case BYTE_RANGE_WHOLE:
        must(range.first == -1 && range.last == -1);
        break;
    }
    must(byte_range_read(header, 0, &range) != BYTE_RANGE_PART);
}

/* An accepted name is sent in one line of printable ASCII, with one quoted string. */
static void
check_name(const char *name)
{
    struct text out = {0};
    int quotes = 0;

    if (!text_utf8(name, strlen(name)) || file_name_fault(name) != NULL)
        return;
    must(strpbrk(name, "/\\\r\n") == NULL);
    file_name_disposition(&out, "attachment", name);
    for (size_t i = 0; i < out.len; i++) {
        must(out.bytes[i] >= ' ' && out.bytes[i] <= '~');
        quotes += out.bytes[i] == '"';
    }
    must(quotes == 2);
    text_free(&out);
}

/* The type is a short line, and an image only if the bytes say so, whatever was declared. */
static void
check_type(const char *text, size_t len)
{
    const char *end = memchr(text, '\n', len);
    char type[MEDIA_TYPE_MAX + 1], without[MEDIA_TYPE_MAX + 1], declared[256] = "";

    if (end == NULL || (size_t)(end - text) >= sizeof(declared))
        return;
    memcpy(declared, text, (size_t)(end - text));
    len -= (size_t)(end + 1 - text);
    media_type_of(end + 1, len, declared, type);
    media_type_of(end + 1, len, NULL, without);
    must(strlen(type) >= 3 && strchr(type, '/') != NULL && strpbrk(type, " \t\r\n;,\"") == NULL);
    must(media_type_shown(type) == media_type_shown(without));
    must(strstr(type, "html") == NULL || strcmp(type, "text/html") != 0);
    must(strcmp(type, "image/svg+xml") != 0 && strcmp(type, "text/xml") != 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[4096];

    if (size < 1 || size > sizeof(text))
        return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    if (data[0] == 'r')
        check_range(text);
    else if (data[0] == 'n')
        check_name(text);
    else
        check_type(text, size - 1);
    return 0;
}
