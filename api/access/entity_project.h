/*
 * The project in which a user last reached a task or a comment: so that a change need not look up
 * whose topic it concerns.  Only a guess: whoever follows it must find the entity there, or look.
 * Kept for each user apart, so that the time of an answer tells nobody what others have.
 */
#ifndef API_ACCESS_ENTITY_PROJECT_H
#define API_ACCESS_ENTITY_PROJECT_H

#include <bson/bson.h>
#include <stdbool.h>

bool entity_project_get(const bson_oid_t *user, const bson_oid_t *entity, bson_oid_t *project);
void entity_project_put(const bson_oid_t *user, const bson_oid_t *entity,
                        const bson_oid_t *project);

#endif
