/*
 * A short list: it is searched from its beginning.
 */
#include "push/clients/skips.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/must.h"

/* The index of a topic; count: it is not there. */
static uint32_t
find(const struct skips *s, const char *name)
{
    uint32_t i = 0;

    while (i < s->count && strcmp(s->names[i], name) != 0)
        i++;
    return i;
}

bool
skips_has(const struct skips *s, const char *name)
{
    return find(s, name) < s->count;
}

bool
skips_add(struct skips *s, const char *name)
{
    if (skips_has(s, name))
        return true;
    if (s->count == SKIPS_MAX)
        return false;
    if (s->names == NULL)
        s->names = must_alloc(SKIPS_MAX, sizeof(*s->names));
    strcpy(s->names[s->count++], name);
    return true;
}

void
skips_remove(struct skips *s, const char *name)
{
    uint32_t i = find(s, name);

    if (i < s->count && i < --s->count)
        memcpy(s->names[i], s->names[s->count], EVENT_TOPIC);
}

void
skips_free(struct skips *s)
{
    free(s->names);
    *s = (struct skips){0};
}
