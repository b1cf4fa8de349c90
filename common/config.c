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
}; /* PRIVATE: may hold a password, and is mostly no file */

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
     "wrong passwords or codes for an account before it must wait, longer each time"},
    {"ACCOUNT_GRACE_DAYS", COUNT, CONFIG_API | CONFIG_JOBS, AT(account_grace_days), "14", 0, 365,
     "days that a closed account can be opened again by logging in"},
    {"ADDRESS_INVITATIONS", COUNT, CONFIG_API, AT(address_invitations), "10", 1, 1000000,
     "invitations to one mail address in a day, whoever sends them"},
    {"ADDRESS_LETTERS", COUNT, CONFIG_API | CONFIG_JOBS, AT(address_letters), "30", 1, 1000000,
     "letters to one address in an hour; beyond them notices are dropped"},
    {"ADDRESS_LOGINS", COUNT, CONFIG_API, AT(address_logins), "60", 1, 10000000,
     "log-ins, registrations and the like a minute from one address"},
    {"ADDRESS_REGISTRATIONS", COUNT, CONFIG_API, AT(address_registrations), "10", 1, 1000000,
     "letters in a day that open an account for one mail address"},
    {"ALLOWED_ORIGINS", TEXT, CONFIG_API | CONFIG_PUSH, AT(allowed_origins), "", 0, 0,
     "origins that browsers may come from, with commas; empty: PUBLIC_URL"},
    {"API_PROCESSES", COUNT, CONFIG_API, AT(api_processes), "2", 1, 64,
     "worker processes"},
    {"API_REQUEST_BYTES", COUNT, CONFIG_API, AT(api_request_bytes), "67108864", 1048576, 1073741824,
     "memory that one request may use before it is refused"},
    {"API_REQUEST_SECONDS", COUNT, CONFIG_API, AT(api_request_seconds), "10", 1, 25,
     "seconds that a request may wait for the database, a new primary included; then 503"},
    {"API_SOCKET", TEXT, CONFIG_API, AT(api_socket), "run/api.sock", 0, 0,
     "unix socket for FastCGI"},
    {"API_THREADS", COUNT, CONFIG_API, AT(api_threads), "16", 1, 512,
     "threads of each worker process"},
    {"COMMENT_EDITS", COUNT, CONFIG_API, AT(comment_edits), "1000", 1, 100000,
     "versions of one comment"},
    {"EVENT_RETENTION_DAYS", COUNT, CONFIG_JOBS, AT(event_retention_days), "90", 1, 3650,
     "days that the log keeps an event; older cursors must resync"},
    {"JOBS_SESSIONS", TEXT, CONFIG_JOBS, AT(jobs_sessions), "run/jobs.sessions", 0, 0,
     "file of the open transactions, which the next start ends; each program has its own"},
    {"JOBS_THREADS", COUNT, CONFIG_JOBS, AT(jobs_threads), "4", 1, 64,
     "jobs done at once"},
    {"LETTERS", COUNT, CONFIG_API | CONFIG_JOBS, AT(letters), "10000", 1, 1000000000,
     "letters of the whole installation in an hour"},
    {"LOG_LEVEL", TEXT, CONFIG_ALL | CONFIG_ADMIN, AT(log_level), "info", 0, 0,
     "debug, info, warn or error"},
    {"MAIL_FROM", TEXT, CONFIG_JOBS, AT(mail_from), "", 0, 0,
     "`Name <address>` that letters come from; empty: noreply at PUBLIC_URL's host"},
    {"MAIL_OUTBOX", TEXT, CONFIG_JOBS, AT(mail_outbox), "outbox", 0, 0,
     "folder for letters when there is no SMTP_URL, and for texts when there is no SMS_URL"},
    {"MONGODB_DATABASE", TEXT, CONFIG_ALL | CONFIG_ADMIN, AT(mongodb_database), "taskwire", 0, 0,
     "name of the database"},
    {"MONGODB_URI", PRIVATE, CONFIG_ALL | CONFIG_ADMIN, AT(mongodb_uri), "mongodb://127.0.0.1:27017/?directConnection=true", 0, 0,
     "a MongoDB replica set"},
    {"NETWORK_RESETS", COUNT, CONFIG_API, AT(network_resets), "30", 1, 1000000,
     "letters for forgotten passwords that one IP address or /64 may ask for in an hour"},
    {"NUMBER_TEXTS", COUNT, CONFIG_API | CONFIG_JOBS, AT(number_texts), "10", 1, 1000000,
     "text messages to one number in a day"},
    {"OPEN_PROJECTS", COUNT, CONFIG_API, AT(open_projects), "2000", 1, 1000000,
     "projects of the installation that are open to everyone"},
    {"PASSWORD_COST", COUNT, CONFIG_API, AT(password_cost), "15", 10, 20,
     "log2 of scrypt's N; r=8, p=3; 15 needs 32 MiB and 0.3 s a hash"},
    {"PASSWORD_SLOTS", COUNT, CONFIG_API, AT(password_slots), "0", 0, 64,
     "passwords hashed at once on this host; 0: one fewer than there are cores, at least one"},
    {"PROJECT_BYTES", COUNT, CONFIG_API, AT(project_bytes), "4294967296", 65536, 1125899906842624,
     "bytes ever written to a project: the bodies of all requests that changed something there"},
    {"PROJECT_INVITATIONS", COUNT, CONFIG_API, AT(project_invitations), "1000", 1, 1000000,
     "open invitations of a project"},
    {"PROJECT_MEMBERS", COUNT, CONFIG_API, AT(project_members), "10000", 1, 50000,
     "members of a project"},
    {"PROJECT_TASKS", COUNT, CONFIG_API, AT(project_tasks), "2000000", 1, 1000000000,
     "tasks ever made in a project or moved there"},
    {"PUBLIC_URL", TEXT, CONFIG_ALL, AT(public_url), "http://127.0.0.1:8080", 0, 0,
     "the address that users type, without a slash at the end"},
    {"PUSH_ADDRESS_SOCKETS", COUNT, CONFIG_PUSH, AT(push_address_sockets), "1000", 1, 1000000,
     "sockets of one address on PUSH_LISTEN; nginx counts its own"},
    {"PUSH_DRAIN_SECONDS", COUNT, CONFIG_PUSH, AT(push_drain_seconds), "5", 0, 8,
     "seconds over which SIGTERM spreads the closing of sockets"},
    {"PUSH_HEARTBEAT_SECONDS", COUNT, CONFIG_PUSH, AT(push_heartbeat_seconds), "25", 2, 25,
     "seconds between two pings of a socket; without an answer it ends after 1.6 times as long"},
    {"PUSH_HELLO_SECONDS", COUNT, CONFIG_PUSH, AT(push_hello_seconds), "10", 1, 60,
     "seconds a socket has for its hello"},
    {"PUSH_LISTEN", TEXT, CONFIG_PUSH, AT(push_listen), "", 0, 0,
     "host:port served to browsers directly; empty: only the socket"},
    {"PUSH_METRICS", TEXT, CONFIG_PUSH, AT(push_metrics), "", 0, 0,
     "host:port of the Prometheus page; empty: none"},
    {"PUSH_PRESENCE_SECONDS", COUNT, CONFIG_PUSH, AT(push_presence_seconds), "30", 3, 60,
     "seconds until those who were on a daemon that was killed are not shown as present any more"},
    {"PUSH_QUEUE_BYTES", COUNT, CONFIG_PUSH, AT(push_queue_bytes), "1048576", 65536, 67108864,
     "bytes waiting for one socket before it is cut off"},
    {"PUSH_SOCKET", TEXT, CONFIG_PUSH, AT(push_socket), "run/push.sock", 0, 0,
     "unix socket that nginx forwards WebSockets to"},
    {"PUSH_TLS_CERT", TEXT, CONFIG_PUSH, AT(push_tls_cert), "", 0, 0,
     "file of the certificate and its chain (PEM) for PUSH_LISTEN, read again at SIGHUP; empty: no TLS"},
    {"PUSH_TLS_KEY", TEXT, CONFIG_PUSH, AT(push_tls_key), "", 0, 0,
     "file of its private key (PEM)"},
    {"PUSH_USER_SOCKETS", COUNT, CONFIG_PUSH, AT(push_user_sockets), "50", 1, 1000000,
     "sockets of one user on one daemon"},
    {"REDIS_URL", TEXT, CONFIG_ALL, AT(redis_url), "redis://127.0.0.1:6379", 0, 0,
     "redis://host:port or unix:///path"},
    {"REGISTRATION", TEXT, CONFIG_API, AT(registration), "open", 0, 0,
     "who may open an account: open, verified (by a letter's link), invited or closed"},
    {"SENDER_NOTIFICATIONS", COUNT, CONFIG_API | CONFIG_JOBS, AT(sender_notifications), "200", 1, 1000000,
     "notifications that one user may cause of another in an hour; beyond them none are made"},
    {"SESSIONS_MAX", COUNT, CONFIG_API, AT(sessions_max), "50", 1, 10000,
     "sessions of one user; one more ends the oldest"},
    {"SIGNING_KEYS", SECRET, CONFIG_ALL, AT(signing_keys), NULL, 0, 0,
     "lines of `kid hex`, 32 bytes each; the first signs, all verify"},
    {"SMS_TOKEN", SECRET, CONFIG_JOBS, AT(sms_token), "", 0, 0,
     "bearer token for SMS_URL"},
    {"SMS_URL", TEXT, CONFIG_JOBS, AT(sms_url), "", 0, 0,
     "gateway for text messages: it is sent POST {to, text}"},
    {"SMTP_CA", TEXT, CONFIG_JOBS, AT(smtp_ca), "", 0, 0,
     "file of the certificates that may have signed the relay's; empty: the system's"},
    {"SMTP_PASSWORD", SECRET, CONFIG_JOBS, AT(smtp_password), "", 0, 0,
     "of SMTP_USER"},
    {"SMTP_TLS", TEXT, CONFIG_JOBS, AT(smtp_tls), "required", 0, 0,
     "required, or none for a relay on the same host"},
    {"SMTP_URL", TEXT, CONFIG_JOBS, AT(smtp_url), "", 0, 0,
     "relay for letters, smtp://host:587 or smtps://host:465"},
    {"SMTP_USER", TEXT, CONFIG_JOBS, AT(smtp_user), "", 0, 0,
     "name to log in to the relay with; empty: without"},
    {"TEXTS", COUNT, CONFIG_API | CONFIG_JOBS, AT(texts), "1000", 1, 1000000000,
     "text messages of the whole installation in an hour"},
    {"UNCONFIRMED_INVITATIONS", COUNT, CONFIG_API, AT(unconfirmed_invitations), "50", 1, 10000000,
     "invitations that a user with an unconfirmed address may send in a day"},
    {"USER_CODES", COUNT, CONFIG_API, AT(user_codes), "10", 1, 1000000,
     "codes that one user may ask for in an hour, for an address and for a number each"},
    {"USER_CREDENTIALS", COUNT, CONFIG_API, AT(user_credentials), "5", 1, 1000000,
     "changes of one user's password and second factor in an hour, and as often the end of all other sessions"},
    {"USER_INVITATIONS", COUNT, CONFIG_API, AT(user_invitations), "500", 1, 10000000,
     "invitations that one user may send in a day"},
    {"USER_NOTIFICATIONS", COUNT, CONFIG_API | CONFIG_JOBS, AT(user_notifications), "5000", 1, 1000000,
     "notifications kept for one user; the oldest give way"},
    {"USER_OPEN_PROJECTS", COUNT, CONFIG_API, AT(user_open_projects), "100", 1, 1000000,
     "projects made by one user that are open to everyone"},
    {"USER_PROJECTS", COUNT, CONFIG_API, AT(user_projects), "2000", 1, 1000000,
     "projects made by one user, those in the trash included"},
    {"USER_TEXTS", COUNT, CONFIG_API, AT(user_texts), "20", 1, 1000000,
     "text messages that one user brings about in a day"},
    {"USER_TRIES", COUNT, CONFIG_API, AT(user_tries), "50", 1, 1000000,
     "tries of one user in a day at codes that confirm an address or a number"},
};
/* clang-format on */

#define SETTINGS (sizeof(settings) / sizeof(settings[0]))

static enum err
complain(const struct setting *s, const char *what)
{
    fprintf(stderr, "%s %s\n", s->name, what);
    return ERR_INVALID;
}

/* The content of the file that NAME_FILE names; NULL when that is not set. */
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
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); /* a core would hold keys and tokens */
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        config_help(stdout, name, program);
        exit(0);
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("%s %s\n", name, TASKWIRE_VERSION);
        exit(0);
    }
    if (argc > 1) {
        fprintf(stderr, "%s takes --help or --version; settings come from the environment\n", name);
        exit(2);
    }
    if (config_read(config, program) != ERR_NONE)
        exit(2);
    log_open(name, level_of(config->log_level));
}
