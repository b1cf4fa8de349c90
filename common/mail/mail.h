/*
 * Sends emails and text messages through an SMTP relay and an HTTP gateway, or writes them to files
 * in the outbox.
 */
#ifndef COMMON_MAIL_MAIL_H
#define COMMON_MAIL_MAIL_H

#include "common/base/err.h"
#include "common/mail/mime.h"

struct config;
struct mail;

/* Call once, before any thread; NULL if a setting is wrong, with a sentence on stderr. */
struct mail *mail_open(const struct config *config);
void mail_close(struct mail *mail);

/*
 * Both: ERR_NONE if it was accepted; ERR_INVALID if it never will be (logged); ERR_BUSY if it may
 * be tried again (logged).
 */
enum err mail_send_email(const struct mail *mail, const struct email *email) MUST_CHECK;

/* id: unique, the same at each try. */
enum err mail_send_text(const struct mail *mail, const char *id, const char *phone,
                        const char *words) MUST_CHECK;

#endif
