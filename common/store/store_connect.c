/*
 * Concerns, time limits and the check of the server.
 */
#include "common/store/store_connect.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/must.h"
#include "common/log.h"
#include "common/text/doc.h"

/* Shorter than the socket's time-out, so that the server reports the error. */
#define WTIMEOUT_MS   5000 /* a write that a majority has not confirmed; it may still happen */
#define COMMIT_MS     5000 /* a commit, the same */
#define SOCKET_MS     6000
#define CONNECT_MS    1000
#define SELECT_MS     1000 /* without a primary; a request may exceed its deadline by this */
#define WAIT_QUEUE_MS 500
#define HEARTBEAT_MS  2000 /* the longest delay until a recovered server is noticed */

#define LIFETIME        "transactionLifetimeLimitSeconds"
#define LIFETIME_MOST_S 30 /* longer than the maximum of API_REQUEST_SECONDS */

static const struct {
    const char *name;
    int32_t value;
} numbers[] = {
    {MONGOC_URI_WAITQUEUETIMEOUTMS, WAIT_QUEUE_MS},
    {MONGOC_URI_SERVERSELECTIONTIMEOUTMS, SELECT_MS},
    {MONGOC_URI_CONNECTTIMEOUTMS, CONNECT_MS},
    {MONGOC_URI_SOCKETTIMEOUTMS, SOCKET_MS},
    {MONGOC_URI_HEARTBEATFREQUENCYMS, HEARTBEAT_MS},
};

static mongoc_write_concern_t *
majority_write(void)
{
    mongoc_write_concern_t *concern = mongoc_write_concern_new();

    mongoc_write_concern_set_wmajority(concern, WTIMEOUT_MS);
    return concern;
}

/*
 * mongoc_uri_set_option_as_utf8() cannot be used: libmongoc 1.23 refuses these options there, and
 * only its return value shows that.
 */
static bool
set_concerns(mongoc_uri_t *uri)
{
    mongoc_write_concern_t *write = majority_write();
    mongoc_read_concern_t *read = mongoc_read_concern_new();
    mongoc_read_prefs_t *primary = mongoc_read_prefs_new(MONGOC_READ_PRIMARY);
    bool ok = mongoc_read_concern_set_level(read, MONGOC_READ_CONCERN_LEVEL_MAJORITY);

    mongoc_uri_set_write_concern(uri, write);
    mongoc_uri_set_read_concern(uri, read);
    mongoc_uri_set_read_prefs_t(uri, primary);
    mongoc_write_concern_destroy(write);
    mongoc_read_concern_destroy(read);
    mongoc_read_prefs_destroy(primary);
    return ok;
}

static bool
set_options(mongoc_uri_t *uri, long most)
{
    bool ok = mongoc_uri_set_appname(uri, log_program()) &&
              mongoc_uri_set_option_as_bool(uri, MONGOC_URI_RETRYWRITES, true) &&
              mongoc_uri_set_option_as_bool(uri, MONGOC_URI_RETRYREADS, true) &&
              mongoc_uri_set_option_as_int32(uri, MONGOC_URI_MAXPOOLSIZE, (int32_t)most);

    for (size_t i = 0; ok && i < sizeof(numbers) / sizeof(numbers[0]); i++)
        ok = mongoc_uri_set_option_as_int32(uri, numbers[i].name, numbers[i].value);
    return ok;
}

mongoc_uri_t *
store_connect_uri(const char *text, long most)
{
    bson_error_t error;
    mongoc_uri_t *uri = mongoc_uri_new_with_error(text, &error);

    if (uri == NULL) {
        log_error("store: MONGODB_URI is malformed: %s", error.message);
        return NULL;
    }
    if (!set_options(uri, most) || !set_concerns(uri)) {
        log_error("store: libmongoc rejected one of our options");
        mongoc_uri_destroy(uri);
        return NULL;
    }
    return uri;
}

mongoc_transaction_opt_t *
store_connect_transaction(void)
{
    mongoc_transaction_opt_t *opts = mongoc_transaction_opts_new();
    mongoc_write_concern_t *write = majority_write();
    mongoc_read_concern_t *read = mongoc_read_concern_new();
    mongoc_read_prefs_t *primary = mongoc_read_prefs_new(MONGOC_READ_PRIMARY);

    if (!mongoc_read_concern_set_level(read, MONGOC_READ_CONCERN_LEVEL_SNAPSHOT))
        must_not_happen("store: the read concern snapshot is refused");
    mongoc_transaction_opts_set_write_concern(opts, write);
    mongoc_transaction_opts_set_read_concern(opts, read);
    mongoc_transaction_opts_set_read_prefs(opts, primary);
    mongoc_transaction_opts_set_max_commit_time_ms(opts, COMMIT_MS);
    mongoc_write_concern_destroy(write);
    mongoc_read_concern_destroy(read);
    mongoc_read_prefs_destroy(primary);
    return opts;
}

static bool
is_true(const bson_t *reply, const char *name)
{
    bson_iter_t iter;

    return bson_iter_init_find(&iter, reply, name) && bson_iter_as_bool(&iter);
}

static int
count_of(const bson_t *reply, const char *name)
{
    bson_iter_t iter, list;
    int count = 0;

    if (bson_iter_init_find(&iter, reply, name) && bson_iter_recurse(&iter, &list))
        while (bson_iter_next(&list))
            count++;
    return count;
}

/* Is it a member of the named replica set, and can it be written to? */
static enum err
check_member(const mongoc_uri_t *uri, const char *set, const bson_t *hello)
{
    bool direct = mongoc_uri_get_option_as_bool(uri, MONGOC_URI_DIRECTCONNECTION, false);
    const char *primary = doc_text(hello, "primary"), *me = doc_text(hello, "me");

    if (mongoc_uri_get_replica_set(uri) == NULL && !direct) {
        log_error("store: MONGODB_URI must say replicaSet=%s, otherwise programs cannot find a new "
                  "primary after an election (directConnection=true is for a set of one node)",
                  set);
        return ERR_INVALID;
    }
    if (direct && count_of(hello, "hosts") > 1)
        log_warn("store: MONGODB_URI says directConnection=true, but %s has several members: "
                 "programs will not follow an election",
                 set);
    if (is_true(hello, "isWritablePrimary"))
        return ERR_NONE;
    if (primary != NULL && me != NULL && strcmp(primary, me) != 0) {
        log_error("store: MONGODB_URI names a secondary; the primary of %s is %s", set, primary);
        return ERR_INVALID;
    }
    log_warn("store: %s has no primary at the moment", set);
    return ERR_STORE;
}

/*
 * Warns if the server's time limit for transactions is high: a host that fails within a transaction
 * leaves its topics locked for up to 1.5 times that limit, and only the server can end it.  No
 * warning if our user may not read the limit.
 */
static void
check_transaction_lifetime(mongoc_client_t *client)
{
    bson_t *command = BCON_NEW("getParameter", BCON_INT32(1), LIFETIME, BCON_INT32(1)), reply;
    bson_error_t error;

    if (mongoc_client_command_simple(client, "admin", command, NULL, &reply, &error) &&
        doc_int(&reply, LIFETIME) > LIFETIME_MOST_S)
        log_warn("store: " LIFETIME " is %d: a host that fails during a write leaves its project "
                 "locked for up to %d s; set it to %d (deploy/RUNBOOK.md)",
                 (int)doc_int(&reply, LIFETIME), (int)doc_int(&reply, LIFETIME) * 3 / 2,
                 LIFETIME_MOST_S);
    bson_destroy(command);
    bson_destroy(&reply);
}

enum err
store_connect_check(mongoc_client_t *client)
{
    bson_t *command = BCON_NEW("hello", BCON_INT32(1)), hello;
    const char *set, *kind;
    bson_error_t error;
    enum err err;

    if (!mongoc_client_command_simple(client, "admin", command, NULL, &hello, &error)) {
        log_warn("store: cannot be reached: %s", error.message);
        err = ERR_STORE;
    } else if ((set = doc_text(&hello, "setName")) != NULL) {
        err = check_member(mongoc_client_get_uri(client), set, &hello);
    } else if ((kind = doc_text(&hello, "msg")) != NULL && strcmp(kind, "isdbgrid") == 0) {
        err = ERR_NONE; /* a router of a sharded cluster */
    } else {
        log_error("store: MONGODB_URI must name a replica set (one node is enough): "
                  "a standalone server has no transactions");
        err = ERR_INVALID;
    }
    bson_destroy(command);
    bson_destroy(&hello);
    if (err == ERR_NONE)
        check_transaction_lifetime(client);
    return err;
}
