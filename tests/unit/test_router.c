/*
 * Path and method to route.
 */
#include "api/http/router.h"

#include <string.h>

#include "tests/unit/request_fixture.h"
#include "tests/unit/unit.h"

#define ID FIXTURE_USER

/* clang-format off */
static const struct {
    const char *method, *path;
    enum err err;
    const char *pattern; /* of the route; what Allow says for ERR_METHOD */
    const char *args[REQUEST_ARGS];
} rows[] = {
    {"GET",     "/v1/health",                   ERR_NONE,      "/v1/health"},
    {"HEAD",    "/v1/health",                   ERR_NONE,      "/v1/health"},
    {"GET",     "/v1/tasks",                    ERR_NONE,      "/v1/tasks"},
    {"GET",     "/v1/tasks/" ID,                ERR_NONE,      "/v1/tasks/{id}", {ID}},
    {"PATCH",   "/v1/tasks/" ID,                ERR_NONE,      "/v1/tasks/{id}", {ID}},
    {"POST",    "/v1/tasks/" ID "/move",        ERR_NONE,      "/v1/tasks/{id}/move", {ID}},
    {"GET",     "/v1/tasks/not-an-id",          ERR_NONE,      "/v1/tasks/{id}", {"not-an-id"}},
    {"GET",     "/v1/tasks/%2e%2e",             ERR_NONE,      "/v1/tasks/{id}", {"%2e%2e"}},
    {"PUT",     "/v1/projects/a/members/b",     ERR_NONE,      "/v1/projects/{id}/members/{userId}", {"a", "b"}},
    {"DELETE",  "/v1/sessions/current",         ERR_NONE,      "/v1/sessions/{id}", {"current"}},
    {"POST",    "/v1/sessions/refresh",         ERR_NONE,      "/v1/sessions/refresh"},
    {"POST",    "/v1/health",                   ERR_METHOD,    "GET, HEAD, OPTIONS"},
    {"OPTIONS", "/v1/health",                   ERR_METHOD,    "GET, HEAD, OPTIONS"},
    {"get",     "/v1/health",                   ERR_METHOD,    "GET, HEAD, OPTIONS"},
    {"",        "/v1/health",                   ERR_METHOD,    "GET, HEAD, OPTIONS"},
    {"TRACE",   "/v1/tasks",                    ERR_METHOD,    "GET, HEAD, POST, OPTIONS"},
    {"PUT",     "/v1/tasks/" ID,                ERR_METHOD,    "GET, HEAD, PATCH, DELETE, OPTIONS"},
    {"GET",     "/v1/tasks/" ID "/move",        ERR_METHOD,    "POST, OPTIONS"},
    {"GET",     "",                             ERR_NOT_FOUND},
    {"GET",     "/",                            ERR_NOT_FOUND},
    {"GET",     "/v1",                          ERR_NOT_FOUND},
    {"GET",     "/v1/",                         ERR_NOT_FOUND},
    {"GET",     "/v1/healt",                    ERR_NOT_FOUND},
    {"GET",     "/v1/health/",                  ERR_NOT_FOUND},
    {"GET",     "/v1/healthy",                  ERR_NOT_FOUND},
    {"GET",     "/V1/health",                   ERR_NOT_FOUND},
    {"GET",     "//v1/health",                  ERR_NOT_FOUND},
    {"GET",     "/v1//health",                  ERR_NOT_FOUND},
    {"GET",     "v1/health",                    ERR_NOT_FOUND},
    {"GET",     "/v1/./health",                 ERR_NOT_FOUND},
    {"GET",     "/v1/tasks/",                   ERR_NOT_FOUND},
    {"GET",     "/v1/tasks//move",              ERR_NOT_FOUND},
    {"GET",     "/v1/tasks/" ID "/",            ERR_NOT_FOUND},
    {"GET",     "/v1/tasks/" ID "/nothing",     ERR_NOT_FOUND},
    {"POST",    "/v1/tasks/" ID "/move/",       ERR_NOT_FOUND},
    {"GET",     "/v1/projects//members/b",      ERR_NOT_FOUND},
    {"GET",     "/v1/projects/{id}/members/b/c", ERR_NOT_FOUND},
};
/* clang-format on */

static void
test_paths(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct request *r = fixture_request(rows[i].method, rows[i].path);
        enum err err = router_find(r);
        const char *found = err == ERR_NONE ? r->route->path : r->reply.allow;

        if (err != rows[i].err || !unit_same(found, rows[i].pattern))
            unit_wrong("%s %s: %s, %s", rows[i].method, rows[i].path, fixture_slug(err), found);
        for (int n = 0; n < REQUEST_ARGS; n++)
            if (!unit_same(r->args[n], rows[i].args[n]))
                unit_wrong("%s %s: argument %d is %s", rows[i].method, rows[i].path, n, r->args[n]);
        if (r->head_only != (strcmp(rows[i].method, "HEAD") == 0))
            unit_wrong("%s %s: head_only", rows[i].method, rows[i].path);
    }
    unit_rows_done();
}

/* No route hides another: each is found by its own path. */
static void
test_every_route_is_found(void **state)
{
    static const char *const values[REQUEST_ARGS] = {"value-0", "value-1", "value-2"};

    (void)state;
    for (const struct route *route = routes; route->path != NULL; route++) {
        struct text path = {0};
        struct request *r;
        int wanted = 0;

        for (const char *p = route->path; *p != '\0'; p++) {
            if (*p != '{') {
                text_putc(&path, *p);
                continue;
            }
            text_printf(&path, "value-%d", wanted++);
            p = strchr(p, '}');
        }
        r = fixture_request(method_names[route->method], path.bytes);
        if (router_find(r) != ERR_NONE || r->route != route)
            unit_wrong("%s %s is not found by %s", method_names[route->method], route->path,
                       path.bytes);
        for (int n = 0; n < REQUEST_ARGS; n++)
            if ((r->args[n] != NULL) != (n < wanted) ||
                (n < wanted && !unit_same(r->args[n], values[n])))
                unit_wrong("%s: argument %d is %s", route->path, n, r->args[n]);
        text_free(&path);
    }
    unit_rows_done();
}

static void
test_every_route_is_complete(void **state)
{
    (void)state;
    for (const struct route *route = routes; route->path != NULL; route++) {
        if (route->handler == NULL || route->summary == NULL || *route->summary == '\0' ||
            strncmp(route->path, "/v1/", 4) != 0)
            unit_wrong("%s %s lacks something", method_names[route->method], route->path);
        for (const struct route *other = routes; other < route; other++)
            if (other->method == route->method && strcmp(other->path, route->path) == 0)
                unit_wrong("%s %s is there twice", method_names[route->method], route->path);
    }
    unit_rows_done();
}

/* What is open to share links only reads, and finds projects through the binding of a token. */
static void
test_share_links_are_limited(void **state)
{
    (void)state;
    for (const struct route *route = routes; route->path != NULL; route++)
        if ((route->flags & LINK) &&
            (route->method != GET || route->who != USER || !(route->flags & BOUND) ||
             (route->flags & (PERSON | ADMIN | STEP_UP))))
            unit_wrong("%s %s is open to share links", method_names[route->method], route->path);
    unit_rows_done();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_every_route_is_found),
        cmocka_unit_test(test_every_route_is_complete),
        cmocka_unit_test(test_share_links_are_limited),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    fixture_done();
    return failed;
}
