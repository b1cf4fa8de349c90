/*
 * Memory that has become free goes back to the system.
 */
#ifndef PUSH_TRIM_H
#define PUSH_TRIM_H

/*
 * Before the first thread: all share one arena.  Of an arena of a thread the allocator never gives
 * the end back, and each of them would keep as much as its largest answer took.
 */
void trim_open(void);

/*
 * Once a second.  What a crowd held is freed with its sockets, but the allocator keeps it; so when
 * this process has grown since the last time, and the allocator has much that is free, it is given
 * back.
 */
void trim_tick(void);

#endif
