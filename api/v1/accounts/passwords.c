/*
 * /v1/me/password: changing the caller's own password.
 */
#include "api/v1/accounts/passwords.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/access/audit.h"
#include "api/account/account_proof.h"
#include "api/account/message_words.h"
#include "api/account/second_factor.h"
#include "api/crud/request_change.h"
#include "api/http/doc_read.h"
#include "api/http/reply.h"
#include "api/http/request.h"
#include "api/queue/queue.h"
#include "api/schema/doc.h"
#include "api/v1/handlers.h"
#include "common/secrets/common_passwords.h"
#include "common/secrets/password.h"
#include "common/text/unicode.h"

#define WORD_MIN 4 /* letters of a name that count as a word */
#define LEFT_MIN 6 /* bytes that a password must have in addition */

/* clang-format off */
static const struct field change_fields[] = {
    {"currentPassword", TEXT, MUST_SET | VERBATIM, 1, PASSWORD_MAX},
    {"newPassword",     TEXT, MUST_SET | VERBATIM, PASSWORD_MIN, PASSWORD_MAX},
    {"code",            TEXT, MAY_SET | NULLABLE, 1, SECOND_FACTOR_CODE_MAX, .about = "needed when two-factor authentication is on"},
    {"keepApiTokens",   FLAG, MAY_SET, .fallback = "false", .about = "by default a new password ends the API tokens as well"},
    {NULL},
};
/* clang-format on */

const struct shape password_shape = {"PasswordChange", change_fields};

/* The next occurrence of a word in a text, ignoring case; NULL: none. */
static const char *
find_word(const char *text, const char *word, size_t len)
{
    for (; *text != '\0'; text++)
        if (strncasecmp(text, word, len) == 0)
            return text;
    return NULL;
}

/* The length of a password in bytes without the word, if that has at least four letters. */
static size_t
without(const char *password, const char *word, size_t len)
{
    size_t left = strlen(password);

    for (const char *p = password; len >= WORD_MIN && (p = find_word(p, word, len)) != NULL;
         p += len)
        left -= len;
    return left;
}

/* Is the password little more than the address before the @, or a word of the name? */
static bool
is_about(const char *password, const bson_t *who)
{
    const char *email = doc_text(who, "email"), *name = doc_text(who, "name");

    if (email != NULL && without(password, email, strcspn(email, "@")) < LEFT_MIN)
        return true;
    while (name != NULL && *name != '\0') {
        size_t len = strcspn(name, " ");

        if (without(password, name, len) < LEFT_MIN)
            return true;
        name += len + strspn(name + len, " ");
    }
    return false;
}

void
passwords_validate(struct request *r, const char *pointer, const char *password, const bson_t *who)
{
    char *normal = unicode_nfkc(password); /* the form that is hashed */

    if (text_points(normal, strlen(normal)) < PASSWORD_MIN)
        request_complain(r, pointer, "too-short", "must have at least %d characters", PASSWORD_MIN);
    else if (common_passwords_has(normal))
        request_complain(r, pointer, "common", "is too common");
    else if (who != NULL && is_about(normal, who))
        request_complain(r, pointer, "personal", "must not be based on your name or email address");
    explicit_bzero(normal, strlen(normal));
    free(normal);
}

enum err
passwords_set(struct credential_event *e, struct change *change, const bson_t *user,
              const char *hash, const char *more)
{
    struct request *r = e->r;
    bson_t *set = request_keep(r, BCON_NEW("passwordHash", BCON_UTF8(hash)));
    enum err err;

    if (e->set != NULL)
        bson_concat(set, e->set);
    e->set = set;
    if ((err = credentials_renew(e, change)) != ERR_NONE)
        return err;
    return queue_message(change, MESSAGE_PASSWORD_CHANGED, doc_text(user, "email"), NOTICE_MS,
                         "name", message_words_greeting(r, user), "ip", message_words_ip(r), "more",
                         more, "link", message_words_link(r, "password-resets", NULL), NULL);
}

struct password_edit {
    struct request *r;
    const bson_t *user;
    char hash[PASSWORD_STORED];
    struct second_factor_proof proof;
    struct credential_event event;
};

static enum err
change_password(struct change *change, void *arg)
{
    struct password_edit *w = arg;
    const char *more = w->event.keep_api_tokens
                           ? "This ended all other sessions; API tokens still work."
                           : "This ended all other sessions and all API tokens.";
    enum err err = account_proof_use(w->r, change, w->user, &w->proof);

    w->event.set = NULL;
    if (err == ERR_NONE)
        err = passwords_set(&w->event, change, w->user, w->hash, more);
    return err == ERR_NONE ? reply_empty(w->r, 204) : err;
}

enum err
me_password(struct request *r)
{
    struct password_edit w = {.r = r,
                              .event = {.r = r, .user = &r->user_id, .keep = &r->session_id}};
    struct change_plan plan = {.fn = change_password, .arg = &w};
    struct account_secrets given = {.pointer = "/currentPassword"};
    bson_t *body = request_keep(r, bson_new());
    enum err err = doc_read(r, DOC_CREATE, change_fields, r->json, body);

    if (err != ERR_NONE || (err = request_fetch(r, STORE_USERS, &r->user_id, &w.user)) != ERR_NONE)
        return err;
    given.password = doc_text(body, "currentPassword");
    given.code = doc_text(body, "code");
    passwords_validate(r, "/newPassword", doc_text(body, "newPassword"), w.user);
    if ((err = request_validated(r)) != ERR_NONE ||
        (err = account_proof_check(r, w.user, &given, &w.proof)) != ERR_NONE ||
        (err = password_hash(doc_text(body, "newPassword"), w.hash)) != ERR_NONE)
        return err;
    w.event.proved = w.user;
    w.event.keep_api_tokens = doc_flag(body, "keepApiTokens");
    credentials_plan(&w.event, &plan);
    if ((err = request_change(r, &plan)) != ERR_NONE)
        return err;
    credentials_publish(&w.event);
    audit(r, "password.changed", &r->user_id);
    return ERR_NONE;
}
