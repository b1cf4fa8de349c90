/*
 * The rules.  Sources: the manual's pages on read and write concern, on
 * retryable writes and on transactions, for MongoDB 5.0 to 8.0.
 */
#include "rules.h"

#include <string.h>

enum {
    READ = 1,      /* returns documents: needs a read concern and a time limit */
    WRITE = 2,     /* needs a write concern, outside transactions */
    RETRYABLE = 4, /* is retried by the driver if it has a txnNumber */
    IN_TXN = 8,    /* may be in a transaction */
    END_TXN = 16,  /* ends one */
};

/* clang-format off */
static const struct {
    const char *name;
    int flags;
} commands[] = {
    {"find",              READ | IN_TXN},
    {"aggregate",         READ | IN_TXN},
    {"distinct",          READ | IN_TXN},
    {"count",             READ},
    {"getMore",           IN_TXN},
    {"killCursors",       IN_TXN},
    {"insert",            WRITE | RETRYABLE | IN_TXN},
    {"update",            WRITE | RETRYABLE | IN_TXN},
    {"delete",            WRITE | RETRYABLE | IN_TXN},
    {"findAndModify",     WRITE | RETRYABLE | IN_TXN},
    {"createIndexes",     WRITE},
    {"dropIndexes",       WRITE},
    {"collMod",           WRITE},
    {"create",            WRITE},
    {"drop",              WRITE},
    {"commitTransaction", WRITE | END_TXN},
    {"abortTransaction",  WRITE | END_TXN},
};
/* clang-format on */

struct judging {
    const struct message *m;
    void (*complain)(void *, const char *);
    void *arg;
    bool many; /* one of its statements may affect several documents */
};

static int
flags_of(const char *name)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(commands[i].name, name) == 0)
            return commands[i].flags;
    return 0;
}

/* A rule: the condition, and the message if it is not met. */
static void
must(struct judging *j, bool holds, const char *rule)
{
    if (!holds)
        j->complain(j->arg, rule);
}

static void
see_update(void *arg, const bson_t *doc)
{
    struct judging *j = arg;

    j->many |= message_true(doc, "multi");
}

static void
see_delete(void *arg, const bson_t *doc)
{
    struct judging *j = arg;
    bson_iter_t limit;

    j->many |= message_find(doc, "limit", &limit) && bson_iter_as_int64(&limit) == 0;
}

static bool
is_level(const bson_t *body, const char *level)
{
    return strcmp(message_text(body, "readConcern.level"), level) == 0;
}

static bool
writes_a_collection(const struct message *m)
{
    bson_iter_t stages, stage, name;

    if (!message_find(&m->body, "pipeline", &stages) || !bson_iter_recurse(&stages, &stage))
        return false;
    while (bson_iter_next(&stage))
        if (bson_iter_recurse(&stage, &name) && bson_iter_next(&name) &&
            (strcmp(bson_iter_key(&name), "$out") == 0 ||
             strcmp(bson_iter_key(&name), "$merge") == 0))
            return true;
    return false;
}

static void
judge_in_transaction(struct judging *j, int flags)
{
    const bson_t *body = &j->m->body;

    must(j, flags & IN_TXN, "this command may not stand in a transaction");
    must(j, !message_has(body, "writeConcern"), "a write concern within a transaction");
    must(j, !writes_a_collection(j->m), "$out or $merge within a transaction");
    if (message_true(body, "startTransaction"))
        must(j, is_level(body, "snapshot"), "a transaction begins without read concern snapshot");
    else
        must(j, !message_has(body, "readConcern"), "a read concern after a transaction's begin");
}

static void
judge_alone(struct judging *j, int flags)
{
    const bson_t *body = &j->m->body;

    if (flags & READ)
        must(j, is_level(body, "majority") || is_level(body, "linearizable"),
             "a read without read concern majority");
    if (flags & RETRYABLE) {
        message_each(j->m, "updates", see_update, j);
        message_each(j->m, "deletes", see_delete, j);
        must(j, message_has(body, "txnNumber") && !j->many, "a write that is not retryable");
    }
    if (writes_a_collection(j->m))
        flags |= WRITE;
    if (flags & WRITE)
        must(j, strcmp(message_text(body, "writeConcern.w"), "majority") == 0,
             "a write without write concern majority");
}

void
rules_judge(const struct message *m, void (*complain)(void *, const char *), void *arg)
{
    struct judging j = {.m = m, .complain = complain, .arg = arg};
    const char *preference = message_text(&m->body, "$readPreference.mode");
    int flags = flags_of(m->name);
    bool transaction = message_has(&m->body, "autocommit");

    /* A direct connection to a member must say primaryPreferred (Server Selection, "Single"). */
    if (flags & READ)
        must(&j,
             preference[0] == '\0' || strcmp(preference, "primary") == 0 ||
                 strcmp(preference, "primaryPreferred") == 0,
             "a read preference other than primary");
    if (flags & READ || strcmp(m->name, "commitTransaction") == 0)
        must(&j, message_has(&m->body, "maxTimeMS"), "no maxTimeMS");
    if (transaction && !(flags & END_TXN))
        judge_in_transaction(&j, flags);
    else
        judge_alone(&j, flags);
}
