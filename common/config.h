/*
 * Settings: read only from the environment; one table for all programs.
 */
#ifndef COMMON_CONFIG_H
#define COMMON_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "common/base/err.h"

/* Which programs read a setting. */
#define CONFIG_API   1u
#define CONFIG_PUSH  2u
#define CONFIG_JOBS  4u
#define CONFIG_ADMIN 8u
#define CONFIG_ALL   7u /* except taskwire-admin */

/* One member for each setting of settings.def, of the type for its kind. */
#define CONFIG_COUNT   long
#define CONFIG_TEXT    const char *
#define CONFIG_SECRET  const char *
#define CONFIG_PRIVATE const char *

#define SETTING(member, name, kind, programs, fallback, low, high, meaning) CONFIG_##kind member;

struct config {
#include "common/settings.def"
};
#undef SETTING

/*
 * Reads the program's settings into *config; the strings live as long as the process.  On an
 * invalid value it writes one sentence to stderr and fails.
 */
enum err config_read(struct config *config, unsigned program) MUST_CHECK;

/* Does the program read the setting that is at this place in struct config? */
bool config_reads(unsigned program, size_t place);

/* The table as text, for --help. */
void config_help(FILE *out, const char *name, unsigned program);

/*
 * The start of every main(): handles --help and --version, reads the settings, opens the log and
 * ignores SIGPIPE.  Exits if there is nothing more to do.
 */
void config_start(struct config *config, const char *name, unsigned program, int argc, char **argv);

#endif
