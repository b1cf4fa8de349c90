/*
 * One pass over the folded text.  Words and runs end where the class of characters changes.
 */
#include "common/text/terms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/vec.h"
#include "common/text/doc.h"
#include "common/text/text.h"
#include "common/text/unicode.h"

struct cutter {
    terms_each each;
    void *arg;
    char word[TERM_MAX + 1];   /* the word so far */
    char before[TERM_MAX + 1]; /* the previous character in a run of a script without spaces */
    size_t len;
    int run; /* how many characters the run has */
    bool query;
};

/* Ends a word or a run.  The last word of a query may be incomplete. */
static void
end_word(struct cutter *c, bool last)
{
    if (c->len > 0) {
        c->word[c->len] = '\0';
        c->each(c->arg, c->word, last);
    }
    /* In a query it belongs to the pair before it, unless it is alone. */
    if (c->run == 1 || (c->run > 1 && !c->query))
        c->each(c->arg, c->before, true);
    c->len = 0;
    c->run = 0;
}

static void
add_to_word(struct cutter *c, const char *bytes, size_t len)
{
    if (c->run > 0)
        end_word(c, false);
    if (c->len + len <= TERM_MAX) {
        memcpy(c->word + c->len, bytes, len);
        c->len += len;
    }
}

static void
add_to_run(struct cutter *c, const char *bytes, size_t len)
{
    char pair[2 * TERM_MAX];

    if (c->len > 0)
        end_word(c, false);
    if (c->run++ > 0) {
        snprintf(pair, sizeof(pair), "%s%.*s", c->before, (int)len, bytes);
        c->each(c->arg, pair, false);
    }
    snprintf(c->before, sizeof(c->before), "%.*s", (int)len, bytes);
}

static void
cut(const char *text, bool query, terms_each each, void *arg)
{
    struct cutter c = {.each = each, .arg = arg, .query = query};
    char *folded = unicode_fold(text), symbol[8];
    int32_t point;
    int step;

    for (const char *p = folded; (step = unicode_next(p, &point)) > 0; p += step) {
        switch (unicode_class(point)) {
        case UNICODE_WORD:
            add_to_word(&c, p, (size_t)step);
            break;
        case UNICODE_UNSPACED:
            add_to_run(&c, p, (size_t)step);
            break;
        case UNICODE_SYMBOL:
            end_word(&c, false);
            snprintf(symbol, sizeof(symbol), "%.*s", step, p);
            each(arg, symbol, false);
            break;
        case UNICODE_OTHER:
            end_word(&c, p[step] == '\0');
            break;
        }
    }
    end_word(&c, true);
    free(folded);
}

void
terms_of_query(const char *query, terms_each each, void *arg)
{
    cut(query, true, each, arg);
}

struct collection {
    char **terms;
    uint32_t count, size;
};

static void
collect(void *arg, const char *term, bool prefix)
{
    struct collection *c = arg;

    (void)prefix;
    c->terms = vec_room(c->terms, c->count, &c->size, sizeof(*c->terms));
    c->terms[c->count++] = text_dup(term);
}

static int
compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void
terms_append(bson_t *array, const char *const *texts, int count)
{
    struct collection c = {0};
    const char *last = "";
    struct doc_array out = {array, 0};

    for (int i = 0; i < count; i++)
        if (texts[i] != NULL)
            cut(texts[i], false, collect, &c);
    if (c.count > 0)
        qsort(c.terms, c.count, sizeof(c.terms[0]), compare);
    for (uint32_t i = 0; i < c.count; i++) {
        if (strcmp(c.terms[i], last) != 0)
            doc_array_add_text(&out, c.terms[i]);
        last = c.terms[i];
    }
    for (uint32_t i = 0; i < c.count; i++)
        free(c.terms[i]);
    free(c.terms);
}

/* A query's term among the terms of one text. */
struct matching {
    const struct collection *terms;
    uint32_t wanted, found;
};

static void
look_up(void *arg, const char *term, bool prefix)
{
    struct matching *m = arg;
    size_t len = strlen(term) + !prefix; /* with the NUL, the whole term must be equal */
    bool found = false;

    for (uint32_t i = 0; !found && i < m->terms->count; i++)
        found = strncmp(m->terms->terms[i], term, len) == 0;
    m->wanted++;
    m->found += found;
}

static struct matching
compare_terms(const char *query, const char *text)
{
    struct collection c = {0};
    struct matching m = {&c, 0, 0};

    cut(text, false, collect, &c);
    terms_of_query(query, look_up, &m);
    for (uint32_t i = 0; i < c.count; i++)
        free(c.terms[i]);
    free(c.terms);
    m.terms = NULL;
    return m;
}

bool
terms_match(const char *query, const char *text)
{
    struct matching m = compare_terms(query, text);

    return m.wanted > 0 && m.found == m.wanted;
}

int
terms_found(const char *query, const char *text)
{
    return (int)compare_terms(query, text).found;
}
