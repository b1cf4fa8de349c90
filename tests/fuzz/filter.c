/*
 * Filters: what is taken can be resolved, projected and compared with any task; what is refused
 * says where, within the text, and what was expected there.
 */
#include "api/filter/filter.h"

#include <string.h>

#include "common/base/arena.h"
#include "common/text/text.h"
#include "common/time/clock.h"
#include "common/time/zone.h"
#include "tests/fuzz/fuzz.h"

#define ID  "0123456789abcdef01234567"
#define NOW 1769850000000

static void
check_tree(const struct filter_tree *filter)
{
    bson_t projection = BSON_INITIALIZER;
    bson_oid_t id;
    bson_t *empty = bson_new(), *task;

    bson_oid_init_from_string(&id, ID);
    task = BCON_NEW("_id", BCON_OID(&id), "projectId", BCON_OID(&id), "title", "Title",
                    "description", "", "status", "todo", "priority", BCON_INT32(2), "dueAt",
                    BCON_DATE_TIME(NOW), "startDate", "2026-01-31", "assigneeIds", "[",
                    BCON_OID(&id), "]", "labelIds", "[", "x", "]", "number", BCON_INT64(7));
    BSON_APPEND_OID(empty, "projectId", &id);
    filter_project(filter, &projection);
    must(!bson_empty(&projection));
    filter_match(filter, task);
    filter_match(filter, empty);
    bson_destroy(&projection);
    bson_destroy(empty);
    bson_destroy(task);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct filter_error error = {-1, NULL};
    struct filter_tree *filter = NULL;
    struct arena *arena;
    char *text;
    bool ok;

    if (size > 8192 || memchr(data, '\0', size) != NULL || !text_utf8((const char *)data, size))
        return 0;
    arena = arena_new((size_t)64 << 20);
    text = arena_copy(arena, (const char *)data, size);
    filter = filter_parse(arena, text, &error);
    ok = filter != NULL && filter_resolve_times(filter, zone_or_utc("Europe/Berlin"), NOW, &error);
    if (ok)
        check_tree(filter);
    else
        must(error.position >= 0 && (size_t)error.position <= text_points(text, size) &&
             error.expected != NULL);
    arena_free(arena);
    return 0;
}
