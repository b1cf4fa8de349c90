/*
 * Names of topics.
 */
#include "common/topics/topic.h"

#include <string.h>

#include "common/base/id.h"
#include "common/text/text.h"

#define PROJECT "project:"
#define USER    "user:"

void
topic_of_project(char out[EVENT_TOPIC], const unsigned char id[ID_BYTES])
{
    strcpy(out, PROJECT);
    text_hex(out + strlen(PROJECT), id, ID_BYTES);
}

void
topic_of_user(char out[EVENT_TOPIC], const unsigned char id[ID_BYTES])
{
    strcpy(out, USER);
    text_hex(out + strlen(USER), id, ID_BYTES);
}

bool
topic_is_project(const char *topic)
{
    return strncmp(topic, PROJECT, strlen(PROJECT)) == 0;
}

bool
topic_is_user(const char *topic)
{
    return strncmp(topic, USER, strlen(USER)) == 0;
}

const char *
topic_id(const char *topic)
{
    const char *colon = strchr(topic, ':');

    return colon == NULL ? "" : colon + 1;
}
