/*
 * The effects on rights come before an event is shown, those on sessions and `all` after it.
 */
#include "push/events/effects.h"

#include <string.h>

#include "common/base/id.h"
#include "common/text/text.h"
#include "push/base/arrival.h"
#include "push/base/payload.h"
#include "push/clients/answer.h"
#include "push/clients/auth.h"
#include "push/clients/follow.h"
#include "push/clients/follow_all_join.h"
#include "push/clients/presence.h"
#include "push/events/fanout.h"
#include "push/metrics.h"
#include "push/net/session.h"
#include "push/topics/hub.h"

/* Sends `left` to everybody who no longer has the right, after the events up to here. */
static void
expel(struct topic *t, const char *reason)
{
    for (int state = FOLLOW_WAITING; state < FOLLOW_STATE__COUNT; state++)
        for (uint32_t i = t->follows[state].count; i-- > 0;)
            if (i < t->follows[state].count && !follow_may(t, t->follows[state].at[i]->session))
                answer_left(t->follows[state].at[i], reason);
}

/*
 * A comment was deleted or an account erased: the log no longer has the earlier text, and neither
 * may the memory that replays are served from.
 */
static void
forget(struct topic *t)
{
    fanout_now(t);
    metrics[METRIC_RING_BYTES] -= (int64_t)t->stream.bytes;
    stream_forget(&t->stream);
    if (t->window != NULL)
        stream_forget(t->window);
}

bool
effects_before(struct topic *t, const struct arrival *h)
{
    struct payload p;

    if (h->effect == EFFECT_MEMBER_ADDED) {
        rights_add(&t->rights, h->id);
    } else if (h->effect == EFFECT_MEMBER_REMOVED) {
        fanout_now(t);
        rights_remove(&t->rights, h->id);
        expel(t, "removed");
        forget(t);
    } else if (h->effect == EFFECT_FORGOTTEN) {
        forget(t);
    } else if (h->effect == EFFECT_PROJECT_UPDATED) {
        payload_read(&p, h->frame);
        if (!p.readable)
            return false; /* its changes were too long, or have been redacted */
        if (!p.access)
            return true;
        fanout_now(t);
        t->rights.open = p.opened;
        expel(t, "closed");
    } else if (h->effect == EFFECT_PROJECT_DELETED) {
        fanout_now(t);
        t->rights.trashed = true;
        expel(t, "deleted");
    } else if (h->effect == EFFECT_PROJECT_RESTORED) {
        t->rights.trashed = false;
    }
    return true;
}

/* A user has become a member of a project: `all` follows it. */
static void
join(struct topic *t, const struct arrival *h)
{
    struct payload p;

    payload_read(&p, h->frame);
    if (p.project[0] != '\0')
        follow_all_join_project(t, p.project);
}

/* One login session has ended, or (with the user's own id) all of a generation of credentials. */
static void
end_sessions(struct topic *t, const struct arrival *h)
{
    unsigned char kept[ID_BYTES] = {0};
    struct payload p;

    if (memcmp(h->id, t->id, ID_BYTES) != 0) {
        auth_session_ended(t, h->id);
        return;
    }
    payload_read(&p, h->frame);
    if (p.kept[0] != '\0' && !text_unhex(kept, ID_BYTES, p.kept))
        memset(kept, 0, sizeof(kept));
    /* If it cannot be read, all end: the user logs in again. */
    auth_generation_ended(t, p.ended < 0 ? INT64_MAX - 1 : p.ended, kept);
}

/* A user has chosen whether others may see their presence. */
static void
show(struct topic *t, const struct arrival *h)
{
    struct payload p;

    payload_read(&p, h->frame);
    for (int state = 0; state < FOLLOW_STATE__COUNT && p.presence; state++)
        for (uint32_t i = t->follows[state].count; i-- > 0;)
            presence_shown(t->follows[state].at[i]->session, p.shown);
}

void
effects_after(struct topic *t, const struct arrival *h)
{
    struct payload p;
    char project[ID_TEXT];

    if (t->kind == TOPIC_USER && h->effect == EFFECT_SESSION_REVOKED)
        end_sessions(t, h);
    else if (t->kind == TOPIC_USER && h->effect == EFFECT_MEMBER_ADDED)
        join(t, h);
    else if (t->kind == TOPIC_USER && h->effect == EFFECT_USER_UPDATED)
        show(t, h);
    else if (t->kind == TOPIC_EVERYONE && h->effect == EFFECT_PROJECT_UPDATED) {
        payload_read(&p, h->frame);
        text_hex(project, h->id, ID_BYTES);
        if (p.opened || !p.readable) /* who may not see it is refused there */
            follow_all_join_opened(project, p.rev);
    }
}
