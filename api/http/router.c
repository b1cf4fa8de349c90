/*
 * Searches the table linearly; it is short enough (measured: below a microsecond).
 */
#include "api/http/router.h"

#include <string.h>

/* Does the path match the pattern?  Copies the values of its {names}. */
static bool
fits(struct request *r, const char *pattern, const char *args[REQUEST_ARGS])
{
    const char *p = r->path;
    int n = 0;

    for (; *pattern != '\0'; pattern++, p++) {
        size_t len;

        if (*pattern != '{') {
            if (*pattern != *p)
                return false;
            continue;
        }
        len = strcspn(p, "/");
        pattern = strchr(pattern, '}');
        if (pattern[1] == '.') /* "/{secret}.ics" */
            len = strcspn(p, "/.");
        if (len == 0 || n == REQUEST_ARGS)
            return false;
        args[n++] = arena_copy(r->arena, p, len);
        p += len - 1;
    }
    return *p == '\0';
}

static void
allow(struct text *list, enum method method)
{
    if (list->len > 0)
        text_puts(list, ", ");
    text_puts(list, method_names[method]);
    if (method == GET)
        text_puts(list, ", HEAD");
}

enum err
router_find(struct request *r)
{
    const char *name = r->method_name;
    struct text methods = {0};

    r->head_only = strcmp(name, "HEAD") == 0;
    if (r->head_only)
        name = "GET";
    for (const struct route *route = routes; route->path != NULL; route++) {
        const char *args[REQUEST_ARGS] = {NULL};

        if (!fits(r, route->path, args))
            continue;
        if (strcmp(name, method_names[route->method]) == 0) {
            memcpy(r->args, args, sizeof(args));
            r->method = route->method;
            r->route = route;
            text_free(&methods);
            return ERR_NONE;
        }
        allow(&methods, route->method);
    }
    if (methods.len > 0) {
        text_puts(&methods, ", OPTIONS");
        r->reply.allow = arena_dup(r->arena, methods.bytes);
    }
    text_free(&methods);
    return r->reply.allow != NULL ? ERR_METHOD : ERR_NOT_FOUND;
}

bool
router_uploads(struct request *r)
{
    for (const struct route *route = routes; route->path != NULL; route++) {
        const char *args[REQUEST_ARGS] = {NULL};

        if ((route->flags & UPLOAD) != 0 &&
            strcmp(r->method_name, method_names[route->method]) == 0 && fits(r, route->path, args))
            return true;
    }
    return false;
}
