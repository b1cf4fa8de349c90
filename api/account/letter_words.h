/*
 * What letters say of people, places and links.
 */
#ifndef API_ACCOUNT_LETTER_WORDS_H
#define API_ACCOUNT_LETTER_WORDS_H

#include <bson/bson.h>

struct request;

#define NOTICE_MS                                                                                  \
    (24LL * 3600 * 1000) /* how long it makes sense to send a letter that only informs */

/* For letters: a name that somebody chose, if it cannot pass for a link; else `otherwise`. */
const char *letter_words_harmless(struct request *r, const char *name, const char *otherwise);

/* For letters: words that somebody chose, with a space for whatever could make a link of them. */
const char *letter_words_unlinked(struct request *r, const char *words);

/* For letters: " Anna" if the name could not lead anybody astray, else "". */
const char *letter_words_greeting(struct request *r, const bson_t *user);

/* Where the request came from, in words. */
const char *letter_words_ip(const struct request *r);

/*
 * The address of a page of the web client.  A token (NULL: none) stands behind
 * the #, which no browser sends and no server logs.
 */
const char *letter_words_link(struct request *r, const char *page, const char *token);

#endif
