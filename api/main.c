/*
 * The parent process: opens the socket, prepares the database, restarts worker processes that end,
 * and stops them on SIGTERM once they have finished their requests.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "api/access/entity_project.h"
#include "api/access/session_revocation.h"
#include "api/http/quotas.h"
#include "api/server/txn_reaper.h"
#include "api/server/worker.h"
#include "common/change/event_find.h"
#include "common/config.h"
#include "common/log.h"
#include "common/secrets/password.h"
#include "common/secrets/token.h"
#include "common/store/store.h"
#include "common/time/clock.h"
#include "common/topics/ticket.h"
#include "common/topics/topic_hints.h"
#include "common/topics/topic_lock.h"

#define SOON_US 1000000 /* a worker that dies sooner is restarted after a pause */
#define DRAIN_S 10      /* for running requests after SIGTERM */

static volatile sig_atomic_t stopping;

struct child {
    pid_t pid;
    int64_t born;
};

static struct session_revocation *revocation; /* shared memory */
static pid_t cleaner;                         /* 0: none is running */

static void
on_stop(int sig)
{
    (void)sig;
    stopping = 1;
}

static void
die_with_parent(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(1);
}

/* Is the database usable, and is its log consistent? */
static enum err
check(struct store *store)
{
    enum err err = store_check(store);
    int behind;

    return err == ERR_NONE ? event_find_behind(store, &behind) : err;
}

/* Runs in a child process, since connections must not exist across fork(). */
static int
prepare(const struct config *config)
{
    pid_t parent = getpid(), pid = fork();
    int status;

    if (pid == 0) {
        struct store_pool *pool;
        struct store *store;
        enum err err;

        die_with_parent(parent);
        signal(SIGTERM, SIG_DFL);
        signal(SIGINT, SIG_DFL);
        err = store_pool_open(config->mongodb_uri, config->mongodb_database, 1, &pool);
        if (err == ERR_NONE)
            err = (store = store_take(pool)) == NULL ? ERR_STORE : check(store);
        _exit((int)err);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR && !stopping) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : ERR_STORE;
}

/* Waits for the database as long as necessary; 0 once it is ready. */
static int
prepare_store(const struct config *config)
{
    while (!stopping) {
        int err = prepare(config);

        if (err == ERR_NONE)
            return 0;
        if (err == ERR_INVALID)
            return 1;
        log_warn("main: the database is not ready; trying again");
        nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL);
    }
    return 1;
}

/*
 * Ends the transactions of dead workers: in a child process, one at a time, until nothing is left.
 */
static void
clean_up(const struct config *config)
{
    pid_t parent = getpid();

    if (cleaner > 0 || !txn_reaper_left())
        return;
    cleaner = fork();
    if (cleaner == 0) {
        die_with_parent(parent);
        signal(SIGTERM, SIG_DFL);
        _exit(txn_reaper_run(config));
    }
}

static void
start_child(struct child *c, long n, int listener, const struct config *config)
{
    pid_t parent = getpid();

    if (c->born != 0 && clock_steady() - c->born < SOON_US)
        nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL);
    c->born = clock_steady();
    c->pid = fork();
    if (c->pid == 0) {
        die_with_parent(parent);
        _exit(worker_run(listener, config, txn_reaper_notes(n), revocation));
    }
}

static void
keep_alive(struct child *children, long count, int listener, const struct config *config)
{
    while (!stopping) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);

        if (pid <= 0) /* a signal ends the sleep */
            nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
        if (pid > 0 && pid == cleaner)
            cleaner = 0;
        for (long i = 0; pid > 0 && i < count && !stopping; i++) {
            if (children[i].pid != pid)
                continue;
            log_warn("main: worker %d ended (%s %d); starting another", (int)pid,
                     WIFSIGNALED(status) ? "signal" : "status",
                     WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
            txn_reaper_leave(i);
            start_child(&children[i], i, listener, config);
        }
        clean_up(config);
    }
}

static void
end_children(const struct child *children, long count)
{
    long left = count;
    pid_t pid;

    for (long i = 0; i < count; i++)
        kill(children[i].pid, SIGTERM);
    for (int tenths = 0; left > 0 && tenths < DRAIN_S * 10; tenths++) {
        while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
            left -= pid != cleaner;
        if (left > 0)
            nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
    for (long i = 0; left > 0 && i < count; i++)
        kill(children[i].pid, SIGKILL);
}

int
main(int argc, char **argv)
{
    static struct config config; /* its strings live as long as the process */
    struct child children[TXN_REAPER_WORKERS] = {0};
    struct sigaction stop = {.sa_handler = on_stop};
    char notes[256];
    int listener;

    config_start(&config, "taskwire-api", CONFIG_API, argc, argv);
    if (token_open(config.signing_keys) != ERR_NONE)
        return 2;
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
    password_open(config.password_cost, config.password_slots);
    quotas_open(&config, CONFIG_API);
    revocation = session_revocation_new();
    topic_lock_share();
    tickets_share();
    topic_hints_share();
    entity_project_share();
    listener = worker_listen(config.api_socket);
    snprintf(notes, sizeof(notes), "%s.sessions", config.api_socket);
    if (listener < 0 || txn_reaper_open(notes) != 0 || prepare_store(&config) != 0)
        return 1;
    clean_up(&config);
    for (long i = 0; i < config.api_processes; i++)
        start_child(&children[i], i, listener, &config);
    keep_alive(children, config.api_processes, listener, &config);
    end_children(children, config.api_processes);
    unlink(config.api_socket);
    log_info("main: stopped");
    return 0;
}
