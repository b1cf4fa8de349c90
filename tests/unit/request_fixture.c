/*
 * Requests without a worker.
 */
#include "tests/unit/request_fixture.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "api/http/reply.h"
#include "common/config.h"
#include "common/text/json.h"
#include "tests/unit/unit.h"

static struct request request;
/* The default settings. */
static struct config *
defaults(void)
{
    static struct config config;

    if (config.public_url == NULL) {
        setenv("SIGNING_KEYS", "none", 1); /* has no default */
        setenv("PUBLIC_URL", "https://tasks.example.org", 1);
        if (config_read(&config, CONFIG_API) != ERR_NONE)
            fail_msg("a default is not acceptable");
    }
    return &config;
}

void
fixture_done(void)
{
    arena_free(request.arena);
    text_free(&request.reply.body);
    request = (struct request){0};
}

struct request *
fixture_request(const char *method, const char *target)
{
    struct request *r = &request;
    const char *mark = strchr(target, '?');

    fixture_done();
    r->arena = arena_new((size_t)64 << 20);
    r->id = "test";
    r->method_name = method;
    r->path = mark == NULL ? arena_dup(r->arena, target)
                           : arena_copy(r->arena, target, (size_t)(mark - target));
    r->query = mark == NULL ? NULL : arena_dup(r->arena, mark + 1);
    r->epoch = "deadbeef";
    r->config = defaults();
    strcpy(r->user, FIXTURE_USER);
    strcpy(r->session, FIXTURE_SESSION);
    bson_oid_init_from_string(&r->user_id, r->user);
    bson_oid_init_from_string(&r->session_id, r->session);
    return r;
}

static void
put(void *json)
{
    json_object_put(json);
}

void
fixture_body(struct request *r, const char *json)
{
    const char *why;

    r->body = json;
    r->body_len = strlen(json);
    if (json_parse(json, r->body_len, &r->json, &why) != ERR_NONE)
        fail_msg("%s: %s", json, why);
    arena_defer(r->arena, put, r->json);
}

const char *
fixture_complaints(struct request *r)
{
    const char *list = "";

    for (const struct complaint *c = r->complaints; c != NULL; c = c->next)
        list = arena_printf(r->arena, "%s%s%s %s", list, *list == '\0' ? "" : "; ", c->pointer,
                            c->code);
    return list;
}

const char *
fixture_json(struct request *r, const bson_t *doc)
{
    char *json = bson_as_canonical_extended_json(doc, NULL), *kept;

    if (json == NULL)
        fail_msg("a document has no JSON");
    kept = arena_dup(r->arena, json);
    bson_free(json);
    return kept;
}

bson_t *
fixture_bson(struct request *r, const char *json)
{
    bson_error_t error;
    bson_t *doc = bson_new_from_json((const uint8_t *)json, -1, &error);

    if (doc == NULL)
        fail_msg("%s: %s", json, error.message);
    return request_keep(r, doc);
}

const char *
fixture_slug(enum err err)
{
    return err == ERR_NONE ? "ok" : problems[err].slug;
}
