/*
 * A job's content is encrypted with the signing keys: emails contain secrets that the database has
 * only as hashes.
 */
#include "api/queue/queue.h"

#include <stdarg.h>
#include <string.h>

#include "api/http/quotas.h"
#include "api/schema/doc.h"
#include "common/base/id.h"
#include "common/change/change.h"
#include "common/log.h"
#include "common/secrets/token.h"
#include "common/store/store_gather.h"
#include "common/text/text.h"

#define KEPT_MS (7LL * 86400 * 1000) /* how long a failed job is kept for inspection */

const char *const job_names[JOB__COUNT] = {
    [JOB_EMAIL] = "letter",
    [JOB_TEXT] = "text",
    [JOB_PURGE] = "purge",
    [JOB_RESET] = "reset",
    [JOB_STATUS_KIND] = "statusKind",
    [JOB_REGISTRATION] = "registration",
    [JOB_DUPLICATE] = "duplicate",
    [JOB_INVITED] = "invited",
    [JOB_COMMENTED] = "commented",
    [JOB_STATUS_CHANGED] = "statusChanged",
    [JOB_SUBSCRIPTIONS] = "subscriptions",
};

enum err
queue_job(struct change *change, enum job_kind kind, int64_t due, int64_t until,
          const bson_t *content)
{
    struct text encrypted = {0};
    bson_oid_t id;
    char hex[ID_TEXT];
    bson_t job;

    bson_oid_init(&id, NULL);
    bson_oid_to_string(&id, hex);
    token_encrypt(&encrypted, hex, (const char *)bson_get_data(content), content->len);
    bson_init(&job);
    BSON_APPEND_OID(&job, "_id", &id);
    BSON_APPEND_UTF8(&job, "kind", job_names[kind]);
    BSON_APPEND_DATE_TIME(&job, "dueAt", due);
    BSON_APPEND_INT32(&job, "tries", 0);
    BSON_APPEND_DATE_TIME(&job, "until", until);
    BSON_APPEND_DATE_TIME(&job, "expiresAt", until + KEPT_MS);
    BSON_APPEND_BINARY(&job, "content", BSON_SUBTYPE_BINARY, (const uint8_t *)encrypted.bytes,
                       (uint32_t)encrypted.len);
    store_gather_insert(change_store(change), STORE_JOBS, &job);
    bson_destroy(&job);
    text_free(&encrypted);
    return ERR_NONE;
}

bool
queue_released(const char *to)
{
    return strncmp(to, QUEUE_RELEASED, strlen(QUEUE_RELEASED)) == 0;
}

/* Sent to a phone, or to an email address. */
static enum job_kind
kind_of(enum message_kind message)
{
    return message == MESSAGE_PHONE_CODE || message == MESSAGE_PHONE_MOVED ? JOB_TEXT : JOB_EMAIL;
}

/* Emails that a user has requested and waits for; the others are notices. */
static bool
is_awaited(enum message_kind message)
{
    return message == MESSAGE_VERIFY_EMAIL || message == MESSAGE_CHANGE_EMAIL ||
           message == MESSAGE_PHONE_CODE;
}

/*
 * Other people can use up the limit of an address or a number, and with many addresses the limit of
 * the installation.  That must not suppress the warnings of an account, nor the email for a
 * forgotten password.  These are limited by their causes: by QUOTA_USER_CREDENTIALS and
 * QUOTA_USER_CODES, by the ten recovery codes, and by the number of reset emails.
 */
static bool
is_counted(enum message_kind message)
{
    switch (message) {
    case MESSAGE_PASSWORD_RESET:
    case MESSAGE_PASSWORD_CHANGED:
    case MESSAGE_EMAIL_CHANGED:
    case MESSAGE_PHONE_CHANGED:
    case MESSAGE_PHONE_MOVED: /* only to a number that was confirmed */
    case MESSAGE_SECOND_FACTOR:
    case MESSAGE_ACCOUNT_DELETED:
    case MESSAGE_ACCOUNT_KEPT:
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
is_warning(enum message_kind message)
{
    return message == MESSAGE_NEW_DEVICE || message == MESSAGE_SESSION_ENDED ||
           message == MESSAGE_API_TOKEN;
}

/*
 * Emails that open or confirm the account of that address, and no other.  Strangers who have
 * others sent there must not keep its owner from registering, so they are limited by their causes:
 * QUOTA_USER_CODES of the one account that has the address, and QUOTA_ADDRESS_REGISTRATIONS.
 */
static bool
is_of_owner(enum message_kind message)
{
    return message == MESSAGE_VERIFY_EMAIL || message == MESSAGE_OPEN_ACCOUNT ||
           message == MESSAGE_ACCOUNT_EXISTS;
}

/* Were too many sent already, to this address or number or by this installation? */
static enum err
check_count(struct change *change, enum job_kind kind, enum message_kind message, const char *to,
            bool *over)
{
    bool text = kind == JOB_TEXT;
    struct quota_use target = {text                  ? QUOTA_NUMBER_TEXTS
                               : is_warning(message) ? QUOTA_ADDRESS_WARNINGS
                                                     : QUOTA_ADDRESS_EMAILS,
                               to, NULL};
    struct quota_use all = {text ? QUOTA_TEXTS : QUOTA_EMAILS, NULL, NULL};
    enum err err = is_of_owner(message) ? ERR_NONE : quotas_take(change, &target, over);

    if (err != ERR_NONE || *over || is_warning(message))
        return err;
    return quotas_take(change, &all, over);
}

enum err
queue_message(struct change *change, enum message_kind message, const char *to, int64_t life, ...)
{
    enum job_kind kind = kind_of(message);
    int64_t now = change_now(change);
    bson_t content = BSON_INITIALIZER;
    const char *key, *value;
    va_list values;
    bool over = false;
    enum err err;

    if (queue_released(to))
        return ERR_NONE; /* there is no recipient */
    err = is_counted(message) ? check_count(change, kind, message, to, &over) : ERR_NONE;
    if (err != ERR_NONE)
        return err;
    if (over) {
        log_warn("queue: %s was not sent because its limit has been reached",
                 kind == JOB_TEXT ? "a text message" : "an email");
        return is_awaited(message) ? ERR_THROTTLED : ERR_NONE;
    }
    BSON_APPEND_INT32(&content, "letter", (int32_t)message); /* the name in stored jobs */
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
    char hex[ID_TEXT];
    uint32_t len;

    if (!bson_iter_init_find(&iter, job, "content") || !BSON_ITER_HOLDS_BINARY(&iter))
        return ERR_INVALID;
    bson_iter_binary(&iter, NULL, &len, &bytes);
    bson_oid_to_string(doc_id(job, "_id"), hex);
    return token_decrypt(out, hex, (const char *)bytes, len);
}
