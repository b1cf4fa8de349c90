/*
 * The table of settings and its reader.
 */
#include "common/config.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/log.h"
#include "common/text.h"

#define SECRET_MAX 65536

enum kind {
    TEXT,
    COUNT,
    SECRET,
    PRIVATE
}; /* PRIVATE: may contain a password, but is usually not in a file */

struct setting {
    const char *name;
    enum kind kind;
    unsigned programs;
    size_t place;
    const char *fallback; /* NULL: must be set */
    long low, high;
    const char *meaning;
};

#define AT(member) offsetof(struct config, member)

/* clang-format off */
static const struct setting settings[] = {
    {"ACCOUNT_FAILURES", COUNT, CONFIG_API, AT(account_failures), "10", 1, 1000000,
     "wrong passwords or codes for one account before further attempts are delayed, longer each time"},
    {"ACCOUNT_GRACE_DAYS", COUNT, CONFIG_API | CONFIG_JOBS, AT(account_grace_days), "14", 0, 365,
     "days during which a closed account can be reopened by logging in"},
    {"ADDRESS_INVITATIONS", COUNT, CONFIG_API, AT(address_invitations), "10", 1, 1000000,
     "invitations to one email address per day, from all senders together"},
    {"ADDRESS_LETTERS", COUNT, CONFIG_API | CONFIG_JOBS, AT(address_letters), "30", 1, 1000000,
     "emails to one address per hour; beyond that, notices are dropped"},
    {"ADDRESS_LOGINS", COUNT, CONFIG_API, AT(address_logins), "60", 1, 10000000,
     "logins, registrations and similar requests per minute from one IP address"},
    {"ADDRESS_REGISTRATIONS", COUNT, CONFIG_API, AT(address_registrations), "10", 1, 1000000,
     "activation emails to one address per day (REGISTRATION=verified)"},
    {"ALLOWED_ORIGINS", TEXT, CONFIG_API | CONFIG_PUSH, AT(allowed_origins), "", 0, 0,
     "allowed browser origins, separated by commas; empty: PUBLIC_URL"},
    {"API_PROCESSES", COUNT, CONFIG_API, AT(api_processes), "2", 1, 64,
     "worker processes"},
    {"API_REQUEST_BYTES", COUNT, CONFIG_API, AT(api_request_bytes), "67108864", 1048576, 1073741824,
     "bytes of memory that one request may use; beyond that it gets 413"},
    {"API_REQUEST_SECONDS", COUNT, CONFIG_API, AT(api_request_seconds), "10", 1, 25,
     "seconds a request may wait for the database, including an election; then it gets 503"},
    {"API_SOCKET", TEXT, CONFIG_API, AT(api_socket), "run/api.sock", 0, 0,
     "unix socket for FastCGI"},
    {"API_THREADS", COUNT, CONFIG_API, AT(api_threads), "16", 1, 512,
     "threads of each worker process"},
    {"COMMENT_EDITS", COUNT, CONFIG_API, AT(comment_edits), "1000", 1, 100000,
     "edits kept of one comment"},
    {"EVENT_RETENTION_DAYS", COUNT, CONFIG_JOBS, AT(event_retention_days), "90", 1, 3650,
     "days for which the log keeps events; older cursors get resync"},
    {"JOBS_SESSIONS", TEXT, CONFIG_JOBS, AT(jobs_sessions), "run/jobs.sessions", 0, 0,
     "file that lists open transactions, so that the next start can abort them; one per process"},
    {"JOBS_THREADS", COUNT, CONFIG_JOBS, AT(jobs_threads), "4", 1, 64,
     "jobs run at the same time"},
    {"LETTERS", COUNT, CONFIG_API | CONFIG_JOBS, AT(letters), "10000", 1, 1000000000,
     "emails of the whole installation per hour"},
    {"LOG_LEVEL", TEXT, CONFIG_ALL | CONFIG_ADMIN, AT(log_level), "info", 0, 0,
     "debug, info, warn or error"},
    {"MAIL_FROM", TEXT, CONFIG_JOBS, AT(mail_from), "", 0, 0,
     "sender of emails, as `Name <address>`; empty: noreply at PUBLIC_URL's host"},
    {"MAIL_OUTBOX", TEXT, CONFIG_JOBS, AT(mail_outbox), "outbox", 0, 0,
     "folder for emails if SMTP_URL is empty, and for text messages if SMS_URL is empty"},
    {"MONGODB_DATABASE", TEXT, CONFIG_ALL | CONFIG_ADMIN, AT(mongodb_database), "taskwire", 0, 0,
     "name of the database"},
    {"MONGODB_URI", PRIVATE, CONFIG_ALL | CONFIG_ADMIN, AT(mongodb_uri), "mongodb://127.0.0.1:27017/?directConnection=true", 0, 0,
     "URI of the MongoDB replica set"},
    {"NETWORK_RESETS", COUNT, CONFIG_API, AT(network_resets), "30", 1, 1000000,
     "password reset emails that one IP address or /64 may request per hour"},
    {"NUMBER_TEXTS", COUNT, CONFIG_API | CONFIG_JOBS, AT(number_texts), "10", 1, 1000000,
     "text messages to one number per day"},
    {"OPEN_PROJECTS", COUNT, CONFIG_API, AT(open_projects), "2000", 1, 2000, /* PROJECTS_MAX in v1/sync_plan.c */
     "projects open to everyone, in the whole installation"},
    {"PASSWORD_COST", COUNT, CONFIG_API, AT(password_cost), "15", 10, 20,
     "log2 of scrypt's N; r=8, p=3; 15 takes 32 MiB and 0.3 s per hash"},
    {"PASSWORD_SLOTS", COUNT, CONFIG_API, AT(password_slots), "0", 0, 64,
     "passwords hashed at the same time on this host; 0: number of cores minus one, at least one"},
    {"PROJECT_BYTES", COUNT, CONFIG_API, AT(project_bytes), "4294967296", 65536, 1125899906842624,
     "bytes ever written to one project: the total size of all request bodies that changed it"},
    {"PROJECT_INVITATIONS", COUNT, CONFIG_API, AT(project_invitations), "1000", 1, 1000000,
     "pending invitations of one project"},
    {"PROJECT_MEMBERS", COUNT, CONFIG_API, AT(project_members), "10000", 1, 50000,
     "members of one project"},
    {"PROJECT_TASKS", COUNT, CONFIG_API, AT(project_tasks), "2000000", 1, 1000000000,
     "tasks ever created in one project or moved into it"},
    {"PUBLIC_URL", TEXT, CONFIG_ALL, AT(public_url), "http://127.0.0.1:8080", 0, 0,
     "address of the web client, without a slash at the end"},
    {"PUSH_ADDRESS_SOCKETS", COUNT, CONFIG_PUSH, AT(push_address_sockets), "1000", 1, 1000000,
     "sockets of one IP address on PUSH_LISTEN; nginx has its own limit"},
    {"PUSH_DRAIN_SECONDS", COUNT, CONFIG_PUSH, AT(push_drain_seconds), "5", 0, 8,
     "seconds over which closing the sockets is spread after SIGTERM"},
    {"PUSH_HEARTBEAT_SECONDS", COUNT, CONFIG_PUSH, AT(push_heartbeat_seconds), "25", 2, 25,
     "seconds between pings; a socket that does not answer is closed after 1.6 times as long"},
    {"PUSH_HELLO_SECONDS", COUNT, CONFIG_PUSH, AT(push_hello_seconds), "10", 1, 60,
     "seconds a socket has to send hello"},
    {"PUSH_LISTEN", TEXT, CONFIG_PUSH, AT(push_listen), "", 0, 0,
     "host:port served to browsers directly; empty: only PUSH_SOCKET"},
    {"PUSH_METRICS", TEXT, CONFIG_PUSH, AT(push_metrics), "", 0, 0,
     "host:port for Prometheus metrics; empty: none"},
    {"PUSH_PRESENCE_SECONDS", COUNT, CONFIG_PUSH, AT(push_presence_seconds), "30", 3, 60,
     "seconds after which users on a killed daemon are no longer shown as present"},
    {"PUSH_QUEUE_BYTES", COUNT, CONFIG_PUSH, AT(push_queue_bytes), "1048576", 65536, 67108864,
     "bytes queued for one socket before it is closed"},
    {"PUSH_SOCKET", TEXT, CONFIG_PUSH, AT(push_socket), "run/push.sock", 0, 0,
     "unix socket to which nginx forwards WebSockets"},
    {"PUSH_TLS_CERT", TEXT, CONFIG_PUSH, AT(push_tls_cert), "", 0, 0,
     "file with the certificate chain (PEM) for PUSH_LISTEN, read again at SIGHUP; empty: no TLS"},
    {"PUSH_TLS_KEY", TEXT, CONFIG_PUSH, AT(push_tls_key), "", 0, 0,
     "file with the certificate's private key (PEM)"},
    {"PUSH_USER_SOCKETS", COUNT, CONFIG_PUSH, AT(push_user_sockets), "50", 1, 1000000,
     "sockets of one user on one daemon"},
    {"REDIS_URL", TEXT, CONFIG_ALL, AT(redis_url), "redis://127.0.0.1:6379", 0, 0,
     "redis://host:port or unix:///path"},
    {"REGISTRATION", TEXT, CONFIG_API, AT(registration), "open", 0, 0,
     "who may register: open, verified (by a link sent by email), invited or closed"},
    {"SENDER_NOTIFICATIONS", COUNT, CONFIG_API | CONFIG_JOBS, AT(sender_notifications), "200", 1, 1000000,
     "notifications that one user may cause for another per hour; beyond that, none are created"},
    {"SESSIONS_MAX", COUNT, CONFIG_API, AT(sessions_max), "50", 1, 10000,
     "sessions of one user; another one ends the oldest"},
    {"SIGNING_KEYS", SECRET, CONFIG_ALL, AT(signing_keys), NULL, 0, 0,
     "lines of `kid hex`, 32 bytes each; the first key signs, all keys verify"},
    {"SMS_TOKEN", SECRET, CONFIG_JOBS, AT(sms_token), "", 0, 0,
     "bearer token for SMS_URL"},
    {"SMS_URL", TEXT, CONFIG_JOBS, AT(sms_url), "", 0, 0,
     "gateway for text messages; gets POST {to, text}"},
    {"SMTP_CA", TEXT, CONFIG_JOBS, AT(smtp_ca), "", 0, 0,
     "file with the CA certificates for SMTP_URL; empty: the system's"},
    {"SMTP_PASSWORD", SECRET, CONFIG_JOBS, AT(smtp_password), "", 0, 0,
     "password of SMTP_USER"},
    {"SMTP_TLS", TEXT, CONFIG_JOBS, AT(smtp_tls), "required", 0, 0,
     "required, or none for a mail relay on the same host"},
    {"SMTP_URL", TEXT, CONFIG_JOBS, AT(smtp_url), "", 0, 0,
     "mail relay, smtp://host:587 or smtps://host:465"},
    {"SMTP_USER", TEXT, CONFIG_JOBS, AT(smtp_user), "", 0, 0,
     "user name for the mail relay; empty: no login"},
    {"TEXTS", COUNT, CONFIG_API | CONFIG_JOBS, AT(texts), "1000", 1, 1000000000,
     "text messages of the whole installation per hour"},
    {"UNCONFIRMED_INVITATIONS", COUNT, CONFIG_API, AT(unconfirmed_invitations), "50", 1, 10000000,
     "invitations that a user with an unconfirmed email address may send per day"},
    {"USER_BYTES", COUNT, CONFIG_API, AT(user_bytes), "1073741824", 65536, 1125899906842624,
     "bytes that one user may write per day: the total size of request bodies that change something"},
    {"USER_CODES", COUNT, CONFIG_API, AT(user_codes), "10", 1, 1000000,
     "confirmation codes that one user may request per hour, for email and phone each"},
    {"USER_CREDENTIALS", COUNT, CONFIG_API, AT(user_credentials), "5", 1, 1000000,
     "changes of one user's password or second factor per hour, and separately ending all other sessions"},
    {"USER_INVITATIONS", COUNT, CONFIG_API, AT(user_invitations), "500", 1, 10000000,
     "invitations that one user may send per day"},
    {"USER_MEMBERSHIPS", COUNT, CONFIG_API, AT(user_memberships), "3000", 1, 3000, /* likewise, together with OPEN_PROJECTS */
     "projects that one user is a member of, including those in the trash"},
    {"USER_NOTIFICATIONS", COUNT, CONFIG_API | CONFIG_JOBS, AT(user_notifications), "5000", 1, 1000000,
     "notifications kept for one user; the oldest are removed"},
    {"USER_OPEN_PROJECTS", COUNT, CONFIG_API, AT(user_open_projects), "100", 1, 1000000,
     "projects open to everyone created by one user"},
    {"USER_PROJECTS", COUNT, CONFIG_API, AT(user_projects), "2000", 1, 1000000,
     "projects created by one user, including those in the trash"},
    {"USER_TEXTS", COUNT, CONFIG_API, AT(user_texts), "20", 1, 1000000,
     "text messages that one user may cause per day"},
    {"USER_TRIES", COUNT, CONFIG_API, AT(user_tries), "50", 1, 1000000,
     "attempts of one user per day at confirmation codes"},
};
/* clang-format on */

#define SETTINGS (sizeof(settings) / sizeof(settings[0]))

static enum err
complain(const struct setting *s, const char *what)
{
    fprintf(stderr, "%s %s\n", s->name, what);
    return ERR_INVALID;
}

/* The content of the file named by NAME_FILE; leaves *value alone if that is not set. */
static enum err
read_secret_file(const struct setting *s, const char **value)
{
    char name[64], bytes[SECRET_MAX];
    const char *path;
    FILE *file;
    size_t len;

    snprintf(name, sizeof(name), "%s_FILE", s->name);
    path = getenv(name);
    if (path == NULL)
        return ERR_NONE;
    file = fopen(path, "re");
    if (file == NULL) {
        fprintf(stderr, "%s names a file that cannot be read: %s\n", name, strerror(errno));
        return ERR_INVALID;
    }
    len = fread(bytes, 1, sizeof(bytes) - 1, file);
    fclose(file);
    while (len > 0 && (bytes[len - 1] == '\n' || bytes[len - 1] == '\r'))
        len--;
    bytes[len] = '\0';
    *value = text_dup(bytes);
    return ERR_NONE;
}

static enum err
read_one(const struct setting *s, struct config *config)
{
    char *place = (char *)config + s->place, *end;
    const char *value = getenv(s->name);
    long number;

    if ((s->kind == SECRET || s->kind == PRIVATE) && value == NULL &&
        read_secret_file(s, &value) != ERR_NONE)
        return ERR_INVALID;
    if (value == NULL && (value = s->fallback) == NULL)
        return complain(s, "must be set");
    if (s->kind != COUNT) {
        *(const char **)(void *)place = value;
        return ERR_NONE;
    }
    errno = 0;
    number = strtol(value, &end, 10);
    if (errno != 0 || end == value || *end != '\0' || number < s->low || number > s->high) {
        fprintf(stderr, "%s must be a whole number from %ld to %ld\n", s->name, s->low, s->high);
        return ERR_INVALID;
    }
    *(long *)(void *)place = number;
    return ERR_NONE;
}

static enum err
check_registration(const char *mode)
{
    static const char *const modes[] = {"open", "verified", "invited", "closed"};

    for (int i = 0; i < 4; i++)
        if (strcmp(mode, modes[i]) == 0)
            return ERR_NONE;
    fprintf(stderr, "REGISTRATION must be open, verified, invited or closed\n");
    return ERR_INVALID;
}

enum err
config_read(struct config *config, unsigned program)
{
    memset(config, 0, sizeof(*config));
    for (size_t i = 0; i < SETTINGS; i++)
        if ((settings[i].programs & program) && read_one(&settings[i], config) != ERR_NONE)
            return ERR_INVALID;
    if (config->registration != NULL && check_registration(config->registration) != ERR_NONE)
        return ERR_INVALID;
    if (config->allowed_origins != NULL && *config->allowed_origins == '\0')
        config->allowed_origins = config->public_url;
    return ERR_NONE;
}

void
config_help(FILE *out, const char *name, unsigned program)
{
    fprintf(out, "usage: %s [--help | --version]\n\nSettings, from the environment:\n", name);
    for (size_t i = 0; i < SETTINGS; i++) {
        const struct setting *s = &settings[i];

        if ((s->programs & program) == 0)
            continue;
        fprintf(out, "  %s%s\n      %s\n", s->name,
                s->kind == SECRET    ? " or its _FILE"
                : s->kind == PRIVATE ? " or the content of its _FILE"
                                     : "",
                s->meaning);
        if (s->fallback != NULL && *s->fallback != '\0')
            fprintf(out, "      default: %s\n", s->fallback);
    }
}

static enum log_level
level_of(const char *name)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};

    for (int i = 0; i < 4; i++)
        if (strcmp(name, names[i]) == 0)
            return (enum log_level)i;
    fprintf(stderr, "LOG_LEVEL must be debug, info, warn or error\n");
    exit(2);
}

void
config_start(struct config *config, const char *name, unsigned program, int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); /* a core dump would contain keys and tokens */
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        config_help(stdout, name, program);
        exit(0);
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("%s %s\n", name, TASKWIRE_VERSION);
        exit(0);
    }
    if (argc > 1) {
        fprintf(stderr, "%s only takes --help or --version; settings come from the environment\n",
                name);
        exit(2);
    }
    if (config_read(config, program) != ERR_NONE)
        exit(2);
    log_open(name, level_of(config->log_level));
}
