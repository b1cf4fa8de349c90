/*
 * Gives free memory back to the system.
 */
#ifndef PUSH_TRIM_H
#define PUSH_TRIM_H

/*
 * To be called before the first thread, so that all share one arena.  The allocator never gives
 * back the end of a thread's own arena, so each would keep as much as its largest answer took.
 */
void trim_open(void);

/*
 * Once a second.  When many sockets close, their memory is freed but stays with the allocator.  If
 * the process has grown since the last time and much is free, this returns it to the system.
 */
void trim_tick(void);

#endif
