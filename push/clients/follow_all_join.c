/*
 * A project that appears while `all` is followed is not announced by an answer: its events simply
 * begin, with the one that gave the right.
 */
#include "push/clients/follow_all_join.h"

#include <string.h>

#include "push/clients/follow_all_inside.h"
#include "push/net/session.h"
#include "push/topics/hub.h"

/* A new follow that waits; NULL: it follows the topic already, or does not follow `all`. */
static struct follow *
join(struct session *s, const char *name)
{
    struct follow *f;

    if (s->code != 0 || s->all == NULL)
        return NULL;
    skips_remove(&s->all->skips, name); /* the user has gained the right again */
    if (s->all->stage == STAGE_LISTING && s->own->topic->user.listing == NULL)
        return NULL; /* the list that will be read contains it */
    if ((f = follow_find(s, name)) != NULL) {
        f->reasons |= REASON_ALL;
        return NULL;
    }
    f = follow_begin(s, hub_want(name, s->user), FOLLOW_WAITING, REASON_ALL);
    follow_wait(f, REASON_ALL);
    return f;
}

void
follow_all_join_project(struct topic *user, const char *project)
{
    struct joins joins = {.rev = -1};
    char name[EVENT_TOPIC] = "project:";

    strcat(name, project);
    memcpy(joins.user, user->id, ID_BYTES);
    for (int state = 0; state < FOLLOW_STATE__COUNT; state++) {
        for (uint32_t i = user->follows[state].count; i-- > 0;) {
            struct follow *f = join(user->follows[state].at[i]->session, name);

            if (f != NULL)
                joins_add(&joins, f);
        }
    }
    joins_send(&joins);
}

/* A project that was opened to everyone. */
struct opened {
    struct joins joins;
    char name[EVENT_TOPIC];
};

static void
join_one(struct session *s, void *arg)
{
    struct opened *o = arg;
    struct follow *f = join(s, o->name);

    if (f != NULL)
        joins_add(&o->joins, f);
}

void
follow_all_join_opened(const char *project, int64_t rev)
{
    struct opened o = {.joins.rev = rev, .name = "project:"};

    strcat(o.name, project);
    sessions_each(join_one, &o);
    joins_send(&o.joins);
}
