/*
 * The emails that Taskwire sends: one file in letters/ each, for both the plain and the HTML part.
 */
#ifndef API_QUEUE_LETTERS_H
#define API_QUEUE_LETTERS_H

#include <bson/bson.h>

#include "common/base/err.h"

struct text;

/* Stored in jobs by number: new ones go to the end. */
enum letter_name {
    LETTER_PASSWORD_RESET,
    LETTER_PASSWORD_CHANGED,
    LETTER_VERIFY_EMAIL,
    LETTER_CHANGE_EMAIL,
    LETTER_EMAIL_CHANGED,
    LETTER_PHONE_CHANGED,
    LETTER_NEW_DEVICE,
    LETTER_SESSION_ENDED,
    LETTER_SECOND_FACTOR,
    LETTER_API_TOKEN,
    LETTER_ACCOUNT_DELETED,
    LETTER_ACCOUNT_KEPT,
    LETTER_PHONE_CODE,
    LETTER_PHONE_MOVED,
    LETTER_INVITATION,
    LETTER_OPEN_ACCOUNT,
    LETTER_ACCOUNT_EXISTS,
    LETTER__COUNT
};

/*
 * Writes an email from its content (letter, and the values of its {names}).  ERR_INVALID if there
 * is no such letter.
 */
enum err letters_write(const bson_t *content, struct text *subject, struct text *plain,
                       struct text *html) MUST_CHECK;

#endif
