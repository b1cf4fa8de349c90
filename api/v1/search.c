/*
 * Words for ?q=: case and accents folded by utf8proc, split at what is neither
 * letter nor digit.  A query's words are prefixes of stored ones.
 */
#include "api/v1/tasks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "api/request.h"

#define TERMS_MAX 300 /* of one task */
#define TERM_MAX  40  /* bytes of a word; longer ones are cut */
#define WORDS_MAX 10  /* of a query */

typedef void (*each_word)(void *arg, const char *word);

static bool
is_word(utf8proc_int32_t point)
{
    if (point < 0x80)
        return (point >= 'a' && point <= 'z') || (point >= '0' && point <= '9');
    switch (utf8proc_category(point)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
        return true;
    default:
        return false;
    }
}

/* A malloc'ed folded copy; its length.  Text that is ASCII alone, as most is, needs no tables. */
static utf8proc_ssize_t
fold(const char *text, utf8proc_uint8_t **out)
{
    size_t len = strlen(text);
    unsigned char *copy, all = 0;

    for (size_t i = 0; i < len; i++)
        all |= (unsigned char)text[i];
    if (all >= 0x80)
        return utf8proc_map((const utf8proc_uint8_t *)text, 0, out,
                            UTF8PROC_NULLTERM | UTF8PROC_CASEFOLD | UTF8PROC_DECOMPOSE |
                                UTF8PROC_COMPAT | UTF8PROC_STRIPMARK);
    *out = copy = (unsigned char *)text_dup(text);
    for (size_t i = 0; i < len; i++)
        if (copy[i] >= 'A' && copy[i] <= 'Z')
            copy[i] |= 0x20;
    return (utf8proc_ssize_t)len;
}

static void
walk_words(const char *text, each_word each, void *arg)
{
    utf8proc_uint8_t *folded = NULL;
    char word[TERM_MAX + 1];
    size_t len = 0;
    utf8proc_ssize_t n = fold(text, &folded);

    for (utf8proc_ssize_t at = 0; at <= n;) {
        utf8proc_int32_t point = 0;
        utf8proc_ssize_t step = 1;

        if (at < n && folded[at] < 0x80)
            point = folded[at];
        else if (at < n)
            step = utf8proc_iterate(folded + at, n - at, &point);
        if (step <= 0)
            break;
        if (at < n && is_word(point)) {
            if (len + (size_t)step <= TERM_MAX) {
                memcpy(word + len, folded + at, (size_t)step);
                len += (size_t)step;
            }
        } else if (len > 0) {
            word[len] = '\0';
            each(arg, word);
            len = 0;
        }
        at += step;
    }
    free(folded);
}

struct collection {
    char *words[TERMS_MAX];
    int count;
};

static void
collect(void *arg, const char *word)
{
    struct collection *c = arg;

    if (c->count < TERMS_MAX && (c->words[c->count] = strdup(word)) != NULL)
        c->count++;
}

static int
compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void
search_terms(bson_t *terms, const char *const *texts, int count)
{
    struct collection c = {.count = 0};
    const char *last = "";
    char place[16];
    const char *key;
    uint32_t n = 0;

    for (int i = 0; i < count; i++)
        if (texts[i] != NULL)
            walk_words(texts[i], collect, &c);
    qsort(c.words, (size_t)c.count, sizeof(c.words[0]), compare);
    for (int i = 0; i < c.count; i++) {
        if (strcmp(c.words[i], last) != 0) {
            bson_uint32_to_string(n++, &key, place, sizeof(place));
            BSON_APPEND_UTF8(terms, key, c.words[i]);
        }
        last = c.words[i];
    }
    for (int i = 0; i < c.count; i++)
        free(c.words[i]);
}

struct conditions {
    bson_t *all;
    int count;
};

/* {terms: {$gte: word, $lt: word and the highest character}} of one and the same element */
static void
add_condition(void *arg, const char *word)
{
    struct conditions *c = arg;
    bson_t match, range;
    char key[16], *end;

    if (c->count == WORDS_MAX)
        return;
    end = malloc(strlen(word) + 5);
    if (end == NULL)
        abort();
    sprintf(end, "%s\xF4\x8F\xBF\xBF", word);
    snprintf(key, sizeof(key), "%d", c->count++);
    BSON_APPEND_DOCUMENT_BEGIN(c->all, key, &match);
    BSON_APPEND_DOCUMENT_BEGIN(&match, "$elemMatch", &range);
    BSON_APPEND_UTF8(&range, "$gte", word);
    BSON_APPEND_UTF8(&range, "$lt", end);
    bson_append_document_end(&match, &range);
    bson_append_document_end(c->all, &match);
    free(end);
}

enum err
search_filter(struct request *r, const char *q, bson_t *filter)
{
    bson_t terms, all;
    struct conditions c = {&all, 0};

    if (strlen(q) > 500)
        return request_bad_param(r, "q", "must have at most 500 bytes");
    BSON_APPEND_DOCUMENT_BEGIN(filter, "terms", &terms);
    BSON_APPEND_ARRAY_BEGIN(&terms, "$all", &all);
    walk_words(q, add_condition, &c);
    bson_append_array_end(&terms, &all);
    bson_append_document_end(filter, &terms);
    return c.count > 0 ? ERR_NONE : request_bad_param(r, "q", "has no word to look for");
}
