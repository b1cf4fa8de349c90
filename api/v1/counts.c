/*
 * GET /v1/counts: how many tasks are due, and how many each project has.  Each number is that of a
 * list whose URL is in the reply or in the description of its field.
 */
#include <stdlib.h>
#include <string.h>

#include "api/access/read_access.h"
#include "api/crud/due.h"
#include "api/crud/due_range.h"
#include "api/http/reply.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "api/v1/counts_cache.h"
#include "api/v1/handlers.h"
#include "api/v1/notifications.h"
#include "common/base/hash.h"
#include "common/base/id.h"
#include "common/base/vec.h"
#include "common/change/event_find.h"
#include "common/time/clock.h"
#include "common/time/zone.h"

#define DAY_MS        86400000
#define UPCOMING_DAYS 7
#define BATCH         5000 /* documents in one batch */

#define MINE                                                                                       \
    "/v1/tasks?filter=done%%3Dfalse%%20and%%20(assignee%%3Dme%%20or%%20project%%3D%s"              \
    "%%20and%%20assignee%%3Dnull)%%20and%%20"

/* clang-format off */
static const struct field counts_fields[] = {
    {"today",    INTEGER, 0, .about = "your open tasks that are due today; yours are those assigned to you, and those of your Inbox that are assigned to nobody"},
    {"overdue",  INTEGER, 0, .about = "your open tasks that were due before now"},
    {"upcoming", INTEGER, 0, .about = "your open tasks that are due in the 7 days after today"},
    {"unread",   INTEGER, 0, .about = "your unread notifications"},
    {"projects", ANY,     0, .about = "{id: {open, done}} of every project that is not archived: /v1/tasks?projectId={id}&filter=done=false, and done=true"},
    {"lists",    ANY,     0, .about = "{today, overdue, upcoming, unread}: the URLs of the lists that these numbers count"},
    {NULL},
};
/* clang-format on */

const struct shape counts_shape = {"Counts", counts_fields};

struct project {
    bson_oid_t id;
    int64_t seq; /* of its topic */
    bool known;
    struct project_counts counts;
};

struct counts {
    struct request *r;
    const struct zone *zone;
    int64_t now, start, end, last; /* of today, and of the last day of `upcoming` */
    int64_t today_ms;              /* as a due date */
    char today[CLOCK_DATE], last_day[CLOCK_DATE];
    int64_t today_count, overdue, upcoming, unread;
    struct project *projects; /* sorted */
    int project_count;
    struct counts_due *due; /* of the caller's open tasks up to the last day */
    uint32_t due_count, due_room;
};

/* ------------------------------------------------------------ projects */

static int
compare_projects(const void *a, const void *b)
{
    return bson_oid_compare(&((const struct project *)a)->id, &((const struct project *)b)->id);
}

static void
take_projects(struct counts *c, const bson_t *visible)
{
    bson_iter_t iter, list;
    int n = 0;

    if (!bson_iter_init(&iter, visible) ||
        !bson_iter_find_descendant(&iter, "projectId.$in", &iter) ||
        !bson_iter_recurse(&iter, &list))
        return;
    c->projects = arena_alloc(c->r->arena, visible->len / 15 * sizeof(*c->projects));
    while (bson_iter_next(&list))
        c->projects[n++].id = *bson_iter_oid(&list);
    c->project_count = n;
    if (n > 0)
        qsort(c->projects, (size_t)n, sizeof(*c->projects), compare_projects);
}

static struct project *
project_of(const struct counts *c, const bson_oid_t *id)
{
    struct project key = {.id = *id};

    return bsearch(&key, c->projects, (size_t)c->project_count, sizeof(key), compare_projects);
}

static enum err
take_head(void *arg, const struct event_item *topic)
{
    struct project *found;
    bson_oid_t id;

    bson_oid_init_from_string(&id, topic->topic + strlen("project:"));
    found = project_of(arg, &id);
    if (found != NULL)
        found->seq = topic->seq;
    return ERR_NONE;
}

/* Takes what is known of the projects whose topics have the same number as when it was counted. */
static enum err
recall(struct counts *c)
{
    const char **topics =
        arena_alloc(c->r->arena, (size_t)(c->project_count + 1) * sizeof(*topics));
    enum err err;

    for (int i = 0; i < c->project_count; i++) {
        char id[ID_TEXT];

        bson_oid_to_string(&c->projects[i].id, id);
        topics[i] = arena_printf(c->r->arena, "project:%s", id);
    }
    err = event_find_heads(c->r->store, topics, c->project_count, take_head, c);
    for (int i = 0; i < c->project_count; i++)
        c->projects[i].known =
            counts_cache_project(&c->projects[i].id, c->projects[i].seq, &c->projects[i].counts);
    return err;
}

/* {_id: {project, state}, count} */
static enum err
take_group(void *arg, const bson_t *group)
{
    struct counts *c = arg;
    struct project *found;
    bson_iter_t iter, project, state;

    if (!bson_iter_init(&iter, group) ||
        !bson_iter_find_descendant(&iter, "_id.project", &project) ||
        !bson_iter_init(&iter, group) || !bson_iter_find_descendant(&iter, "_id.state", &state))
        return ERR_INTERNAL;
    found = project_of(c, bson_iter_oid(&project));
    if (found == NULL)
        return ERR_NONE;
    *(strcmp(bson_iter_utf8(&state, NULL), "done") == 0 ? &found->counts.done
                                                        : &found->counts.open) =
        doc_int(group, "count");
    return ERR_NONE;
}

static enum err
count_unknown(struct counts *c, const bson_t *ids)
{
    bson_t *match = request_keep(c->r, bson_new()), *pipeline;

    doc_in(match, "projectId", ids);
    BCON_APPEND(match, "state", "{", "$in", "[", "done", "open", "]", "}");
    pipeline = request_keep(c->r, BCON_NEW("0", "{", "$match", BCON_DOCUMENT(match), "}", "1", "{",
                                           "$group", "{", "_id", "{", "project", "$projectId",
                                           "state", "$state", "}", "count", "{", "$sum",
                                           BCON_INT32(1), "}", "}", "}"));
    return store_aggregate(c->r->store, STORE_TASKS, pipeline, take_group, c);
}

static enum err
count_projects(struct counts *c)
{
    bson_t *ids = request_keep(c->r, bson_new());
    struct doc_array unknown = {ids, 0};
    enum err err = c->project_count > 0 ? recall(c) : ERR_NONE;

    for (int i = 0; i < c->project_count; i++)
        if (!c->projects[i].known)
            doc_array_add_id(&unknown, &c->projects[i].id);
    if (err != ERR_NONE || unknown.count == 0)
        return err;
    if ((err = count_unknown(c, ids)) != ERR_NONE)
        return err;
    for (int i = 0; i < c->project_count; i++)
        if (!c->projects[i].known)
            counts_cache_put_project(&c->projects[i].id, c->projects[i].seq,
                                     &c->projects[i].counts);
    return ERR_NONE;
}

/* ------------------------------------------------------------ due tasks */

static enum err
take_due(void *arg, const bson_t *task)
{
    struct counts *c = arg;
    const char *date = doc_text(task, DUE_KEY);
    struct counts_due due = {.date = date != NULL};

    if (date != NULL ? clock_read_date(date, strlen(date), &due.at)
                     : doc_time(task, DUE_KEY, &due.at)) {
        c->due = vec_room(c->due, c->due_count, &c->due_room, sizeof(*c->due));
        c->due[c->due_count++] = due;
    }
    return ERR_NONE;
}

/* Of these open tasks those that are due up to the last day; each kind of due time has its range.
 */
static enum err
find_due(struct counts *c, const bson_t *which)
{
    struct due_range due = due_range_any;
    bson_t *opts = request_keep(c->r, BCON_NEW("projection", "{", DUE_KEY, BCON_INT32(1), "}",
                                               "batchSize", BCON_INT32(BATCH)));
    enum err err = ERR_NONE;

    due_range_to_date(&due, arena_printf(c->r->arena, "%s+", c->last_day));
    due_range_to_instant(&due, c->last);
    for (int part = 0; err == ERR_NONE && part < 2; part++) {
        bson_t *filter = request_keep(c->r, bson_copy(which));

        BSON_APPEND_UTF8(filter, "state", "open");
        (part == 0 ? due_range_dates : due_range_instants)(&due, filter);
        err =
            store_find(c->r->store, &(struct store_query){STORE_TASKS, filter, opts}, take_due, c);
    }
    return err;
}

/* Those assigned to the caller, and those of the Inbox that are assigned to nobody. */
static enum err
read_due(struct counts *c, const bson_t *visible)
{
    bson_t *assigned = request_keep(c->r, bson_copy(visible));
    bson_t *inbox = request_keep(
        c->r, BCON_NEW("projectId", BCON_OID(&c->r->user_id), "assigneeIds", "[", "]"));
    enum err err;

    BSON_APPEND_OID(assigned, "assigneeIds", &c->r->user_id);
    if ((err = find_due(c, assigned)) != ERR_NONE || project_of(c, &c->r->user_id) == NULL)
        return err;
    return find_due(c, inbox);
}

/* What the caller's due tasks depend on: the tasks of these projects, and the range. */
static uint64_t
due_version(const struct counts *c)
{
    uint64_t version = hash_fnv(hash_text(c->last_day), &c->last, sizeof(c->last));

    for (int i = 0; i < c->project_count; i++) {
        version = hash_fnv(version, &c->projects[i].id, ID_BYTES);
        version = hash_fnv(version, &c->projects[i].seq, sizeof(c->projects[i].seq));
    }
    return version;
}

static enum err
count_mine(struct counts *c, const bson_t *visible)
{
    struct counts_due *known = arena_alloc(c->r->arena, COUNTS_DUE_MAX * sizeof(*known));
    const struct counts_due *due = known;
    uint64_t version = due_version(c);
    int count = counts_cache_due(&c->r->user_id, version, known);
    enum err err = count < 0 ? read_due(c, visible) : ERR_NONE;

    if (c->due != NULL)
        arena_defer(c->r->arena, free, c->due);
    if (err != ERR_NONE)
        return err;
    if (count < 0) {
        counts_cache_put_due(&c->r->user_id, version, c->due, c->due_count);
        due = c->due;
        count = (int)c->due_count;
    }
    for (int i = 0; i < count; i++) {
        int64_t at = due[i].at, today = c->today_ms;

        c->today_count += due[i].date ? at == today : at >= c->start && at < c->end;
        c->overdue += due[i].date ? at < today : at < c->now;
        c->upcoming += due[i].date ? at > today : at >= c->end;
    }
    return ERR_NONE;
}

static enum err
take_time(struct counts *c)
{
    char text[CLOCK_INSTANT];
    enum err err = due_zone(c->r, &c->zone);

    if (err != ERR_NONE)
        return err;
    c->now = clock_now();
    zone_date(c->zone, c->now, c->today);
    c->start = zone_date_start(c->zone, c->today);
    c->end = zone_date_end(c->zone, c->today);
    clock_read_date(c->today, CLOCK_DATE - 1, &c->today_ms);
    clock_write(text, c->today_ms + (int64_t)UPCOMING_DAYS * DAY_MS);
    bson_strncpy(c->last_day, text, sizeof(c->last_day));
    c->last = zone_date_end(c->zone, c->last_day);
    return ERR_NONE;
}

/* ------------------------------------------------------------ the reply */

static enum err
take_unread(void *arg, const bson_t *notification)
{
    struct counts *c = arg;

    (void)notification;
    c->unread++;
    return ERR_NONE;
}

static enum err
count_unread(struct counts *c)
{
    bson_t *filter = notifications_own(c->r);
    bson_t *opts = request_keep(c->r, BCON_NEW("projection", "{", "_id", BCON_INT32(1), "}",
                                               "batchSize", BCON_INT32(BATCH)));

    BSON_APPEND_BOOL(filter, "read", false);
    return store_find(c->r->store, &(struct store_query){STORE_NOTIFICATIONS, filter, opts},
                      take_unread, c);
}

static enum err
write_counts(const struct counts *c)
{
    struct text *out = reply_json(c->r, 200);
    char id[ID_TEXT];

    text_printf(out, "{\"today\":%lld,\"overdue\":%lld,\"upcoming\":%lld,\"unread\":%lld,",
                (long long)c->today_count, (long long)c->overdue, (long long)c->upcoming,
                (long long)c->unread);
    text_puts(out, "\"projects\":{");
    for (int i = 0; i < c->project_count; i++) {
        bson_oid_to_string(&c->projects[i].id, id);
        text_printf(out, "%s\"%s\":{\"open\":%lld,\"done\":%lld}", i > 0 ? "," : "", id,
                    (long long)c->projects[i].counts.open, (long long)c->projects[i].counts.done);
    }
    text_printf(out, "},\"lists\":{\"today\":\"" MINE "due%%3Dtoday\",", c->r->user);
    text_printf(out, "\"overdue\":\"" MINE "due%%3Cnow\",", c->r->user);
    text_printf(out, "\"upcoming\":\"" MINE "due%%3Etoday%%20and%%20due%%3C%%3Dtoday%%2B%dd\",",
                c->r->user, UPCOMING_DAYS);
    text_puts(out, "\"unread\":\"/v1/notifications?read=false\"}}");
    return ERR_NONE;
}

enum err
counts_read(struct request *r)
{
    struct counts c = {.r = r};
    bson_t *visible = request_keep(r, bson_new());
    enum err err;

    if ((err = request_params_done(r)) != ERR_NONE ||
        (err = read_access_visible(r, "projectId", visible)) != ERR_NONE ||
        (err = take_time(&c)) != ERR_NONE)
        return err;
    take_projects(&c, visible);
    if ((err = count_projects(&c)) != ERR_NONE || (err = count_mine(&c, visible)) != ERR_NONE ||
        (err = count_unread(&c)) != ERR_NONE)
        return err;
    return write_counts(&c);
}
