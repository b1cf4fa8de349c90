/*
 * Texts that sort in a chosen order.  A task's position is one, so that a move writes one task, and
 * only rarely some tasks around it (order_place.h).  Pure.
 */
#ifndef API_SCHEMA_ORDER_KEY_H
#define API_SCHEMA_ORDER_KEY_H

#include <stdbool.h>
#include <stdint.h>

struct text;

#define ORDER_KEY_MAX 1000 /* characters; reached only after thousands of moves to one place */

/*
 * The key of a change: after those of all earlier changes of the topic, and after all keys ever put
 * between them.
 */
void order_key_last(struct text *out, int64_t seq);

/*
 * A key between two; before NULL: at the top, which always has room.  False if there is no room:
 * they are equal, in the wrong order, or too long.
 */
bool order_key_between(struct text *out, const char *before, const char *after);

#endif
