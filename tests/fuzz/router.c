/*
 * Request lines, "METHOD path?query": one answer each, whatever stands there.
 */
#include "api/http/router.h"

#include <string.h>

#include "tests/fuzz/fuzz.h"

static void
check_found(const struct request *r)
{
    int wanted = 0;

    must(r->route != NULL && r->route->handler != NULL);
    must(strcmp(r->method_name, "HEAD") == 0
             ? r->route->method == GET
             : strcmp(r->method_name, method_names[r->route->method]) == 0);
    for (const char *p = r->route->path; *p != '\0'; p++)
        wanted += *p == '{';
    for (int n = 0; n < REQUEST_ARGS; n++) {
        must((r->args[n] != NULL) == (n < wanted));
        must(n >= wanted || (*r->args[n] != '\0' && strchr(r->args[n], '/') == NULL));
    }
}

static void
check_query(struct request *r)
{
    enum err err = request_parse_query(r);

    must(err == ERR_NONE || err == ERR_BAD_PARAMETER);
    must(r->param_count >= 0 && r->param_count <= REQUEST_PARAMS_MAX);
    for (int i = 0; i < r->param_count; i++) {
        must(text_utf8(r->params[i].name, strlen(r->params[i].name)));
        must(text_utf8(r->params[i].value, strlen(r->params[i].value)));
        must(request_param(r, r->params[i].name) == r->params[i].value);
    }
    must(err != ERR_NONE || request_params_done(r) == ERR_NONE);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct request r = {0};
    char *line, *mark;
    enum err err;

    if (size > 8192)
        return 0;
    r.arena = arena_new((size_t)64 << 20);
    line = arena_copy(r.arena, (const char *)data, size);
    if ((mark = strchr(line, '?')) != NULL) {
        *mark = '\0';
        r.query = mark + 1;
    }
    r.method_name = line;
    if ((mark = strchr(line, ' ')) != NULL)
        *mark = '\0';
    r.path = mark == NULL ? "" : mark + 1;
    err = router_find(&r);
    must(err == ERR_NONE || err == ERR_METHOD || err == ERR_NOT_FOUND);
    must((err == ERR_METHOD) == (r.reply.allow != NULL));
    if (err == ERR_NONE)
        check_found(&r);
    check_query(&r);
    arena_free(r.arena);
    return 0;
}
