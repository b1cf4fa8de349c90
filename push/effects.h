/*
 * What an event does beyond being shown.
 */
#ifndef PUSH_EFFECTS_H
#define PUSH_EFFECTS_H

struct happening;
struct topic;

/* Before a project's event is shown: who loses the right by it does not see it. */
void effects_before(struct topic *t, const struct happening *h);

/* After an event of another topic: sessions end, hide, or follow `all` to where it now may. */
void effects_after(struct topic *t, const struct happening *h);

#endif
