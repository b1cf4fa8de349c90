/*
 * The table of event kinds that change something here.
 */
#include "push/base/arrival.h"

#include <string.h>

#include "common/base/id.h"
#include "common/text/text.h"

/* clang-format off */
static const struct {
    const char *kind;
    enum effect effect;
} effects[] = {
    {"comment.deleted",  EFFECT_FORGOTTEN},
    {"member.added",     EFFECT_MEMBER_ADDED},
    {"member.removed",   EFFECT_MEMBER_REMOVED},
    {"project.updated",  EFFECT_PROJECT_UPDATED},
    {"project.deleted",  EFFECT_PROJECT_DELETED},
    {"project.restored", EFFECT_PROJECT_RESTORED},
    {"session.revoked",  EFFECT_SESSION_REVOKED},
    {"user.updated",     EFFECT_USER_UPDATED},
};
/* clang-format on */

void
arrival_describe(struct arrival *a, const char *kind, const char *entity_id)
{
    a->effect = EFFECT_NONE;
    for (size_t i = 0; i < sizeof(effects) / sizeof(effects[0]); i++)
        if (strcmp(kind, effects[i].kind) == 0)
            a->effect = (uint8_t)effects[i].effect;
    if (strlen(entity_id) != ID_DIGITS || !text_unhex(a->id, ID_BYTES, entity_id))
        memset(a->id, 0, ID_BYTES);
}
