/*
 * doc_load() is the opposite of doc_write(), and doc_revert() of doc_changes().
 */
#include <string.h>

#include "api/schema/doc.h"
#include "api/schema/doc_changes.h"
#include "api/schema/doc_load.h"
#include "api/schema/doc_revert.h"
#include "api/v1/tasks/tasks.h"
#include "common/text/text.h"
#include "tests/unit/request_fixture.h"
#include "tests/unit/unit.h"

#define ROUNDS 3000

static const char *const texts[] = {"a", "b", "\\\"\\u00e9\\n", "c"};

static const char *
any_text(void)
{
    return texts[unit_random(4)];
}

static void
add_ids(struct text *out, const char *name, uint32_t most, const char *format)
{
    char used[10] = "";

    text_printf(out, ",\"%s\":[", name);
    for (int n = (int)unit_random(most + 1), first = 1; n > 0; n--) {
        uint32_t i = unit_random(most);

        if (used[i]++)
            continue;
        text_puts(out, first ? "" : ",");
        text_printf(out, format, i, any_text(), unit_random(2) ? "true" : "false");
        first = 0;
    }
    text_puts(out, "]");
}

/* A random task, as it is stored. */
static bson_t *
any_task(struct request *r)
{
    struct text json = {0};
    bson_t *doc;

    text_printf(&json, "{\"_id\":{\"$oid\":\"0123456789abcdef01234567\"},\"rev\":%u,\"title\":\"%s\"",
                unit_random(9), any_text());
    text_printf(&json, ",\"priority\":%u,\"dueDate\":%s", unit_random(5), unit_random(2) ? "null" : "\"2030-01-31\"");
    text_printf(&json, ",\"completedAt\":%s", unit_random(2) ? "null" : "{\"$date\":1700000000123}");
    add_ids(&json, "labelIds", 6, "\"l%u\"");
    add_ids(&json, "assigneeIds", 6, "{\"$oid\":\"%024u\"}");
    add_ids(&json, "checklist", 8, "{\"id\":\"i%u\",\"text\":\"%s\",\"done\":%s}");
    add_ids(&json, "relations", 5, "{\"kind\":\"blocks\",\"taskId\":{\"$oid\":\"%024u\"}}");
    if (unit_random(2))
        text_puts(&json, ",\"recurrence\":{\"rule\":\"FREQ=DAILY\",\"basis\":\"due\",\"start\":\"2030-01-31\"}");
    text_puts(&json, ",\"subtasks\":{\"done\":1,\"total\":2}}");
    doc = fixture_bson(r, json.bytes);
    text_free(&json);
    return doc;
}

static const char *
public_form(struct request *r, const bson_t *doc)
{
    struct text t = {0};
    const char *json;

    doc_write(&t, &task_shape, doc);
    json = arena_dup(r->arena, t.bytes);
    text_free(&t);
    return json;
}

static bson_t *
from_json(struct request *r, const char *json)
{
    return request_keep(r, bson_new_from_json((const uint8_t *)json, -1, NULL));
}

/* The changes between two versions, read back. */
static bson_t *
changes_of(struct request *r, const bson_t *before, const bson_t *after)
{
    struct text t = {0};
    bson_t *changes;

    doc_changes(&t, &task_shape, before, after, NULL);
    changes = from_json(r, t.bytes);
    text_free(&t);
    return changes;
}

static void
test_what_is_written_is_loaded(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct request *r = fixture_request("GET", "/");
        const char *json = public_form(r, any_task(r));
        bson_t *loaded = doc_load(&task_shape, from_json(r, json));

        if (loaded == NULL || !unit_same(public_form(r, request_keep(r, loaded)), json))
            unit_wrong("%s", json);
    }
    unit_rows_done();
}

/* The two differ only in rev and what an event does not tell. */
static void
test_every_change_is_reverted(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct request *r = fixture_request("GET", "/");
        bson_t *before = any_task(r), *after = any_task(r), *none, *got;
        struct doc_reverted out = {.set = request_keep(r, bson_new())};

        doc_revert(&task_shape, changes_of(r, before, after), after, &out);
        got = request_keep(r, doc_merge(after, out.set));
        none = changes_of(r, before, got);
        if (out.conflict_count > 0 || out.untold_count > 0 || !bson_empty(none))
            unit_wrong("%s to %s: %s\n%s", public_form(r, before), public_form(r, after),
                       public_form(r, got), out.conflict_count > 0 ? out.conflicts[0] : "");
    }
    unit_rows_done();
}

static void
test_every_change_is_made_again(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct request *r = fixture_request("GET", "/");
        bson_t *before = any_task(r), *after = any_task(r), *got, *swapped = request_keep(r, bson_new());
        struct doc_reverted out = {.set = request_keep(r, bson_new())};

        doc_revert_swap(changes_of(r, before, after), swapped);
        doc_revert(&task_shape, swapped, before, &out);
        got = request_keep(r, doc_merge(before, out.set));
        if (!bson_empty(changes_of(r, after, got)))
            unit_wrong("%s to %s: %s", public_form(r, before), public_form(r, after), public_form(r, got));
    }
    unit_rows_done();
}

/* What somebody else does to other items meanwhile does not matter and stays. */
/* clang-format off */
static const struct {
    const char *changes, *now, *after, *conflicts; /* after: what is set */
    bool untold;
} reverted[] = {
    {"{\"title\":[\"a\",\"b\"]}", "{\"title\":\"b\"}", "{\"title\":\"a\"}", "", false},
    {"{\"title\":[\"a\",\"b\"]}", "{\"title\":\"c\"}", "{\"title\":\"a\"}", "title ", false},
    {"{\"description\":null}", "{\"description\":\"b\"}", "{}", "", true},
    {"{\"priority\":[\"low\",\"high\"]}", "{\"priority\":3}", "{\"priority\":1}", "", false},
    {"{\"dueDate\":[null,\"2030-01-31\"]}", "{\"dueDate\":\"2030-01-31\"}", "{\"dueDate\":null}", "", false},
    {"{\"labelIds/x\":[null,\"x\"]}", "{\"labelIds\":[\"x\",\"y\"]}", "{\"labelIds\":[\"y\"]}", "", false},
    {"{\"labelIds/x\":[null,\"x\"]}", "{\"labelIds\":[\"y\"]}", "{\"labelIds\":[\"y\"]}", "labelIds/x ", false},
    {"{\"labelIds/x\":[\"x\",null]}", "{\"labelIds\":[\"y\",\"z\"]}", "{\"labelIds\":[\"y\",\"z\",\"x\"]}", "", false},
    {"{\"labelIds/x/after\":[\"y\",null],\"labelIds/x\":[\"x\",null]}", "{\"labelIds\":[\"y\",\"z\"]}",
     "{\"labelIds\":[\"y\",\"x\",\"z\"]}", "", false},
    {"{\"labelIds/x/after\":[\"q\",null],\"labelIds/x\":[\"x\",null]}", "{\"labelIds\":[\"y\",\"z\"]}",
     "{\"labelIds\":[\"y\",\"z\",\"x\"]}", "", false},
    {"{\"labelIds/x/after\":[null,null],\"labelIds/x\":[\"x\",null]}", "{\"labelIds\":[\"x\",\"z\"]}",
     "{\"labelIds\":[\"x\",\"z\"]}", "labelIds/x ", false},
    {"{\"labelIds/z/after\":[\"y\",null]}", "{\"labelIds\":[\"z\",\"y\"]}", "{\"labelIds\":[\"y\",\"z\"]}", "", false},
    {"{\"labelIds/z/after\":[\"y\",null]}", "{\"labelIds\":[\"q\",\"z\",\"y\"]}", "{\"labelIds\":[\"q\",\"y\",\"z\"]}",
     "labelIds/z/after ", false},
    {"{\"checklist/i/done\":[false,true]}", "{\"checklist\":[{\"id\":\"i\",\"text\":\"new\",\"done\":true}]}",
     "{\"checklist\":[{\"id\":\"i\",\"text\":\"new\",\"done\":false}]}", "", false},
    {"{\"checklist/i/done\":[false,true]}", "{\"checklist\":[]}", "{\"checklist\":[]}", "checklist/i/done ", false},
    {"{\"checklist/i\":null}", "{\"checklist\":[]}", "{\"checklist\":[]}", "", true},
};
/* clang-format on */

static void
test_only_its_own_change_is_reverted(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(reverted); i++) {
        struct request *r = fixture_request("GET", "/");
        struct doc_reverted out = {.set = request_keep(r, bson_new())};
        struct text conflicts = {0};
        bson_t *want = fixture_bson(r, reverted[i].after);

        text_puts(&conflicts, "");
        doc_revert(&task_shape, from_json(r, reverted[i].changes), fixture_bson(r, reverted[i].now), &out);
        for (int n = 0; n < out.conflict_count; n++)
            text_printf(&conflicts, "%s ", out.conflicts[n]);
        if (!unit_same(conflicts.bytes, reverted[i].conflicts) || (out.untold_count > 0) != reverted[i].untold ||
            !bson_equal(out.set, want))
            unit_wrong("%s: %s %s", reverted[i].changes, fixture_json(r, out.set), conflicts.bytes);
        text_free(&conflicts);
    }
    unit_rows_done();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_loaded),
        cmocka_unit_test(test_every_change_is_reverted),
        cmocka_unit_test(test_every_change_is_made_again),
        cmocka_unit_test(test_only_its_own_change_is_reverted),
    };

    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    fixture_done();
    return failed;
}
