/*
 * The list of projects is read while the user's topic and `everyone` are
 * followed already: what changes after the read arrives as an event there.
 * The answer is given when every topic of the list can be answered.
 */
#include "push/all.h"

#include <stdlib.h>
#include <string.h>

#include "common/cursor.h"
#include "common/event.h"
#include "common/log.h"
#include "common/text.h"
#include "push/answer.h"
#include "push/follow.h"
#include "push/hub.h"
#include "push/metrics.h"
#include "push/reads.h"
#include "push/repair.h"
#include "push/session.h"
#include "push/topics.h"

#define PROJECTS_MAX 5000 /* of one user */

struct all {
    struct session *session;
    char ref[WIRE_REF];
    struct cursor since; /* as it was read; empty: none was given, or it is no good */
    bool since_given;
    const char *reason; /* why it is no good as a whole */
    bool listing;       /* the list is being read */
    bool gathering;     /* topics are being asked; waiting > 0 or about to be */
    bool on;            /* answered */
    uint32_t waiting;   /* topics that cannot be answered yet */
};

static bool some_wait; /* somebody's list could not be read yet */

static void
free_all(struct all *a)
{
    cursor_free(&a->since);
    free(a);
}

void
all_forget(struct session *s)
{
    struct all *a = s->all;

    s->all = NULL;
    if (a == NULL)
        return;
    for (struct follow *f = s->follows, *after; f != NULL; f = after) {
        after = f->after;
        if (f->ask != NULL && f->ask->group == a) {
            f->ask->group = NULL;
            f->ask->quiet = true;
        }
        if (f->why & FOLLOW_ALL)
            follow_no_more(f, FOLLOW_ALL);
    }
    free_all(a);
}

/* ------------------------------------------------------------ the answer */

/* Topics of the cursor that are no longer the user's. */
static void
say_left(struct all *a)
{
    char name[EVENT_TOPIC];

    if (a->reason != NULL)
        return;
    for (uint32_t i = 0; i < a->since.count; i++) {
        cursor_topic(&a->since.places[i], name);
        if (strncmp(name, "project:", 8) == 0 && follow_find(a->session, name) == NULL)
            session_send(a->session, wire_left(name, "removed"));
    }
}

static bool
is_whole(const struct all *a)
{
    if (!a->since_given || a->reason != NULL)
        return false;
    for (struct follow *f = a->session->follows; f != NULL; f = f->after)
        if (f->ask != NULL && f->ask->group == a && f->ask->outcome == OUTCOME_RESYNC)
            return false;
    return true;
}

static void
say_following(struct all *a)
{
    struct cursor places = {0};
    struct text cursor = {0}, topics = {0};

    text_putc(&topics, '[');
    for (struct follow *f = a->session->follows; f != NULL; f = f->after) {
        if (!(f->why & FOLLOW_ALL) || f->topic->state != TOPIC_READY ||
            (f->ask != NULL && f->ask->outcome == OUTCOME_NOT_FOUND))
            continue;
        cursor_put(&places, f->topic->name, f->topic->flushed);
        text_printf(&topics, "%s\"%s\"", topics.len > 1 ? "," : "", follow_shown(f->topic));
    }
    text_putc(&topics, ']');
    cursor_write(&places, topics_epoch(), &cursor);
    cursor_free(&places);
    if (a->reason != NULL)
        session_send(a->session, wire_resync("all", cursor.bytes, a->reason, a->ref));
    else
        session_send(a->session,
                     wire_following("all", cursor.bytes, is_whole(a), topics.bytes, a->ref));
    text_free(&cursor);
    text_free(&topics);
}

/*
 * Everything is known: one answer for all, then a resync for each topic that
 * needs it, then the events.  A topic that changed its mind meanwhile (it is
 * loaded anew) answers by itself later.
 */
static void
settle(struct all *a)
{
    struct session *s = a->session;

    a->on = true;
    a->gathering = false;
    say_following(a);
    for (struct follow *f = s->follows, *after; f != NULL; f = after) {
        enum outcome outcome;

        after = f->after;
        if (f->ask == NULL || f->ask->group != a)
            continue;
        f->ask->group = NULL;
        f->ask->quiet = true;
        if (a->reason != NULL) { /* said already, for all */
            f->ask->reason = NULL;
            f->ask->since_given = false;
        }
        outcome = answer_judge(f);
        if (outcome != OUTCOME_OPEN)
            answer_settle(f, outcome);
    }
    say_left(a);
}

void
all_one_less(struct all *a)
{
    if (--a->waiting == 0 && !a->listing && a->gathering)
        settle(a);
}

/* ------------------------------------------------------------ where a right began */

static void
began(struct job *job)
{
    struct beginning *b = (struct beginning *)job;
    struct session *s = b->session;
    struct follow *f = s->code == 0 ? follow_find(s, b->topic) : NULL;

    if (f != NULL && job->err != ERR_NONE && !reader_is_closing()) {
        reads_beginning(b);
        return;
    }
    if (f != NULL && f->ask != NULL && f->ask->beginning) {
        f->ask->beginning = false;
        f->ask->since_given = b->seq > 0;
        if (b->seq == 0 && f->ask->group != NULL)
            f->ask->reason = "new"; /* the log does not say: refetch */
        f->ask->since = b->seq - 1;
        f->ask->not_before = b->seq; /* the rights may still be of before it */
        if (f->topic->state == TOPIC_READY && b->seq > f->topic->stream.seen)
            repair_heard(f->topic, b->seq);
        answer_try(f);
    }
    session_drop(s);
    free(b);
}

/* Lets the follow begin with the newest event of that kind on that entity. */
static void
find_beginning(struct follow *f, const char *entity_id, const char *kind, int64_t rev)
{
    struct beginning *b = calloc(1, sizeof(*b));

    if (b == NULL)
        abort();
    f->ask->beginning = true;
    b->session = f->session;
    strcpy(b->topic, f->topic->name);
    strcpy(b->entity_id, entity_id);
    b->kind = kind;
    b->rev = rev;
    b->job.done = began;
    session_share(f->session);
    reads_beginning(b);
}

/* ------------------------------------------------------------ gathering */

/* The cursor is good, but of before this topic was the user's. */
static void
since_joining(struct follow *f)
{
    char user[25];

    text_hex(user, f->session->user, 12);
    if (f->topic->kind == TOPIC_PROJECT)
        find_beginning(f, user, "member.added", -1);
    else
        f->ask->reason = "new";
}

static void
ask_for(struct all *a, const char *name)
{
    struct session *s = a->session;
    struct follow *f = follow_find(s, name);
    struct ask *ask;

    if (f == NULL) {
        f = follow_begin(s, topics_get(name), PLACE_WAITING, FOLLOW_ALL);
    } else if (f->why & FOLLOW_ASKED) {
        f->why |= FOLLOW_ALL; /* it has its own place and answer */
        return;
    }
    ask = follow_wait(f, FOLLOW_ALL);
    ask->group = a;
    a->waiting++;
    if (a->reason != NULL)
        ask->reason = a->reason;
    else if (a->since_given && !(ask->since_given = cursor_seq(&a->since, name, &ask->since)))
        since_joining(f);
    answer_try(f);
}

static void
gather(struct all *a, const struct projects *p)
{
    struct session *s = a->session;
    char name[EVENT_TOPIC];

    if (p->count == p->most)
        log_warn("all: somebody may see more than %d projects: the rest is not followed",
                 PROJECTS_MAX);
    a->waiting = 1; /* none may answer before all are asked */
    a->gathering = true;
    strcpy(name, s->own->topic->name);
    ask_for(a, name);
    for (uint32_t i = 0; i < p->count; i++) {
        strcpy(name, "project:");
        text_hex(name + 8, p->ids[i], 12);
        ask_for(a, name);
    }
    all_one_less(a);
}

static void
listed(struct job *job)
{
    struct projects *p = (struct projects *)job;
    struct session *s = p->session;
    struct all *a = s->all;

    if (s->code == 0 && a != NULL && a == p->all && a->listing) {
        a->listing = false;
        if (job->err == ERR_NONE)
            gather(a, p);
        else
            some_wait = true; /* for all_ready() */
    }
    session_drop(s);
    free(p->ids);
    free(p);
}

static void
list(struct all *a)
{
    struct topic *everyone = hub_find("everyone", 8);
    struct projects *p;

    if (a->listing || a->gathering || a->on)
        return;
    if (everyone == NULL || everyone->state != TOPIC_READY ||
        a->session->own->topic->state != TOPIC_READY) {
        some_wait = true;
        return;
    }
    p = calloc(1, sizeof(*p));
    if (p == NULL)
        abort();
    a->listing = true;
    p->all = a;
    p->session = a->session;
    p->most = PROJECTS_MAX;
    memcpy(p->user, a->session->user, 12);
    p->job.done = listed;
    session_share(a->session);
    reads_projects(p);
}

/* The epoch is known: a session is READY only after its user's topic was loaded with it. */
static void
read_since(struct all *a, const char *since, size_t len)
{
    a->since_given = true;
    switch (cursor_read(&a->since, since, len, topics_epoch())) {
    case CURSOR_OK:
        break;
    case CURSOR_MALFORMED:
        a->reason = "bad-cursor";
        break;
    case CURSOR_OTHER_EPOCH:
        a->reason = "epoch";
        break;
    }
}

void
all_follow(struct session *s, const struct wire_in *in)
{
    struct all *a = calloc(1, sizeof(*a));

    if (a == NULL)
        abort();
    all_forget(s);
    a->session = s;
    memcpy(a->ref, in->ref, sizeof(a->ref));
    if (in->since != NULL)
        read_since(a, in->since, in->since_len);
    s->all = a;
    list(a);
}

static void
list_again(struct session *s, void *arg)
{
    (void)arg;
    if (s->all != NULL)
        list(s->all);
}

void
all_ready(void)
{
    if (!some_wait)
        return;
    some_wait = false;
    sessions_each(list_again, NULL);
}

/* ------------------------------------------------------------ joining later */

void
all_joined(struct session *s, const char *project, const char *kind, int64_t rev)
{
    char name[EVENT_TOPIC] = "project:", user[25];
    struct follow *f;

    if (s->code != 0 || s->all == NULL || (!s->all->on && !s->all->gathering && !s->all->listing))
        return;
    strcat(name, project);
    text_hex(user, s->user, 12);
    if ((f = follow_find(s, name)) != NULL) {
        f->why |= FOLLOW_ALL;
        return;
    }
    f = follow_begin(s, topics_get(name), PLACE_WAITING, FOLLOW_ALL);
    follow_wait(f, FOLLOW_ALL);
    find_beginning(f, rev < 0 ? user : project, kind, rev);
}
