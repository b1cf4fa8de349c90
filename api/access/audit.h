/*
 * The security log: who did what to which account, from where.  Never a secret.
 */
#ifndef API_ACCESS_AUDIT_H
#define API_ACCESS_AUDIT_H

#include <bson/bson.h>

struct request;

/*
 * Writes a line with the subject "audit" once the thing has happened; user is
 * the account it happened to, NULL when nobody knows.  event: "session.opened".
 */
void audit(const struct request *r, const char *event, const bson_oid_t *user);

/* As audit(), with the id or the plain word of what it was about. */
void audit_of(const struct request *r, const char *event, const bson_oid_t *user, const char *name,
              const char *value);

#endif
