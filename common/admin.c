/*
 * taskwire-admin: what is done to the database by hand, and by deploy/up before
 * the programs start.
 */
#include <stdio.h>
#include <string.h>

#include "common/config.h"
#include "common/store_migrate.h"

static const struct command {
    const char *name, *meaning;
    enum err (*run)(const char *uri, const char *database);
} commands[] = {
    {"migrate", "brings the database up to this version's schema and indexes", store_migrate},
    {"restored", "after a restore from a backup: a new epoch, numbers as the log has them",
     store_migrate_restored},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct command *
find(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

int
main(int argc, char **argv)
{
    static struct config config; /* its strings live as long as the process */
    const struct command *command = argc == 2 ? find(argv[1]) : NULL;
    enum err err;

    if (command != NULL)
        argc = 1; /* else it is --help, --version or refused */
    config_start(&config, "taskwire-admin", CONFIG_ADMIN, argc, argv);
    if (command == NULL) {
        for (size_t i = 0; i < COMMANDS; i++)
            fprintf(stderr, "taskwire-admin %s  %s\n", commands[i].name, commands[i].meaning);
        return 2;
    }
    err = command->run(config.mongodb_uri, config.mongodb_database);
    return err == ERR_NONE ? 0 : err == ERR_INVALID ? 2 : 1;
}
