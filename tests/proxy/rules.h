/*
 * The requirements of MongoDB's documentation, and of our design, for a command.
 */
#ifndef PROXY_RULES_H
#define PROXY_RULES_H

#include "message.h"

/* Calls complain(arg, rule) for every rule that the command breaks. */
void rules_judge(const struct message *m, void (*complain)(void *, const char *), void *arg);

#endif
