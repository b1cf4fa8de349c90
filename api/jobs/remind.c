/*
 * One transaction for each task: it notifies those for whom a reminder is due, notes for each of
 * them that this was done, and sets remindAt to the next instant at which somebody's may be due.
 * So two programs that deal with the same task conflict, and one that is killed has done nothing.
 *
 * The note outlives every reason to look at the task again (another assignee, another time zone,
 * the due date of before): a reminder is sent once for the same time.
 */
#include "api/jobs/remind.h"

#include <stdlib.h>
#include <string.h>

#include "api/access/access.h"
#include "api/http/request.h"
#include "api/jobs/context.h"
#include "api/schema/doc.h"
#include "api/v1/notifications.h"
#include "api/v1/tasks/task_reminders.h"
#include "api/v1/tasks/task_watchers.h"
#include "common/base/id.h"
#include "common/base/must.h"
#include "common/change/change.h"
#include "common/store/store.h"
#include "common/text/text.h"
#include "common/time/clock.h"
#include "common/time/zone.h"

#define BATCH          100 /* tasks that are found at once */
#define ARENA_MAX      (16u << 20)
#define RECIPIENTS_MAX 50               /* the most assignees of a task */
#define NOTE_MS        (7 * 86400000LL) /* more than REMINDER_LATE_MS and a move around the world */

/* Somebody who is reminded of a task. */
struct recipient {
    bson_oid_t id;
    const struct zone *zone, *zone_before;
    int64_t moved; /* when the zone changed; 0: never */
    bool told;     /* may see the task, which is to be done */
    bool asked;    /* whether the user has muted it */
};

/* A reminder that is due for somebody. */
struct due {
    struct recipient *recipient;
    const char *note; /* the id of the note that it was dealt with */
    bool noted;
};

struct reminding {
    struct request *r;
    struct change *change;
    bson_oid_t id;
    const bson_t *task;
    int64_t now;
    struct recipient recipients[RECIPIENTS_MAX];
    int recipient_count;
    struct due due[RECIPIENTS_MAX * REMINDERS_MAX];
    int due_count;
    int64_t next; /* INT64_MAX: never */
};

/* --- Who is reminded ------------------------------------------------------------------- */

static enum err
note_recipient(void *arg, const bson_t *user)
{
    struct reminding *m = arg;
    struct recipient *who = &m->recipients[m->recipient_count];

    if (doc_has(user, "deletedAt") || m->recipient_count == RECIPIENTS_MAX)
        return ERR_NONE;
    *who = (struct recipient){.id = *doc_id(user, "_id"),
                              .zone = zone_or_utc(doc_text(user, "timeZone")),
                              .zone_before = zone_or_utc(doc_text(user, "zoneBefore"))};
    doc_time(user, "zoneChangedAt", &who->moved);
    m->recipient_count++;
    return ERR_NONE;
}

/* The accounts of the assignees, or of the creator if there are none. */
static enum err
find_recipients(struct reminding *m)
{
    bson_oid_t ids[RECIPIENTS_MAX];
    bson_t filter = BSON_INITIALIZER;
    bson_t *opts = request_keep(m->r, BCON_NEW("projection", "{", "timeZone", BCON_BOOL(true),
                                               "zoneBefore", BCON_BOOL(true), "zoneChangedAt",
                                               BCON_BOOL(true), "deletedAt", BCON_BOOL(true), "}"));
    bson_iter_t iter, list;
    uint32_t count = 0;
    enum err err;

    if (bson_iter_init_find(&iter, m->task, "assigneeIds") && bson_iter_recurse(&iter, &list))
        while (count < RECIPIENTS_MAX && bson_iter_next(&list))
            ids[count++] = *bson_iter_oid(&list);
    if (count == 0)
        ids[count++] = *doc_id(m->task, "createdBy");
    doc_in_ids(&filter, "_id", ids, count);
    m->recipient_count = 0;
    err = store_find(m->r->store, &(struct store_query){STORE_USERS, &filter, opts}, note_recipient,
                     m);
    bson_destroy(&filter);
    return err;
}

/* Which of them are told: nobody of a task that is done, archived or in the trash. */
static enum err
check_rights(struct reminding *m)
{
    const char *state = doc_text(m->task, "state");
    const bson_t *project;
    enum err err = request_fetch(m->r, STORE_PROJECTS, doc_id(m->task, "projectId"), &project);

    if (err != ERR_NONE)
        return err == ERR_NOT_FOUND ? ERR_NONE : err;
    if (doc_has(project, "deletedAt") || doc_has(project, "archivedAt") || state == NULL ||
        strcmp(state, "open") != 0)
        return ERR_NONE;
    for (int i = 0; i < m->recipient_count; i++)
        m->recipients[i].told = access_role(project, &m->recipients[i].id) != ROLE_NONE;
    return ERR_NONE;
}

/* --- What is due --------------------------------------------------------------------------- */

static void
note_next(struct reminding *m, int64_t at)
{
    if (at < m->next)
        m->next = at;
}

static void
add_due(struct reminding *m, const struct task_reminder *reminder, struct recipient *who)
{
    char task[ID_TEXT], user[ID_TEXT];

    bson_oid_to_string(&m->id, task);
    bson_oid_to_string(&who->id, user);
    m->due[m->due_count++] = (struct due){
        who,
        arena_printf(m->r->arena, "reminder %s %s %s %s %s", task, reminder->id, reminder->value,
                     reminder->due == NULL ? "-" : reminder->due, user),
        false};
}

/*
 * Had it passed for somebody when it was set?  If the zone has changed since, it counts whether it
 * had in the zone before.
 */
static bool
had_passed(const struct task_reminder *reminder, const struct recipient *who, int64_t at)
{
    return task_reminder_passed(reminder, at) &&
           (!reminder->local || who->moved <= reminder->armedAt ||
            task_reminder_passed(reminder, task_reminder_at(reminder, who->zone_before)));
}

/* Finds what is due now, and when to look again. */
static void
judge(struct reminding *m)
{
    struct task_reminder_texts texts;
    struct task_reminder reminders[REMINDERS_MAX];
    int count = task_reminders_read(m->task, &texts, reminders);

    m->next = INT64_MAX;
    m->due_count = 0;
    for (int i = 0; i < count; i++) {
        const struct task_reminder *reminder = &reminders[i];

        if (task_reminder_first(reminder) > m->now) {
            note_next(m, task_reminder_first(reminder));
            continue;
        }
        for (int k = 0; k < m->recipient_count; k++) {
            int64_t at = task_reminder_at(reminder, m->recipients[k].zone);

            if (at > m->now)
                note_next(m, at);
            else if (at >= m->now - REMINDER_LATE_MS &&
                     !had_passed(reminder, &m->recipients[k], at))
                add_due(m, reminder, &m->recipients[k]);
        }
    }
}

/* --- Dealing with it ----------------------------------------------------------------------- */

static enum err
see_note(void *arg, const bson_t *note)
{
    struct reminding *m = arg;
    const char *id = doc_text(note, "_id");

    for (int i = 0; id != NULL && i < m->due_count; i++)
        m->due[i].noted |= strcmp(m->due[i].note, id) == 0;
    return ERR_NONE;
}

/* Which of what is due has been dealt with before? */
static enum err
find_notes(struct reminding *m)
{
    const char **ids = arena_alloc(m->r->arena, (size_t)m->due_count * sizeof(*ids));
    bson_t filter = BSON_INITIALIZER;
    enum err err;

    for (int i = 0; i < m->due_count; i++)
        ids[i] = m->due[i].note;
    doc_in_texts(&filter, "_id", ids, (uint32_t)m->due_count);
    err = store_find(m->r->store, &(struct store_query){STORE_IDEMPOTENCY, &filter, NULL}, see_note,
                     m);
    bson_destroy(&filter);
    return err;
}

/*
 * A notification conflicts with whatever takes away the right to see it at the same time, since
 * each change of a project writes to its topic.
 */
static enum err
hold_project(struct reminding *m)
{
    const char *topic = request_project_topic(m->r, doc_id(m->task, "projectId"));
    bson_t *which = request_keep(m->r, BCON_NEW("_id", BCON_UTF8(topic)));
    bson_t *count = request_keep(m->r, BCON_NEW("$inc", "{", "reminders", BCON_INT64(1), "}"));

    return store_update(m->r->store, STORE_TOPICS, which, count, NULL);
}

/* Who has muted the task is not told. */
static enum err
check_muted(struct reminding *m, struct recipient *who)
{
    bool muted = false;
    enum err err = ERR_NONE;

    if (who->told && !who->asked)
        err = task_watchers_muted(m->r->store, &m->id, &who->id, &muted);
    who->told = who->told && !muted;
    who->asked = true;
    return err;
}

/* Sends what was not sent before, and notes it. */
static enum err
send(struct reminding *m)
{
    const bson_t **notes = arena_alloc(m->r->arena, (size_t)m->due_count * sizeof(const bson_t *));
    bool sent = false;
    size_t count = 0;
    enum err err = find_notes(m);

    for (int i = 0; err == ERR_NONE && i < m->due_count; i++) {
        const struct due *due = &m->due[i];

        if (due->noted)
            continue;
        notes[count++] = request_keep(m->r, BCON_NEW("_id", BCON_UTF8(due->note), "expiresAt",
                                                     BCON_DATE_TIME(m->now + NOTE_MS)));
        err = check_muted(m, due->recipient);
        if (err != ERR_NONE || !due->recipient->told)
            continue;
        sent = true;
        err = notifications_remind(m->r, m->change, m->task, &due->recipient->id);
    }
    if (err == ERR_NONE && count > 0)
        err = store_insert_many(m->r->store, STORE_IDEMPOTENCY, notes, count);
    return err == ERR_NONE && sent ? hold_project(m) : err;
}

/* Sets remindAt, unless the task has changed since it was read. */
static enum err
set_next(struct reminding *m, int64_t from)
{
    bson_t *which = request_keep(m->r, BCON_NEW("_id", BCON_OID(&m->id), "rev",
                                                BCON_INT64(doc_int(m->task, "rev")), "remindAt",
                                                BCON_DATE_TIME(from)));
    bson_t *set =
        request_keep(m->r, m->next == INT64_MAX
                               ? BCON_NEW("$set", "{", "remindAt", BCON_NULL, "}")
                               : BCON_NEW("$set", "{", "remindAt", BCON_DATE_TIME(m->next), "}"));
    int64_t matched;
    enum err err = store_update(m->r->store, STORE_TASKS, which, set, &matched);

    return err == ERR_NONE && matched == 0 ? ERR_RETRY : err;
}

/* The notifications count as caused by whoever set the reminders. */
static void
set_sender(struct reminding *m)
{
    const bson_oid_t *by = doc_id(m->task, "armedBy");

    m->r->user_id = by != NULL ? *by : *doc_id(m->task, "createdBy");
    bson_oid_to_string(&m->r->user_id, m->r->user);
}

static enum err
remind(struct change *change, void *arg)
{
    struct reminding *m = arg;
    int64_t from;
    enum err err;

    m->change = change;
    m->r->store = change_store(change);
    m->now = change_now(change);
    if ((err = request_fetch(m->r, STORE_TASKS, &m->id, &m->task)) != ERR_NONE)
        return err == ERR_NOT_FOUND ? ERR_NONE : err;
    if (!doc_time(m->task, "remindAt", &from) || from > m->now)
        return ERR_NONE; /* another program was first */
    if ((err = find_recipients(m)) != ERR_NONE || (err = check_rights(m)) != ERR_NONE)
        return err;
    judge(m);
    set_sender(m);
    if (m->due_count > 0 && (err = send(m)) != ERR_NONE)
        return err;
    return set_next(m, from);
}

/* A task that must be looked at. */
struct found {
    bson_oid_t id, project;
};

static enum err
remind_task(const struct runner *runner, struct store *store, const struct found *found)
{
    struct request r = {.arena = arena_new(ARENA_MAX), .store = store};
    struct reminding *m = arena_alloc(r.arena, sizeof(*m));
    struct change_plan plan = {.fn = remind, .arg = m};
    enum err err;

    m->r = &r;
    m->id = found->id;
    plan.last_topic = request_project_topic(&r, &found->project);
    err = change_run(store, runner->bus, runner->epoch, &plan);
    arena_free(r.arena);
    return err == ERR_CONFLICT ? ERR_NONE : err; /* with another program: the next look tells */
}

/* --- All tasks ---------------------------------------------------------------------------- */

struct batch {
    struct found found[BATCH];
    int count;
    int64_t last; /* the latest remindAt among them */
};

static enum err
note_task(void *arg, const bson_t *task)
{
    struct batch *b = arg;

    if (doc_id(task, "projectId") != NULL && doc_time(task, "remindAt", &b->last))
        b->found[b->count++] = (struct found){*doc_id(task, "_id"), *doc_id(task, "projectId")};
    return ERR_NONE;
}

/* The tasks to look at, the earliest first. */
static enum err
find_batch(struct store *store, int64_t from, int64_t now, struct batch *b)
{
    bson_t *filter =
        BCON_NEW("remindAt", "{", "$gte", BCON_DATE_TIME(from), "$lte", BCON_DATE_TIME(now), "}");
    bson_t *opts =
        BCON_NEW("sort", "{", "remindAt", BCON_INT32(1), "}", "limit", BCON_INT64(BATCH),
                 "projection", "{", "remindAt", BCON_BOOL(true), "projectId", BCON_BOOL(true), "}");
    enum err err;

    b->count = 0;
    err = store_find(store, &(struct store_query){STORE_TASKS, filter, opts}, note_task, b);
    bson_destroy(filter);
    bson_destroy(opts);
    return err;
}

/*
 * Deals with a batch, beginning anywhere in it, so that several programs rarely meet.  Returns the
 * last error.
 */
static enum err
remind_batch(const struct runner *runner, struct store *store, const struct batch *b)
{
    unsigned char dice;
    enum err err = ERR_NONE;

    text_random(&dice, 1);
    for (int i = 0; i < b->count && !*runner->stopping; i++) {
        enum err one = remind_task(runner, store, &b->found[(i + dice) % b->count]);

        if (one != ERR_NONE)
            err = one;
    }
    return err;
}

enum err
remind_all(const struct runner *runner, struct store *store)
{
    struct batch *b = must_alloc(1, sizeof(*b));
    int64_t now = clock_now(), from = 0;
    enum err err, failed = ERR_NONE;

    /* Tasks that fail are still there in the next batch, which begins where this one ended. */
    do {
        int64_t begun = from;

        if ((err = find_batch(store, from, now, b)) != ERR_NONE)
            break;
        from = b->last;
        if ((err = remind_batch(runner, store, b)) != ERR_NONE)
            failed = err;
        if (err != ERR_NONE && from == begun)
            break;
    } while (b->count == BATCH && !*runner->stopping);
    free(b);
    return err == ERR_NONE ? failed : err;
}
