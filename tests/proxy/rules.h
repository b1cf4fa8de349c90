/*
 * What MongoDB's documentation demands of a command, and what our design does.
 */
#ifndef PROXY_RULES_H
#define PROXY_RULES_H

#include "message.h"

/* Calls complain(arg, rule) for every rule that the command breaks. */
void rules_judge(const struct message *m, void (*complain)(void *, const char *), void *arg);

#endif
