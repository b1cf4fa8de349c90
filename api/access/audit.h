/*
 * The security log: who did what to which account, and from where.  Never a secret.
 */
#ifndef API_ACCESS_AUDIT_H
#define API_ACCESS_AUDIT_H

#include <bson/bson.h>

struct request;

/*
 * Writes a line with the subject "audit" after the event. user: the account concerned, NULL if
 * unknown. event: for example "session.opened".
 */
void audit(const struct request *r, const char *event, const bson_oid_t *user);

/* Like audit(), with the id or the name of the object concerned. */
void audit_of(const struct request *r, const char *event, const bson_oid_t *user, const char *name,
              const char *value);

#endif
