/*
 * Reading a topic's number and rights when it is new or starts again.
 */
#ifndef PUSH_TOPICS_LOAD_H
#define PUSH_TOPICS_LOAD_H

#include "common/base/id.h"

struct ev_loop;
struct topic;

void load_open(struct ev_loop *loop);

/*
 * Reads the topic's number and rights: ready() is reported when it is READY.  Topics of projects
 * are read fairly by the user who asked, t->asker.
 */
void load_topic(struct topic *t);

/* That user also needs a topic that waits to be loaded. */
void load_asker(struct topic *t, const unsigned char user[ID_BYTES]);

void load_close(void);

#endif
