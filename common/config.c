/*
 * The reader of the settings in settings.def.
 */
#include "common/config.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/log.h"
#include "common/text/text.h"

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

#define SETTING(member, name_, kind_, programs_, fallback_, low_, high_, meaning_)                 \
    {#name_, kind_, programs_, offsetof(struct config, member), fallback_, low_, high_, meaning_},
static const struct setting settings[] = {
#include "common/settings.def"
};
#undef SETTING

#define SETTINGS (sizeof(settings) / sizeof(settings[0]))

static enum err
complain(const struct setting *s, const char *what)
{
    fprintf(stderr, "%s %s\n", s->name, what);
    return ERR_INVALID;
}

/* The content of the file named by NAME_FILE; *value is unchanged if that is not set. */
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

bool
config_reads(unsigned program, size_t place)
{
    for (size_t i = 0; i < SETTINGS; i++)
        if (settings[i].place == place)
            return (settings[i].programs & program) != 0;
    return false;
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
