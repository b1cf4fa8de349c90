/*
 * Lines in the ordinary log, so that they are kept wherever it is kept.
 */
#include "api/access/audit.h"

#include <string.h>

#include "api/http/request.h"
#include "common/base/id.h"
#include "common/log.h"
#include "common/text/json.h"

#define AGENT_MAX 200 /* bytes of a client's User-Agent */

static void
member(struct text *t, const char *name, const char *value, size_t len)
{
    text_printf(t, "%s\"%s\":", t->len > 0 ? "," : "", name);
    json_string(t, value, len);
}

static void
member_text(struct text *t, const char *name, const char *value)
{
    size_t len = value == NULL ? 0 : strlen(value);

    if (len > 0)
        member(t, name, value, len < AGENT_MAX ? len : AGENT_MAX);
}

void
audit_of(const struct request *r, const char *event, const bson_oid_t *user, const char *name,
         const char *value)
{
    struct text t = {0};
    char hex[ID_TEXT] = "";

    if (user != NULL)
        bson_oid_to_string(user, hex);
    member_text(&t, "event", event);
    member_text(&t, "userId", hex);
    member_text(&t, "actorId", r->user);
    member_text(&t, "sessionId", r->session);
    member_text(&t, "ip", r->address);
    member_text(&t, "agent", r->user_agent);
    if (name != NULL)
        member_text(&t, name, value);
    log_members(LOG_INFO, "audit", t.bytes);
    text_free(&t);
}

void
audit(const struct request *r, const char *event, const bson_oid_t *user)
{
    audit_of(r, event, user, NULL, NULL);
}
