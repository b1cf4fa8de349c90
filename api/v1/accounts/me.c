/*
 * /v1/me: the caller's own account.
 */
#include "api/v1/handlers.h"

#include <string.h>

#include "api/access/audit.h"
#include "api/account/account.h"
#include "api/account/account_proof.h"
#include "api/account/contact_code.h"
#include "api/account/credentials.h"
#include "api/account/one_time.h"
#include "api/account/second_factor.h"
#include "api/crud/entity.h"
#include "api/crud/request_change.h"
#include "api/http/doc_read.h"
#include "api/http/reply.h"
#include "api/http/request.h"
#include "api/schema/doc.h"
#include "api/v1/tasks/task_reminders.h"
#include "common/change/change.h"
#include "common/time/zone.h"

enum err
me_read(struct request *r)
{
    const bson_t *user;
    enum err err = request_params_done(r);

    if (err == ERR_NONE)
        err = request_fetch(r, STORE_USERS, &r->user_id, &user);
    return err == ERR_NONE ? reply_doc(r, 200, &user_shape, user) : err;
}

struct edit {
    struct request *r;
    bson_t *change;                     /* what takes effect at once */
    const char *wanted[CONTACT__COUNT]; /* what must be confirmed; NULL: not in the request */
    const bson_t *proved;               /* the user whose password was checked; NULL: none */
    struct second_factor_proof proof;
};

static void
write_user(struct request *r, struct text *out, const bson_t *user)
{
    (void)r;
    doc_write(out, &user_shape, user);
}

/*
 * Does the body change the address or number, or drop a pending one?  A stolen session must be able
 * to do neither.
 */
static bool
moves(const struct edit *e, const bson_t *user, enum contact contact)
{
    const struct contact_name *n = &contact_names[contact];
    const char *wanted = e->wanted[contact];

    return wanted != NULL &&
           (strcmp(wanted, doc_text(user, n->field)) != 0 || doc_has(user, n->pending));
}

/*
 * A new address or number becomes pending, and gets a code; with the present one nothing is
 * pending.
 */
static enum err
choose_contact(struct edit *e, struct change *change, const bson_t *before, enum contact contact,
               bson_t *set)
{
    const struct contact_name *n = &contact_names[contact];
    const char *wanted = e->wanted[contact];
    enum err err;

    if (!moves(e, before, contact))
        return ERR_NONE;
    if (e->proved == NULL) { /* there was nothing to change when it was read */
        request_complain(e->r, "/password", "required", "is required");
        return ERR_INVALID;
    }
    if ((err = one_time_forget(change, n->purpose, &e->r->user_id)) != ERR_NONE)
        return err;
    if (strcmp(wanted, doc_text(before, n->field)) == 0) {
        BSON_APPEND_NULL(set, n->pending);
        return ERR_NONE;
    }
    BSON_APPEND_UTF8(set, n->pending, wanted);
    return contact_code_send(e->r, change, before, contact, wanted);
}

/* May others see the account's presence? */
static bool
shows(const bson_t *user)
{
    bson_iter_t iter;

    return !bson_iter_init_find(&iter, user, "presence") || bson_iter_as_bool(&iter);
}

/* Open sockets are notified of the choice through the user's topic. */
static enum err
tell_presence(struct edit *e, struct change *change, const bson_t *before, const bson_t *after)
{
    static const char *const changes[] = {"{\"presence\":[true,false]}",
                                          "{\"presence\":[false,true]}"};
    bool was = shows(before), is = shows(after);
    struct event event = {.kind = EVENT_USER_UPDATED,
                          .rev = doc_int(after, "rev"),
                          .entity_id = e->r->user,
                          .changes = changes[is]};
    int own;
    enum err err;

    if (was == is)
        return ERR_NONE;
    err = change_join_topic(change, request_user_topic(e->r, &e->r->user_id), &own);
    return err == ERR_NONE ? change_event(change, own, &event) : err;
}

/*
 * Adds to a user who moves to another time zone since when, and where from: what reminders had
 * passed depends on it (api/jobs/remind.c).
 */
static bson_t *
with_zone_before(struct edit *e, int64_t now, const bson_t *before, bson_t *after)
{
    bson_t *set = request_keep(e->r, bson_new());

    if (!doc_differs(before, after, "timeZone"))
        return after;
    BSON_APPEND_UTF8(set, "zoneBefore", zone_name(zone_or_utc(doc_text(before, "timeZone"))));
    BSON_APPEND_DATE_TIME(set, "zoneChangedAt", now);
    return request_keep(e->r, doc_merge(after, set));
}

static enum err
store_me(struct change *change, void *arg)
{
    struct edit *e = arg;
    struct request *r = e->r;
    bson_t *set = request_keep(r, bson_copy(e->change)), *after, *filter;
    bson_t *stamp = request_keep(r, bson_new());
    const bson_t *before;
    enum err err;

    /* The code first, since the document read after it is the one that is written back. */
    if ((err = account_proof_use(r, change, e->proved, &e->proof)) != ERR_NONE ||
        (err = credentials_current(r, e->proved, &before)) != ERR_NONE ||
        (err = entity_precondition(r, before, false, write_user)) != ERR_NONE ||
        (err = choose_contact(e, change, before, CONTACT_EMAIL, set)) != ERR_NONE ||
        (err = choose_contact(e, change, before, CONTACT_PHONE, set)) != ERR_NONE)
        return err;
    entity_stamp(stamp, before, change_now(change));
    after = request_keep(r, doc_merge(before, set));
    if (!bson_equal(before, after))
        after = request_keep(r, doc_merge(after, stamp));
    after = with_zone_before(e, change_now(change), before, after);
    filter = request_keep(r, BCON_NEW("_id", BCON_OID(&r->user_id)));
    err = store_replace(change_store(change), STORE_USERS, filter, after, NULL);
    if (err == ERR_NONE)
        err = tell_presence(e, change, before, after);
    if (err == ERR_NONE && doc_differs(before, after, "timeZone"))
        err = task_reminders_rezone(r, change, &r->user_id);
    return err == ERR_NONE ? reply_doc(r, 200, &user_shape, after) : err;
}

/* Splits the body's changes by how they take effect; complains about invalid ones. */
static enum err
judge(struct edit *e, const bson_t *body)
{
    struct request *r = e->r;
    const char *email = doc_text(body, "email"), *phone = doc_text(body, "phone");

    account_check(r, body);
    if (email != NULL && !account_email(r, email, &e->wanted[CONTACT_EMAIL]))
        request_complain(r, "/email", "format", "must be an email address");
    if (phone != NULL && !account_phone(r, phone, &e->wanted[CONTACT_PHONE]))
        request_complain(r, "/phone", "format", "must be a phone number like +4915112345678");
    bson_copy_to_excluding_noinit(body, e->change, "email", "phone", "password", "code", NULL);
    return request_validated(r);
}

/* Checks the password if it is needed. */
static enum err
prove(struct edit *e, const bson_t *body)
{
    struct account_secrets given = {"/password", doc_text(body, "password"),
                                    doc_text(body, "code")};
    const bson_t *user;
    enum err err = request_fetch(e->r, STORE_USERS, &e->r->user_id, &user);

    if (err != ERR_NONE || (!moves(e, user, CONTACT_EMAIL) && !moves(e, user, CONTACT_PHONE)))
        return err;
    e->proved = user;
    return account_proof_check(e->r, user, &given, &e->proof);
}

enum err
me_change(struct request *r)
{
    struct edit e = {.r = r, .change = request_keep(r, bson_new())};
    struct change_plan plan = {.fn = store_me, .arg = &e};
    bson_t *body = request_keep(r, bson_new());
    bool contacts;
    enum err err = doc_read(r, DOC_CHANGE, user_shape.fields, r->json, body);

    if (err != ERR_NONE || (err = judge(&e, body)) != ERR_NONE)
        return err;
    contacts = e.wanted[CONTACT_EMAIL] != NULL || e.wanted[CONTACT_PHONE] != NULL;
    if (contacts && (err = prove(&e, body)) != ERR_NONE)
        return err;
    err = request_change(r, &plan);
    if (err == ERR_NONE && contacts)
        audit(r, "contact.asked", &r->user_id);
    return err;
}
