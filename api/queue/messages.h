/*
 * The emails and text messages that Taskwire sends: one file in messages/ each, which gives the
 * plain and the HTML part.
 */
#ifndef API_QUEUE_MESSAGES_H
#define API_QUEUE_MESSAGES_H

#include <bson/bson.h>

#include "common/base/err.h"

struct text;

/* Stored in jobs by number: new ones go to the end. */
enum message_kind {
    MESSAGE_PASSWORD_RESET,
    MESSAGE_PASSWORD_CHANGED,
    MESSAGE_VERIFY_EMAIL,
    MESSAGE_CHANGE_EMAIL,
    MESSAGE_EMAIL_CHANGED,
    MESSAGE_PHONE_CHANGED,
    MESSAGE_NEW_DEVICE,
    MESSAGE_SESSION_ENDED,
    MESSAGE_SECOND_FACTOR,
    MESSAGE_API_TOKEN,
    MESSAGE_ACCOUNT_DELETED,
    MESSAGE_ACCOUNT_KEPT,
    MESSAGE_PHONE_CODE,
    MESSAGE_PHONE_MOVED,
    MESSAGE_INVITATION,
    MESSAGE_OPEN_ACCOUNT,
    MESSAGE_ACCOUNT_EXISTS,
    MESSAGE__COUNT
};

/*
 * Writes a message from a job's content: which message it is, and the values of its {names}.
 * ERR_INVALID if there is no such message.
 */
enum err messages_write(const bson_t *content, struct text *subject, struct text *plain,
                        struct text *html) MUST_CHECK;

#endif
