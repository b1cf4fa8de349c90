/*
 * How many sockets an address has, and how many of them are still in their handshake.
 */
#ifndef PUSH_NET_ADDRESSES_H
#define PUSH_NET_ADDRESSES_H

struct address;

/* One more connection, which is in its handshake; the same name gives the same address. */
struct address *addresses_add(const char *name);

/* The handshake of one of them has ended, successfully or not. */
void addresses_shaken(struct address *address);
long addresses_shaking(const struct address *address);

/* One connection less; NULL is fine. */
void addresses_remove(struct address *address);

long addresses_count(const struct address *address);

#endif
