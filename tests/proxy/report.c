/*
 * Writes the file of lines.
 */
#include "report.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS (REPORT_MAX * 4)

static FILE *file;
static char *seen[SLOTS];
static int count;

int
report_open(const char *path)
{
    file = fopen(path, "we");
    return file == NULL ? -1 : 0;
}

static uint64_t
hash_of(const char *kind, const char *text)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a */

    for (const char *p = kind; *p != '\0'; p++)
        h = (h ^ (unsigned char)*p) * 1099511628211u;
    for (const char *p = text; *p != '\0'; p++)
        h = (h ^ (unsigned char)*p) * 1099511628211u;
    return h;
}

void
report_line(const char *kind, const char *text)
{
    uint64_t slot = hash_of(kind, text) % SLOTS;
    char *line;

    for (; seen[slot] != NULL; slot = (slot + 1) % SLOTS) {
        size_t len = strlen(kind);

        if (strncmp(seen[slot], kind, len) == 0 && strcmp(seen[slot] + len, text) == 0)
            return;
    }
    if (count == REPORT_MAX)
        return;
    if (asprintf(&line, "%s%s", kind, text) < 0)
        abort();
    seen[slot] = line;
    count++;
    fprintf(file, "%s\t%s\n", kind, text);
    fflush(file);
}
