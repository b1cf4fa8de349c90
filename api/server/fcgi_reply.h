/*
 * Writes replies to nginx as FastCGI records: libfcgi would write 8 KiB at a time, and each write
 * wakes nginx.
 */
#ifndef API_SERVER_FCGI_REPLY_H
#define API_SERVER_FCGI_REPLY_H

#include <stdbool.h>

struct FCGX_Request;
struct request;

/*
 * Writes the reply so far, with the head before the first piece, and the request's end after the
 * last one.  A connection that fails is closed.
 */
void fcgi_reply_send(struct FCGX_Request *f, struct request *r, bool last);

#endif
