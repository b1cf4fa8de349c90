/*
 * What an event does beyond being shown.
 */
#ifndef PUSH_EFFECTS_H
#define PUSH_EFFECTS_H

#include <stdbool.h>

struct happening;
struct topic;

/*
 * Before a project's event is shown: who loses the right by it does not see it.  false: the event
 * does not say who has a right now; rights must be read anew before it is shown.
 */
bool effects_before(struct topic *t, const struct happening *h);

/* After an event of another topic: sessions end, hide, or follow `all` to where it now may. */
void effects_after(struct topic *t, const struct happening *h);

#endif
