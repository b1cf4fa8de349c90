/*
 * Direct-mapped tables in each process.
 */
#include "api/v1/counts_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/hash.h"
#include "common/base/must.h"

#define PROJECTS 4096 /* 160 KiB */
#define USERS    256  /* at most 8 MiB */

static struct {
    bson_oid_t project;
    int64_t seq; /* 0: empty; numbers begin with 1 */
    struct project_counts counts;
} projects[PROJECTS];

static struct {
    bson_oid_t user;
    uint64_t version;
    struct counts_due *due; /* NULL: empty */
    uint32_t count;
} users[USERS];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

bool
counts_cache_project(const bson_oid_t *project, int64_t seq, struct project_counts *out)
{
    size_t i = hash_id(project) % PROJECTS;
    bool known;

    pthread_mutex_lock(&lock);
    known = seq > 0 && projects[i].seq == seq && bson_oid_equal(&projects[i].project, project);
    if (known)
        *out = projects[i].counts;
    pthread_mutex_unlock(&lock);
    return known;
}

void
counts_cache_put_project(const bson_oid_t *project, int64_t seq,
                         const struct project_counts *counts)
{
    size_t i = hash_id(project) % PROJECTS;

    pthread_mutex_lock(&lock);
    projects[i].project = *project;
    projects[i].seq = seq;
    projects[i].counts = *counts;
    pthread_mutex_unlock(&lock);
}

int
counts_cache_due(const bson_oid_t *user, uint64_t version, struct counts_due out[COUNTS_DUE_MAX])
{
    size_t i = hash_id(user) % USERS;
    int count = -1;

    pthread_mutex_lock(&lock);
    if (users[i].due != NULL && users[i].version == version &&
        bson_oid_equal(&users[i].user, user)) {
        count = (int)users[i].count;
        memcpy(out, users[i].due, users[i].count * sizeof(*out));
    }
    pthread_mutex_unlock(&lock);
    return count;
}

void
counts_cache_put_due(const bson_oid_t *user, uint64_t version, const struct counts_due *due,
                     uint32_t count)
{
    size_t i = hash_id(user) % USERS;
    struct counts_due *copy, *old;

    if (count > COUNTS_DUE_MAX)
        return;
    copy = must_alloc(count + 1, sizeof(*copy));
    if (count > 0)
        memcpy(copy, due, count * sizeof(*copy));
    pthread_mutex_lock(&lock);
    old = users[i].due;
    users[i].user = *user;
    users[i].version = version;
    users[i].due = copy;
    users[i].count = count;
    pthread_mutex_unlock(&lock);
    free(old);
}
