/*
 * /v1/projects/{id}/links: share links.  Whoever has a link's token reads the project without an
 * account (v1/link_sessions.c).  A link belongs to its project, whoever made it: admins see all of
 * them and delete them.
 *
 * A link has a topic of its own, named like a user's, on which push learns that its sessions have
 * ended, and a generation, which a new password or expiry raises.
 */
#include <string.h>

#include "api/access/audit.h"
#include "api/access/project_access.h"
#include "api/access/session_revocation.h"
#include "api/crud/entity.h"
#include "api/crud/field_base.h"
#include "api/crud/page.h"
#include "api/crud/request_change.h"
#include "api/http/doc_read.h"
#include "api/http/quotas.h"
#include "api/http/reply.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "api/v1/handlers.h"
#include "common/base/id.h"
#include "common/change/revocation.h"
#include "common/secrets/password.h"
#include "common/secrets/token.h"
#include "common/time/clock.h"

#define LINK_PASSWORD_MIN 8 /* characters; wrong ones are throttled, so guessing takes years */

/* clang-format off */
#define LINK_FIELDS                                                                               \
    ENTITY_FIELDS,                                                                                \
    {"projectId",    REF,     0},                                                                 \
    {"name",         TEXT,    MAY_EDIT | NULLABLE, 1, 100, .about = "shown to admins only"},      \
    {"password",     TEXT,    MAY_EDIT | NULLABLE | VERBATIM | VIRTUAL, LINK_PASSWORD_MIN, PASSWORD_MAX, .couple = "hasPassword", .about = "that readers must know; null: none"}, \
    {"hasPassword",  FLAG,    0},                                                                 \
    {"expiresAt",    INSTANT, MAY_EDIT | NULLABLE, .about = "when it stops working; null: never"}

static const struct field link_fields[] = {
    LINK_FIELDS,
    {"tokenHash",    TEXT,    HIDDEN},
    {"passwordHash", TEXT,    HIDDEN},
    {"generation",   INTEGER, HIDDEN},
    {NULL},
};
static const struct field made_fields[] = {
    LINK_FIELDS,
    {"token",        TEXT,    VIRTUAL, .about = "shown only now; the page's address is #/l/ and the token"},
    {NULL},
};
/* The public fields in a project's events, which its members and the readers of its links get. */
static const struct field announced_fields[] = {
    {"id",        REF, 0},
    {"createdBy", REF, 0},
    {"projectId", REF, 0},
    {NULL},
};
/* clang-format on */
static const struct order link_orders[] = {{"createdAt", {"createdAt"}}, {NULL}};

const struct shape link_shape = {"Link", link_fields};
const struct shape link_made_shape = {"LinkMade", made_fields};
static const struct shape announced_shape = {"LinkEvent", announced_fields};
const struct list link_list = {.store = STORE_LINKS, .orders = link_orders};
const struct resource share_links = {.shape = &link_shape, .store = STORE_LINKS};

struct edit {
    struct request *r;
    bson_oid_t project, id;
    bson_t *body;
    char hash[PASSWORD_STORED]; /* of the password in the body, if it has one */
    struct revocation ended;    /* the sessions that have ended */
    bool ends;
};

/* ------------------------------------------------------------ reading */

/* The project in the path, which the caller must be able to manage. */
static enum err
path_project(struct request *r, bson_oid_t *id)
{
    const bson_t *project;
    enum err err = request_id_arg(r, 0, id);

    return err == ERR_NONE ? project_access_living(r, id, ACTION_MANAGE, &project) : err;
}

static enum err
find(struct edit *edit, const bson_t **out)
{
    bson_t *filter = request_keep(
        edit->r, BCON_NEW("_id", BCON_OID(&edit->id), "projectId", BCON_OID(&edit->project)));

    return request_find(edit->r, edit->r->store, STORE_LINKS, filter, out);
}

enum err
links_list(struct request *r)
{
    bson_oid_t id;
    enum err err = path_project(r, &id);

    if (err != ERR_NONE)
        return err;
    return page_reply(r, request_keep(r, BCON_NEW("projectId", BCON_OID(&id))), entity_write_own);
}

enum err
links_read(struct request *r)
{
    struct edit edit = {.r = r};
    const bson_t *doc;
    enum err err;

    if ((err = request_params_done(r)) != ERR_NONE ||
        (err = path_project(r, &edit.project)) != ERR_NONE ||
        (err = request_id_arg(r, 1, &edit.id)) != ERR_NONE || (err = find(&edit, &doc)) != ERR_NONE)
        return err;
    return entity_reply(r, 200, &share_links, doc);
}

/* ------------------------------------------------------------ events */

/*
 * The event on the project's topic.  It names the fields that have changed and leaves out their
 * values.
 */
static enum err
tell(struct edit *edit, struct change *change, const bson_t *link, enum event_kind kind)
{
    int topic = change_topic(change, request_project_topic(edit->r, &edit->project));
    struct text data = {0};
    char id[ID_TEXT];
    struct event event = {.kind = kind, .rev = doc_int(link, "rev"), .entity_id = id};
    enum err err;

    bson_oid_to_string(doc_id(link, "_id"), id);
    if (kind == EVENT_LINK_UPDATED)
        event.changes = "{\"name\":null,\"hasPassword\":null,\"expiresAt\":null}";
    if (kind == EVENT_LINK_CREATED) {
        doc_write(&data, &announced_shape, link);
        event.data = data.bytes;
    }
    err = change_event(change, topic, &event);
    text_free(&data);
    return err;
}

/* Sockets are notified through the link's topic, workers through the log of ended sessions. */
static enum err
end_sessions(struct edit *edit, struct change *change, const bson_t *link)
{
    int topic = change_topic(change, request_user_topic(edit->r, &edit->id));
    int64_t generation = doc_int(link, "generation");
    char id[ID_TEXT];
    struct event event = {.kind = EVENT_SESSION_REVOKED, .rev = 1, .entity_id = id};
    enum err err;

    bson_oid_to_string(&edit->id, id);
    event.changes = arena_printf(edit->r->arena, "{\"credentialGen\":[%lld,%lld]}",
                                 (long long)generation, (long long)generation + 1);
    edit->ended =
        (struct revocation){.kind = REVOKED_GENERATION, .user = edit->id, .generation = generation};
    edit->ends = true;
    err = change_event(change, topic, &event);
    return err == ERR_NONE ? revocation_add(change, &edit->ended) : err;
}

/* ------------------------------------------------------------ creating */

/* The project, if links to it can be made or changed now. */
static enum err
check_project(struct edit *edit)
{
    const bson_t *project;
    enum err err = project_access_living(edit->r, &edit->project, ACTION_MANAGE, &project);

    if (err != ERR_NONE)
        return err;
    if (doc_flag(project, "inbox"))
        return request_fail(edit->r, ERR_FORBIDDEN, "the personal project cannot be shared");
    return doc_has(project, "archivedAt") ? request_fail(edit->r, ERR_CONFLICT, PROJECT_ARCHIVED)
                                          : ERR_NONE;
}

/* Reads the body, and hashes its password, which takes long, before the change begins. */
static enum err
read_body(struct edit *edit, enum doc_mode mode)
{
    struct request *r = edit->r;
    int64_t expires;
    enum err err;

    edit->body = request_keep(r, bson_new());
    if ((err = doc_read(r, mode, link_fields, r->json, edit->body)) != ERR_NONE)
        return err;
    if (doc_time(edit->body, "expiresAt", &expires) && expires <= clock_now())
        request_complain(r, "/expiresAt", "range", "must be in the future");
    if ((err = request_validated(r)) != ERR_NONE || !doc_has(edit->body, "password"))
        return err;
    return password_hash(doc_text(edit->body, "password"), edit->hash);
}

/* Appends what is stored for the password in the body. */
static void
append_password(const struct edit *edit, bson_t *out)
{
    BSON_APPEND_BOOL(out, "hasPassword", edit->hash[0] != '\0');
    if (edit->hash[0] != '\0')
        BSON_APPEND_UTF8(out, "passwordHash", edit->hash);
    else
        BSON_APPEND_NULL(out, "passwordHash");
}

static const bson_t *
new_link(struct edit *edit, int64_t now, char secret[TOKEN_SECRET])
{
    struct request *r = edit->r;
    bson_t *doc = entity_new(r, now);
    char hash[TOKEN_HASH];

    token_secret(secret, hash);
    BSON_APPEND_OID(doc, "projectId", &edit->project);
    bson_copy_to_excluding_noinit(edit->body, doc, "password", NULL);
    append_password(edit, doc);
    BSON_APPEND_UTF8(doc, "tokenHash", hash);
    BSON_APPEND_INT64(doc, "generation", 1);
    edit->id = *doc_id(doc, "_id");
    return doc;
}

/* The link's topic begins with its own creation. */
static enum err
begin_topic(struct edit *edit, struct change *change, const bson_t *link)
{
    char id[ID_TEXT];
    struct event event = {.kind = EVENT_LINK_CREATED, .rev = 1, .entity_id = id};
    int topic;
    enum err err = change_new_topic(change, request_user_topic(edit->r, &edit->id), &topic);

    bson_oid_to_string(doc_id(link, "_id"), id);
    return err == ERR_NONE ? change_event(change, topic, &event) : err;
}

static enum err
create(struct change *change, void *arg)
{
    struct edit *edit = arg;
    struct request *r = edit->r;
    bson_t *others = request_keep(r, BCON_NEW("projectId", BCON_OID(&edit->project)));
    char secret[TOKEN_SECRET], project[ID_TEXT], id[ID_TEXT];
    const bson_t *link;
    enum err err;

    if ((err = check_project(edit)) != ERR_NONE ||
        (err = quotas_exist(r, change_store(change), QUOTA_PROJECT_LINKS, STORE_LINKS, others)) !=
            ERR_NONE)
        return err;
    link = new_link(edit, change_now(change), secret);
    if ((err = store_insert(change_store(change), STORE_LINKS, link)) != ERR_NONE ||
        (err = tell(edit, change, link, EVENT_LINK_CREATED)) != ERR_NONE ||
        (err = begin_topic(edit, change, link)) != ERR_NONE)
        return err;
    bson_oid_to_string(&edit->project, project);
    bson_oid_to_string(&edit->id, id);
    r->reply.location = arena_printf(r->arena, "/v1/projects/%s/links/%s", project, id);
    doc_write_with(reply_json(r, 201), &link_shape, link,
                   arena_printf(r->arena, ",\"token\":\"%s\"", secret));
    reply_etag(r, link);
    return ERR_NONE;
}

static void
note(const struct edit *edit, const char *event)
{
    char id[ID_TEXT];

    if (edit->r->reply.replayed)
        return;
    bson_oid_to_string(&edit->id, id);
    audit_of(edit->r, event, &edit->r->user_id, "link", id);
}

enum err
links_create(struct request *r)
{
    struct edit edit = {.r = r};
    struct change_plan plan = {.topic_count = 1, .fn = create, .arg = &edit};
    enum err err;

    if ((err = request_params_done(r)) != ERR_NONE ||
        (err = request_id_arg(r, 0, &edit.project)) != ERR_NONE ||
        (err = check_project(&edit)) != ERR_NONE ||
        (err = read_body(&edit, DOC_CREATE)) != ERR_NONE)
        return err;
    plan.topics[0] = request_project_topic(r, &edit.project);
    if ((err = request_change(r, &plan)) == ERR_NONE)
        note(&edit, "link.created");
    return err;
}

/* ------------------------------------------------------------ changing */

/* The link, if If-Match and Base-Rev allow a change of these fields. */
static enum err
load(struct edit *edit, struct change *change, const struct field_names *names, const bson_t **doc)
{
    const struct entity_change e = {edit->r, change, &share_links, 0};
    enum err err = find(edit, doc);

    if (err == ERR_NONE)
        err = entity_precondition(edit->r, *doc, false, entity_write_own);
    return err == ERR_NONE && names != NULL ? field_base_check(&e, *doc, names) : err;
}

/* The next version, or NULL if the body changes nothing. */
static const bson_t *
next_version(struct edit *edit, const bson_t *before, int64_t now)
{
    struct request *r = edit->r;
    bson_t *set = request_keep(r, bson_new()), *after;

    bson_copy_to_excluding_noinit(edit->body, set, "password", NULL);
    if (bson_has_field(edit->body, "password"))
        append_password(edit, set);
    after = request_keep(r, doc_merge(before, set));
    if (bson_equal(after, before))
        return NULL;
    bson_reinit(set);
    entity_stamp(set, before, now);
    BSON_APPEND_OID(set, "updatedBy", &r->user_id);
    if (edit->ends)
        BSON_APPEND_INT64(set, "generation", doc_int(before, "generation") + 1);
    return request_keep(r, doc_merge(after, set));
}

/* A new password, or none, and another expiry end the sessions that the link has. */
static bool
must_end(const struct edit *edit, const bson_t *before)
{
    bool named = bson_has_field(edit->body, "password");

    return (named && (doc_has(edit->body, "password") || doc_has(before, "passwordHash"))) ||
           (bson_has_field(edit->body, "expiresAt") &&
            doc_differs(before, edit->body, "expiresAt"));
}

static enum err
edit_link(struct change *change, void *arg)
{
    struct edit *edit = arg;
    struct request *r = edit->r;
    struct field_names names = {.count = 0};
    const bson_t *before, *after;
    bson_t *which = request_keep(r, BCON_NEW("_id", BCON_OID(&edit->id)));
    enum err err = check_project(edit);

    if (err != ERR_NONE || (err = find(edit, &before)) != ERR_NONE)
        return err;
    field_names_of(&names, &link_shape, edit->body, before);
    if ((err = load(edit, change, &names, &before)) != ERR_NONE)
        return err;
    edit->ends = must_end(edit, before);
    if ((after = next_version(edit, before, change_now(change))) == NULL)
        return entity_reply(r, 200, &share_links, before);
    if ((edit->ends && (err = end_sessions(edit, change, before)) != ERR_NONE) ||
        (err = store_replace(change_store(change), STORE_LINKS, which, after, NULL)) != ERR_NONE ||
        (err = tell(edit, change, after, EVENT_LINK_UPDATED)) != ERR_NONE)
        return err;
    return entity_reply(r, 200, &share_links, after);
}

/*
 * The link's topic is no longer needed once its last event, which ends the sessions, is trimmed
 * (jobs/trim.c): until then push finds that event by it.
 */
static enum err
give_up_topic(struct edit *edit, struct change *change)
{
    struct request *r = edit->r;
    bson_t *which = request_keep(r, BCON_NEW("_id", BCON_UTF8(request_user_topic(r, &edit->id))));
    bson_t *set = request_keep(r, BCON_NEW("$set", "{", EVENT_LOG_GONE, BCON_BOOL(true), "}"));

    return store_update(change_store(change), STORE_TOPICS, which, set, NULL);
}

static enum err
remove_link(struct change *change, void *arg)
{
    struct edit *edit = arg;
    const struct field_names names = {{"deletedAt"}, 1};
    const bson_t *project, *link;
    bson_t *which = request_keep(edit->r, BCON_NEW("_id", BCON_OID(&edit->id)));
    enum err err = project_access_living(edit->r, &edit->project, ACTION_MANAGE, &project);

    if (err != ERR_NONE || (err = load(edit, change, &names, &link)) != ERR_NONE ||
        (err = end_sessions(edit, change, link)) != ERR_NONE ||
        (err = store_remove(change_store(change), STORE_LINKS, which)) != ERR_NONE ||
        (err = give_up_topic(edit, change)) != ERR_NONE ||
        (err = tell(edit, change, link, EVENT_LINK_DELETED)) != ERR_NONE)
        return err;
    return reply_empty(edit->r, 204);
}

/* Runs a change of the link in the path, which must exist: its topic does then. */
static enum err
run(struct edit *edit, change_fn fn)
{
    struct request *r = edit->r;
    struct change_plan plan = {
        .topic_count = 2, .last_topic = REVOCATION_TOPIC, .fn = fn, .arg = edit};
    const bson_t *link;
    enum err err = find(edit, &link);

    if (err != ERR_NONE)
        return err;
    plan.topics[0] = request_project_topic(r, &edit->project);
    plan.topics[1] = request_user_topic(r, &edit->id);
    err = request_change(r, &plan);
    if (err == ERR_NONE && edit->ends && !r->reply.replayed)
        session_revocation_add(r->revocation, &edit->ended);
    return err;
}

enum err
links_change(struct request *r)
{
    struct edit edit = {.r = r};
    enum err err;

    if ((err = request_params_done(r)) != ERR_NONE ||
        (err = request_id_arg(r, 0, &edit.project)) != ERR_NONE ||
        (err = check_project(&edit)) != ERR_NONE ||
        (err = request_id_arg(r, 1, &edit.id)) != ERR_NONE ||
        (err = read_body(&edit, DOC_CHANGE)) != ERR_NONE ||
        (err = run(&edit, edit_link)) != ERR_NONE)
        return err;
    note(&edit, "link.changed");
    return ERR_NONE;
}

enum err
links_remove(struct request *r)
{
    struct edit edit = {.r = r};
    enum err err;

    if ((err = request_params_done(r)) != ERR_NONE ||
        (err = path_project(r, &edit.project)) != ERR_NONE ||
        (err = request_id_arg(r, 1, &edit.id)) != ERR_NONE ||
        (err = run(&edit, remove_link)) != ERR_NONE)
        return err;
    note(&edit, "link.deleted");
    return ERR_NONE;
}
