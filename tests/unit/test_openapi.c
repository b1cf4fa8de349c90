/*
 * The OpenAPI document from the tables: JSON, with every endpoint, and no dangling reference.
 */
#include "api/server/openapi.h"

#include <ctype.h>
#include <json-c/json.h>
#include <string.h>

#include "api/crud/resource.h"
#include "api/http/router.h"
#include "common/text/text.h"
#include "tests/unit/request_fixture.h"
#include "tests/unit/unit.h"

static struct json_object *document;

static int
read_document(void **state)
{
    struct text t = {0};

    (void)state;
    openapi_write(&t);
    document = json_tokener_parse(t.bytes);
    text_free(&t);
    return document == NULL;
}

static int
drop_document(void **state)
{
    (void)state;
    json_object_put(document);
    return 0;
}

/* What a JSON Pointer without escapes leads to. */
static struct json_object *
find(const char *pointer)
{
    struct json_object *at = document;
    char name[128];

    while (*pointer == '/' && at != NULL) {
        size_t len = strcspn(++pointer, "/");

        snprintf(name, sizeof(name), "%.*s", (int)len, pointer);
        at = json_object_object_get(at, name);
        pointer += len;
    }
    return at;
}

static void
check_references(struct json_object *value)
{
    if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value); i++)
            check_references(json_object_array_get_idx(value, i));
    } else if (json_object_is_type(value, json_type_object)) {
        json_object_object_foreach(value, name, member)
        {
            if (strcmp(name, "$ref") == 0) {
                const char *target = json_object_get_string(member);

                if (target[0] != '#' || find(target + 1) == NULL)
                    unit_wrong("%s leads nowhere", target);
            } else {
                check_references(member);
            }
        }
    }
}

static void
test_every_reference_leads_somewhere(void **state)
{
    (void)state;
    check_references(document);
    unit_rows_done();
}

static void
test_every_endpoint_is_there(void **state)
{
    struct json_object *paths = find("/paths");

    (void)state;
    for (const struct route *r = routes; r->path != NULL; r++) {
        struct json_object *operation;
        char method[8] = "";

        for (size_t i = 0; method_names[r->method][i] != '\0'; i++)
            method[i] = (char)tolower((unsigned char)method_names[r->method][i]);
        operation = json_object_object_get(json_object_object_get(paths, r->path), method);
        if (operation == NULL ||
            !unit_same(json_object_get_string(json_object_object_get(operation, "summary")),
                       r->summary))
            unit_wrong("%s %s is missing", method, r->path);
        if ((json_object_object_get(operation, "requestBody") != NULL) !=
            (r->body != NULL || (r->flags & UPLOAD) != 0))
            unit_wrong("%s %s: its body", method, r->path);
    }
    unit_rows_done();
}

/* What a client may not see is in no schema. */
static void
test_hidden_fields_are_not_there(void **state)
{
    struct json_object *schemas = find("/components/schemas");

    (void)state;
    json_object_object_foreach(schemas, name, schema)
    {
        struct json_object *properties = json_object_object_get(schema, "properties");

        for (const struct route *r = routes; r->path != NULL; r++) {
            if (r->answer == NULL || strcmp(r->answer->name, name) != 0)
                continue;
            for (const struct field *f = r->answer->fields; f->name != NULL; f++)
                if ((f->flags & HIDDEN) && json_object_object_get(properties, f->name) != NULL)
                    unit_wrong("%s shows %s", name, f->name);
        }
    }
    unit_rows_done();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_reference_leads_somewhere),
        cmocka_unit_test(test_every_endpoint_is_there),
        cmocka_unit_test(test_hidden_fields_are_not_there),
    };

    return cmocka_run_group_tests(tests, read_document, drop_document);
}
