/*
 * The project in which a user last reached a task or a comment, so that a change need not look up
 * whose topic it concerns.  Only a guess: a change that uses it must check that the entity is
 * there, and otherwise look it up.  Kept separately for each user, so that response times reveal
 * nothing about other users' projects.
 */
#ifndef API_ACCESS_ENTITY_PROJECT_H
#define API_ACCESS_ENTITY_PROJECT_H

#include <bson/bson.h>
#include <stdbool.h>

/* Call before fork(), so that the processes of this host share what they know.  Without it nothing
 * is kept. */
void entity_project_share(void);

bool entity_project_get(const bson_oid_t *user, const bson_oid_t *entity, bson_oid_t *project);
void entity_project_put(const bson_oid_t *user, const bson_oid_t *entity,
                        const bson_oid_t *project);

#endif
