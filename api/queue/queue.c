/*
 * A job's content is encrypted with the signing keys: emails contain secrets that the database has
 * only as hashes.
 */
#include "api/queue/queue.h"

#include <stdarg.h>
#include <string.h>

#include "api/http/quotas.h"
#include "api/schema/doc.h"
#include "common/change/change.h"
#include "common/log.h"
#include "common/secrets/token.h"
#include "common/text/text.h"

#define KEPT_MS (7LL * 86400 * 1000) /* how long a failed job is kept for inspection */

const char *const job_names[JOB__COUNT] = {
    [JOB_LETTER] = "letter",
    [JOB_TEXT] = "text",
    [JOB_PURGE] = "purge",
    [JOB_RESET] = "reset",
    [JOB_STATUS_KIND] = "statusKind",
    [JOB_REGISTRATION] = "registration",
    [JOB_INVITED] = "invited",
};

enum err
queue_job(struct change *change, enum job_kind kind, int64_t due, int64_t until,
          const bson_t *content)
{
    struct text sealed = {0};
    bson_oid_t id;
    char hex[25];
    bson_t job;
    enum err err;

    bson_oid_init(&id, NULL);
    bson_oid_to_string(&id, hex);
    token_seal(&sealed, hex, (const char *)bson_get_data(content), content->len);
    bson_init(&job);
    BSON_APPEND_OID(&job, "_id", &id);
    BSON_APPEND_UTF8(&job, "kind", job_names[kind]);
    BSON_APPEND_DATE_TIME(&job, "dueAt", due);
    BSON_APPEND_INT32(&job, "tries", 0);
    BSON_APPEND_DATE_TIME(&job, "until", until);
    BSON_APPEND_DATE_TIME(&job, "expiresAt", until + KEPT_MS);
    BSON_APPEND_BINARY(&job, "content", BSON_SUBTYPE_BINARY, (const uint8_t *)sealed.bytes,
                       (uint32_t)sealed.len);
    err = store_insert(change_store(change), STORE_JOBS, &job);
    bson_destroy(&job);
    text_free(&sealed);
    return err;
}

bool
queue_released(const char *to)
{
    return strncmp(to, QUEUE_RELEASED, strlen(QUEUE_RELEASED)) == 0;
}

/* Sent to a phone, or to an email address. */
static enum job_kind
kind_of(enum letter_name name)
{
    return name == LETTER_PHONE_CODE || name == LETTER_PHONE_MOVED ? JOB_TEXT : JOB_LETTER;
}

/* Emails that a user has requested and waits for; the others are notices. */
static bool
is_awaited(enum letter_name name)
{
    return name == LETTER_VERIFY_EMAIL || name == LETTER_CHANGE_EMAIL || name == LETTER_PHONE_CODE;
}

/*
 * Other people can use up the limit of an address or a number, and with many addresses the limit of
 * the installation.  That must not suppress the warnings of an account, nor the email for a
 * forgotten password.  These are limited by their causes: by QUOTA_USER_CREDENTIALS and
 * QUOTA_USER_CODES, by the ten recovery codes, and by the number of reset emails.
 */
static bool
is_counted(enum letter_name name)
{
    switch (name) {
    case LETTER_PASSWORD_RESET:
    case LETTER_PASSWORD_CHANGED:
    case LETTER_EMAIL_CHANGED:
    case LETTER_PHONE_CHANGED:
    case LETTER_PHONE_MOVED: /* only to a number that was confirmed */
    case LETTER_SECOND_FACTOR:
    case LETTER_ACCOUNT_DELETED:
    case LETTER_ACCOUNT_KEPT:
        return false;
    default:
        return true;
    }
}

/*
 * The other warnings about an account have a separate count, to which only events of the account
 * with that address are added.
 */
static bool
is_warning(enum letter_name name)
{
    return name == LETTER_NEW_DEVICE || name == LETTER_SESSION_ENDED || name == LETTER_API_TOKEN;
}

/* Were too many sent already, to this address or number or by this installation? */
static enum err
check_count(struct change *change, enum job_kind kind, enum letter_name name, const char *to,
            bool *over)
{
    bool text = kind == JOB_TEXT;
    struct quota_use target = {text               ? QUOTA_NUMBER_TEXTS
                               : is_warning(name) ? QUOTA_ADDRESS_WARNINGS
                                                  : QUOTA_ADDRESS_LETTERS,
                               to, NULL};
    struct quota_use all = {text ? QUOTA_TEXTS : QUOTA_LETTERS, NULL, NULL};
    enum err err = quotas_take(change, &target, over);

    if (err != ERR_NONE || *over || is_warning(name))
        return err;
    return quotas_take(change, &all, over);
}

enum err
queue_letter(struct change *change, enum letter_name name, const char *to, int64_t life, ...)
{
    enum job_kind kind = kind_of(name);
    int64_t now = change_now(change);
    bson_t content = BSON_INITIALIZER;
    const char *key, *value;
    va_list values;
    bool over = false;
    enum err err;

    if (queue_released(to))
        return ERR_NONE; /* there is no recipient */
    err = is_counted(name) ? check_count(change, kind, name, to, &over) : ERR_NONE;
    if (err != ERR_NONE)
        return err;
    if (over) {
        log_warn("queue: a %s was not sent because its limit has been reached", job_names[kind]);
        return is_awaited(name) ? ERR_THROTTLED : ERR_NONE;
    }
    BSON_APPEND_INT32(&content, "letter", (int32_t)name);
    BSON_APPEND_UTF8(&content, "to", to);
    va_start(values, life);
    while ((key = va_arg(values, const char *)) != NULL) {
        value = va_arg(values, const char *);
        BSON_APPEND_UTF8(&content, key, value);
    }
    va_end(values);
    err = queue_job(change, kind, now, now + life, &content);
    bson_destroy(&content);
    return err;
}

enum err
queue_open(struct text *out, const bson_t *job)
{
    bson_iter_t iter;
    const uint8_t *bytes;
    char hex[25];
    uint32_t len;

    if (!bson_iter_init_find(&iter, job, "content") || !BSON_ITER_HOLDS_BINARY(&iter))
        return ERR_INVALID;
    bson_iter_binary(&iter, NULL, &len, &bytes);
    bson_oid_to_string(doc_id(job, "_id"), hex);
    return token_unseal(out, hex, (const char *)bytes, len);
}
