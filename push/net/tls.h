/*
 * The certificate of PUSH_LISTEN.
 */
#ifndef PUSH_NET_TLS_H
#define PUSH_NET_TLS_H

#include <stdbool.h>

struct config;

/* Are the settings complete and the files valid?  True without TLS; false: logged. */
bool tls_open(const struct config *config);

bool tls_on(void);

/* Prepares the SSL_CTX of the listener. */
bool tls_use(void *context);

/* Reads the files again, for new connections; if they are not valid, the old ones stay. */
void tls_reload(void);

#endif
