/*
 * The contract of the WebSocket, printed from the tables.
 */
#ifndef PUSH_ASYNCAPI_H
#define PUSH_ASYNCAPI_H

struct text;

/* Appends the AsyncAPI 3.0 document. */
void asyncapi_write(struct text *out);

#endif
