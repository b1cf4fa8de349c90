/*
 * The filter language: which filters are right, where and why others are wrong, and which tasks
 * match.  The user is in Berlin, and the time is 2026-01-31T09:00:00Z.
 */
#include "api/filter/filter.h"

#include <stdio.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/time/zone.h"
#include "tests/unit/request_fixture.h"
#include "tests/unit/unit.h"

#define NOW 1769850000000

/* clang-format off */
static const struct {
    const char *filter;
    int position; /* of the fault; -1: there is none */
    const char *expected; /* begins with this */
} texts[] = {
    {"done = false", -1},
    {"DONE=FALSE", -1},
    {" ( priority >= high or due < today+3d ) and not label = blocked and assignee = me ", -1},
    {"label in (a, b, 'c d') or label not in x,y and number > 3", -1},
    {"title = \"say \\\"hi\\\"\"", -1},
    {"title = 'and'", -1},
    {"title = and", -1},
    {"title ~ 'red house'", -1},
    {"not not not not not not not not done = true", -1},
    {"((((((((done = true))))))))", -1},
    {"due = null or start != null", -1},
    {"due < today 3d", -1},
    {"due < today + 3d", -1},
    {"due < now-1h and created > 2030-01-31T10:00:00+01:00", -1},
    {"due < 2030-01-31-2mo", -1},
    {"due < \"2030-01-31\"", -1},
    {"parent = 0123456789abcdef01234567", -1},
    {"number = 12", -1},
    {"\xE3\x80\x80" "done\xC2\xA0=\xC2\xA0true", -1},
    {"", 0, "a field"},
    {"   ", 3, "a field"},
    {"colour = red", 0, "a field: title, "},
    {"done", 4, "one of = != in"},
    {"done =", 6, "true or false"},
    {"done = maybe", 7, "true or false"},
    {"done < true", 5, "one of = != in"},
    {"done = true true", 12, "and, or, or the end"},
    {"done = true )", 12, "and, or, or the end"},
    {"(done = true", 12, "and, or, or )"},
    {"(done = true,", 12, "and, or, or )"},
    {"()", 1, "a field"},
    {"done = true and", 15, "a field"},
    {"and done = true", 0, "a field"},
    {"not", 3, "a field"},
    {"title < a", 6, "one of = != ~ in"},
    {"title ! a", 6, "one of = != ~ in"},
    {"title not a", 10, "in"},
    {"title ~ '...'", 8, "words"},
    {"title ~ ''", 8, "words"},
    {"title = \"open", 13, "a closing quote"},
    {"\xC3\xA9\xF0\x9F\x98\x80 = 1", 0, "a field"},
    {"title = \xF0\x9F\x98\x80 or colour = 1", 13, "a field"},
    {"priority = 3", 11, "none, low"},
    {"priority > null", 11, "none, low"},
    {"due < tomorrow", 6, "a date"},
    {"due < 2030-02-30", 6, "a date"},
    {"due < \"today\"", 6, "a date"},
    {"due < today+3", 6, "a date"},
    {"due < today+3q", 6, "a date"},
    {"due < today+3d+3d", 6, "a date"},
    {"due < today+3d 3d", 6, "a date"},
    {"due < today +", 13, "a number with a unit"},
    {"due < today+1234567d", 6, "a date"},
    {"due < today+999999y", 6, "a time in the years"},
    {"due > 0001-01-01-1d", 6, "a time in the years"},
    {"due = 9999-12-31+1h or due < now+999999w", 29, "a time in the years"},
    {"number = -1", 9, "a number"},
    {"number = 1234567890123456", 9, "a number"},
    {"parent = 12", 9, "an id"},
    {"label in ()", 10, "a name"},
    {"label in (a b)", 12, ", or )"},
    {"label in (a,)", 12, "a name"},
    {"label = (a)", 8, "a name"},
    {"assignee ~ null or $where = 1", 19, "a field"},
    {"not not not not not not not not not done = true", 32, "at most 8 levels"},
    {"(((((((((done = true)))))))))", 8, "at most 8 levels"},
};

#define TASK "\"_id\": {\"$oid\": \"00000000000000000000000a\"}, \"projectId\": {\"$oid\": \"00000000000000000000000b\"}"
#define AT(name, ms) "\"" name "\": {\"$date\": {\"$numberLong\": \"" #ms "\"}}"
#define NONE "{" TASK ", \"dueAt\": null, \"dueDate\": null, \"labelIds\": [], \"description\": \"\", \"parentId\": null}"
#define ON(date) "{" TASK ", \"dueAt\": null, \"dueDate\": \"" date "\"}"
#define BY(ms) "{" TASK ", " AT("dueAt", ms) ", \"dueDate\": null}"
#define TITLED(title) "{" TASK ", \"title\": \"" title "\"}"
#define RANKED(n) "{" TASK ", \"priority\": {\"$numberInt\": \"" #n "\"}}"

/* The day of Berlin lasts from 1769814000000 (2026-01-30T23:00Z) to before 1769900400000. */
static const struct {
    const char *filter, *task;
    bool matches;
} meanings[] = {
    {"due = null", NONE, true},
    {"due != null", NONE, false},
    {"due = today", NONE, false},
    {"due != today", NONE, true},
    {"due not in today, 2030-01-01", NONE, true},
    {"not due < today", NONE, true},
    {"label = null and description = null and parent = null", NONE, true},
    {"label = x", NONE, false},
    {"label != x", NONE, true},
    {"recurring = false and done = false and archived = false", NONE, true},
    {"done = null", NONE, false},
    {"completed = null", NONE, true},

    {"due = today", ON("2026-01-31"), true},
    {"due < today", ON("2026-01-31"), false},
    {"due < today+1d", ON("2026-01-31"), true},
    {"due <= today", ON("2026-01-31"), true},
    {"due > today-1d", ON("2026-01-31"), true},
    {"due < now", ON("2026-01-31"), false},
    {"due < now", ON("2026-01-30"), true},
    {"due > now", ON("2026-01-31"), false},
    {"due = now", ON("2026-01-31"), true},
    {"due = today 1mo", ON("2026-02-28"), true},
    {"due = today+1y", ON("2027-01-31"), true},
    {"due = today-2w", ON("2026-01-17"), true},

    {"due = today", BY(1769814000000), true},
    {"due = today", BY(1769813999999), false},
    {"due < today", BY(1769813999999), true},
    {"due = today", BY(1769900399999), true},
    {"due = today", BY(1769900400000), false},
    {"due > today", BY(1769900400000), true},
    {"due <= today", BY(1769900399999), true},
    {"due < now", BY(1769849999999), true},
    {"due < now", BY(1769850000000), false},
    {"due <= now", BY(1769850000000), true},
    {"due = now+1h", BY(1769853600000), true},
    {"due = now-1d", BY(1769763600000), true},
    {"due = today+2h", BY(1769821200000), true},
    {"due = 2026-01-31T10:00:00+01:00", BY(1769850000000), true},
    /* Clocks in Berlin go forward at 2026-03-29T01:00Z: that day has 23 hours. */
    {"due = 2026-03-29", BY(1774735199999), false},
    {"due = 2026-03-29", BY(1774738800000), true},
    {"due = 2026-03-29", BY(1774821599999), true},
    {"due = 2026-03-29", BY(1774821600000), false},

    {"title = 'buy MILK'", TITLED("Buy milk"), true},
    {"title = milk", TITLED("Buy milk"), false},
    {"title ~ milk", TITLED("Buy Milk"), true},
    {"title ~ mil", TITLED("Buy Milk"), true},
    {"title ~ 'bu milk'", TITLED("Buy Milk"), false},
    {"title ~ 'milk buy'", TITLED("Buy Milk"), true},
    {"title = d\xC3\xA9mo", TITLED("DEMO"), true},
    {"title in (a, demo)", TITLED("DEMO"), true},
    {"title not in (a, demo)", TITLED("DEMO"), false},
    {"title ~ \xE6\x90\xAC\xE5\xAE\xB6", TITLED("\xE6\xBA\x96\xE5\x82\x99\xE6\x90\xAC\xE5\xAE\xB6\xE4\xBA\x86"), true},

    {"priority >= high", RANKED(3), true},
    {"priority >= high", RANKED(2), false},
    {"priority in (low, Urgent)", RANKED(4), true},
    {"priority = none", RANKED(0), true},
    {"priority = null", RANKED(0), false},

    /* not, and, or bind in that order. */
    {"not priority = high and priority = high", RANKED(3), false},
    {"priority = high or priority = low and priority = none", RANKED(3), true},
    {"(priority = high or priority = low) and priority = none", RANKED(3), false},
    {"not (priority = high and priority = low)", RANKED(3), true},
};
/* clang-format on */

/* A filter with its times resolved; NULL with *error. */
static struct filter_tree *
read_filter(struct arena *arena, const char *text, struct filter_error *error)
{
    struct filter_tree *filter = filter_parse(arena, text, error);

    if (filter != NULL && !filter_resolve_times(filter, zone_or_utc("Europe/Berlin"), NOW, error))
        return NULL;
    return filter;
}

static void
test_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct arena *arena = arena_new(1 << 20);
        struct filter_error error = {-1, ""};
        const char *expected = texts[i].expected == NULL ? "" : texts[i].expected;
        bool ok = read_filter(arena, texts[i].filter, &error) != NULL;

        if (ok != (texts[i].position < 0) || error.position != texts[i].position ||
            strncmp(error.expected, expected, strlen(expected)) != 0)
            unit_wrong("'%s': %d, %s", texts[i].filter, error.position, error.expected);
        arena_free(arena);
    }
    unit_rows_done();
}

static void
test_meanings(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(meanings); i++) {
        struct request *r = fixture_request("GET", "/");
        struct filter_error error = {-1, ""};
        struct filter_tree *filter = read_filter(r->arena, meanings[i].filter, &error);

        if (filter == NULL)
            unit_wrong("'%s': %d, %s", meanings[i].filter, error.position, error.expected);
        else if (filter_match(filter, fixture_bson(r, meanings[i].task)) != meanings[i].matches)
            unit_wrong("'%s' on %s", meanings[i].filter, meanings[i].task);
    }
    unit_rows_done();
}

/* Repeats a text between a start and an end. */
static char *
repeated(struct arena *arena, const char *text, int times, const char *end)
{
    size_t len = strlen(text);
    char *out = arena_alloc(arena, len * (size_t)times + strlen(end) + 1);

    for (int i = 0; i < times; i++)
        memcpy(out + len * (size_t)i, text, len);
    strcpy(out + len * (size_t)times, end);
    return out;
}

static void
test_limits(void **state)
{
    static const struct {
        const char *text;
        int times;
        const char *end;
        int position;
    } rows[] = {
        {"done=true or ", 19, "done=true", -1},
        {"done=true or ", 20, "done=true", 260},
        {"(", 1000, "done=true", 8},
        {"not ", 490, "done=true", 32},
        {"a", 2001, "", 2000},
        {"label in(a,a,a,a,a,a,a,a,a,a) or ", 9, "label in (a,a,a,a,a,a,a,a,a,a)", -1},
        {"label in(a,a,a,a,a,a,a,a,a,a) or ", 10, "label = a", 338},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena *arena = arena_new(4 << 20);
        struct filter_error error = {-1, ""};
        const char *text = repeated(arena, rows[i].text, rows[i].times, rows[i].end);

        if ((filter_parse(arena, text, &error) != NULL) != (rows[i].position < 0) ||
            error.position != rows[i].position)
            unit_wrong("%d times '%s': %d, %s", rows[i].times, rows[i].text, error.position,
                       error.expected);
        arena_free(arena);
    }
    unit_rows_done();
}

static void
note_required(void *arg, const struct filter_comparison *c, bool negated)
{
    char *out = arg;

    sprintf(out + strlen(out), "%s%s ", negated ? "-" : "", filter_field_name(c->field));
}

/* What is joined by `and` at the top. */
static void
test_what_every_match_fulfils(void **state)
{
    static const struct {
        const char *filter, *fields;
    } rows[] = {
        {"done = true", "done "},
        {"done != true", "-done "},
        {"done = true and (label = a or number = 1) and not due = null", "done -due "},
        {"not (done = true or label = a)", "-done -label "},
        {"not (done = true and label = a)", ""},
        {"done = true or label = a", ""},
        {"not not done = true", "done "},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena *arena = arena_new(1 << 20);
        struct filter_error error;
        struct filter_tree *filter = filter_parse(arena, rows[i].filter, &error);
        char fields[200] = "";

        if (filter != NULL)
            filter_each_required(filter, note_required, fields);
        if (!unit_same(fields, rows[i].fields))
            unit_wrong("'%s': %s", rows[i].filter, fields);
        arena_free(arena);
    }
    unit_rows_done();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_meanings),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_what_every_match_fulfils),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    fixture_done();
    return failed;
}
