/*
 * What an event does beyond being shown: to rights, sessions and `all`.
 */
#include "push/effects.h"

#include <string.h>

#include "common/text.h"
#include "push/all.h"
#include "push/follow.h"
#include "push/hub.h"
#include "push/metrics.h"
#include "push/payload.h"
#include "push/presence.h"
#include "push/relay.h"
#include "push/session.h"
#include "push/who.h"

/* Sends away whoever has no right any more, after what came before. */
static void
expel(struct topic *t, const char *reason)
{
    for (int place = PLACE_WAITING; place < PLACE__COUNT; place++)
        for (uint32_t i = t->places[place].count; i-- > 0;)
            if (i < t->places[place].count && !hub_may(t, t->places[place].at[i]->session->user))
                follow_left(t->places[place].at[i], reason);
}

/*
 * A comment was removed, or an account erased: the log has forgotten what it said
 * before, and so does the memory that replays are served from.
 */
static void
forget(struct topic *t)
{
    relay_flush(t);
    metrics[METRIC_RING_BYTES] -= (int64_t)t->stream.bytes;
    stream_forget(&t->stream);
    if (t->window != NULL)
        stream_forget(t->window);
}

bool
effects_before(struct topic *t, const struct happening *h)
{
    struct payload p;

    if (h->effect == EFFECT_MEMBER_ADDED) {
        rights_add(&t->rights, h->id);
    } else if (h->effect == EFFECT_MEMBER_REMOVED) {
        relay_flush(t);
        rights_remove(&t->rights, h->id);
        expel(t, "removed");
        forget(t);
    } else if (h->effect == EFFECT_FORGOTTEN) {
        forget(t);
    } else if (h->effect == EFFECT_PROJECT_UPDATED) {
        payload_read(&p, h->frame);
        if (!p.readable)
            return false; /* its changes were too long, or are forgotten */
        if (!p.access)
            return true;
        relay_flush(t);
        t->rights.open = p.opened;
        expel(t, "closed");
    } else if (h->effect == EFFECT_PROJECT_DELETED) {
        relay_flush(t);
        t->rights.trashed = true;
        expel(t, "deleted");
    } else if (h->effect == EFFECT_PROJECT_RESTORED) {
        t->rights.trashed = false;
    }
    return true;
}

/* A user has become a member somewhere: `all` goes there. */
static void
join(struct topic *t, const struct happening *h)
{
    struct payload p;

    payload_read(&p, h->frame);
    if (p.project[0] != '\0')
        all_joined(t, p.project);
}

/* One session has ended, or with the user's own id all of a generation. */
static void
end_sessions(struct topic *t, const struct happening *h)
{
    unsigned char kept[12] = {0};
    struct payload p;

    if (memcmp(h->id, t->id, 12) != 0) {
        who_revoked(t, h->id);
        return;
    }
    payload_read(&p, h->frame);
    if (p.kept[0] != '\0' && !text_unhex(kept, 12, p.kept))
        memset(kept, 0, sizeof(kept));
    /* What cannot be read ends all: the others log in again. */
    who_generation_ended(t, p.ended < 0 ? INT64_MAX - 1 : p.ended, kept);
}

/* A user wants to be seen, or not any more. */
static void
show(struct topic *t, const struct happening *h)
{
    struct payload p;

    payload_read(&p, h->frame);
    for (int place = 0; place < PLACE__COUNT && p.presence; place++)
        for (uint32_t i = t->places[place].count; i-- > 0;)
            presence_shown(t->places[place].at[i]->session, p.shown);
}

void
effects_after(struct topic *t, const struct happening *h)
{
    struct payload p;
    char project[25];

    if (t->kind == TOPIC_USER && h->effect == EFFECT_SESSION_REVOKED)
        end_sessions(t, h);
    else if (t->kind == TOPIC_USER && h->effect == EFFECT_MEMBER_ADDED)
        join(t, h);
    else if (t->kind == TOPIC_USER && h->effect == EFFECT_USER_UPDATED)
        show(t, h);
    else if (t->kind == TOPIC_EVERYONE && h->effect == EFFECT_PROJECT_UPDATED) {
        payload_read(&p, h->frame);
        text_hex(project, h->id, 12);
        if (p.opened || !p.readable) /* who may not see it is refused there */
            all_opened(project, p.rev);
    }
}
