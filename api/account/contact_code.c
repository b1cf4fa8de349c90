/*
 * One document of `tokens` for each message, with the hash of the link's secret and the
 * keyed hash of the code.
 */
#include "api/account/contact_code.h"

#include <string.h>

#include "api/account/message_words.h"
#include "api/account/one_time.h"
#include "api/http/quotas.h"
#include "api/http/request.h"
#include "api/queue/queue.h"
#include "api/schema/doc.h"
#include "common/base/id.h"
#include "common/text/text.h"

#define CODE_MS (10LL * 60 * 1000) /* ASVS 5.0, 6.5.5 */
#define LINK_MS (24LL * 3600 * 1000)
#define CODE    7 /* six digits and a NUL */

/* clang-format off */
const struct contact_name contact_names[CONTACT__COUNT] = {
    [CONTACT_EMAIL] = {"email", "pendingEmail", "emailVerifiedAt", "verify-email"},
    [CONTACT_PHONE] = {"phone", "pendingPhone", "phoneVerifiedAt", "verify-phone"},
};
/* clang-format on */

/* Writes six random digits without bias. */
static void
make_code(char code[CODE])
{
    uint32_t n;

    do
        text_random((unsigned char *)&n, sizeof(n));
    while (n >= 4294000000u); /* the rest would make small codes more likely */
    bson_snprintf(code, CODE, "%06u", n % 1000000u);
}

/* Counts per user, so that trying many addresses or numbers does not allow more messages. */
static enum err
spend_codes(struct request *r, struct change *change, const bson_t *user, enum contact contact)
{
    char id[ID_TEXT];
    enum err err;

    bson_oid_to_string(doc_id(user, "_id"), id);
    err = quotas_spend(r, change, QUOTA_USER_CODES,
                       arena_printf(r->arena, "%s %s", id, contact_names[contact].field));
    return err == ERR_NONE && contact == CONTACT_PHONE
               ? quotas_spend(r, change, QUOTA_USER_TEXTS, id)
               : err;
}

/* Earlier codes become invalid when a new one is sent. */
static enum err
silence_codes(struct request *r, struct change *change, const bson_t *user, const char *purpose)
{
    bson_t *old = request_keep(
        r, BCON_NEW("userId", BCON_OID(doc_id(user, "_id")), "purpose", BCON_UTF8(purpose)));
    bson_t *set =
        request_keep(r, BCON_NEW("$set", "{", "tries", BCON_INT32(CONTACT_CODE_TRIES), "}"));

    return store_update_many(change_store(change), STORE_TOKENS, old, set, NULL);
}

enum err
contact_code_send(struct request *r, struct change *change, const bson_t *user,
                  enum contact contact, const char *value)
{
    const char *purpose = contact_names[contact].purpose;
    bool own = strcmp(value, doc_text(user, contact_names[contact].field)) == 0;
    char code[CODE], mac[TOKEN_HASH], secret[TOKEN_SECRET];
    bson_t *more = request_keep(r, bson_new());
    enum err err;

    make_code(code);
    token_mac(mac, 0, "code:", code, strlen(code));
    BSON_APPEND_UTF8(more, "value", value);
    BSON_APPEND_UTF8(more, "codeMac", mac);
    BSON_APPEND_INT32(more, "tries", 0);
    BSON_APPEND_DATE_TIME(more, "codeUntil", change_now(change) + CODE_MS);
    if ((err = spend_codes(r, change, user, contact)) != ERR_NONE ||
        (err = silence_codes(r, change, user, purpose)) != ERR_NONE ||
        (err = one_time_add(change, &(struct one_time){purpose, user, LINK_MS, more}, secret)) !=
            ERR_NONE)
        return err;
    if (contact == CONTACT_PHONE) {
        err = queue_message(change, MESSAGE_PHONE_CODE, value, CODE_MS, "code", code, NULL);
        return err == ERR_THROTTLED ? quotas_refuse(r, QUOTA_NUMBER_TEXTS) : err;
    }
    err = queue_message(change, own ? MESSAGE_VERIFY_EMAIL : MESSAGE_CHANGE_EMAIL, value, LINK_MS,
                        "name", message_words_greeting(r, user), "code", code, "link",
                        message_words_link(r, "verifications", secret), NULL);
    return err == ERR_THROTTLED ? quotas_refuse(r, QUOTA_ADDRESS_EMAILS) : err;
}
