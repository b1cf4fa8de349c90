/*
 * The contract, printed from routes.c and the shapes.
 */
#ifndef API_SERVER_OPENAPI_H
#define API_SERVER_OPENAPI_H

struct text;

/* Appends the OpenAPI 3.1 document. */
void openapi_write(struct text *out);

#endif
