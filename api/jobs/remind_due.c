/*
 * Reads the recipients and the project, and judges each reminder for each recipient.
 */
#include "api/jobs/remind_due.h"

#include <string.h>

#include "api/access/access.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "common/base/id.h"
#include "common/time/zone.h"

/* --- Who is reminded ------------------------------------------------------------------- */

uint32_t
remind_due_ids(const bson_t *task, bson_oid_t ids[REMIND_RECIPIENTS])
{
    bson_iter_t iter, list;
    uint32_t count = 0;

    if (bson_iter_init_find(&iter, task, "assigneeIds") && bson_iter_recurse(&iter, &list))
        while (count < REMIND_RECIPIENTS && bson_iter_next(&list))
            ids[count++] = *bson_iter_oid(&list);
    if (count == 0)
        ids[count++] = *doc_id(task, "createdBy");
    return count;
}

/* The accounts of the recipients, those that are not closed. */
static enum err
find_recipients(struct request *r, struct remind_task *t)
{
    bson_oid_t ids[REMIND_RECIPIENTS];
    uint32_t count = remind_due_ids(t->doc, ids);
    const bson_t *user;
    enum err err = ERR_NONE;

    t->recipient_count = 0;
    for (uint32_t i = 0; i < count && (err == ERR_NONE || err == ERR_NOT_FOUND); i++) {
        struct remind_recipient *who = &t->recipients[t->recipient_count];

        err = request_fetch(r, STORE_USERS, &ids[i], &user);
        if (err != ERR_NONE || doc_has(user, "deletedAt"))
            continue;
        *who = (struct remind_recipient){.id = ids[i],
                                         .zone = zone_or_utc(doc_text(user, "timeZone")),
                                         .zone_before = zone_or_utc(doc_text(user, "zoneBefore"))};
        doc_time(user, "zoneChangedAt", &who->moved);
        t->recipient_count++;
    }
    return err == ERR_NOT_FOUND ? ERR_NONE : err;
}

/* Which of them are told: nobody of a task that is done, archived or in the trash. */
static enum err
check_rights(struct request *r, struct remind_task *t)
{
    const char *state = doc_text(t->doc, "state");
    const bson_t *project;
    enum err err = request_fetch(r, STORE_PROJECTS, doc_id(t->doc, "projectId"), &project);

    if (err != ERR_NONE)
        return err == ERR_NOT_FOUND ? ERR_NONE : err;
    if (doc_has(project, "deletedAt") || doc_has(project, "archivedAt") || state == NULL ||
        strcmp(state, "open") != 0)
        return ERR_NONE;
    for (int i = 0; i < t->recipient_count; i++)
        t->recipients[i].told = access_role(project, &t->recipients[i].id) != ROLE_NONE;
    return ERR_NONE;
}

/* --- What is due --------------------------------------------------------------------------- */

static void
note_next(struct remind_task *t, int64_t at)
{
    if (at < t->next)
        t->next = at;
}

static void
add_due(struct request *r, struct remind_task *t, const struct task_reminder *reminder,
        struct remind_recipient *who)
{
    char task[ID_TEXT], user[ID_TEXT];

    bson_oid_to_string(&t->id, task);
    bson_oid_to_string(&who->id, user);
    t->due[t->due_count++] = (struct remind_due){
        who,
        arena_printf(r->arena, "reminder %s %s %s %s %s", task, reminder->id, reminder->value,
                     reminder->due == NULL ? "-" : reminder->due, user),
        false};
}

/*
 * Had it passed for somebody when it was set?  If the zone has changed since, it counts whether it
 * had in the zone before.
 */
static bool
had_passed(const struct task_reminder *reminder, const struct remind_recipient *who, int64_t at)
{
    return task_reminder_passed(reminder, at) &&
           (!reminder->local || who->moved <= reminder->armedAt ||
            task_reminder_passed(reminder, task_reminder_at(reminder, who->zone_before)));
}

/* Finds what is due now, and when to look again. */
static void
judge(struct request *r, struct remind_task *t, int64_t now)
{
    struct task_reminder_texts texts;
    struct task_reminder reminders[REMINDERS_MAX];
    int count = task_reminders_read(t->doc, &texts, reminders);

    t->next = INT64_MAX;
    t->due_count = 0;
    for (int i = 0; i < count; i++) {
        const struct task_reminder *reminder = &reminders[i];

        if (task_reminder_first(reminder) > now) {
            note_next(t, task_reminder_first(reminder));
            continue;
        }
        for (int k = 0; k < t->recipient_count; k++) {
            int64_t at = task_reminder_at(reminder, t->recipients[k].zone);

            if (at > now)
                note_next(t, at);
            else if (at >= now - REMINDER_LATE_MS && !had_passed(reminder, &t->recipients[k], at))
                add_due(r, t, reminder, &t->recipients[k]);
        }
    }
}

enum err
remind_due_find(struct request *r, struct remind_task *t, int64_t now)
{
    enum err err;

    if ((err = find_recipients(r, t)) != ERR_NONE || (err = check_rights(r, t)) != ERR_NONE)
        return err;
    judge(r, t, now);
    return ERR_NONE;
}
