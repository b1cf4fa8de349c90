/*
 * Names of topics: "project:<24 hex digits>", "user:<24 hex digits>" and "everyone".
 */
#ifndef COMMON_TOPICS_TOPIC_H
#define COMMON_TOPICS_TOPIC_H

#include <stdbool.h>

#include "common/base/id.h"

#define EVENT_TOPIC    36 /* bytes of "project:", 24 hex digits and a NUL, with room */
#define EVERYONE_TOPIC "everyone"

/* Writes the name of a project's topic, or of a user's. */
void topic_of_project(char out[EVENT_TOPIC], const unsigned char id[ID_BYTES]);
void topic_of_user(char out[EVENT_TOPIC], const unsigned char id[ID_BYTES]);

/* Is it the topic of a project, or of a user? */
bool topic_is_project(const char *topic);
bool topic_is_user(const char *topic);

/* The 24 hex digits in the name of a project's or a user's topic; "" for other names. */
const char *topic_id(const char *topic);

#endif
