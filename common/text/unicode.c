/*
 * Ranges of code points are from Unicode 15's Blocks.txt and
 * DerivedCoreProperties.txt (Default_Ignorable_Code_Point).
 */
#include "common/text/unicode.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "common/text/text.h"

struct range {
    int32_t first, last;
};

/* Accents, optional vowel points, and variation selectors. */
static const struct range accents[] = {
    {0x0300, 0x036F},   {0x0483, 0x0487}, {0x0591, 0x05BD}, {0x05BF, 0x05BF}, {0x05C1, 0x05C2},
    {0x05C4, 0x05C5},   {0x05C7, 0x05C7}, {0x0610, 0x061A}, {0x0640, 0x0640}, {0x064B, 0x065F},
    {0x0670, 0x0670},   {0x06D6, 0x06DC}, {0x06DF, 0x06E4}, {0x06E7, 0x06E8}, {0x06EA, 0x06ED},
    {0x1AB0, 0x1AFF},   {0x1DC0, 0x1DFF}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F},
    {0xE0100, 0xE01EF},
};

/*
 * Scripts written without spaces between words, and Hangul, where particles are attached to words.
 */
static const struct range unspaced[] = {
    {0x0E01, 0x0EFF},   {0x1000, 0x109F},   {0x1100, 0x11FF}, {0x1780, 0x17DD}, {0x1950, 0x19DF},
    {0x1A20, 0x1AAD},   {0x2E80, 0x2FD5},   {0x3005, 0x3007}, {0x3021, 0x3029}, {0x3031, 0x3035},
    {0x303B, 0x303C},   {0x3041, 0x3096},   {0x3099, 0x309A}, {0x309D, 0x309F}, {0x30A1, 0x30FA},
    {0x30FC, 0x318E},   {0x31A0, 0x31BF},   {0x31F0, 0x31FF}, {0x3400, 0x4DBF}, {0x4E00, 0x9FFF},
    {0xA960, 0xA97F},   {0xA9E0, 0xA9FE},   {0xAA60, 0xAA7F}, {0xAC00, 0xD7FF}, {0xF900, 0xFAFF},
    {0x1AFF0, 0x1B16F}, {0x20000, 0x3FFFD},
};

/* Characters that are invisible although their category does not show it. */
static const struct range blank[] = {
    {0x115F, 0x1160}, {0x2800, 0x2800},   {0x3164, 0x3164},   {0xFFA0, 0xFFA0},
    {0xFFF0, 0xFFF8}, {0x1D159, 0x1D159}, {0xE0000, 0xE0FFF},
};

static const struct {
    int32_t point;
    const char *letters;
} plain_letters[] = {
    {0xE6, "ae"},        {0xF0, "d"},         {0xF8, "o"},         {0xFE, "th"},
    {0x111, "d"},        {0x127, "h"},        {0x131, "i"},        {0x142, "l"},
    {0x14B, "n"},        {0x153, "oe"},       {0x167, "t"},        {0x2BC, "'"},
    {0x649, "\xD9\x8A"}, {0x6A9, "\xD9\x83"}, {0x6C1, "\xD9\x87"}, {0x6CC, "\xD9\x8A"},
    {0x6D5, "\xD9\x87"},
};

/* The zeros of other scripts' decimal digits, each followed by the other nine. */
static const int32_t zeros[] = {0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6,
                                0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0DE6, 0x0E50,
                                0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810};

static bool
within(const struct range *ranges, size_t count, int32_t point)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (point > ranges[middle].last)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && point >= ranges[low].first;
}

#define WITHIN(ranges, point) within(ranges, sizeof(ranges) / sizeof((ranges)[0]), point)

int
unicode_next(const char *text, int32_t *point)
{
    utf8proc_ssize_t step;

    if ((unsigned char)*text < 0x80) {
        *point = (unsigned char)*text;
        return *text != '\0';
    }
    step = utf8proc_iterate((const utf8proc_uint8_t *)text, -1, point);
    return step > 0 ? (int)step : 0;
}

static bool
is_ascii(const char *text)
{
    while ((unsigned char)*text >= 0x01 && (unsigned char)*text < 0x80)
        text++;
    return *text == '\0';
}

static char *
map(const char *text, utf8proc_option_t options)
{
    utf8proc_uint8_t *out = NULL;

    if (utf8proc_map((const utf8proc_uint8_t *)text, 0, &out, UTF8PROC_NULLTERM | options) < 0)
        return text_dup(""); /* not UTF-8: nothing to search for */
    return (char *)out;
}

static void
add_point(struct text *t, int32_t point)
{
    utf8proc_uint8_t bytes[4];

    text_add(t, (char *)bytes, (size_t)utf8proc_encode_char(point, bytes));
}

static const char *
plain_letter(int32_t point)
{
    for (size_t i = 0; i < sizeof(plain_letters) / sizeof(plain_letters[0]); i++)
        if (plain_letters[i].point == point)
            return plain_letters[i].letters;
    return NULL;
}

int
unicode_digit(int32_t point)
{
    if (point < 0x80)
        return point >= '0' && point <= '9' ? (int)(point - '0') : -1;
    for (size_t i = 0; i < sizeof(zeros) / sizeof(zeros[0]); i++)
        if (point >= zeros[i] && point < zeros[i] + 10)
            return (int)(point - zeros[i]);
    return -1;
}

/* Is it left out of a folded text? */
static bool
is_dropped(int32_t point)
{
    return WITHIN(accents, point) ||
           (point != 0x200B && utf8proc_category(point) == UTF8PROC_CATEGORY_CF);
}

/* Steps 2 and 3 of folding. */
static char *
plain(const char *text)
{
    struct text out = {0};
    int32_t point;
    int step;

    text_add(&out, "", 0);
    for (; (step = unicode_next(text, &point)) > 0; text += step) {
        const char *letters = point < 0x80 ? NULL : plain_letter(point);
        int digit = point < 0x80 ? -1 : unicode_digit(point);

        if (letters != NULL)
            text_puts(&out, letters);
        else if (digit >= 0)
            text_putc(&out, (char)('0' + digit));
        else if (point < 0x80 || !is_dropped(point))
            text_add(&out, text, (size_t)step);
    }
    return out.bytes;
}

char *
unicode_fold(const char *text)
{
    char *decomposed, *without, *out;

    if (is_ascii(text)) { /* most texts are: no tables are needed */
        out = text_dup(text);
        for (char *p = out; *p != '\0'; p++)
            if (*p >= 'A' && *p <= 'Z')
                *p |= 0x20;
        return out;
    }
    decomposed = map(text, UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD);
    without = plain(decomposed);
    out = map(without, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    free(decomposed);
    free(without);
    return out;
}

char *
unicode_nfkc(const char *text)
{
    return is_ascii(text) ? text_dup(text)
                          : map(text, UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT);
}

static bool
is_space(int32_t point)
{
    utf8proc_category_t category = utf8proc_category(point);

    return (point >= '\t' && point <= '\r') || point == 0x85 || category == UTF8PROC_CATEGORY_ZS ||
           category == UTF8PROC_CATEGORY_ZL || category == UTF8PROC_CATEGORY_ZP;
}

char *
unicode_typed(const char *text)
{
    char *normal = unicode_nfkc(text);
    struct text out = {0};
    size_t end = 0; /* after the last character that is not a space */
    int32_t point;
    int step;

    text_add(&out, "", 0);
    for (const char *p = normal; (step = unicode_next(p, &point)) > 0; p += step) {
        bool space = is_space(point);

        if ((utf8proc_category(point) == UTF8PROC_CATEGORY_CF && point != 0x200C &&
             point != 0x200D) ||
            (space && out.len == 0))
            continue;
        if ((point >= 0x2010 && point <= 0x2013) || point == 0x2212)
            point = '-';
        add_point(&out, point);
        if (!space)
            end = out.len;
    }
    out.bytes[end] = '\0';
    free(normal);
    return out.bytes;
}

static bool
shows(int32_t point)
{
    if (point < 0x80)
        return point > ' ' && point != 0x7F;
    switch (utf8proc_category(point)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
        return false;
    default: /* a character not assigned yet may be a new emoji */
        return !WITHIN(blank, point);
    }
}

bool
unicode_visible(const char *text, size_t len)
{
    const char *end = text + len;
    int32_t point;
    int step;

    for (; text < end && (step = unicode_next(text, &point)) > 0; text += step)
        if (shows(point))
            return true;
    return false;
}

enum unicode_class
unicode_class(int32_t point)
{
    utf8proc_category_t category;

    if ((point >= 'a' && point <= 'z') || (point >= '0' && point <= '9'))
        return UNICODE_WORD;
    category = utf8proc_category(point);
    switch (category) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_NL:
        return WITHIN(unspaced, point) ? UNICODE_UNSPACED : UNICODE_WORD;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NO:
        return UNICODE_WORD;
    case UTF8PROC_CATEGORY_SM:
    case UTF8PROC_CATEGORY_SC:
    case UTF8PROC_CATEGORY_SK:
    case UTF8PROC_CATEGORY_SO:
    case UTF8PROC_CATEGORY_CO:
        return UNICODE_SYMBOL;
    case UTF8PROC_CATEGORY_CN: /* an emoji newer than these tables */
        return WITHIN(blank, point) ? UNICODE_OTHER : UNICODE_SYMBOL;
    default:
        return UNICODE_OTHER;
    }
}
