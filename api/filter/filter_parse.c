/*
 * A lexer that looks one token ahead, and a function for each rule of the grammar.  The depth is
 * checked before each descent, so a deep filter is refused where it becomes too deep.
 */
#include "api/filter/filter.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/id.h"
#include "common/text/terms.h"
#include "common/text/text.h"
#include "common/text/unicode.h"

enum field_type { WORDS, NAME, PERSON, PARENT, RANK, NUMBER, TIME, YES_NO };

#define EQUALITY (1u << OP_EQUAL | 1u << OP_IN)
#define ORDERED  (EQUALITY | 1u << OP_LESS | 1u << OP_AT_MOST | 1u << OP_GREATER | 1u << OP_AT_LEAST)
#define SEARCHED (EQUALITY | 1u << OP_WORDS)

#define ANY_FIELD                                                                                  \
    "a field: title, description, status, priority, due, start, created, updated, completed, "     \
    "assignee, creator, label, project, parent, number, recurring, done or archived"

/* clang-format off */
static const struct {
    const char *name;
    enum field_type type;
    unsigned ops; /* a bit for each enum filter_operator */
} fields[FILTER__COUNT] = {
    [FILTER_TITLE]       = {"title",       WORDS,  SEARCHED},
    [FILTER_DESCRIPTION] = {"description", WORDS,  SEARCHED},
    [FILTER_STATUS]      = {"status",      NAME,   SEARCHED},
    [FILTER_PRIORITY]    = {"priority",    RANK,   ORDERED},
    [FILTER_DUE]         = {"due",         TIME,   ORDERED},
    [FILTER_START]       = {"start",       TIME,   ORDERED},
    [FILTER_CREATED]     = {"created",     TIME,   ORDERED},
    [FILTER_UPDATED]     = {"updated",     TIME,   ORDERED},
    [FILTER_COMPLETED]   = {"completed",   TIME,   ORDERED},
    [FILTER_ASSIGNEE]    = {"assignee",    PERSON, SEARCHED},
    [FILTER_CREATOR]     = {"creator",     PERSON, SEARCHED},
    [FILTER_LABEL]       = {"label",       NAME,   SEARCHED},
    [FILTER_PROJECT]     = {"project",     NAME,   SEARCHED},
    [FILTER_PARENT]      = {"parent",      PARENT, EQUALITY},
    [FILTER_NUMBER]      = {"number",      NUMBER, ORDERED},
    [FILTER_RECURRING]   = {"recurring",   YES_NO, EQUALITY},
    [FILTER_DONE]        = {"done",        YES_NO, EQUALITY},
    [FILTER_ARCHIVED]    = {"archived",    YES_NO, EQUALITY},
};
static const char *const priorities[] = {"none", "low", "medium", "high", "urgent"};
static const char *const expected_values[] = {
    [WORDS]  = "a text, in quotes if it has several words",
    [NAME]   = "a name, in quotes if it has several words, an id or null",
    [PERSON] = "me, a name, in quotes if it has several words, an id or null",
    [PARENT] = "an id of 24 hex digits or null",
    [RANK]   = "none, low, medium, high or urgent",
    [NUMBER] = "a number",
    [TIME]   = "a date like 2030-01-31, today, today+3d or now-1h, with the units h, d, w, mo and y",
    [YES_NO] = "true or false",
};
/* clang-format on */

#define NUMBER_DIGITS 15 /* most digits of a number */

enum token_kind { END, WORD, QUOTED, OPEN, CLOSE, COMMA, OPERATOR };

struct token {
    enum token_kind kind;
    const char *at, *end; /* in the filter */
    const char *text;     /* of WORD and QUOTED, without quotes */
    const char *folded;   /* of WORD and QUOTED */
};

struct parser {
    struct arena *arena;
    const char *start;
    struct token token; /* the next one */
    struct filter_tree *filter;
    struct filter_comparison **last;
    int comparisons, values, depth;
    struct filter_error *error;
    bool failed;
};

static int
position(const struct parser *p, const char *at)
{
    return (int)text_points(p->start, (size_t)(at - p->start));
}

/* Notes the first fault; always returns NULL. */
static void *
fail(struct parser *p, const char *at, const char *expected)
{
    if (!p->failed)
        *p->error = (struct filter_error){position(p, at), expected};
    p->failed = true;
    return NULL;
}

/* ------------------------------------------------------------ tokens */

/* The length of the white space at p; 0: none. */
static size_t
space(const char *p)
{
    int32_t c;
    int step = unicode_next(p, &c);
    bool blank = c == ' ' || (c >= '\t' && c <= '\r') || c == 0x85 || c == 0xA0 || c == 0x1680 ||
                 (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
                 c == 0x205F || c == 0x3000;

    return step > 0 && blank ? (size_t)step : 0;
}

static char *
fold(struct parser *p, const char *text)
{
    char *folded = unicode_fold(text), *kept = arena_dup(p->arena, folded);

    free(folded);
    return kept;
}

/* The text in quotes from t->at on; a backslash takes the meaning from a quote or a backslash. */
static void
read_quoted(struct parser *p, struct token *t)
{
    char quote = *t->at, *out = arena_alloc(p->arena, strlen(t->at));
    const char *from = t->at + 1;
    size_t len = 0;

    for (; *from != '\0' && *from != quote; from++) {
        if (*from == '\\' && (from[1] == quote || from[1] == '\\'))
            from++;
        out[len++] = *from;
    }
    t->kind = QUOTED;
    t->text = out;
    t->end = from;
    if (*from == '\0')
        fail(p, from, "a closing quote");
    else
        t->end++;
}

static void
read_word(struct parser *p, struct token *t)
{
    t->kind = WORD;
    for (t->end = t->at; *t->end != '\0' && strchr("(),=!<>~", *t->end) == NULL;) {
        int32_t c;

        if (space(t->end) > 0)
            break;
        t->end += unicode_next(t->end, &c);
    }
    t->text = arena_copy(p->arena, t->at, (size_t)(t->end - t->at));
}

/* Reads the next token. */
static void
advance(struct parser *p)
{
    static const char signs[] = "(),";
    static const enum token_kind kinds[] = {OPEN, CLOSE, COMMA};
    struct token t = {.kind = END, .at = p->token.end};
    const char *sign;
    size_t len;

    while ((len = space(t.at)) > 0)
        t.at += len;
    t.end = t.at;
    if (*t.at == '"' || *t.at == '\'') {
        read_quoted(p, &t);
    } else if (*t.at != '\0' && (sign = strchr(signs, *t.at)) != NULL) {
        t.kind = kinds[sign - signs];
        t.end++;
    } else if (*t.at != '\0' && strchr("=!<>~", *t.at) != NULL) {
        t.kind = OPERATOR;
        t.end += strchr("!<>", *t.at) != NULL && t.at[1] == '=' ? 2 : 1;
    } else if (*t.at != '\0') {
        read_word(p, &t);
    }
    if (t.text != NULL)
        t.folded = fold(p, t.text);
    p->token = t;
}

static bool
is_word(const struct parser *p, const char *keyword)
{
    return p->token.kind == WORD && strcmp(p->token.folded, keyword) == 0;
}

/* ------------------------------------------------------------ values */

static bool
read_number(struct filter_value *v)
{
    size_t len = strspn(v->folded, "0123456789");

    v->number = strtoll(v->folded, NULL, 10);
    return len > 0 && len <= NUMBER_DIGITS && v->folded[len] == '\0';
}

static bool
read_choice(struct filter_value *v, const char *const *choices, int count)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(choices[i], v->folded) == 0) {
            v->number = i;
            return true;
        }
    }
    return false;
}

static void
count_term(void *arg, const char *term, bool prefix)
{
    (void)term;
    (void)prefix;
    ++*(int *)arg;
}

/* Does the text have search words? */
static bool
has_words(const char *text)
{
    int count = 0;

    terms_of_query(text, count_term, &count);
    return count > 0;
}

/* Reads a value as its field and operator need it; false: it is not one. */
static bool
type_value(struct filter_value *v, enum field_type type, enum filter_operator op)
{
    static const char *const flags[] = {"false", "true"};

    if (op == OP_WORDS)
        return has_words(v->text);
    if (v->is_null)
        return op == OP_EQUAL || op == OP_IN;
    switch (type) {
    case PERSON:
        v->is_me = !v->quoted && strcmp(v->folded, "me") == 0;
        return true;
    case PARENT:
        return v->is_id;
    case RANK:
        return read_choice(v, priorities, 5);
    case NUMBER:
        return read_number(v);
    case TIME:
        return filter_time_ok(v);
    case YES_NO:
        return read_choice(v, flags, 2);
    default:
        return true;
    }
}

/* "today 3d" is today+3d, since a + that is not escaped in a URL arrives as a space. */
static void
take_offset(struct parser *p, struct filter_value *v)
{
    const char *sign = "";

    if (p->token.kind == WORD &&
        (strcmp(p->token.text, "+") == 0 || strcmp(p->token.text, "-") == 0)) {
        struct token before = p->token;

        advance(p);
        sign = before.text;
        if (p->token.kind != WORD || !filter_time_offset(p->token.folded) ||
            strchr("+-", *p->token.folded) != NULL) {
            fail(p, p->token.at, "a number with a unit, like 3d");
            return;
        }
    }
    if (p->token.kind == WORD && filter_time_offset(p->token.folded)) {
        v->offset = arena_printf(p->arena, "%s%s", sign, p->token.folded);
        advance(p);
    }
}

static struct filter_value *
parse_value(struct parser *p, const struct filter_comparison *c)
{
    struct filter_value *v = arena_alloc(p->arena, sizeof(*v));
    enum field_type type = fields[c->field].type;
    const char *at = p->token.at;
    size_t len;

    if (++p->values > FILTER_VALUES)
        return fail(p, at, "at most 100 values in all");
    if (p->failed || (p->token.kind != WORD && p->token.kind != QUOTED))
        return fail(p, at, c->op == OP_WORDS ? "words to search for" : expected_values[type]);
    v->position = position(p, at);
    v->text = p->token.text;
    v->folded = p->token.folded;
    v->quoted = p->token.kind == QUOTED;
    v->is_null = !v->quoted && c->op != OP_WORDS && strcmp(v->folded, "null") == 0;
    len = strlen(v->text);
    v->is_id = len == ID_DIGITS && bson_oid_is_valid(v->text, len);
    if (v->is_id)
        bson_oid_init_from_string(&v->id, v->text);
    advance(p);
    if (type == TIME && !v->quoted && !v->is_null)
        take_offset(p, v);
    if (!type_value(v, type, c->op))
        return fail(p, at, c->op == OP_WORDS ? "words to search for" : expected_values[type]);
    return v;
}

/* The values behind `in`, with or without parentheses. */
static bool
parse_values(struct parser *p, struct filter_comparison *c)
{
    bool open = p->token.kind == OPEN;
    struct filter_value **last = &c->values;

    if (open)
        advance(p);
    for (;;) {
        if ((*last = parse_value(p, c)) == NULL)
            return false;
        last = &(*last)->next;
        if (p->token.kind != COMMA)
            break;
        advance(p);
    }
    if (open && p->token.kind != CLOSE)
        return fail(p, p->token.at, ", or )") != NULL;
    if (open)
        advance(p);
    return true;
}

/* ------------------------------------------------------------ comparisons */

static bool
find_field(const struct parser *p, enum filter_field *field)
{
    for (int i = 0; p->token.kind == WORD && i < FILTER__COUNT; i++) {
        if (is_word(p, fields[i].name)) {
            *field = (enum filter_field)i;
            return true;
        }
    }
    return false;
}

static const char *
expected_ops(enum filter_field field)
{
    unsigned ops = fields[field].ops;

    return ops == ORDERED    ? "one of = != < <= > >= in, not in"
           : ops == SEARCHED ? "one of = != ~ in, not in"
                             : "one of = != in, not in";
}

/* Reads an operator; *negated for != and `not in`. */
static bool
parse_op(struct parser *p, struct filter_comparison *c, bool *negated)
{
    static const char *const signs[] = {"=", "<", "<=", ">", ">=", "in", "~"};
    const char *at = p->token.at;
    size_t len = (size_t)(p->token.end - at);

    *negated = p->token.kind == OPERATOR && len == 2 && at[0] == '!';
    if (is_word(p, "not")) {
        *negated = true;
        advance(p);
        if (!is_word(p, "in"))
            return fail(p, p->token.at, "in") != NULL;
    }
    for (int i = OP_EQUAL; i <= OP_WORDS; i++) {
        size_t n = strlen(signs[i]);
        bool is = i == OP_IN
                      ? is_word(p, "in")
                      : p->token.kind == OPERATOR && len == n && memcmp(at, signs[i], n) == 0;

        c->op = (enum filter_operator)i;
        if ((is || (i == OP_EQUAL && *negated && p->token.kind == OPERATOR)) &&
            fields[c->field].ops & 1u << i) {
            advance(p);
            return true;
        }
    }
    return fail(p, at, expected_ops(c->field)) != NULL;
}

static struct filter_node *
node(struct parser *p, enum filter_node_kind kind, struct filter_node *left,
     struct filter_node *right)
{
    struct filter_node *n = arena_alloc(p->arena, sizeof(*n));

    n->kind = kind;
    n->left = left;
    n->right = right;
    return n;
}

static struct filter_node *
parse_comparison(struct parser *p)
{
    struct filter_comparison *c = arena_alloc(p->arena, sizeof(*c));
    struct filter_node *n = node(p, FILTER_COMPARE, NULL, NULL);
    bool negated;

    if (!find_field(p, &c->field))
        return fail(p, p->token.at, ANY_FIELD ", or not, or (");
    if (++p->comparisons > FILTER_COMPARISONS)
        return fail(p, p->token.at, "at most 20 comparisons");
    advance(p);
    if (!parse_op(p, c, &negated))
        return NULL;
    if (c->op == OP_IN ? !parse_values(p, c) : (c->values = parse_value(p, c)) == NULL)
        return NULL;
    n->comparison = *p->last = c;
    p->last = &c->next;
    p->filter->fields |= 1u << c->field;
    return negated ? node(p, FILTER_NOT, n, NULL) : n;
}

/* ------------------------------------------------------------ not, and, or */

static struct filter_node *parse_or(struct parser *p);

static struct filter_node *
parse_not(struct parser *p)
{
    bool is_not = is_word(p, "not");
    struct filter_node *n;

    if (!is_not && p->token.kind != OPEN)
        return parse_comparison(p);
    if (p->depth == FILTER_DEPTH)
        return fail(p, p->token.at, "at most 8 levels of parentheses and not");
    p->depth++;
    advance(p);
    n = is_not ? parse_not(p) : parse_or(p);
    p->depth--;
    if (n == NULL || is_not)
        return n == NULL ? NULL : node(p, FILTER_NOT, n, NULL);
    if (p->token.kind != CLOSE)
        return fail(p, p->token.at, "and, or, or )");
    advance(p);
    return n;
}

static struct filter_node *
parse_and(struct parser *p)
{
    struct filter_node *n = parse_not(p), *right;

    while (n != NULL && is_word(p, "and")) {
        advance(p);
        right = parse_not(p);
        n = right == NULL ? NULL : node(p, FILTER_AND, n, right);
    }
    return n;
}

static struct filter_node *
parse_or(struct parser *p)
{
    struct filter_node *n = parse_and(p), *right;

    while (n != NULL && is_word(p, "or")) {
        advance(p);
        right = parse_and(p);
        n = right == NULL ? NULL : node(p, FILTER_OR, n, right);
    }
    return n;
}

/* ------------------------------------------------------------ the whole */

struct filter_tree *
filter_parse(struct arena *arena, const char *text, struct filter_error *error)
{
    struct filter_tree *filter = arena_alloc(arena, sizeof(*filter));
    struct parser p = {.arena = arena,
                       .start = text,
                       .token = {.end = text},
                       .filter = filter,
                       .last = &filter->comparisons,
                       .error = error};

    if (text_points(text, strlen(text)) > FILTER_LENGTH) {
        *error = (struct filter_error){FILTER_LENGTH, "at most 2,000 characters"};
        return NULL;
    }
    advance(&p);
    filter->root = parse_or(&p);
    if (filter->root != NULL && p.token.kind != END)
        fail(&p, p.token.at, "and, or, or the end");
    return p.failed ? NULL : filter;
}

const char *
filter_field_name(enum filter_field field)
{
    return fields[field].name;
}

bool
filter_is_time(enum filter_field field)
{
    return fields[field].type == TIME;
}

bool
filter_is_name(enum filter_field field)
{
    return fields[field].type == NAME || fields[field].type == PERSON;
}

static void
each_required(const struct filter_node *n, bool negated,
              void (*each)(void *arg, const struct filter_comparison *c, bool negated), void *arg)
{
    if (n->kind == FILTER_COMPARE) {
        each(arg, n->comparison, negated);
    } else if (n->kind == FILTER_NOT) {
        each_required(n->left, !negated, each, arg);
    } else if (n->kind == (negated ? FILTER_OR : FILTER_AND)) {
        each_required(n->left, negated, each, arg);
        each_required(n->right, negated, each, arg);
    }
}

void
filter_each_required(const struct filter_tree *filter,
                     void (*each)(void *arg, const struct filter_comparison *c, bool negated),
                     void *arg)
{
    each_required(filter->root, false, each, arg);
}
