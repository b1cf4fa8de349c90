/*
 * taskwire-jobs: sends emails and runs the jobs that are due.  Any number of processes may run.
 */
#include <signal.h>
#include <time.h>

#include "api/http/quotas.h"
#include "api/jobs/context.h"
#include "api/jobs/reencrypt.h"
#include "api/jobs/runner.h"
#include "api/server/txn_reaper.h"
#include "common/config.h"
#include "common/log.h"
#include "common/mail/mail.h"
#include "common/redis/bus.h"
#include "common/secrets/token.h"
#include "common/store/store.h"
#include "common/store/store_clock.h"
#include "common/topics/ticket.h"

static volatile sig_atomic_t stopping;

static void
on_stop(int sig)
{
    (void)sig;
    stopping = 1;
}

/* Database work that is done once, before jobs are run. */
static enum err
begin(struct store_pool *pool, char epoch[STORE_EPOCH], bool *clock_known)
{
    struct store *store = store_take(pool);
    enum err err = store == NULL ? ERR_STORE : store_check(store);

    if (err == ERR_NONE)
        err = store_epoch(store, epoch);
    if (err == ERR_NONE) /* open transactions would lock topics until the server's own limit */
        err = txn_reaper_end(store);
    if (err == ERR_NONE && !*clock_known)
        err = store_clock_start(pool);
    *clock_known |= err == ERR_NONE;
    if (err == ERR_NONE)
        err = reencrypt_all(store);
    store_give(store);
    return err;
}

/* Waits for the database as long as necessary; false: it is unusable, or the program must stop. */
static bool
prepare(struct store_pool **pool, const struct config *config, char epoch[STORE_EPOCH])
{
    bool clock_known = false;

    while (!stopping) {
        enum err err = *pool != NULL
                           ? ERR_NONE
                           : store_pool_open(config->mongodb_uri, config->mongodb_database,
                                             config->jobs_threads + RUNNER_OTHERS, pool);

        if (err == ERR_NONE)
            err = begin(*pool, epoch, &clock_known);
        if (err == ERR_NONE || err == ERR_INVALID)
            return err == ERR_NONE;
        log_warn("main: the database is not ready; trying again");
        nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL);
    }
    return false;
}

int
main(int argc, char **argv)
{
    static struct config config; /* its strings live as long as the process */
    struct runner runner = {.config = &config, .stopping = &stopping};
    struct sigaction stop = {.sa_handler = on_stop};
    char epoch[STORE_EPOCH];
    struct mail *mail;
    int status = 1;

    config_start(&config, "taskwire-jobs", CONFIG_JOBS, argc, argv);
    if (token_open(config.signing_keys) != ERR_NONE || (mail = mail_open(&config)) == NULL)
        return 2;
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
    if (txn_reaper_open(config.jobs_sessions) != 0)
        return 1;
    runner.notes = txn_reaper_notes(0);
    quotas_open(&config, CONFIG_JOBS);
    tickets_share();
    runner.bus = bus_open(config.redis_url);
    runner.mail = mail;
    runner.epoch = epoch;
    if (runner.bus != NULL && prepare(&runner.pool, &config, epoch)) {
        log_info("main: working with %ld threads", config.jobs_threads);
        runner_run(&runner);
        log_info("main: stopped");
        status = 0;
    }
    if (runner.bus != NULL)
        bus_close(runner.bus);
    store_pool_close(runner.pool);
    mail_close(mail);
    return stopping ? 0 : status;
}
