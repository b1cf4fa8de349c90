/*
 * One child process: threads that take FastCGI requests from one epoll.
 */
#ifndef API_SERVER_WORKER_H
#define API_SERVER_WORKER_H

struct config;
struct session_revocation;
struct store_note;

/*
 * Serves the listening socket until SIGTERM; returns the process's exit status. notes: one per
 * thread; notes and revoked are in memory shared with the parent.
 */
int worker_run(int listener, const struct config *config, struct store_note *notes,
               struct session_revocation *revocation);

/* A listening unix socket at path, replacing a stale one; -1 with the reason logged. */
int worker_listen(const char *path);

#endif
