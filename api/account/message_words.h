/*
 * Names, locations and links in emails.
 */
#ifndef API_ACCOUNT_MESSAGE_WORDS_H
#define API_ACCOUNT_MESSAGE_WORDS_H

#include <bson/bson.h>

struct request;

#define NOTICE_MS                                                                                  \
    (24LL * 3600 * 1000) /* how long it makes sense to send an email that only informs */

/* For emails: a name chosen by a user, unless it looks like a link; then `otherwise`. */
const char *message_words_harmless(struct request *r, const char *name, const char *otherwise);

/* For emails: text chosen by a user, with a space for everything that could make a link. */
const char *message_words_unlinked(struct request *r, const char *words);

/* For emails: " Anna" if the name is harmless, otherwise "". */
const char *message_words_greeting(struct request *r, const bson_t *user);

/* Where the request came from, in words. */
const char *message_words_ip(const struct request *r);

/*
 * The address of a page of the web client.  A token (NULL: none) comes after the #, which browsers
 * do not send and servers do not log.
 */
const char *message_words_link(struct request *r, const char *page, const char *token);

#endif
