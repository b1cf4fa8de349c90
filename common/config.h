/*
 * Settings: environment only, one table for all programs.
 */
#ifndef COMMON_CONFIG_H
#define COMMON_CONFIG_H

#include <stdio.h>

#include "common/err.h"

/* Who reads a setting. */
#define CONFIG_API   1u
#define CONFIG_PUSH  2u
#define CONFIG_JOBS  4u
#define CONFIG_ADMIN 8u
#define CONFIG_ALL   7u /* but for taskwire-admin */

struct config {
    const char *mongodb_uri, *mongodb_database, *redis_url;
    const char *signing_keys, *public_url, *allowed_origins, *log_level;
    long event_retention_days;
    const char *registration;
    const char *api_socket;
    long api_processes, api_threads, api_request_bytes, api_request_seconds;
    long password_cost, password_slots;
    const char *push_socket, *push_listen, *push_metrics, *push_tls_cert, *push_tls_key;
    long push_queue_bytes, push_hello_seconds, push_drain_seconds;
    long push_heartbeat_seconds, push_presence_seconds;
    long push_user_sockets, push_address_sockets;
    long jobs_threads, account_grace_days, account_failures, address_logins;
    long sessions_max;
    const char *jobs_sessions;
    /* quotas (api/http/quotas.c) */
    long comment_edits, user_projects, user_memberships, user_open_projects, open_projects,
        project_members, project_tasks, project_bytes;
    long sender_notifications;
    long project_invitations, user_invitations, unconfirmed_invitations, address_invitations,
        address_registrations;
    long user_notifications, number_texts, user_texts, texts, address_letters, letters,
        network_resets, user_codes, user_tries;
    long user_bytes, user_credentials;
    const char *mail_from, *mail_outbox, *smtp_url, *smtp_user, *smtp_password, *smtp_tls, *smtp_ca;
    const char *sms_url, *sms_token;
};

/*
 * Reads what the program uses into *config; the strings live as long as the
 * process.  On a bad value it says so on stderr in one sentence and fails.
 */
enum err config_read(struct config *config, unsigned program) MUST_CHECK;

/* The table as text, for --help. */
void config_help(FILE *out, const char *name, unsigned program);

/*
 * The start of every main(): answers --help and --version, reads the settings,
 * opens the log and ignores SIGPIPE.  Exits when there is nothing left to do.
 */
void config_start(struct config *config, const char *name, unsigned program, int argc, char **argv);

#endif
