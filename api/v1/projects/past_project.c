/*
 * The project's document has a new version with each change of a member too, so its version from
 * then may have been made by either.
 */
#include "api/v1/projects/past_project.h"

#include "api/access/access.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "api/v1/handlers.h"
#include "api/v1/projects/members.h"
#include "api/v1/projects/past_entity.h"

/* The first change of the project's document, by an event of its own or of a member. */
static const struct past_change *
first_of_project(const struct past *p)
{
    struct past_change *changes;
    const struct past_change *first = past_find(p, PAST_PROJECT, p->id);
    uint32_t count = past_class(p, PAST_MEMBER, &changes);

    for (uint32_t i = 0; i < count; i++)
        if (first == NULL || changes[i].rev < first->rev)
            first = &changes[i];
    return first;
}

/* Which version of the project it was: appends who had made it and when. */
static enum err
append_version(struct past *p, int64_t rev, struct past_state *own, bson_t *set)
{
    struct past_state member = {.found = false}, *made = own;
    enum err err = ERR_NONE;

    if (!own->found || own->rev != rev) {
        err = past_member_version(p, rev, &member);
        made = &member;
    }
    if (err != ERR_NONE)
        return err;
    BSON_APPEND_INT64(set, "rev", rev);
    if (!made->found || !made->has_actor) {
        past_omit(p, PAST_PROJECT, p->id, "\"updatedAt\",\"updatedBy\"");
        return ERR_NONE;
    }
    BSON_APPEND_DATE_TIME(set, "updatedAt", made->at);
    BSON_APPEND_OID(set, "updatedBy", &made->actor);
    return ERR_NONE;
}

enum err
past_project_find(struct past *p, const bson_t **out)
{
    const struct past_change *first = first_of_project(p);
    struct past_change *own = past_find(p, PAST_PROJECT, p->id);
    struct past_group *g = past_group_new(p, PAST_PROJECT);
    struct past_entity *e = &g->items[0];
    bson_t *set = request_keep(p->r, bson_new());
    enum err err;

    *out = p->project;
    if (first == NULL)
        return ERR_NONE;
    past_group_add(g, p->id, own);
    if ((err = past_group_states(g)) != ERR_NONE)
        return err;
    e->now = bson_copy(p->project);
    if (own != NULL)
        err = past_group_rebuild(g);
    if (err != ERR_NONE || (err = append_version(p, first->rev - 1, &e->state, set)) != ERR_NONE)
        return err;
    *out = request_keep(p->r, doc_merge(own == NULL ? p->project : e->then, set));
    return ERR_NONE;
}

struct membership_list {
    const struct past *p;
    struct doc_array members;
};

static void
add_member(struct membership_list *l, const bson_oid_t *user, const char *role)
{
    bson_t *holder = BCON_NEW("0", "{", "userId", BCON_OID(user), "role", BCON_UTF8(role), "}");
    bson_iter_t value;

    if (bson_iter_init_find(&value, holder, "0"))
        doc_array_add_value(&l->members, &value);
    bson_destroy(holder);
}

/* Someone who is a member now, with the role from then. */
static enum err
note_member(void *arg, const bson_t *project, const bson_oid_t *user, enum role role)
{
    struct membership_list *l = arg;
    const struct past_change *c = past_find(l->p, PAST_MEMBER, user);

    (void)project;
    if (c == NULL)
        add_member(l, user, role_names[role]);
    else if (c->role != NULL)
        add_member(l, user, c->role);
    return ERR_NONE;
}

/* Those who have left, with the names that the log has. */
static enum err
write_gone(struct past_group *g, struct text *out)
{
    enum err err = past_group_states(g);

    for (int i = 0; err == ERR_NONE && i < g->count; i++) {
        const struct past_entity *e = &g->items[i];

        if (out->bytes[out->len - 1] != '[')
            text_putc(out, ',');
        members_write_one(out, &e->id, role_named(e->change->role),
                          e->then == NULL ? "" : doc_text(e->then, "name"), "");
    }
    past_group_free(g);
    return err;
}

enum err
past_project_members(struct past *p, struct text *out)
{
    bson_t *list = request_keep(p->r, bson_new()), *then = request_keep(p->r, bson_new());
    struct membership_list l = {p, {list, 0}};
    struct past_group *g = past_group_new(p, PAST_MEMBER);
    struct past_change *changes;
    uint32_t count = past_class(p, PAST_MEMBER, &changes);
    enum err err = access_each(p->project, note_member, &l);

    BSON_APPEND_ARRAY(then, "members", list);
    if (err == ERR_NONE)
        err = members_write(p->r, out, then, "");
    for (uint32_t i = 0; err == ERR_NONE && i < count; i++) {
        struct past_change *c = &changes[i];

        if (c->role != NULL && !c->erased && access_member(p->project, &c->id) == ROLE_NONE)
            past_group_add(g, &c->id, c);
        if (g->count == PAST_GROUP)
            err = write_gone(g, out);
    }
    return err == ERR_NONE && g->count > 0 ? write_gone(g, out) : err;
}
