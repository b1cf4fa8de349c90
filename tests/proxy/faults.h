/*
 * Faults: what is done to a command or to its reply instead of passing it on.
 * A test requests them over the control socket, a line each:
 *
 *   add ACTION [WORD=VALUE ...]   answers with the fault's number
 *   clear                         removes all faults; held messages are forwarded
 *   cut                           ends every connection
 *   hits NUMBER                   answers how often the fault was applied
 *   commits                       answers how many commits without a fault are on their way
 *
 * ACTION  cut-before  the command is lost with its connection
 *         cut-after   the command is done, its reply is lost with its connection
 *         error       the command is not done, and answered with an error; a commit with the
 *                     label TransientTransactionError is an abort, as on the server
 *         error-after the command is done, and answered with an error
 *         concern     the command is done, and its reply has a write concern error
 *         hold        the command waits
 *         delay       the reply waits
 *         empty       the read is answered with nothing
 *         vanish      a commit becomes an abort, and its reply is lost with its connection
 * WORD    command, collection, level: of the commands to match; absent: all
 *         program: whose commands, such as taskwire-api; absent: everyone's
 *         nth    the first command that it applies to (1), counted from now
 *         times  how many it applies to (1); 0: all
 *         code, labels: of the error; ms: of hold and delay
 */
#ifndef PROXY_FAULTS_H
#define PROXY_FAULTS_H

#include <stdint.h>

#include "message.h"

struct pair;

/* Handles a line of the control socket; returns the reply, to free(). */
char *faults_control(const char *line);

/* Learns from a connection's handshake whose it is. */
void faults_handshake(struct pair *pair, const struct message *m);

/* Called for each message; false: it must not be forwarded. */
bool faults_command(struct pair *pair, const struct message *m, const uint8_t *bytes, size_t len);
bool faults_reply(struct pair *pair, const struct message *m, const uint8_t *bytes, size_t len);

/*
 * Sends the messages that were held long enough; returns the milliseconds until the next is due,
 * -1: none.
 */
int faults_timer(void);

#endif
