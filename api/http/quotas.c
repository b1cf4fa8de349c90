/*
 * Counts in time windows are stored in `throttles` under a hash, so that no personal address is
 * stored in plain text.
 */
#include "api/http/quotas.h"

#include <pthread.h>
#include <stddef.h>
#include <string.h>

#include "api/http/limits.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "common/base/hash.h"
#include "common/base/must.h"
#include "common/change/change.h"
#include "common/config.h"
#include "common/text/text.h"
#include "common/time/clock.h"

#define HOUR 3600L
#define DAY  86400L
#define SIZE -1L /* counts bytes that exist: 413 */
#define SHARDS                                                                                     \
    16 /* counts of the whole installation, so that its writers do not all meet in one             \
        */
#define BYTE_STEP  65536 /* one write to a count of bytes for so many of them */
#define OVER_USERS 1024
#define RECOUNTS   8 /* retries while others create the same count's document */

#define AT(member) offsetof(struct config, member)

/* clang-format off */
static const struct {
    size_t limit;
    long seconds; /* of the window; 0 and SIZE: counts what exists */
    const char *name; /* of its counts, and in RateLimit-*; NULL: counts what exists */
    const char *words;
} quotas[QUOTA__COUNT] = {
    [QUOTA_USER_PROJECTS]          = {AT(user_projects),          0,    NULL,                     "projects created by you"},
    [QUOTA_USER_MEMBERSHIPS]       = {AT(user_memberships),       0,    NULL,                     "projects that one user is a member of"},
    [QUOTA_USER_FILTERS]           = {AT(user_filters),           0,    NULL,                     "saved filters of one user"},
    [QUOTA_USER_SUBSCRIPTIONS]     = {AT(user_subscriptions),     0,    NULL,                     "tasks that you watch or have muted"},
    [QUOTA_USER_JOBS]              = {AT(user_jobs),              0,    NULL,                     "jobs of one user that have not ended"},
    [QUOTA_USER_OPEN_PROJECTS]     = {AT(user_open_projects),     0,    NULL,                     "projects of one user that are open to everyone"},
    [QUOTA_OPEN_PROJECTS]          = {AT(open_projects),          0,    NULL,                     "projects of the installation that are open to everyone"},
    [QUOTA_PROJECT_MEMBERS]        = {AT(project_members),        0,    NULL,                     "members of this project"},
    [QUOTA_PROJECT_INVITATIONS]    = {AT(project_invitations),    0,    NULL,                     "pending invitations of this project"},
    [QUOTA_PROJECT_LINKS]          = {AT(project_links),          0,    NULL,                     "share links of this project"},
    [QUOTA_COMMENT_EDITS]          = {AT(comment_edits),          0,    NULL,                     "versions of one comment"},
    [QUOTA_PROJECT_TASKS]          = {AT(project_tasks),          0,    NULL,                     "tasks created in this project"},
    [QUOTA_PROJECT_WRITTEN]        = {AT(project_written_bytes),  0,    NULL,                     "bytes ever written to this project"},
    [QUOTA_TASK_ATTACHMENTS]       = {AT(task_attachments),       0,    NULL,                     "files attached to this task"},
    [QUOTA_ATTACHMENT_BYTES]       = {AT(attachment_bytes),       SIZE, NULL,                     "bytes of one file"},
    [QUOTA_PROJECT_BYTES]          = {AT(project_bytes),          SIZE, NULL,                     "bytes of all files in this project"},
    [QUOTA_USER_NOTIFICATIONS]     = {AT(user_notifications),     0,    NULL,                     "notifications"},
    [QUOTA_NUMBER_TEXTS]           = {AT(number_texts),           DAY,  "number-texts",           "text messages to this number in a day"},
    [QUOTA_USER_TEXTS]             = {AT(user_texts),             DAY,  "user-texts",             "text messages for you in a day"},
    [QUOTA_TEXTS]                  = {AT(texts),                  HOUR, "texts",                  "text messages of the installation in an hour"},
    [QUOTA_ADDRESS_EMAILS]         = {AT(address_emails),         HOUR, "address-emails",         "emails to this address in an hour"},
    [QUOTA_ADDRESS_WARNINGS]       = {AT(address_emails),         HOUR, "address-warnings",       "warnings to this address in an hour"},
    [QUOTA_EMAILS]                 = {AT(emails),                 HOUR, "emails",                 "emails of the installation in an hour"},
    [QUOTA_NETWORK_RESETS]         = {AT(network_resets),         HOUR, "network-resets",         "password reset emails requested from your network in an hour"},
    [QUOTA_RESETS]                 = {AT(emails),                 HOUR, "resets",                 "password reset emails of the installation in an hour"},
    [QUOTA_USER_BYTES]             = {AT(user_bytes),             DAY,  "user-bytes",             "bytes written by you in a day"},
    [QUOTA_USER_CODES]             = {AT(user_codes),             HOUR, "user-codes",             "codes sent to you in an hour"},
    [QUOTA_USER_CODE_ATTEMPTS]     = {AT(user_code_attempts),     DAY,  "user-code-attempts",     "attempts at codes in a day"},
    [QUOTA_USER_CREDENTIALS]       = {AT(user_credentials),       HOUR, "user-credentials",       "changes of your password, second factor or account in an hour"},
    [QUOTA_USER_SESSION_ENDS]      = {AT(user_credentials),       HOUR, "user-session-ends",      "times that you end all other sessions in an hour"},
    [QUOTA_USER_INVITATIONS]       = {AT(user_invitations),       DAY,  "user-invitations",       "invitations by you in a day"},
    [QUOTA_UNCONFIRMED_INVITATIONS] = {AT(unconfirmed_invitations), DAY, "unconfirmed-invitations", "invitations by you in a day, until you have confirmed your address"},
    [QUOTA_ADDRESS_INVITATIONS]    = {AT(address_invitations),    DAY,  "address-invitations",    "invitations to this address in a day"},
    [QUOTA_ADDRESS_REGISTRATIONS]  = {AT(address_registrations),  DAY,  "address-registrations",  "registrations of this address in a day"},
    [QUOTA_WATCHER_NOTIFICATIONS]  = {AT(watcher_notifications),  HOUR, "watcher-notifications",  "notifications of comments and statuses that you cause in an hour"},
    [QUOTA_SENDER_NOTIFICATIONS]   = {AT(sender_notifications),   HOUR, "sender-notifications",   "notifications that you cause for one person in an hour"},
};
/* clang-format on */

static const struct config *settings;

bool
quotas_known_to(unsigned program)
{
    for (int i = 0; i < QUOTA__COUNT; i++)
        if (!config_reads(program, quotas[i].limit))
            return false;
    return true;
}

void
quotas_open(const struct config *config, unsigned program)
{
    if (!quotas_known_to(program))
        must_not_happen("quotas: one of them is a setting that this program does not read");
    settings = config;
}

long
quotas_limit(enum quota quota)
{
    return *(const long *)(const void *)((const char *)settings + quotas[quota].limit);
}

enum err
quotas_refuse(struct request *r, enum quota quota)
{
    long limit = quotas_limit(quota), window = quotas[quota].seconds;

    if (window <= 0)
        return request_fail(r, window == SIZE ? ERR_TOO_LARGE : ERR_QUOTA,
                            "the limit has been reached: %ld %s", limit, quotas[quota].words);
    r->reply.retry_after = (int)(window - clock_now() / 1000 % window);
    limits_report(
        r, &(struct limit_state){quotas[quota].name, limit, window, 0, r->reply.retry_after});
    return request_fail(r, ERR_THROTTLED, "the limit has been reached: %ld %s", limit,
                        quotas[quota].words);
}

enum err
quotas_check(struct request *r, enum quota quota, int64_t count)
{
    return count < quotas_limit(quota) ? ERR_NONE : quotas_refuse(r, quota);
}

enum err
quotas_exist(struct request *r, struct store *store, enum quota quota, enum store_name name,
             const bson_t *filter)
{
    bson_t *last = request_keep(r, BCON_NEW("skip", BCON_INT64(quotas_limit(quota) - 1),
                                            "projection", "{", "_id", BCON_BOOL(true), "}"));
    bson_t *doc;
    enum err err = store_get(store, name, filter, last, &doc);

    if (err == ERR_NONE) {
        bson_destroy(doc);
        return quotas_refuse(r, quota);
    }
    return err == ERR_NOT_FOUND ? ERR_NONE : err;
}

/* The _id of a count: its quota, its owner, and the start of its window. */
static void
count_key(char key[65], enum quota quota, const char *who, int64_t window)
{
    struct text t = {0};
    unsigned char shard = 0;

    if (who == NULL)
        text_random(&shard, 1);
    text_printf(&t, "quota %s %s %lld %d", quotas[quota].name, who == NULL ? "" : who,
                (long long)window, shard % SHARDS);
    text_sha256(key, t.bytes, t.len);
    text_free(&t);
}

static enum err
read_count(struct store *store, const char *key, int64_t *count)
{
    bson_t *filter = BCON_NEW("_id", BCON_UTF8(key)), *found;
    enum err err = store_get(store, STORE_THROTTLES, filter, NULL, &found);

    bson_destroy(filter);
    if (err != ERR_NONE)
        return err;
    *count = doc_int(found, "count");
    bson_destroy(found);
    return ERR_NONE;
}

/* A count and what is added to it. */
struct counting {
    char key[65];
    int64_t until, amount, limit;
};

/* One attempt; ERR_RETRY if another request created the count's document at the same time. */
static enum err
count_once(struct store *store, const struct counting *c, bool *over)
{
    bson_t *filter =
        BCON_NEW("_id", BCON_UTF8(c->key), "count", "{", "$lt", BCON_INT64(c->limit), "}");
    bson_t *more = BCON_NEW("$inc", "{", "count", BCON_INT64(c->amount), "}");
    bson_t *first = BCON_NEW("_id", BCON_UTF8(c->key), "count", BCON_INT64(c->amount), "expiresAt",
                             BCON_DATE_TIME(c->until));
    int64_t matched = 0, count;
    enum err err = store_update(store, STORE_THROTTLES, filter, more, &matched);

    *over = false;
    if (err == ERR_NONE && matched == 0) {
        err = read_count(store, c->key, &count);
        *over = err == ERR_NONE && count >= c->limit;
        if (err == ERR_NONE && !*over)
            err = ERR_RETRY;
        else if (err == ERR_NOT_FOUND)
            err = store_insert(store, STORE_THROTTLES, first);
    }
    bson_destroy(filter);
    bson_destroy(more);
    bson_destroy(first);
    return err == ERR_CONFLICT ? ERR_RETRY : err;
}

/* The count of the current window, and what may be added to it. */
static struct counting
counting_of(enum quota quota, const char *who, int64_t now, int64_t amount)
{
    int64_t length = quotas[quota].seconds * 1000, window = now / length;
    struct counting c = {
        .until = (window + 1) * length, .amount = amount, .limit = quotas_limit(quota)};

    if (who == NULL)
        c.limit = (c.limit + SHARDS - 1) / SHARDS;
    count_key(c.key, quota, who, window);
    return c;
}

static enum err
count(struct store *store, const struct counting *c, bool *over)
{
    bool open = store_outside(store);
    enum err err = ERR_RETRY;

    for (int tries = 0; tries < RECOUNTS && err == ERR_RETRY; tries++)
        err = count_once(store, c, over);
    store_inside(store, open);
    return err == ERR_RETRY ? ERR_BUSY : err;
}

enum err
quotas_count(struct store *store, int64_t now, enum quota quota, const char *who, bool *over)
{
    struct counting c = counting_of(quota, who, now, 1);

    return count(store, &c, over);
}

/*
 * Users who have used up their bytes, as far as this process knows, so that requests that are not
 * counted individually are refused too.  If two users share a slot, the count is read again.
 */
static struct {
    pthread_mutex_t lock;
    struct {
        bson_oid_t user;
        int64_t until;
    } users[OVER_USERS];
} over_users = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool
is_over(const bson_oid_t *user, int64_t now)
{
    unsigned at = hash_id(user) % OVER_USERS;
    bool over;

    pthread_mutex_lock(&over_users.lock);
    over = over_users.users[at].until > now && bson_oid_equal(&over_users.users[at].user, user);
    pthread_mutex_unlock(&over_users.lock);
    return over;
}

static void
note_over(const bson_oid_t *user, int64_t until)
{
    unsigned at = hash_id(user) % OVER_USERS;

    pthread_mutex_lock(&over_users.lock);
    over_users.users[at].user = *user;
    over_users.users[at].until = until;
    pthread_mutex_unlock(&over_users.lock);
}

/*
 * How many of the bytes are counted: whole steps, and for the rest a step with a proportional
 * probability.
 */
static int64_t
steps_of(int64_t bytes)
{
    uint32_t chance;

    text_random((unsigned char *)&chance, sizeof(chance));
    return (bytes / BYTE_STEP + (chance % BYTE_STEP < bytes % BYTE_STEP)) * BYTE_STEP;
}

enum err
quotas_bytes(struct request *r, int64_t bytes)
{
    struct counting c = counting_of(QUOTA_USER_BYTES, r->user, r->began, steps_of(bytes));
    bool over = is_over(&r->user_id, r->began);
    enum err err = ERR_NONE;

    if (!over && c.amount > 0)
        err = count(r->store, &c, &over);
    if (err != ERR_NONE || !over)
        return err;
    note_over(&r->user_id, c.until);
    return quotas_refuse(r, QUOTA_USER_BYTES);
}

enum err
quotas_take(struct change *change, const struct quota_use *use, bool *over)
{
    struct text name = {0};
    enum err err = ERR_NONE;

    text_printf(&name, "quota %s %s %s", quotas[use->quota].name, use->who == NULL ? "" : use->who,
                use->what == NULL ? "" : use->what);
    if (!change_recall(change, name.bytes, over)) {
        err = quotas_count(change_store(change), change_now(change), use->quota, use->who, over);
        if (err == ERR_NONE)
            change_remember(change, name.bytes, *over);
    }
    text_free(&name);
    return err;
}

enum err
quotas_spend(struct request *r, struct change *change, enum quota quota, const char *who)
{
    bool over;
    enum err err = quotas_take(change, &(struct quota_use){quota, who, NULL}, &over);

    return err == ERR_NONE && over ? quotas_refuse(r, quota) : err;
}
