/*
 * Texts that sort: a task's position is one, so that a move writes one task, and
 * rarely some around it (order_place.h).  Pure.
 */
#ifndef API_SCHEMA_ORDER_KEY_H
#define API_SCHEMA_ORDER_KEY_H

#include <stdbool.h>
#include <stdint.h>

struct text;

#define ORDER_KEY_MAX 1000 /* characters; halving one gap so often takes thousands of moves */

/*
 * The key of a change: behind those of all earlier changes of the topic, and
 * behind all keys ever put between them.
 */
void order_key_last(struct text *out, int64_t seq);

/*
 * A key between two; before NULL: there is none before, however often that is
 * asked for.  False when there is no room: they are equal, in the wrong order,
 * or too long.
 */
bool order_key_between(struct text *out, const char *before, const char *after);

#endif
