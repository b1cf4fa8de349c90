/*
 * Query strings to store queries: every filter and order of the tasks' list,
 * with good and bad values.  The time is 2026-01-31T09:00:00Z.
 */
#include "api/crud/query.h"

#include <stdlib.h>
#include <string.h>

#include "api/crud/keyset.h"
#include "api/v1/handlers.h"
#include "common/time/clock.h"
#include "tests/unit/fake_store.h"
#include "tests/unit/request_fixture.h"
#include "tests/unit/unit.h"

/* clang-format off */
#define P       "aaaaaaaaaaaaaaaaaaaaaaaa" /* open to everyone */
#define HIDDEN_P "bbbbbbbbbbbbbbbbbbbbbbbb"
#define TRASHED "cccccccccccccccccccccccc"
#define ANNA    "dddddddddddddddddddddddd"
#define OID(id) "{ \"$oid\" : \"" id "\" }"
#define DATE(ms) "{ \"$date\" : { \"$numberLong\" : \"" ms "\" } }"
#define INT(n)  "{ \"$numberInt\" : \"" n "\" }"

/* The part of every filter that names neither project nor bins. */
#define VISIBLE "\"projectId\" : { \"$in\" : [ " OID(P) " ] }"
#define STATE(s) "\"state\" : \"" s "\""
#define LIVING  "\"state\" : { \"$in\" : [ \"done\", \"open\" ] }"
#define PLAIN   VISIBLE ", " LIVING
/* Dates and instants that are due in a range. */
#define BETWEEN(key, from, to) "{ \"" key "\" : { \"$gte\" : " from ", \"$lt\" : " to " } }"
#define DATES(from, to)    BETWEEN("dueKey", "\"" from "\"", "\"" to "\"")
#define INSTANTS(from, to) BETWEEN("dueKey", DATE(from), DATE(to))
#define DUE(first, end, from, to) ", \"$or\" : [ " DATES(first, end) ", " INSTANTS(from, to) " ]"
#define ANY_FIRST "" /* of all dates */
#define ANY_END   ":"
#define FIRST     "-62135596800000" /* of all instants */
#define SINCE(first, from)                                                                         \
    ", \"$or\" : [ " DATES(first, ANY_END) ", { \"dueKey\" : { \"$gte\" : " DATE(from) " } } ]"
#define NOW       "1769850000000"
#define EXACT(word) "{ \"$elemMatch\" : { \"$eq\" : \"" word "\" } }"
#define WORD(from) "{ \"$elemMatch\" : { \"$gte\" : \"" from "\", \"$lt\" : \"" from "\xF4\x8F\xBF\xBF\" } }"

static const struct {
    const char *query;
    const char *filter; /* in canonical JSON, without its braces; NULL: ERR_BAD_PARAMETER, */
    const char *param;  /* which names this one */
} rows[] = {
    {"", PLAIN},

    {"status=todo",            "\"status\" : \"todo\", " PLAIN},
    {"status=todo,done",       "\"status\" : { \"$in\" : [ \"todo\", \"done\" ] }, " PLAIN},
    {"status=%24ne",           "\"status\" : \"$ne\", " PLAIN},
    {"status={\"$ne\":null}",  "\"status\" : \"{\\\"$ne\\\":null}\", " PLAIN},
    {"status[$ne]=x",          NULL, "status[$ne]"},
    {"status=",                NULL, "status"},
    {"status=a,,b",            NULL, "status"},
    {"status=,",               NULL, "status"},

    {"priority=none",          "\"priority\" : " INT("0") ", " PLAIN},
    {"priority=urgent",        "\"priority\" : " INT("4") ", " PLAIN},
    {"priority=low,high",      "\"priority\" : { \"$nin\" : [ " INT("0") ", " INT("2") ", " INT("4") " ] }, " PLAIN},
    {"priority=Low",           NULL, "priority"},
    {"priority=1",             NULL, "priority"},
    {"priority=",              NULL, "priority"},
    {"priority=low,nothing",   NULL, "priority"},

    {"assigneeId=me",          "\"assigneeIds\" : " OID(FIXTURE_USER) ", " PLAIN},
    {"assigneeId=" ANNA,       "\"assigneeIds\" : " OID(ANNA) ", " PLAIN},
    {"assigneeId=" ANNA ",me", "\"assigneeIds\" : { \"$in\" : [ " OID(ANNA) ", " OID(FIXTURE_USER) " ] }, " PLAIN},
    {"assigneeId=" ANNA "0",   NULL, "assigneeId"},
    {"assigneeId=123456789012", NULL, "assigneeId"},
    {"assigneeId=you",         NULL, "assigneeId"},
    {"assigneeId=null",        NULL, "assigneeId"},

    {"label=urgent-stuff",     "\"labelIds\" : \"urgent-stuff\", " PLAIN},
    {"label=a,b",              "\"labelIds\" : { \"$in\" : [ \"a\", \"b\" ] }, " PLAIN},
    {"label=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21", NULL, "label"},

    {"parentId=" ANNA,         "\"parentId\" : " OID(ANNA) ", " PLAIN},
    {"parentId=x",             NULL, "parentId"},

    /* In Berlin, an hour east of UTC. */
    {"dueBefore=2026-01-31T09:00:00Z", PLAIN DUE(ANY_FIRST, "2026-01-31", FIRST, "1769850000000")},
    {"dueBefore=2026-01-31T10:00:00%2B01:00", PLAIN DUE(ANY_FIRST, "2026-01-31", FIRST, "1769850000000")},
    {"dueBefore=2026-01-31T22:59:59.999Z", PLAIN DUE(ANY_FIRST, "2026-01-31", FIRST, "1769900399999")},
    {"dueBefore=2026-01-31T23:00:00Z", PLAIN DUE(ANY_FIRST, "2026-02-01", FIRST, "1769900400000")},
    {"dueBefore=2026-01-31",   PLAIN DUE(ANY_FIRST, "2026-01-31", FIRST, "1769814000000")},
    {"dueAfter=2026-01-31",    PLAIN SINCE("2026-01-31", "1769814000000")},
    {"dueAfter=9999-12-31",    PLAIN SINCE("9999-12-31", "253402210800000")},
    {"dueAfter=2026-01-31&dueBefore=2026-02-01", PLAIN DUE("2026-01-31", "2026-02-01", "1769814000000", "1769900400000")},
    {"dueAfter=2026-01-30&today=true", PLAIN DUE("2026-01-31", "2026-01-31+", "1769814000000", "1769900400000")},
    {"dueBefore=tomorrow",     NULL, "dueBefore"},
    {"dueBefore=2026-02-30",   NULL, "dueBefore"},
    {"dueAfter=1769850000000", NULL, "dueAfter"},
    {"dueAfter=",              NULL, "dueAfter"},

    {"overdue=false",          PLAIN},
    {"today=false",            PLAIN},
    {"overdue=maybe",          NULL, "overdue"},
    {"today=1",                NULL, "today"},
    {"today=",                 NULL, "today"},

    {"projectId=" P,           "\"projectId\" : " OID(P) ", " LIVING},
    {"projectId=me",           NULL, "projectId"},
    {"projectId=",             NULL, "projectId"},

    {"archived=false",         PLAIN},
    {"archived=true",          VISIBLE ", " STATE("archived")},
    {"deleted=false",          PLAIN},
    {"deleted=true",           VISIBLE ", " STATE("trashed")},
    {"deleted=true&archived=true", VISIBLE ", " STATE("trashed") ", \"archivedAt\" : { \"$ne\" : null }"},
    {"deleted=true&archived=false", VISIBLE ", " STATE("trashed") ", \"archivedAt\" : null"},
    {"archived=TRUE",          NULL, "archived"},
    {"deleted=yes",            NULL, "deleted"},

    {"q=milk",                 PLAIN ", \"terms\" : { \"$all\" : [ " WORD("milk") " ] }"},
    {"q=Buy+MILK",             PLAIN ", \"terms\" : { \"$all\" : [ " EXACT("buy") ", " WORD("milk") " ] }"},
    {"q=%24where",             PLAIN ", \"terms\" : { \"$all\" : [ " EXACT("$") ", " WORD("where") " ] }"},
    {"q=",                     NULL, "q"},
    {"q=+...",                 NULL, "q"},

    /* What an index answers of a filter. */
    {"filter=done%3Dfalse",    VISIBLE ", \"state\" : { \"$in\" : [ \"open\" ] }"},
    {"filter=assignee%3Dme+and+archived%3Dtrue", VISIBLE ", \"assigneeIds\" : " OID(FIXTURE_USER) ", " STATE("archived")},
    {"filter=archived%3Dtrue+or+done%3Dtrue", VISIBLE ", \"state\" : { \"$in\" : [ \"archived\", \"done\", \"open\" ] }"},
    {"filter=due<2026-01-31+and+number>3", PLAIN DUE(ANY_FIRST, "2026-01-31", FIRST, "1769814000000")},
    {"filter=not+due<2026-01-31", PLAIN},
    {"filter=title~milk",      VISIBLE ", \"terms\" : { \"$all\" : [ " WORD("milk") " ] }, " LIVING},
    {"filter=title~milk+or+done%3Dtrue", PLAIN},
    {"filter=",                NULL, "filter"},
    {"filter=$where",          NULL, "filter"},
    {"filterId=" ANNA,         VISIBLE ", \"state\" : { \"$in\" : [ \"done\" ] }"},
    {"filterId=x",             NULL, "filterId"},
    {"filterId=" ANNA "&filter=done%3Dtrue", NULL, "filterId"},

    {"priority=high&status=todo&sort=-createdAt&limit=5&q=a&archived=false",
     "\"status\" : \"todo\", \"priority\" : " INT("3") ", " PLAIN ", \"terms\" : { \"$all\" : [ " WORD("a") " ] }"},

    {"limit=1",                PLAIN},
    {"limit=200",              PLAIN},
    {"limit=0",                NULL, "limit"},
    {"limit=201",              NULL, "limit"},
    {"limit=-1",               NULL, "limit"},
    {"limit=%2B5",             NULL, "limit"},
    {"limit=+5",               NULL, "limit"},
    {"limit=5.0",              NULL, "limit"},
    {"limit=5x",               NULL, "limit"},
    {"limit=",                 NULL, "limit"},
    {"limit=99999999999999999999", NULL, "limit"},

    {"sort=title",             NULL, "sort"},
    {"sort=-rank",             NULL, "sort"},
    {"sort=rank&cursor=x",     NULL, "cursor"},
    {"sort=",                  NULL, "sort"},
    {"sort=-",                 NULL, "sort"},
    {"sort=--dueAt",           NULL, "sort"},
    {"sort=priority,dueAt",    NULL, "sort"},
    {"sort=position,",         NULL, "sort"},
    {"sort=$natural",          NULL, "sort"},
    {"sort=_id",               NULL, "sort"},
    {"sort=terms",             NULL, "sort"},

    {"cursor=",                NULL, "cursor"},
    {"cursor=x",               NULL, "cursor"},
    {"cursor=AAAA",            NULL, "cursor"},
    {"cursor=BQAAAAA",         NULL, "cursor"}, /* an empty document */
    {"cursor=_____w",          NULL, "cursor"},
    {"cursor=deadbeef~e.1",    NULL, "cursor"},

    {"Status=todo",            NULL, "Status"},
    {"id=" ANNA,               NULL, "id"},
    {"dueKey=2026-01-31",      NULL, "dueKey"},
    {"terms=a",                NULL, "terms"},
    {"$where=1",               NULL, "$where"},
    {"$or=1",                  NULL, "$or"},
    {"page=2",                 NULL, "page"},
};

#define BY(key, n) "\"" key "\" : " INT(n)
static const struct {
    const char *sort, *opts; /* what sorts */
} orders[] = {
    {"",                     BY("position", "1") ", " BY("_id", "1")},
    {"sort=position",        BY("position", "1") ", " BY("_id", "1")},
    {"sort=-position",       BY("position", "-1") ", " BY("_id", "-1")},
    {"sort=createdAt",       BY("createdAt", "1") ", " BY("_id", "1")},
    {"sort=-createdAt",      BY("createdAt", "-1") ", " BY("_id", "-1")},
    {"sort=updatedAt",       BY("updatedAt", "1") ", " BY("_id", "1")},
    {"sort=-updatedAt",      BY("updatedAt", "-1") ", " BY("_id", "-1")},
    {"sort=dueAt",           BY("dueKey", "1") ", " BY("priority", "1") ", " BY("_id", "1")},
    {"sort=-dueAt",          BY("dueKey", "-1") ", " BY("priority", "-1") ", " BY("_id", "-1")},
    {"sort=dueAt,priority",  BY("dueKey", "1") ", " BY("priority", "1") ", " BY("_id", "1")},
    {"sort=-dueAt,-priority", BY("dueKey", "-1") ", " BY("priority", "-1") ", " BY("_id", "-1")},
    {"sort=-dueAt,priority", BY("dueKey", "-1") ", " BY("priority", "1") ", " BY("_id", "1")},
    {"sort=dueAt,-priority", BY("dueKey", "1") ", " BY("priority", "-1") ", " BY("_id", "-1")},
    {"sort=priority",        BY("priority", "1") ", " BY("_id", "1")},
    {"sort=-priority",       BY("priority", "-1") ", " BY("_id", "-1")},
    {"sort=rank",            BY("position", "1") ", " BY("_id", "1")},
    /* First keys that the filter fixes to one value are no order. */
    {"sort=-priority&priority=high", BY("_id", "-1")},
    {"sort=-priority&priority=low,high", BY("priority", "-1") ", " BY("_id", "-1")},
    {"sort=dueAt&priority=high", BY("dueKey", "1") ", " BY("priority", "1") ", " BY("_id", "1")},
};

/* What follows DOC: the conditions of each part in place of the filter's, and its order. */
#define DOC "{\"_id\":" OID(ANNA) ",\"position\":\"W1V\",\"priority\":" INT("3") ",\"dueKey\":" DATE("7") "}"
#define OP(key, op, value) "\"" key "\" : { \"" op "\" : " value " }"
#define ID_AFTER   OP("_id", "$gt", OID(ANNA))
#define ID_BEFORE  OP("_id", "$lt", OID(ANNA))
#define PRIORITY(n) "\"priority\" : " INT(n)
#define OTHERS(more) "\"priority\" : { \"$nin\" : [ " INT("0") ", " INT("1") " ]" more " }"
#define RANGE(more) "\"dueKey\" : { \"$gte\" : " DATE("1") more " }"
#define UNDATED "\"dueKey\" : null"
#define NOTHING "nothing"
static const struct {
    const char *sort, *filter, *next; /* next: the document that follows; NULL: unknown */
    struct {
        const char *filter, *sort;
    } parts[QUERY_KEYS + 1];
} pages[] = {
    {"position", "", "{\"position\":\"W1W\"}",
     {{OP("position", "$gt", "\"W1V\""), BY("position", "1") ", " BY("_id", "1")}}},
    {"-position", "", "{\"position\":\"W1A\"}",
     {{OP("position", "$lt", "\"W1V\""), BY("position", "-1") ", " BY("_id", "-1")}}},
    {"position", "", "{\"position\":7}",
     {{OP("position", "$gt", "\"W1V\""), BY("position", "1") ", " BY("_id", "1")}}},
    {"position", "", "{\"position\":\"W1V\"}",
     {{"\"position\" : \"W1V\", " ID_AFTER, BY("_id", "1")},
      {OP("position", "$gt", "\"W1V\""), BY("position", "1") ", " BY("_id", "1")}}},
    {"-position", "", NULL,
     {{"\"position\" : \"W1V\", " ID_BEFORE, BY("_id", "-1")},
      {OP("position", "$lt", "\"W1V\""), BY("position", "-1") ", " BY("_id", "-1")}}},
    {"position", "\"_id\" : { \"$in\" : [ 1 ] }", NULL,
     {{"\"position\" : \"W1V\", \"_id\" : { \"$in\" : [ " INT("1") " ], \"$gt\" : " OID(ANNA) " }", BY("_id", "1")},
      {"\"_id\" : { \"$in\" : [ " INT("1") " ] }, " OP("position", "$gt", "\"W1V\""), BY("position", "1") ", " BY("_id", "1")}}},
    /* a filter that fixes the key, or excludes some of its values */
    {"priority", PRIORITY("3"), NULL, {{PRIORITY("3") ", " ID_AFTER, BY("_id", "1")}, {NOTHING}}},
    {"priority", PRIORITY("4"), NULL, {{NOTHING}, {PRIORITY("4"), BY("_id", "1")}}},
    {"-priority", PRIORITY("4"), NULL, {{NOTHING}, {NOTHING}}},
    {"-priority", PRIORITY("2"), NULL, {{NOTHING}, {PRIORITY("2"), BY("_id", "-1")}}},
    {"priority", OTHERS(""), NULL,
     {{PRIORITY("3") ", " ID_AFTER, BY("_id", "1")},
      {OTHERS(", \"$gt\" : " INT("3")), BY("priority", "1") ", " BY("_id", "1")}}},
    {"priority", OP("priority", "$nin", "[ " INT("3") " ]"), NULL,
     {{NOTHING}, {"\"priority\" : { \"$nin\" : [ " INT("3") " ], \"$gt\" : " INT("3") " }", BY("priority", "1") ", " BY("_id", "1")}}},
    /* three parts; the filter has a range of the first key, which contains the cursor's or not */
    {"dueAt", RANGE(", \"$lt\" : " DATE("9")), NULL,
     {{"\"dueKey\" : " DATE("7") ", " PRIORITY("3") ", " ID_AFTER, BY("_id", "1")},
      {"\"dueKey\" : " DATE("7") ", " OP("priority", "$gt", INT("3")), BY("priority", "1") ", " BY("_id", "1")},
      {RANGE(", \"$lt\" : " DATE("9") ", \"$gt\" : " DATE("7")), BY("dueKey", "1") ", " BY("priority", "1") ", " BY("_id", "1")}}},
    {"-dueAt,priority", RANGE(", \"$lt\" : " DATE("9")), "{\"dueKey\":" DATE("7") ",\"priority\":4}",
     {{"\"dueKey\" : " DATE("7") ", " OP("priority", "$gt", INT("3")), BY("priority", "1") ", " BY("_id", "1")},
      {RANGE(", \"$lt\" : " DATE("7")), BY("dueKey", "-1") ", " BY("priority", "1") ", " BY("_id", "1")}}},
    {"-dueAt", RANGE(", \"$lt\" : " DATE("5")), "{\"dueKey\":" DATE("6") "}",
     {{RANGE(", \"$lt\" : " DATE("5")), BY("dueKey", "-1") ", " BY("priority", "-1") ", " BY("_id", "-1")}}},
    {"-dueAt", RANGE(", \"$lt\" : " DATE("7")), "{\"dueKey\":" DATE("7") "}",
     {{NOTHING}, {RANGE(", \"$lt\" : " DATE("7")), BY("dueKey", "-1") ", " BY("priority", "-1") ", " BY("_id", "-1")}}},
};

/* No cursors of the list in the order of position. */
static const char *const forged[] = {
    "{}",
    "{\"o\":\"position\"}",
    "{\"o\":\"position\",\"r\":false}",
    "{\"o\":\"position\",\"r\":false,\"k1\":" OID(ANNA) "}",
    "{\"o\":\"position\",\"r\":false,\"k0\":null}",
    "{\"o\":\"position\",\"r\":false,\"k0\":{\"$ne\":1},\"k1\":" OID(ANNA) "}",
    "{\"o\":\"position\",\"r\":false,\"k0\":[1],\"k1\":" OID(ANNA) "}",
    "{\"o\":\"position\",\"r\":false,\"k0\":null,\"k1\":" OID(ANNA) "}",
    "{\"o\":\"position\",\"r\":false,\"k0\":{\"$code\":\"1\"},\"k1\":" OID(ANNA) "}",
    "{\"o\":\"position\",\"r\":false,\"k0\":{\"$regularExpression\":{\"pattern\":\"a\",\"options\":\"\"}},\"k1\":" OID(ANNA) "}",
    "{\"o\":\"position\",\"r\":false,\"k0\":\"a\",\"k1\":\"b\"}",
    "{\"o\":\"position\",\"r\":true,\"k0\":\"a\",\"k1\":" OID(ANNA) "}",
    "{\"o\":\"createdAt\",\"r\":false,\"k0\":\"a\",\"k1\":" OID(ANNA) "}",
    "{\"o\":7,\"r\":false,\"k0\":\"a\",\"k1\":" OID(ANNA) "}",
};
/* clang-format on */

static void
fake_database(void)
{
    fake_store_clear();
    fake_store_put(STORE_PROJECTS,
                   "{\"_id\":" OID(P) ",\"access\":\"everyone\",\"deletedAt\":null}");
    fake_store_put(STORE_PROJECTS,
                   "{\"_id\":" OID(TRASHED) ",\"access\":\"everyone\",\"deletedAt\":1}");
    fake_store_put(STORE_FILTERS, "{\"_id\":" OID(ANNA) ",\"userId\":" OID(
                                      FIXTURE_USER) ",\"filter\":\"done = true\"}");
    fake_store_put(STORE_USERS, "{\"_id\":" OID(FIXTURE_USER) ",\"timeZone\":\"Europe/Berlin\"}");
}

/* The list of tasks, with a query string. */
static enum err
ask(const char *query, struct request **r, struct query *q)
{
    const char *target = query[0] == '\0' ? "/v1/tasks" : "/v1/tasks?x";
    bson_t base = BSON_INITIALIZER;
    enum err err;

    *r = fixture_request("GET", target);
    (*r)->query = query;
    err = request_parse_query(*r);
    if (err == ERR_NONE)
        err = query_read(*r, &task_list, &base, q);
    bson_destroy(&base);
    return err;
}

static void
test_filters(void **state)
{
    (void)state;
    fake_database();
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct request *r;
        struct query q;
        enum err err = ask(rows[i].query, &r, &q);

        if (rows[i].filter == NULL) {
            if (err != ERR_BAD_PARAMETER || !unit_same(r->parameter, rows[i].param))
                unit_wrong("'%s': %s, %s", rows[i].query, fixture_slug(err), r->parameter);
            continue;
        }
        if (err != ERR_NONE) {
            unit_wrong("'%s': %s, %s", rows[i].query, fixture_slug(err), r->detail);
            continue;
        }
        if (!unit_same(fixture_json(r, q.filter), arena_printf(r->arena, "{ %s }", rows[i].filter)))
            unit_wrong("'%s':\n%s", rows[i].query, fixture_json(r, q.filter));
    }
    unit_rows_done();
}

static void
test_orders(void **state)
{
    (void)state;
    fake_database();
    for (size_t i = 0; i < COUNT(orders); i++) {
        struct request *r;
        struct query q;
        enum err err = ask(orders[i].sort, &r, &q);
        bson_t *sort = err == ERR_NONE ? query_sort(&q, q.filter) : bson_new();

        if (err != ERR_NONE ||
            !unit_same(fixture_json(r, sort), arena_printf(r->arena, "{ %s }", orders[i].opts)))
            unit_wrong("'%s': %s\n%s", orders[i].sort, fixture_slug(err), fixture_json(r, sort));
        bson_destroy(sort);
    }
    unit_rows_done();
}

/* Every filter of the table has its row above, every order too. */
static void
test_no_row_is_missing(void **state)
{
    (void)state;
    for (const struct filter *f = task_list.filters; f->name != NULL; f++) {
        bool good = false, bad = false;

        for (size_t i = 0; i < COUNT(rows); i++) {
            size_t len = strlen(f->name);

            if (strncmp(rows[i].query, f->name, len) == 0 && rows[i].query[len] == '=') {
                good = good || rows[i].filter != NULL;
                bad = bad || unit_same(rows[i].param, f->name);
            }
        }
        if (!good || !bad)
            unit_wrong("the filter %s has no row", f->name);
    }
    for (const struct order *o = task_list.orders; o->name != NULL; o++) {
        bool found = false;

        for (size_t i = 1; i < COUNT(orders); i++)
            found = found || strcmp(orders[i].sort + 5, o->name) == 0;
        if (!found)
            unit_wrong("the order %s has no row", o->name);
    }
    unit_rows_done();
}

/* What overdue and today mean, as a window of dueKey. */
static void
test_windows(void **state)
{
    static const struct {
        const char *query, *more;
    } windows[] = {
        {"overdue=true", STATE("open") DUE(ANY_FIRST, "2026-01-31", FIRST, NOW)},
        {"overdue=true&archived=true",
         STATE("archived") ", \"completedAt\" : null" DUE(ANY_FIRST, "2026-01-31", FIRST, NOW)},
        {"today=true", LIVING DUE("2026-01-31", "2026-01-31+", "1769814000000", "1769900400000")},
        {"overdue=true&today=true",
         STATE("open") DUE("2026-01-31", "2026-01-31", "1769814000000", NOW)},
    };

    (void)state;
    fake_database();
    for (size_t i = 0; i < COUNT(windows); i++) {
        struct request *r;
        struct query q;
        enum err err = ask(windows[i].query, &r, &q);

        if (err != ERR_NONE ||
            !unit_same(fixture_json(r, q.filter),
                       arena_printf(r->arena, "{ " VISIBLE ", %s }", windows[i].more)))
            unit_wrong("'%s': %s\n%s", windows[i].query, fixture_slug(err),
                       err == ERR_NONE ? fixture_json(r, q.filter) : "");
    }
    unit_rows_done();
}

/* A project that the user may not see is treated as missing, and so is one in the trash. */
static void
test_projects_one_may_not_list(void **state)
{
    struct request *r;
    struct query q;

    (void)state;
    fake_database();
    fake_store_put(STORE_PROJECTS, "{\"_id\":" OID(HIDDEN_P) ",\"access\":\"members\"}");
    assert_int_equal(ask("projectId=" HIDDEN_P, &r, &q), ERR_NOT_FOUND);
    assert_int_equal(ask("projectId=" TRASHED, &r, &q), ERR_NOT_FOUND);
    assert_int_equal(ask("projectId=" ANNA, &r, &q), ERR_NOT_FOUND);
    fake_store_fails(ERR_STORE);
    assert_int_equal(ask("projectId=" P, &r, &q), ERR_STORE);
    assert_int_equal(ask("", &r, &q), ERR_STORE);
}

/* The cursor after DOC, in a list in this order. */
static char *
cursor_behind(const char *sort, const char *next)
{
    struct text cursor = {0};
    struct request *r;
    struct query q;
    char query[64];

    snprintf(query, sizeof(query), "sort=%s", sort);
    assert_int_equal(ask(query, &r, &q), ERR_NONE);
    query_cursor(&cursor, &q, fixture_bson(r, DOC), next != NULL ? fixture_bson(r, next) : NULL);
    return cursor.bytes;
}

static void
check_part(struct request *r, const struct query *q, size_t page, int n)
{
    bson_t *given = fixture_bson(r, arena_printf(r->arena, "{ %s }", pages[page].filter)),
           *part = keyset_part(q, given, n), *sort = query_sort(q, part != NULL ? part : given);
    const char *filter = part != NULL ? fixture_json(r, part) : "{ " NOTHING " }",
               *expected = arena_printf(r->arena, "{ %s }", pages[page].parts[n].filter);

    if (!unit_same(filter, expected) ||
        (part != NULL && !unit_same(fixture_json(r, sort),
                                    arena_printf(r->arena, "{ %s }", pages[page].parts[n].sort))))
        unit_wrong("%s, %s, part %d: %s by %s", pages[page].sort, pages[page].filter, n, filter,
                   fixture_json(r, sort));
    bson_destroy(part);
    bson_destroy(sort);
}

static void
test_the_next_page(void **state)
{
    (void)state;
    fake_database();
    for (size_t i = 0; i < COUNT(pages); i++) {
        char *cursor = cursor_behind(pages[i].sort, pages[i].next), query[1024];
        struct request *r;
        struct query q;
        int n = 0;

        snprintf(query, sizeof(query), "sort=%s&cursor=%s", pages[i].sort, cursor);
        assert_int_equal(ask(query, &r, &q), ERR_NONE);
        for (; n < keyset_parts(&q); n++)
            check_part(r, &q, i, n);
        if (n > QUERY_KEYS || (n < QUERY_KEYS + 1 && pages[i].parts[n].filter != NULL))
            unit_wrong("%s, %s: %d parts", pages[i].sort, pages[i].filter, n);
        free(cursor);
    }
    unit_rows_done();
}

/* A cursor belongs to its order, and holds plain values of plain types. */
static void
test_a_cursor_of_another_list(void **state)
{
    char query[2048] = "cursor=", *cursor;
    struct request *r;
    struct query q;

    (void)state;
    fake_database();
    for (size_t i = 0; i < COUNT(forged); i++) {
        bson_t *doc = bson_new_from_json((const uint8_t *)forged[i], -1, NULL);

        assert_non_null(doc);
        text_base64url(query + 7, bson_get_data(doc), doc->len);
        bson_destroy(doc);
        if (ask(query, &r, &q) != ERR_BAD_PARAMETER || !unit_same(r->parameter, "cursor"))
            unit_wrong("%s is taken for a cursor", forged[i]);
    }
    cursor = cursor_behind("-position", NULL);
    snprintf(query, sizeof(query), "sort=position&cursor=%s", cursor);
    assert_int_equal(ask(query, &r, &q), ERR_BAD_PARAMETER);
    snprintf(query, sizeof(query), "sort=-position&cursor=%sA", cursor);
    assert_int_equal(ask(query, &r, &q), ERR_BAD_PARAMETER);
    free(cursor);
    unit_rows_done();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_no_row_is_missing),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_projects_one_may_not_list),
        cmocka_unit_test(test_the_next_page),
        cmocka_unit_test(test_a_cursor_of_another_list),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    fake_store_clear();
    fixture_done();
    return failed;
}
