/*
 * Folding, normal forms, and texts without visible characters.
 */
#include "common/text/unicode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

/* The rows of the file that the web client is tested with too. */
static void
test_folding(void **state)
{
    FILE *file = fopen("tests/folding.tsv", "re");
    char line[256];
    int rows = 0;

    (void)state;
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        char *wanted = strchr(line, '\t'), *folded, *again;

        if (line[0] == '#' || wanted == NULL)
            continue;
        *wanted++ = '\0';
        wanted[strcspn(wanted, "\n")] = '\0';
        folded = unicode_fold(line);
        again = unicode_fold(folded);
        if (!unit_same(folded, wanted) || !unit_same(again, wanted))
            unit_wrong("'%s' is folded to '%s', that to '%s'", line, folded, again);
        free(folded);
        free(again);
        rows++;
    }
    fclose(file);
    assert_true(rows > 20);
    unit_rows_done();
}

/* clang-format off */
static const struct {
    const char *text;
    bool visible;
} texts[] = {
    {"a", true}, {" a ", true}, {".", true}, {"-", true}, {"\xC2\xA0x", true}, {"\xE5\xAE\xB6", true},
    {"\xF0\x9F\x9A\x80", true},            /* a rocket */
    {"\xF0\x9F\xAB\xA8", true},            /* an emoji newer than most tables: U+1FAE8 */
    {"\xE2\x9D\xA4\xEF\xB8\x8F", true},    /* a heart and U+FE0F */
    {"e\xCC\x81", true}, {"\xEF\xBF\xBD", true}, {"\xEE\x80\x80", true}, /* for private use: some font has it */
    {"", false}, {" ", false}, {"   ", false}, {"\t", false}, {"\n", false}, {"\r\n", false}, {"\x07", false},
    {"\x7F", false}, {"\xC2\x85", false},  /* U+0085 */
    {"\xC2\xA0", false},                   /* no-break space */
    {"\xC2\xAD", false},                   /* soft hyphen */
    {"\xCC\x81\xCC\x82", false},           /* accents alone */
    {"\xCD\x8F", false},                   /* U+034F */
    {"\xD8\x9C", false},                   /* U+061C */
    {"\xE1\x85\x9F\xE1\x85\xA0", false},   /* Hangul fillers */
    {"\xE1\x9E\xB4", false},               /* U+17B4 */
    {"\xE1\xA0\x8B\xE1\xA0\x8E", false},   /* Mongolian selectors */
    {"\xE2\x80\x8B", false},               /* zero width space */
    {"\xE2\x80\x8D", false}, {"\xE2\x80\x8E\xE2\x80\x8F", false}, {"\xE2\x80\xA8\xE2\x80\xA9", false},
    {"\xE2\x80\xAD\xE2\x80\xAC", false},   /* U+202D U+202C */
    {"\xE2\x81\xA0", false}, {"\xE2\xA0\x80", false}, /* word joiner; blank Braille pattern */
    {"\xE3\x80\x80", false}, {"\xE3\x85\xA4", false}, /* ideographic space; Hangul filler */
    {"\xEF\xB8\x8F", false}, {"\xEF\xBB\xBF", false}, {"\xEF\xBE\xA0", false},
    {"\xF0\x9D\x85\x99", false},           /* null note head */
    {"\xF3\xA0\x80\xA0", false}, {"\xF3\xA0\x84\x80", false}, /* a tag, a variation selector */
    {" \xE2\x80\x8B\n\xE3\x85\xA4\xCC\x81", false},
};

static const struct {
    const char *text, *typed;
} typings[] = {
    {"a@b.org", "a@b.org"}, {" a@b.org ", "a@b.org"}, {"\ta@b.org\r\n", "a@b.org"}, {"", ""}, {" \xE2\x80\x8B ", ""},
    {"\xE2\x80\xAD+49 170\xE2\x80\xAC", "+49 170"}, {"a\xE2\x80\x91" "b", "a-b"}, {"1\xE2\x88\x92" "2", "1-2"},
    {"\xC2\xA0+49\xC2\xA0" "170\xE2\x80\xAF", "+49 170"}, {"\xEF\xBB\xBF" "a\xC2\xAD" "b", "ab"},
    {"\xEF\xBC\x8B\xEF\xBC\x94\xEF\xBC\x99", "+49"}, {"a b", "a b"},
};
/* clang-format on */

static void
test_visible(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++)
        if (unicode_visible(texts[i].text, strlen(texts[i].text)) != texts[i].visible)
            unit_wrong("row %zu, '%s'", i, texts[i].text);
    unit_rows_done();
}

static void
test_typed(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(typings); i++) {
        char *typed = unicode_typed(typings[i].text);

        if (!unit_same(typed, typings[i].typed))
            unit_wrong("row %zu: '%s'", i, typed);
        free(typed);
    }
    unit_rows_done();
}

static void
test_nfkc(void **state)
{
    char *composed = unicode_nfkc("e\xCC\x81\xEF\xBC\xA1\xE2\x84\xAB");

    (void)state;
    assert_string_equal(composed, "\xC3\xA9"
                                  "A\xC3\x85");
    free(composed);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folding),
        cmocka_unit_test(test_visible),
        cmocka_unit_test(test_typed),
        cmocka_unit_test(test_nfkc),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
