/*
 * Hands letters and text messages to whoever carries them: an SMTP relay and an
 * HTTP gateway, or else files in the outbox.
 */
#ifndef COMMON_MAIL_MAIL_H
#define COMMON_MAIL_MAIL_H

#include "common/base/err.h"
#include "common/mail/mime.h"

struct config;
struct mail;

/* Once, before any thread; NULL when a setting is wrong, with a sentence on stderr. */
struct mail *mail_open(const struct config *config);
void mail_close(struct mail *mail);

/*
 * Both: ERR_NONE when it was taken over; ERR_INVALID when it never will be
 * (logged); ERR_BUSY when it may be tried again (logged).
 */
enum err mail_letter(const struct mail *mail, const struct letter *letter) MUST_CHECK;

/* id: unique, the same at each try. */
enum err mail_text(const struct mail *mail, const char *id, const char *phone,
                   const char *words) MUST_CHECK;

#endif
