/*
 * The table of kinds, and the short kinds.
 */
#include "api/jobs/kinds.h"

#include <string.h>

#include "api/jobs/context.h"
#include "api/jobs/duplicate.h"
#include "api/jobs/invited.h"
#include "api/jobs/purge.h"
#include "api/jobs/registration.h"
#include "api/jobs/reset.h"
#include "api/jobs/status_kind.h"
#include "api/jobs/watchers.h"
#include "api/queue/messages.h"
#include "api/queue/queue.h"
#include "api/schema/doc.h"
#include "common/log.h"
#include "common/mail/mail.h"
#include "common/text/text.h"

/* Sends the text to an email address or a phone. */
static enum err
send_written(const struct jobs_context *c, const bson_t *content, bool phone)
{
    struct text subject = {0}, plain = {0}, html = {0};
    enum err err = messages_write(content, &subject, &plain, &html);
    struct email email = {c->id, doc_text(content, "to"), subject.bytes, plain.bytes, html.bytes};

    if (err == ERR_NONE && email.to == NULL)
        err = ERR_INVALID;
    if (err == ERR_NONE)
        err = phone ? mail_send_text(c->runner->mail, c->id, email.to, plain.bytes)
                    : mail_send_email(c->runner->mail, &email);
    text_free(&subject);
    text_free(&plain);
    text_free(&html);
    return err;
}

static enum err
do_email(const struct jobs_context *c, const bson_t *content)
{
    return send_written(c, content, false);
}

static enum err
do_text(const struct jobs_context *c, const bson_t *content)
{
    return send_written(c, content, true);
}

static enum err (*const does[JOB__COUNT])(const struct jobs_context *, const bson_t *) = {
    [JOB_EMAIL] = do_email,
    [JOB_TEXT] = do_text,
    [JOB_PURGE] = purge_account,
    [JOB_RESET] = reset_email,
    [JOB_STATUS_KIND] = status_kind_job,
    [JOB_REGISTRATION] = registration_email,
    [JOB_DUPLICATE] = duplicate_job,
    [JOB_INVITED] = invited_notify,
    [JOB_COMMENTED] = watchers_commented,
    [JOB_STATUS_CHANGED] = watchers_status_changed,
    [JOB_SUBSCRIPTIONS] = watchers_copy,
};

enum err
kinds_do(const struct jobs_context *c, const char *kind, const bson_t *content)
{
    for (int i = 0; i < JOB__COUNT; i++)
        if (strcmp(job_names[i], kind) == 0)
            return does[i](c, content);
    log_error("jobs: '%s' is not a known kind of job", kind);
    return ERR_INVALID;
}
