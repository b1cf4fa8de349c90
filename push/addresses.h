/*
 * How many sockets an address has.
 */
#ifndef PUSH_ADDRESSES_H
#define PUSH_ADDRESSES_H

struct address;

/* One more; the same name gives the same address. */
struct address *addresses_add(const char *name);

/* One less; NULL is fine. */
void addresses_remove(struct address *address);

long addresses_count(const struct address *address);

#endif
