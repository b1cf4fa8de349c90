/*
 * A transaction deals with a group of tasks: it notifies those for whom a reminder is due, notes
 * for each of them that this was done, and sets remindAt of each task to the next instant at which
 * somebody's may be due.  So two programs that deal with the same task conflict, and one that is
 * killed has done nothing.  If a group fails, each of its tasks gets a transaction of its own.
 *
 * The note outlives every reason to look at the task again (another assignee, another time zone,
 * the due date of before): a reminder is sent once for the same time.
 */
#include "api/jobs/remind.h"

#include <stdlib.h>
#include <string.h>

#include "api/http/request.h"
#include "api/jobs/context.h"
#include "api/jobs/remind_due.h"
#include "api/schema/doc.h"
#include "api/v1/notifications.h"
#include "common/base/must.h"
#include "common/change/change.h"
#include "common/store/store.h"
#include "common/store/store_gather.h"
#include "common/text/text.h"
#include "common/time/clock.h"

#define BATCH     100              /* tasks that are found at once */
#define GROUP     25               /* of them, those that share a transaction */
#define GROUP_US  5000000          /* for it; then they are dealt with one by one */
#define ARENA_MAX (64u << 20)      /* for a group, each of whose tasks may have a megabyte */
#define NOTE_MS   (7 * 86400000LL) /* more than REMINDER_LATE_MS and a move around the world */

/* Tasks that one transaction deals with. */
struct group {
    struct request r;
    struct change *change;
    int64_t now;
    struct remind_task tasks[GROUP];
    int count;
};

/* --- Reading ------------------------------------------------------------------------------ */

/* The tasks that are still due, and with them whatever they refer to, a command for each kind. */
static enum err
read_tasks(struct group *g)
{
    bson_oid_t ids[GROUP], projects[GROUP], people[GROUP * REMIND_RECIPIENTS];
    size_t found = 0, person_count = 0;
    int64_t due;
    enum err err;

    for (int i = 0; i < g->count; i++)
        ids[i] = g->tasks[i].id;
    err = store_gather_read(g->r.store, STORE_TASKS, ids, (size_t)g->count);
    for (int i = 0; err == ERR_NONE && i < g->count; i++) {
        struct remind_task *t = &g->tasks[i];

        err = request_fetch(&g->r, STORE_TASKS, &t->id, &t->doc);
        if (err == ERR_NOT_FOUND ||
            (err == ERR_NONE && (!doc_time(t->doc, "remindAt", &due) || due > g->now)))
            t->doc = NULL;
        err = err == ERR_NOT_FOUND ? ERR_NONE : err;
        if (err != ERR_NONE || t->doc == NULL)
            continue;
        projects[found++] = *doc_id(t->doc, "projectId");
        person_count += remind_due_ids(t->doc, people + person_count);
    }
    if (err == ERR_NONE)
        err = store_gather_read(g->r.store, STORE_PROJECTS, projects, found);
    return err == ERR_NONE ? store_gather_read(g->r.store, STORE_USERS, people, person_count) : err;
}

static enum err
see_note(void *arg, const bson_t *note)
{
    struct group *g = arg;
    const char *id = doc_text(note, "_id");

    for (int i = 0; id != NULL && i < g->count; i++)
        for (int k = 0; k < g->tasks[i].due_count; k++)
            g->tasks[i].due[k].noted |= strcmp(g->tasks[i].due[k].note, id) == 0;
    return ERR_NONE;
}

/* Which of what is due has been dealt with before? */
static enum err
find_notes(struct group *g, size_t due_count)
{
    const char **ids = arena_alloc(g->r.arena, due_count * sizeof(*ids));
    bson_t filter = BSON_INITIALIZER;
    uint32_t count = 0;
    enum err err;

    for (int i = 0; i < g->count; i++)
        for (int k = 0; k < g->tasks[i].due_count; k++)
            ids[count++] = g->tasks[i].due[k].note;
    doc_in_texts(&filter, "_id", ids, count);
    err = store_find(g->r.store, &(struct store_query){STORE_IDEMPOTENCY, &filter, NULL}, see_note,
                     g);
    bson_destroy(&filter);
    return err;
}

/* Who has muted a task is not told. */
static enum err
see_state(void *arg, const bson_t *subscription)
{
    struct group *g = arg;

    if (strcmp(doc_text(subscription, "state"), "muted") != 0)
        return ERR_NONE;
    for (int i = 0; i < g->count; i++)
        for (int k = 0; bson_oid_equal(&g->tasks[i].id, doc_id(subscription, "taskId")) &&
                        k < g->tasks[i].recipient_count;
             k++)
            if (bson_oid_equal(&g->tasks[i].recipients[k].id, doc_id(subscription, "userId")))
                g->tasks[i].recipients[k].told = false;
    return ERR_NONE;
}

static enum err
find_muted(struct group *g)
{
    bson_oid_t ids[GROUP], people[GROUP * REMIND_RECIPIENTS];
    bson_t filter = BSON_INITIALIZER;
    uint32_t count = 0, person_count = 0;
    enum err err;

    for (int i = 0; i < g->count; i++) {
        const struct remind_task *t = &g->tasks[i];

        if (t->due_count == 0)
            continue;
        ids[count++] = t->id;
        for (int k = 0; k < t->recipient_count; k++)
            people[person_count++] = t->recipients[k].id;
    }
    doc_in_ids(&filter, "taskId", ids, count);
    doc_in_ids(&filter, "userId", people, person_count);
    err = store_find(g->r.store, &(struct store_query){STORE_SUBSCRIPTIONS, &filter, NULL},
                     see_state, g);
    bson_destroy(&filter);
    return err;
}

/* Finds what is due; *due: how many reminders. */
static enum err
read_group(struct group *g, size_t *due)
{
    enum err err = read_tasks(g);

    *due = 0;
    for (int i = 0; err == ERR_NONE && i < g->count; i++) {
        g->tasks[i].due_count = g->tasks[i].recipient_count = 0;
        if (g->tasks[i].doc != NULL)
            err = remind_due_find(&g->r, &g->tasks[i], g->now);
        *due += (size_t)g->tasks[i].due_count;
    }
    if (err == ERR_NONE && *due > 0 && (err = find_notes(g, *due)) == ERR_NONE)
        err = find_muted(g);
    return err;
}

/* --- Dealing with it ----------------------------------------------------------------------- */

/* The notifications count as caused by whoever set the reminders. */
static void
set_sender(struct group *g, const bson_t *task)
{
    const bson_oid_t *by = doc_id(task, "armedBy");

    g->r.user_id = by != NULL ? *by : *doc_id(task, "createdBy");
    bson_oid_to_string(&g->r.user_id, g->r.user);
}

/* What a group has sent. */
struct sent {
    const bson_t **notes;
    size_t note_count;
    const bson_oid_t *projects[GROUP]; /* whose tasks somebody was reminded of */
    int project_count;
};

static void
add_project(struct sent *s, const bson_oid_t *project)
{
    for (int i = 0; i < s->project_count; i++)
        if (bson_oid_equal(s->projects[i], project))
            return;
    s->projects[s->project_count++] = project;
}

/* Sends what was not sent before, and notes it. */
static enum err
send(struct group *g, const struct remind_task *t, struct sent *sent)
{
    enum err err = ERR_NONE;

    set_sender(g, t->doc);
    for (int i = 0; err == ERR_NONE && i < t->due_count; i++) {
        const struct remind_due *due = &t->due[i];

        if (due->noted)
            continue;
        sent->notes[sent->note_count++] =
            request_keep(&g->r, BCON_NEW("_id", BCON_UTF8(due->note), "expiresAt",
                                         BCON_DATE_TIME(g->now + NOTE_MS)));
        if (!due->recipient->told)
            continue;
        add_project(sent, doc_id(t->doc, "projectId"));
        err = notifications_remind(&g->r, g->change, t->doc, &due->recipient->id);
    }
    return err;
}

/* Sets remindAt.  If the task changes meanwhile, the transaction fails. */
static void
set_next(struct group *g, const struct remind_task *t)
{
    bson_t *set =
        request_keep(&g->r, t->next == INT64_MAX ? BCON_NEW("remindAt", BCON_NULL)
                                                 : BCON_NEW("remindAt", BCON_DATE_TIME(t->next)));

    store_gather_replace(g->r.store, STORE_TASKS, doc_int(t->doc, "rev"),
                         request_keep(&g->r, doc_merge(t->doc, set)));
}

/*
 * A notification conflicts with whatever takes away the right to see it at the same time, since
 * each change of a project writes to its topic.
 */
static enum err
hold_projects(struct group *g, const struct sent *sent)
{
    struct store_statement statements[GROUP];
    int64_t matched;

    for (int i = 0; i < sent->project_count; i++) {
        const char *topic = request_project_topic(&g->r, sent->projects[i]);

        statements[i] = (struct store_statement){
            request_keep(&g->r, BCON_NEW("_id", BCON_UTF8(topic))),
            request_keep(&g->r, BCON_NEW("$inc", "{", "reminders", BCON_INT64(1), "}")), false};
    }
    if (sent->project_count == 0)
        return ERR_NONE;
    return store_update_each(g->r.store, STORE_TOPICS, statements, (size_t)sent->project_count,
                             &matched);
}

static enum err
remind(struct change *change, void *arg)
{
    struct group *g = arg;
    struct sent sent = {0};
    size_t due;
    enum err err;

    g->change = change;
    g->now = change_now(change);
    g->r.store = change_store(change);
    if ((err = read_group(g, &due)) != ERR_NONE)
        return err;
    sent.notes = arena_alloc(g->r.arena, due * sizeof(const bson_t *));
    for (int i = 0; err == ERR_NONE && i < g->count; i++)
        if (g->tasks[i].doc != NULL)
            err = send(g, &g->tasks[i], &sent);
    for (int i = 0; err == ERR_NONE && i < g->count; i++)
        if (g->tasks[i].doc != NULL)
            set_next(g, &g->tasks[i]);
    if (err == ERR_NONE)
        err = store_insert_many(g->r.store, STORE_IDEMPOTENCY, sent.notes, sent.note_count);
    return err == ERR_NONE ? hold_projects(g, &sent) : err;
}

/* A task that must be looked at. */
struct found {
    bson_oid_t id, project;
};

/* Deals with tasks in one transaction.  The lock is that of one project: most have the same. */
static enum err
remind_together(const struct runner *runner, struct store *store, const struct found *const *found,
                int count)
{
    struct arena *arena = arena_new(ARENA_MAX);
    struct group *g = arena_alloc(arena, sizeof(*g));
    struct change_plan plan = {.fn = remind, .arg = g};
    enum err err;

    g->r = (struct request){.arena = arena, .store = store};
    g->count = count;
    for (int i = 0; i < count; i++)
        g->tasks[i].id = found[i]->id;
    plan.last_topic = request_project_topic(&g->r, &found[0]->project);
    store_deadline(store, count > 1 ? clock_steady() + GROUP_US : 0);
    err = change_run(store, runner->bus, runner->epoch, &plan);
    store_deadline(store, 0);
    arena_free(arena);
    return err;
}

/* Returns the last error. */
static enum err
remind_group(const struct runner *runner, struct store *store, const struct found *const *found,
             int count)
{
    enum err err = remind_together(runner, store, found, count), failed = ERR_NONE;

    if (count == 1) /* a conflict is with another program: the next look tells */
        return err == ERR_CONFLICT ? ERR_NONE : err;
    if (err == ERR_NONE || (err == ERR_STORE && !store_refused(store)))
        return err;
    for (int i = 0; i < count && !*runner->stopping; i++) {
        err = remind_group(runner, store, found + i, 1);
        if (err != ERR_NONE)
            failed = err;
    }
    return failed;
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
    const struct found *group[GROUP];
    unsigned char dice;
    enum err err = ERR_NONE;

    text_random(&dice, 1);
    for (int done = 0; done < b->count && !*runner->stopping; done += GROUP) {
        int count = b->count - done < GROUP ? b->count - done : GROUP;
        enum err one;

        for (int i = 0; i < count; i++)
            group[i] = &b->found[(dice + done + i) % b->count];
        if ((one = remind_group(runner, store, group, count)) != ERR_NONE)
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
