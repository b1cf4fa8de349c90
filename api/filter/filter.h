/*
 * The filter language: an expression as a tree.  Pure: no I/O, no clock.
 *
 *     expression  = conjunction { "or" conjunction }
 *     conjunction = negation { "and" negation }
 *     negation    = "not" negation | "(" expression ")" | comparison
 *     comparison  = field operator value
 *                 | field [ "not" ] "in" ( "(" value { "," value } ")" | value { "," value } )
 *
 * An absent value makes every comparison false; != is `not =`, and `not in` is `not (... in ...)`.
 * `= null` is true for an absent value.  Keywords and fields ignore case, and texts are compared
 * folded (common/text/unicode.h).  In quotes (" or ') keywords such as null, me and today are plain
 * text; \ takes the meaning from a quote and from another \.
 */
#ifndef API_FILTER_FILTER_H
#define API_FILTER_FILTER_H

#include <bson/bson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/time/clock.h"

struct arena;
struct zone;

#define FILTER_COMPARISONS 20   /* in one filter */
#define FILTER_DEPTH       8    /* levels of parentheses and `not` */
#define FILTER_VALUES      100  /* in one filter */
#define FILTER_LENGTH      2000 /* code points of a filter */

enum filter_field {
    FILTER_TITLE,
    FILTER_DESCRIPTION,
    FILTER_STATUS,
    FILTER_PRIORITY,
    FILTER_DUE,
    FILTER_START,
    FILTER_CREATED,
    FILTER_UPDATED,
    FILTER_COMPLETED,
    FILTER_ASSIGNEE,
    FILTER_CREATOR,
    FILTER_LABEL,
    FILTER_PROJECT,
    FILTER_PARENT,
    FILTER_NUMBER,
    FILTER_RECURRING,
    FILTER_DONE,
    FILTER_ARCHIVED,
    FILTER__COUNT
};

/* != and `not in` are stored as FILTER_NOT above = and in. */
enum filter_operator { OP_EQUAL, OP_LESS, OP_AT_MOST, OP_GREATER, OP_AT_LEAST, OP_IN, OP_WORDS };

/* A day of the caller, or an instant. */
struct filter_time {
    bool is_day;
    char day[CLOCK_DATE];       /* of an instant, the day that contains it */
    char after[CLOCK_DATE + 1]; /* sorts right after that day */
    int64_t from, to; /* the first instant of the day, and the first after it; of an instant both */
};

/* An item of a project that a name stands for: a label or a status. */
struct filter_item {
    bson_oid_t project;
    const char *id;
};

/* The order of two struct filter_item, for qsort(). */
int filter_compare_items(const void *a, const void *b);

struct filter_value {
    struct filter_value *next;
    int position; /* code points before it */
    const char *text, *folded;
    const char *offset; /* of a time, written apart: "3d" of `today 3d`; NULL: none */
    bool quoted, is_null, is_me, is_id;
    bson_oid_t id;
    int64_t number; /* of a number, a priority or a flag */
    struct filter_time time;
    /* What a name stands for, set by the caller: one of the two, sorted by project or id. */
    struct filter_item *items;
    bson_oid_t *ids;
    uint32_t count, room;
};

struct filter_comparison {
    enum filter_field field;
    enum filter_operator op;
    struct filter_value *values; /* one, but for OP_IN */
    struct filter_comparison *next;
};

struct filter_node {
    enum filter_node_kind { FILTER_COMPARE, FILTER_NOT, FILTER_AND, FILTER_OR } kind;
    struct filter_node *left, *right; /* of FILTER_NOT only left */
    struct filter_comparison *comparison;
};

struct filter_tree {
    struct filter_node *root;
    struct filter_comparison *comparisons; /* all of them, in order */
    unsigned fields;                       /* a bit for each enum filter_field that it names */
};

/* What is wrong with a filter. */
struct filter_error {
    int position;         /* code points before the fault */
    const char *expected; /* what would be right there */
};

/*
 * Reads a filter, which is well-formed UTF-8; the tree lives as long as the arena.  NULL if it is
 * wrong; then *error says why.  Times and names are not resolved yet.
 */
struct filter_tree *filter_parse(struct arena *arena, const char *text,
                                 struct filter_error *error) MUST_CHECK;

/* The name of a field, as a filter spells it. */
const char *filter_field_name(enum filter_field field);

/* Is it a field of instants and days? */
bool filter_is_time(enum filter_field field);

/* Do its values name something: a label, a status, a user, a project? */
bool filter_is_name(enum filter_field field);

/* Does the filter name one of the fields of times, other than to compare it with null? */
bool filter_has_times(const struct filter_tree *filter);

/*
 * Gives all times their meaning for a user in that zone at that instant (ms).  False if one is
 * outside the years 0001 to 9999; *error says where.
 */
bool filter_resolve_times(struct filter_tree *filter, const struct zone *zone, int64_t now,
                          struct filter_error *error) MUST_CHECK;

/* Can the text of a value, with its offset, be a time? */
bool filter_time_ok(const struct filter_value *value);

/* Is it the offset of a time that is written apart: "3d", "+3d", "-2mo"? */
bool filter_time_offset(const char *text);

/* Does a stored task match?  Times and names must have been resolved. */
bool filter_match(const struct filter_tree *filter, const bson_t *task);

/* Appends to a projection the stored fields that filter_match() reads. */
void filter_project(const struct filter_tree *filter, bson_t *projection);

/* A name or a text to compare with. */
struct filter_text {
    const char *text, *folded, *id; /* id: of what has the name; NULL: none */
};

/* Does a value match this text, or name what has this id? */
bool filter_names(const struct filter_comparison *comparison, const struct filter_value *value,
                  const struct filter_text *text);

/*
 * The part of a filter that must hold for each match by itself: calls each() for the comparisons
 * that are joined by `and` at the top.  negated: it stands below a `not`.
 */
void filter_each_required(const struct filter_tree *filter,
                          void (*each)(void *arg, const struct filter_comparison *comparison,
                                       bool negated),
                          void *arg);

#endif
