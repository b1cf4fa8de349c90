/*
 * What an event changes besides being shown: rights, sessions, `all`.
 */
#ifndef PUSH_EVENTS_EFFECTS_H
#define PUSH_EVENTS_EFFECTS_H

#include <stdbool.h>

struct arrival;
struct topic;

/*
 * Before a project's event is shown: users who lose the right by it do not see it.  false: the
 * event does not say who has the right now, so the rights must be read again before it is shown.
 */
bool effects_before(struct topic *t, const struct arrival *h);

/* After an event of another topic: sessions end, presence changes, `all` follows one more project.
 */
void effects_after(struct topic *t, const struct arrival *h);

#endif
