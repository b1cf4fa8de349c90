/*
 * The list of projects is read while the user's topic and `everyone` are
 * followed already: what changes after the read arrives as an event there.
 * The answer is given when every topic of the list can be answered.  Nothing here takes long in one
 * turn of the loop: an `all` that has work to do is on the list of those, and each turn does some.
 */
#include "push/all.h"

#include <ev.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/cursor.h"
#include "common/event.h"
#include "common/text.h"
#include "push/answer.h"
#include "push/follow.h"
#include "push/hub.h"
#include "push/joins.h"
#include "push/lists.h"
#include "push/metrics.h"
#include "push/reads.h"
#include "push/session.h"
#include "push/topics.h"

#define SKIPPED     200 /* topics unfollowed before the answer: as many as a socket names at once */
#define TURN_TOPICS 256 /* asked for or answered in one turn of the loop, for all sessions */
#define ANSWER      8   /* an answer costs as much as so many of those */
#define NAMED       16  /* and for so many topics that it names, as much as one more */

/* What it does, one after the other. */
enum stage {
    STAGE_LISTING,  /* waits for the list of projects */
    STAGE_ASKING,   /* asks for topic after topic */
    STAGE_WAITING,  /* some topics cannot be answered yet */
    STAGE_SAYING,   /* all can: one answer for all */
    STAGE_SETTLING, /* then each topic's own, and its events */
    STAGE_LEAVING,  /* then what the cursor names and is no longer the user's */
    STAGE_ON,
};

struct all {
    struct session *session;
    struct all *after, **link; /* of those that have work to do; link NULL: is not one */
    uint32_t number;           /* no other has it */
    enum stage stage;
    uint32_t at;         /* how far the stage is */
    struct follow *next; /* how far STAGE_SETTLING is */
    uint32_t waiting;    /* topics that cannot be answered yet */
    char ref[WIRE_REF];
    struct cursor since; /* as it was read; empty: none was given, or it is no good */
    bool since_given;
    const char *reason; /* why it is no good as a whole */
    struct projects *list;
    struct joins joins;           /* topics whose beginning must be found */
    char (*skipped)[EVENT_TOPIC]; /* unfollowed before the answer was complete */
    uint32_t skipped_count;
};

static struct {
    struct ev_loop *loop;
    ev_prepare turn;
    ev_idle busy; /* active while there is work: the loop does not wait */
    struct all *first, **last;
    uint32_t numbers;
} alls = {.last = &alls.first};

/* ------------------------------------------------------------ who has work to do */

static void
work_add(struct all *a)
{
    if (a->link != NULL)
        return;
    a->after = NULL;
    a->link = alls.last;
    *alls.last = a;
    alls.last = &a->after;
    ev_idle_start(alls.loop, &alls.busy);
}

static void
work_remove(struct all *a)
{
    if (a->link == NULL)
        return;
    *a->link = a->after;
    if (a->after != NULL)
        a->after->link = a->link;
    else
        alls.last = a->link;
    a->link = NULL;
}

static void
free_all(struct all *a)
{
    work_remove(a);
    lists_drop(a->list);
    joins_drop(&a->joins);
    cursor_free(&a->since);
    free(a->skipped);
    free(a);
}

/* Where the topic stands among those to be skipped; skipped_count: nowhere. */
static uint32_t
find_skipped(const struct all *a, const char *name)
{
    uint32_t i = 0;

    while (i < a->skipped_count && strcmp(a->skipped[i], name) != 0)
        i++;
    return i;
}

enum all_unfollow
all_unfollow(struct session *s, const char *name)
{
    struct all *a = s->all;

    if (a == NULL || a->stage == STAGE_ON)
        return ALL_KNOWS_NOT;
    if (find_skipped(a, name) == a->skipped_count) {
        if (a->skipped_count == SKIPPED)
            return ALL_FULL;
        if (a->skipped == NULL && (a->skipped = calloc(SKIPPED, sizeof(*a->skipped))) == NULL)
            abort();
        strcpy(a->skipped[a->skipped_count++], name);
    }
    return a->stage <= STAGE_ASKING ? ALL_SKIPS : ALL_KNOWS_NOT;
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

void
all_one_less(struct all *a)
{
    if (--a->waiting > 0 || a->stage != STAGE_WAITING)
        return;
    a->stage = STAGE_SAYING;
    work_add(a);
}

void
all_passed(struct follow *f)
{
    struct all *a = f->session->all;

    if (a != NULL && a->next == f)
        a->next = f->after;
}

/* ------------------------------------------------------------ the answer */

/* Does every event after the cursor follow, on a topic that was followed by name before? */
static bool
covers(const struct all *a, const struct follow *f)
{
    int64_t seq;

    if (!cursor_seq(&a->since, f->topic->name, &seq))
        return true; /* it has its own answer, and the cursor says nothing of it */
    if (f->ask != NULL)
        return f->ask->since_given && f->ask->reason == NULL && f->ask->since <= seq;
    return f->from > 0 && f->from <= seq + 1;
}

static bool
is_whole(const struct all *a)
{
    if (!a->since_given || a->reason != NULL)
        return false;
    for (struct follow *f = a->session->follows; f != NULL; f = f->after) {
        if (f->ask != NULL && f->ask->group == a) {
            if (f->ask->outcome == OUTCOME_RESYNC)
                return false;
        } else if ((f->why & FOLLOW_ASKED) && (f->why & FOLLOW_ALL) && !covers(a, f)) {
            return false;
        }
    }
    return true;
}

/* What is said of a topic now holds although its own answer comes in a later turn. */
static void
pin(struct all *a, struct follow *f)
{
    if (f->ask == NULL || f->ask->group != a)
        return;
    if (a->reason != NULL || (!f->ask->since_given && f->ask->outcome == OUTCOME_FOLLOW)) {
        f->ask->reason = NULL;
        f->ask->since_given = true;
        f->ask->since = f->topic->flushed;
    }
}

static void
say_following(struct all *a)
{
    struct cursor places = {0};
    struct text cursor = {0}, topics = {0};
    bool whole = is_whole(a);

    text_putc(&topics, '[');
    for (struct follow *f = a->session->follows; f != NULL; f = f->after) {
        if (!(f->why & FOLLOW_ALL) || f->topic->state != TOPIC_READY ||
            (f->ask != NULL && f->ask->outcome == OUTCOME_NOT_FOUND))
            continue;
        cursor_put(&places, f->topic->name, f->topic->flushed);
        text_puts(&topics, topics.len > 1 ? ",\"" : "\"");
        text_puts(&topics, follow_shown(f->topic));
        text_putc(&topics, '"');
        pin(a, f);
    }
    text_putc(&topics, ']');
    cursor_write(&places, topics_epoch(), &cursor);
    cursor_free(&places);
    if (a->reason != NULL)
        session_send(a->session, wire_resync("all", cursor.bytes, a->reason, a->ref));
    else
        session_send(a->session,
                     wire_following_all(cursor.bytes, whole, topics.bytes, a->list->cut, a->ref));
    text_free(&cursor);
    text_free(&topics);
}

/*
 * Then each topic's own answer: a resync for those that need it, then the events.  A topic that
 * changed its mind meanwhile (it is loaded anew) answers by itself later.
 */
static void
settle_some(struct all *a, uint32_t *budget)
{
    for (; a->next != NULL && *budget > 0; --*budget) {
        struct follow *f = a->next;
        enum outcome outcome;

        a->next = f->after;
        if (f->ask == NULL || f->ask->group != a)
            continue;
        f->ask->group = NULL;
        f->ask->quiet = true;
        outcome = answer_judge(f);
        if (outcome != OUTCOME_OPEN)
            answer_settle(f, outcome);
    }
}

/* Topics of the cursor that are no longer the user's. */
static void
leave_some(struct all *a, uint32_t *budget)
{
    char name[EVENT_TOPIC];

    for (; a->at<a->since.count && * budget> 0; --*budget) {
        cursor_topic(&a->since.places[a->at++], name);
        if (strncmp(name, "project:", 8) == 0 && follow_find(a->session, name) == NULL &&
            find_skipped(a, name) == a->skipped_count)
            session_send(a->session, wire_left(name, "removed"));
    }
}

/* ------------------------------------------------------------ asking */

static void
ask_for(struct all *a, const char *name)
{
    struct session *s = a->session;
    struct follow *f = follow_find(s, name);
    struct ask *ask;

    if (find_skipped(a, name) < a->skipped_count)
        return;
    if (f == NULL) {
        f = follow_begin(s, topics_get(name, s->user), PLACE_WAITING, FOLLOW_ALL);
    } else if (f->why & (FOLLOW_ASKED | FOLLOW_ALL)) {
        f->why |= FOLLOW_ALL; /* it has its own place and answer */
        return;
    }
    ask = follow_wait(f, FOLLOW_ALL);
    ask->group = a;
    a->waiting++;
    if (a->reason != NULL) {
        ask->reason = a->reason;
    } else if (a->since_given && !(ask->since_given = cursor_seq(&a->since, name, &ask->since))) {
        /* The cursor is good, but of before this topic was the user's. */
        if (f->topic->kind == TOPIC_PROJECT)
            joins_add(&a->joins, f);
        else
            ask->reason = "new";
    }
    answer_try(f);
}

static void
ask_some(struct all *a, uint32_t *budget)
{
    char name[EVENT_TOPIC] = "project:";

    for (; a->at<a->list->count && * budget> 0; --*budget) {
        text_hex(name + 8, a->list->ids[a->at++], 12);
        ask_for(a, name);
    }
}

/* ------------------------------------------------------------ stage after stage */

static void
spend(uint32_t *budget, uint32_t cost)
{
    *budget = *budget > cost ? *budget - cost : 0;
}

/*
 * Does some of its work; false: it has none for now.  The one long answer is built in a piece, as
 * a frame is; with 5,001 topics that took 1.9 ms, so there is one in a turn.
 */
static bool
work(struct all *a, uint32_t *budget)
{
    switch (a->stage) {
    case STAGE_ASKING:
        if (a->at == 0)
            ask_for(a, a->session->own->topic->name);
        ask_some(a, budget);
        if (a->at < a->list->count)
            return true;
        joins_send(&a->joins);
        a->stage = STAGE_WAITING;
        all_one_less(a); /* none may answer before all are asked */
        return false;
    case STAGE_SAYING:
        say_following(a);
        spend(budget, a->session->follow_count / NAMED + ANSWER);
        a->next = a->session->follows;
        a->stage = STAGE_SETTLING;
        return true;
    case STAGE_SETTLING:
        settle_some(a, budget);
        if (a->next != NULL)
            return true;
        a->at = 0;
        a->stage = STAGE_LEAVING;
        return true;
    case STAGE_LEAVING:
        if (a->reason == NULL)
            leave_some(a, budget);
        if (a->reason == NULL && a->at < a->since.count)
            return true;
        a->stage = STAGE_ON;
        cursor_free(&a->since);
        free(a->skipped);
        a->skipped = NULL;
        a->skipped_count = 0;
        return false;
    default:
        return false;
    }
}

static void
on_turn(struct ev_loop *loop, ev_prepare *w, int events)
{
    uint32_t budget = TURN_TOPICS;
    struct all *a;

    (void)w, (void)events;
    while (budget > 0 && (a = alls.first) != NULL) {
        bool more = a->session->code == 0 && work(a, &budget);
        bool again = a->link != NULL && a->stage == STAGE_SAYING; /* asked and answered at once */

        work_remove(a);
        if (more || (again && a->session->code == 0))
            work_add(a); /* behind the others */
    }
    if (alls.first == NULL)
        ev_idle_stop(loop, &alls.busy);
}

static void
on_busy(struct ev_loop *loop, ev_idle *w, int events)
{
    (void)loop, (void)w, (void)events;
}

/* A user's list has been read: those that asked before take a share of it. */
static void
listed(struct session *s, struct projects *p)
{
    struct all *a = s->all;

    if (s->code != 0 || a == NULL || a->stage != STAGE_LISTING || a->number > p->upto)
        return;
    a->list = lists_share(p);
    a->waiting = 1;
    a->stage = STAGE_ASKING;
    a->at = 0;
    work_add(a);
}

/* Is it waiting for a list?  Then *number is its own. */
static bool
is_listing(const struct session *s, uint32_t *number)
{
    if (s->code != 0 || s->all == NULL || s->all->stage != STAGE_LISTING)
        return false;
    *number = s->all->number;
    return true;
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
    a->number = ++alls.numbers;
    memcpy(a->ref, in->ref, sizeof(a->ref));
    if (in->since != NULL)
        read_since(a, in->since, in->since_len);
    joins_begin(&a->joins, s);
    s->all = a;
    lists_want(s->own->topic);
}

void
all_ready(void)
{
    lists_again();
}

/* ------------------------------------------------------------ joining later */

/* The right has begun anew. */
static void
skip_no_more(struct all *a, const char *name)
{
    uint32_t i = find_skipped(a, name);

    if (i < a->skipped_count && i < --a->skipped_count)
        memcpy(a->skipped[i], a->skipped[a->skipped_count], EVENT_TOPIC);
}

/* A new follow that waits; NULL: it follows already, or has no `all`. */
static struct follow *
join(struct session *s, const char *name)
{
    struct follow *f;

    if (s->code != 0 || s->all == NULL)
        return NULL;
    skip_no_more(s->all, name);
    if (s->all->stage == STAGE_LISTING && s->own->topic->user.listing == NULL)
        return NULL; /* the list that will be read names it */
    if ((f = follow_find(s, name)) != NULL) {
        f->why |= FOLLOW_ALL;
        return NULL;
    }
    f = follow_begin(s, topics_get(name, s->user), PLACE_WAITING, FOLLOW_ALL);
    follow_wait(f, FOLLOW_ALL);
    return f;
}

void
all_joined(struct topic *user, const char *project)
{
    struct joins joins = {.rev = -1};
    char name[EVENT_TOPIC] = "project:";

    strcat(name, project);
    memcpy(joins.user, user->id, 12);
    for (int place = 0; place < PLACE__COUNT; place++) {
        for (uint32_t i = user->places[place].count; i-- > 0;) {
            struct follow *f = join(user->places[place].at[i]->session, name);

            if (f != NULL)
                joins_add(&joins, f);
        }
    }
    joins_send(&joins);
}

struct opened {
    struct joins joins;
    char name[EVENT_TOPIC];
};

static void
join_opened(struct session *s, void *arg)
{
    struct opened *o = arg;
    struct follow *f = join(s, o->name);

    if (f != NULL)
        joins_add(&o->joins, f);
}

void
all_opened(const char *project, int64_t rev)
{
    struct opened o = {.joins.rev = rev, .name = "project:"};

    strcat(o.name, project);
    sessions_each(join_opened, &o);
    joins_send(&o.joins);
}

/* ------------------------------------------------------------ time */

void
all_open(struct ev_loop *loop)
{
    alls.loop = loop;
    ev_prepare_init(&alls.turn, on_turn);
    ev_set_priority(&alls.turn, EV_MINPRI + 1); /* before closed sessions are freed */
    ev_prepare_start(loop, &alls.turn);
    ev_idle_init(&alls.busy, on_busy);
    lists_open(loop, is_listing, listed);
}

void
all_close(void)
{
    ev_prepare_stop(alls.loop, &alls.turn);
    ev_idle_stop(alls.loop, &alls.busy);
    lists_close();
}
