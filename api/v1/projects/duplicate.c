/*
 * POST /v1/projects/{id}/duplicate: a new project like one that the caller can read.  Everything up
 * to DUPLICATE_NOW tasks is copied in the change that creates it; of more tasks none are, and a job
 * copies them (api/jobs/duplicate.h).
 */
#include "api/access/project_access.h"
#include "api/crud/entity.h"
#include "api/crud/request_change.h"
#include "api/http/doc_read.h"
#include "api/http/quotas.h"
#include "api/http/request.h"
#include "api/queue/queue.h"
#include "api/schema/doc.h"
#include "api/v1/handlers.h"
#include "api/v1/projects/members.h"
#include "api/v1/projects/project_copy.h"
#include "api/v1/projects/projects.h"
#include "api/v1/user_jobs.h"
#include "common/base/id.h"
#include "common/store/store_gather.h"

#define DUPLICATE_NOW     200              /* tasks that are copied at once */
#define DUPLICATE_MEMBERS 50               /* that are copied: each takes a topic in the change */
#define JOB_MS            (7 * 86400000LL) /* how long the job is tried again */

/* clang-format off */
static const struct field duplicate_fields[] = {
    {"name",    TEXT, MUST_SET, 1, 200},
    {"tasks",   FLAG, MAY_SET, .fallback = "true",  .about = "copy the tasks too, except those in the trash"},
    {"members", FLAG, MAY_SET, .fallback = "false", .about = "add the members with their roles, and open the project to everyone if the original is"},
    {NULL},
};
/* clang-format on */

const struct shape project_duplicate_shape = {"ProjectDuplicate", duplicate_fields};

struct duplicate {
    struct request *r;
    const bson_t *body;
    struct project_copy copy;
    const bson_t *source, *doc; /* the two projects */
    bool members;
};

/* ------------------------------------------------------------ members */

struct people {
    const struct duplicate *d;
    bson_oid_t ids[DUPLICATE_MEMBERS];
    enum role roles[DUPLICATE_MEMBERS];
    uint32_t count;
};

static enum err
note_member(void *arg, const bson_t *project, const bson_oid_t *user, enum role role)
{
    struct people *p = arg;

    (void)project;
    if (bson_oid_equal(user, &p->d->r->user_id))
        return ERR_NONE;
    if (p->count == DUPLICATE_MEMBERS)
        return request_fail(p->d->r, ERR_TOO_MUCH,
                            "a project with more than %d other members can only be duplicated "
                            "without them",
                            DUPLICATE_MEMBERS);
    p->ids[p->count] = *user;
    p->roles[p->count++] = role;
    return ERR_NONE;
}

/*
 * May the user be added without being asked?  That is for open accounts, and for people with whom
 * the caller shares a project, as in PUT members: in an open one anybody may be a member.
 */
static enum err
may_add(const struct duplicate *d, const bson_oid_t *id, const bson_t **user, bool *may)
{
    enum err err = request_fetch(d->r, STORE_USERS, id, user);

    *may = err == ERR_NONE && !doc_has(*user, "deletedAt");
    if (err == ERR_NONE && *may && access_open(d->source) != ROLE_NONE)
        err = members_acquainted(d->r, id, may);
    return err == ERR_NOT_FOUND ? ERR_NONE : err;
}

/* Counts as an invitation, as adding a member does, and needs room. */
static enum err
check_member(const struct duplicate *d, struct change *change, const bson_oid_t *id)
{
    bson_t *theirs = request_keep(d->r, BCON_NEW("members.userId", BCON_OID(id)));
    char hex[ID_TEXT];
    bool over;
    enum err err;

    bson_oid_to_string(id, hex);
    err = quotas_take(change, &(struct quota_use){QUOTA_USER_INVITATIONS, d->r->user, hex}, &over);
    if (err != ERR_NONE || over)
        return err != ERR_NONE ? err : quotas_refuse(d->r, QUOTA_USER_INVITATIONS);
    return quotas_exist(d->r, change_store(change), QUOTA_USER_MEMBERSHIPS, STORE_PROJECTS, theirs);
}

/* Appends one to the new project's members, and tells them. */
static enum err
add_member(const struct duplicate *d, struct change *change, const struct people *p, uint32_t n,
           struct doc_array *list)
{
    const char *role = role_names[p->roles[n]];
    struct member_event event = {
        .project = doc_id(d->doc, "_id"), .user = &p->ids[n], .role = role, .rev = 1};
    const bson_t *user;
    bson_t *member;
    bool may;
    int topic;
    enum err err = may_add(d, &p->ids[n], &user, &may);

    if (err != ERR_NONE || !may || (err = check_member(d, change, &p->ids[n])) != ERR_NONE ||
        (err = change_join_topic(change, request_user_topic(d->r, &p->ids[n]), &topic)) != ERR_NONE)
        return err;
    member = request_keep(d->r, BCON_NEW("userId", BCON_OID(&p->ids[n]), "role", BCON_UTF8(role)));
    doc_array_add_document(list, member);
    event.name = doc_text(user, "name");
    return projects_member_event(change, topic, &event);
}

/* The members of the new project: the caller as its owner, and if wanted, those of the source. */
static enum err
append_members(const struct duplicate *d, struct change *change, struct doc_array *list)
{
    struct people p = {.d = d};
    enum err err;

    doc_array_add_document(
        list, request_keep(d->r, BCON_NEW("userId", BCON_OID(&d->r->user_id), "role", "owner")));
    if (!d->members)
        return ERR_NONE;
    err = access_each(d->source, note_member, &p);
    if (err == ERR_NONE)
        err = quotas_check(d->r, QUOTA_PROJECT_MEMBERS, p.count);
    if (err == ERR_NONE && p.count > 0)
        err = store_gather_read(d->r->store, STORE_USERS, p.ids, p.count);
    for (uint32_t i = 0; err == ERR_NONE && i < p.count; i++)
        err = add_member(d, change, &p, i, list);
    return err;
}

/* ------------------------------------------------------------ the project */

/* The source's settings.  Who may see it is copied only with the members. */
static bson_t *
copy_settings(const struct duplicate *d, int64_t now)
{
    bson_t *doc = entity_new(d->r, now), *set = request_keep(d->r, bson_new());
    bson_iter_t iter;

    bson_iter_init(&iter, d->source);
    while (bson_iter_next(&iter)) {
        const struct field *f = doc_field(project_fields, bson_iter_key(&iter));

        if (f != NULL && (f->flags & (MUST_SET | MAY_EDIT)) && (f->flags & VIRTUAL) == 0)
            bson_append_iter(doc, NULL, 0, &iter);
    }
    BSON_APPEND_UTF8(set, "name", doc_text(d->body, "name"));
    if (!d->members)
        BSON_APPEND_UTF8(set, "access", "members");
    return request_keep(d->r, doc_merge(doc, set));
}

/* The job that copies the tasks; the reply names it. */
static enum err
leave_to_job(const struct duplicate *d, struct change *change)
{
    const struct user_job_start start = {USER_JOB_DUPLICATE, d->copy.count, &d->copy.target};
    int64_t now = change_now(change);
    bson_t *content;
    bson_oid_t job;
    enum err err = user_jobs_start(d->r, change, &start);

    if (err != ERR_NONE)
        return err;
    bson_oid_init_from_string(&job, d->r->job);
    content =
        request_keep(d->r, BCON_NEW("jobId", BCON_OID(&job), "userId", BCON_OID(&d->r->user_id)));
    project_copy_write(&d->copy, content);
    return queue_job(change, JOB_DUPLICATE, now, now + JOB_MS, content);
}

/* Reads the tasks, if they can be copied now; otherwise starts the job.  *now: they can. */
static enum err
load_or_leave(const struct duplicate *d, struct change *change, struct project_copy_part *part,
              bool *now)
{
    enum err err = ERR_TOO_LARGE;

    *part = (struct project_copy_part){.most = DUPLICATE_NOW, .whole = true};
    if (d->copy.count <= DUPLICATE_NOW)
        err = project_copy_load(d->r, &d->copy, part);
    *now = err == ERR_NONE;
    return err == ERR_TOO_LARGE ? leave_to_job(d, change) : err;
}

static enum err
create(struct change *change, void *arg)
{
    struct duplicate *d = arg;
    struct request *r = d->r;
    struct doc_array members = {request_keep(r, bson_new()), 0};
    struct project_copy_part part;
    bool now;
    enum err err;

    if ((err = project_access_living(r, &d->copy.source, ACTION_READ, &d->source)) != ERR_NONE ||
        (err = projects_check_room(r, change)) != ERR_NONE)
        return err;
    d->doc = copy_settings(d, change_now(change));
    d->copy.target = *doc_id(d->doc, "_id");
    if ((err = append_members(d, change, &members)) != ERR_NONE)
        return err;
    d->doc = projects_with_members(r, d->doc, members.bson);
    if ((err = load_or_leave(d, change, &part, &now)) != ERR_NONE ||
        (err = projects_insert(r, change, d->doc, 0, &part.topic)) != ERR_NONE)
        return err;
    part.project = d->doc;
    return now ? project_copy_store(r, change, &d->copy, &part) : ERR_NONE;
}

/* ------------------------------------------------------------ the request */

/* Quotas that the tasks would exceed are reported before anything is written. */
static enum err
check_quotas(struct request *r, const struct project_copy *copy)
{
    enum err err;

    if (copy->count == 0)
        return ERR_NONE;
    if ((err = quotas_check(r, QUOTA_PROJECT_TASKS, copy->count - 1)) != ERR_NONE ||
        (err = quotas_check(r, QUOTA_PROJECT_WRITTEN, copy->bytes)) != ERR_NONE)
        return err;
    if (copy->file_bytes > quotas_limit(QUOTA_PROJECT_BYTES))
        return quotas_refuse(r, QUOTA_PROJECT_BYTES);
    return quotas_bytes(r, copy->bytes);
}

static enum err
check_source(struct request *r, const bson_oid_t *id, bool members)
{
    const bson_t *source;
    enum err err = project_access_living(r, id, ACTION_READ, &source);

    if (err == ERR_NONE && members && r->limited)
        err = request_fail(r, ERR_FORBIDDEN, "the token lacks the scope admin, which members need");
    if (err == ERR_NONE && r->bound != NULL)
        err = request_fail(r, ERR_FORBIDDEN, "a token bound to projects cannot create one");
    return err;
}

enum err
projects_duplicate(struct request *r)
{
    bson_t *body = request_keep(r, bson_new());
    struct duplicate d = {.r = r, .body = body};
    struct change_plan plan = {
        .topics = {request_user_topic(r, &r->user_id)}, .topic_count = 1, .fn = create, .arg = &d};
    bson_oid_t id;
    enum err err;

    if ((err = request_id_arg(r, 0, &id)) != ERR_NONE ||
        (err = doc_read(r, DOC_CREATE, duplicate_fields, r->json, body)) != ERR_NONE)
        return err;
    d.members = doc_flag(body, "members");
    d.copy.source = id;
    if ((err = check_source(r, &id, d.members)) != ERR_NONE ||
        (doc_flag(body, "tasks") && (err = project_copy_find(r, &id, &d.copy)) != ERR_NONE) ||
        (err = check_quotas(r, &d.copy)) != ERR_NONE)
        return err;
    return request_change(r, &plan);
}
