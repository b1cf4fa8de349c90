/*
 * taskwire-admin: maintenance of the database, run by hand, and by deploy/up before it starts the
 * programs.
 */
#include <stdio.h>
#include <string.h>

#include "common/admin/store_migrate.h"
#include "common/admin/store_second_factor.h"
#include "common/config.h"

static const struct command {
    const char *name, *argument, *meaning;
    enum err (*run)(const char *uri, const char *database);
    enum err (*run_with)(const char *uri, const char *database, const char *argument);
} commands[] = {
    {"migrate", NULL, "updates the database to this version's schema and indexes", store_migrate,
     NULL},
    {"derive", NULL,
     "corrects derived fields and counters that older programs did not write; run it once none of them runs",
     store_migrate_derive, NULL},
    {"restored", NULL,
     "to be run after a restore from a backup: renews the epoch, corrects numbers",
     store_migrate_restored, NULL},
    {"remove-second-factor", "USER_ID",
     "turns off a user's two-factor authentication and ends all sessions; keeps the password", NULL,
     store_second_factor_remove},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

/* The command given by the arguments; NULL if there is none. */
static const struct command *
find(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < COMMANDS; i++)
        if (strcmp(commands[i].name, argv[1]) == 0 &&
            argc == (commands[i].argument == NULL ? 2 : 3))
            return &commands[i];
    return NULL;
}

static void
list_commands(FILE *out)
{
    fprintf(out, "usage: taskwire-admin COMMAND\n\nCommands:\n");
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(out, "  %s%s%s\n      %s\n", commands[i].name,
                commands[i].argument == NULL ? "" : " ",
                commands[i].argument == NULL ? "" : commands[i].argument, commands[i].meaning);
    fputc('\n', out);
}

int
main(int argc, char **argv)
{
    static struct config config; /* its strings live as long as the process */
    const struct command *command = find(argc, argv);
    const char *argument = argc > 2 ? argv[2] : NULL;
    enum err err;

    if (command == NULL && (argc != 2 || strncmp(argv[1], "--", 2) != 0)) {
        list_commands(stderr);
        return 2;
    }
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        list_commands(stdout);
    if (command != NULL)
        argc = 1; /* otherwise config_start() handles --help and --version, or fails */
    config_start(&config, "taskwire-admin", CONFIG_ADMIN, argc, argv);
    err = command->run != NULL
              ? command->run(config.mongodb_uri, config.mongodb_database)
              : command->run_with(config.mongodb_uri, config.mongodb_database, argument);
    return err == ERR_NONE ? 0 : err == ERR_INVALID ? 2 : 1;
}
