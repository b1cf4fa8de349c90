/*
 * The bare loop: the database operations of one of our requests, issued by threads of one process
 * through mongo-c-driver, and nothing else.  Without HTTP, tokens and JSON the result is the upper
 * limit.  Prints one JSON line.
 */
#include <stdlib.h>
#include <string.h>

#include "bare.h"

static const char *const usage =
    "usage: bare_db URI DATABASE OPERATION THREADS SECONDS IDS USER [ONE]\n"
    "OPERATION: get list patch create snapshot, as our workers do them, patch-plain create-plain "
    "as\n"
    "one would first write them, patch-group eight at once.  IDS: a file of lines `task project`, "
    "sorted by project; each\n"
    "thread has a part to itself.  ONE: all threads queue for each transaction, as writers of one "
    "topic\n"
    "in our workers do.\n";

#define TOPICS_MAX 4096

static const char *const names[] = {"topics", "projects", "tasks", "events"};

struct bare bare = {.writing = PTHREAD_MUTEX_INITIALIZER};

static void
die(const char *what, const char *why)
{
    fprintf(stderr, "bare_db: %s: %s\n", what, why);
    exit(1);
}

/* The first transaction of a connection costs the server many times the others (20 ms of CPU on the
 * stand-in). */
#define WARM_UP 2

static void *
loop_main(void *arg)
{
    struct loop *l = arg;

    for (int i = 0; i < WARM_UP; i++)
        if (bare.operation(l))
            l->warm += 1 + l->more;
    l->retries = l->seen = 0;
    pthread_barrier_wait(&bare.warm);
    pthread_barrier_wait(&bare.started);
    for (;;) {
        uint64_t start = now_ns();

        if (start >= bare.until)
            return NULL;
        if (bare.operation(l))
            l->done += 1 + l->more;
        else
            l->failed++;
        latency_add(&l->latency, now_ns() - start);
    }
}

/* The newest one if it belongs to the same project: the lines are sorted. */
static struct topic *
topic_of(const char *project)
{
    struct topic *t = bare.topic_count > 0 ? &bare.topics[bare.topic_count - 1] : NULL;

    if (t != NULL && strcmp(t->name + 8, project) == 0)
        return t;
    if (bare.topic_count == TOPICS_MAX)
        die(project, "is one project too many");
    t = &bare.topics[bare.topic_count++];
    snprintf(t->name, sizeof(t->name), "project:%s", project);
    bson_oid_init_from_string(&t->project, project);
    t->seq = -1;
    return t;
}

static void
read_ids(const char *file)
{
    FILE *f = fopen(file, "r");
    char line[128], task[32], project[32];
    size_t size = 0;

    bare.topics = calloc(TOPICS_MAX, sizeof(*bare.topics));
    if (bare.topics == NULL)
        abort();
    if (f == NULL)
        die(file, "cannot be read");
    while (fgets(line, sizeof(line), f) != NULL) {
        if (sscanf(line, "%31s %31s", task, project) != 2)
            continue;
        if (bare.id_count == size) {
            size = size == 0 ? 1024 : size * 2;
            if ((bare.ids = realloc(bare.ids, size * sizeof(*bare.ids))) == NULL)
                abort();
        }
        bson_oid_init_from_string(&bare.ids[bare.id_count].task, task);
        bare.ids[bare.id_count++].topic = topic_of(project);
    }
    fclose(f);
    if (bare.id_count == 0)
        die(file, "has no lines");
}

/* The concerns that our programs ask for (common/store/store_connect.c). */
static void
set_concerns(mongoc_uri_t *uri)
{
    mongoc_write_concern_t *write = mongoc_write_concern_new();
    mongoc_read_concern_t *read = mongoc_read_concern_new();
    mongoc_read_prefs_t *primary = mongoc_read_prefs_new(MONGOC_READ_PRIMARY);

    mongoc_write_concern_set_wmajority(write, 5000);
    if (!mongoc_read_concern_set_level(read, MONGOC_READ_CONCERN_LEVEL_MAJORITY))
        die("read concern", "is refused");
    mongoc_uri_set_write_concern(uri, write);
    mongoc_uri_set_read_concern(uri, read);
    mongoc_uri_set_read_prefs_t(uri, primary);
    bare.transaction = mongoc_transaction_opts_new();
    if (!mongoc_read_concern_set_level(read, MONGOC_READ_CONCERN_LEVEL_SNAPSHOT))
        die("read concern", "is refused");
    mongoc_transaction_opts_set_write_concern(bare.transaction, write);
    mongoc_transaction_opts_set_read_concern(bare.transaction, read);
    mongoc_transaction_opts_set_read_prefs(bare.transaction, primary);
    mongoc_transaction_opts_set_max_commit_time_ms(bare.transaction, 5000);
    mongoc_write_concern_destroy(write);
    mongoc_read_concern_destroy(read);
    mongoc_read_prefs_destroy(primary);
}

static void
open_pool(const char *text)
{
    mongoc_uri_t *uri = mongoc_uri_new(text);

    if (uri == NULL)
        die(text, "is no URI");
    if (!mongoc_uri_set_option_as_int32(uri, MONGOC_URI_MAXPOOLSIZE, 512))
        die("maxPoolSize", "is refused");
    set_concerns(uri);
    bare.pool = mongoc_client_pool_new(uri);
    if (bare.pool == NULL ||
        !mongoc_client_pool_set_error_api(bare.pool, MONGOC_ERROR_API_VERSION_2))
        die(text, "gives no pool");
    mongoc_uri_destroy(uri);
}

static void
open_loop(struct loop *l, int number, int threads)
{
    bson_error_t error;
    size_t first = bare.id_count * (size_t)number / (size_t)threads;

    l->client = mongoc_client_pool_pop(bare.pool);
    for (int i = 0; i < COLLECTIONS; i++)
        l->c[i] = mongoc_client_get_collection(l->client, bare.database, names[i]);
    l->session = mongoc_client_start_session(l->client, NULL, &error);
    if (l->session == NULL)
        die("session", error.message);
    bson_init(&l->in_session);
    mongoc_client_session_append(l->session, &l->in_session, NULL);
    l->ids = &bare.ids[first];
    l->count = bare.id_count * ((size_t)number + 1) / (size_t)threads - first;
    if (l->count == 0) { /* fewer ids than threads: threads share ids */
        l->ids = &bare.ids[(size_t)number % bare.id_count];
        l->count = 1;
    }
    l->random = (unsigned)number + 1;
}

/* A task to copy, and a text as long as its event's frame: it holds the document. */
static void
prepare(struct loop *l)
{
    char *json;

    if (!bare_find(l, TASKS, BCON_NEW("_id", BCON_OID(&bare.ids[0].task)), false, &bare.task))
        die("tasks", "the first id is not there");
    json = bson_as_relaxed_extended_json(&bare.task, NULL);
    bare.frame = malloc(strlen(json) + 400);
    memset(bare.frame, '-', 350);
    strcpy(bare.frame + 350, json);
    bson_free(json);
}

static void
report(struct loop *loops, int threads, double seconds, uint64_t cpu)
{
    struct loop *sum = &loops[0];

    for (int i = 1; i < threads; i++) {
        sum->done += loops[i].done;
        sum->warm += loops[i].warm;
        sum->retries += loops[i].retries;
        sum->failed += loops[i].failed;
        sum->seen += loops[i].seen;
        latency_merge(&sum->latency, &loops[i].latency);
    }
    printf("{\"requests\":%llu,\"seconds\":%.4f,\"rate\":%.2f,\"ok\":%llu,\"warm\":%llu,\"failed\":"
           "%llu,"
           "\"retries\":%llu,\"documents\":%llu,\"cpu\":%.6f,",
           (unsigned long long)(sum->done + sum->failed), seconds, (double)sum->done / seconds,
           (unsigned long long)sum->done, (unsigned long long)sum->warm,
           (unsigned long long)sum->failed, (unsigned long long)sum->retries,
           (unsigned long long)sum->seen, (double)cpu / 1e9);
    latency_print(&sum->latency, stdout);
    printf("}\n");
}

int
main(int argc, char **argv)
{
    struct loop *loops;
    uint64_t start, cpu;
    int threads;

    if (argc < 8) {
        fputs(usage, stderr);
        return 2;
    }
    bare.database = argv[2];
    if ((bare.operation = bare_operation(argv[3])) == NULL)
        die(argv[3], "is no operation");
    threads = atoi(argv[4]);
    mongoc_init();
    open_pool(argv[1]);
    read_ids(argv[6]);
    bson_oid_init_from_string(&bare.user, argv[7]);
    bare.queue = argc > 8;
    if ((loops = aligned_alloc(128, (size_t)threads * sizeof(*loops))) == NULL)
        abort();
    memset(loops, 0, (size_t)threads * sizeof(*loops));
    for (int i = 0; i < threads; i++)
        open_loop(&loops[i], i, threads);
    prepare(&loops[0]);
    pthread_barrier_init(&bare.warm, NULL, (unsigned)threads + 1);
    pthread_barrier_init(&bare.started, NULL, (unsigned)threads + 1);
    for (int i = 0; i < threads; i++)
        pthread_create(&loops[i].thread, NULL, loop_main, &loops[i]);
    pthread_barrier_wait(&bare.warm);
    start = now_ns();
    cpu = cpu_ns();
    bare.until = start + (uint64_t)(atof(argv[5]) * 1e9);
    pthread_barrier_wait(&bare.started);
    for (int i = 0; i < threads; i++)
        pthread_join(loops[i].thread, NULL);
    report(loops, threads, (double)(now_ns() - start) / 1e9, cpu_ns() - cpu);
    return 0;
}
