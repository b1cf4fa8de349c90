/*
 * GET /v1/users?ids=: the names of users with whom the caller shares a project, and the caller's
 * own.  Other ids are left out, as if there were no such users.
 */
#include <string.h>

#include "api/access/read_access.h"
#include "api/http/reply.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "api/v1/handlers.h"
#include "common/base/id.h"

#define IDS_MAX 100

/* clang-format off */
static const struct field person_fields[] = {
    {"id",   REF,  0},
    {"name", TEXT, 0},
    {NULL},
};
const struct filter people_params[] = {
    {"ids", NULL, TEXT, CUSTOM, NULL, "up to 100 comma-separated user ids"},
    {NULL},
};
/* clang-format on */

const struct shape person_shape = {"Person", person_fields};

struct people {
    struct request *r;
    struct doc_array wanted, known; /* ids */
    struct text *out;
};

static enum err
read_ids(struct people *p)
{
    const char *at = request_param(p->r, "ids");
    bson_oid_t id;

    if (at == NULL)
        return request_bad_param(p->r, "ids", "is required");
    for (;; at++) {
        if (strcspn(at, ",") != ID_DIGITS || !bson_oid_is_valid(at, ID_DIGITS))
            return request_bad_param(p->r, "ids", "must be comma-separated ids of 24 hex digits");
        if (p->wanted.count == IDS_MAX)
            return request_bad_param(p->r, "ids", "must have at most 100 ids");
        bson_oid_init_from_string_unsafe(&id, at);
        doc_array_add_id(&p->wanted, &id);
        if (bson_oid_equal(&id, &p->r->user_id))
            doc_array_add_id(&p->known, &id);
        if (at[ID_DIGITS] == '\0')
            return ERR_NONE;
        at += ID_DIGITS;
    }
}

static enum err
note_known(void *arg, const bson_t *doc)
{
    struct people *p = arg;

    doc_array_add_id(&p->known, doc_id(doc, "_id"));
    return ERR_NONE;
}

/* Collects the wanted users who are members of a project that the caller may read, each once. */
static enum err
find_known(struct people *p)
{
    bson_t mine = BSON_INITIALIZER, *pipeline;
    enum err err;

    BSON_APPEND_NULL(&mine, "deletedAt");
    read_access_projects(p->r, &mine);
    pipeline = request_keep(
        p->r, BCON_NEW("0", "{", "$match", BCON_DOCUMENT(&mine), "}", "1", "{", "$match", "{",
                       "members.userId", "{", "$in", BCON_ARRAY(p->wanted.bson), "}", "}", "}", "2",
                       "{", "$project", "{", "members.userId", BCON_INT32(1), "}", "}", "3", "{",
                       "$unwind", "$members", "}", "4", "{", "$match", "{", "members.userId", "{",
                       "$in", BCON_ARRAY(p->wanted.bson), "}", "}", "}", "5", "{", "$group", "{",
                       "_id", "$members.userId", "}", "}"));
    bson_destroy(&mine);
    err = store_aggregate(p->r->store, STORE_PROJECTS, pipeline, note_known, p);
    return err;
}

static enum err
write_person(void *arg, const bson_t *user)
{
    struct people *p = arg;

    if (p->out->bytes[p->out->len - 1] != '[')
        text_putc(p->out, ',');
    doc_write(p->out, &person_shape, user);
    return ERR_NONE;
}

enum err
people_list(struct request *r)
{
    struct people p = {.r = r,
                       .wanted = {request_keep(r, bson_new()), 0},
                       .known = {request_keep(r, bson_new()), 0}};
    bson_t *filter, *opts;
    enum err err;

    if ((err = read_ids(&p)) != ERR_NONE || (err = request_params_done(r)) != ERR_NONE ||
        (err = find_known(&p)) != ERR_NONE)
        return err;
    filter = request_keep(r, BCON_NEW("_id", "{", "$in", BCON_ARRAY(p.known.bson), "}"));
    opts = request_keep(r, BCON_NEW("projection", "{", "name", BCON_BOOL(true), "}", "sort", "{",
                                    "_id", BCON_INT32(1), "}"));
    p.out = reply_json(r, 200);
    text_puts(p.out, "{\"items\":[");
    err = store_find(r->store, &(struct store_query){STORE_USERS, filter, opts}, write_person, &p);
    text_puts(p.out, "],\"nextCursor\":null}");
    return err;
}
