/*
 * The lower limit of fan-out: one process that upgrades sockets and, for each message it receives,
 * makes one write(2) per socket.  No rights, no topics, no queues.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOCKETS_MAX 65536
#define MESSAGE_MAX 65536

/* The accept key is not correct; load_ws does not check it. */
static const char upgrade[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                              "Connection: Upgrade\r\nSec-WebSocket-Accept: -\r\n\r\n";

static int epoll_fd, sockets[SOCKETS_MAX], socket_count;
static bool is_socket[SOCKETS_MAX * 2]; /* by file descriptor */
static unsigned char frame[MESSAGE_MAX + 16];

static void
die(const char *what)
{
    fprintf(stderr, "bare_fanout: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void
add(int fd)
{
    struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};

    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e) != 0)
        die("epoll");
}

static void
read_whole(int fd, void *into, size_t len)
{
    for (size_t got = 0; got < len;) {
        ssize_t n = read(fd, (char *)into + got, len - got);

        if (n <= 0)
            exit(0); /* the publisher has closed the connection */
        got += (size_t)n;
    }
}

/* A message of the publisher: its length in four bytes, then the text. */
static void
publish(int fd)
{
    unsigned char size[4];
    size_t len, head = 2;

    read_whole(fd, size, 4);
    len = (size_t)size[0] << 24 | (size_t)size[1] << 16 | (size_t)size[2] << 8 | size[3];
    if (len > MESSAGE_MAX)
        die("a message is too long");
    frame[0] = 0x81;
    if (len < 126) {
        frame[1] = (unsigned char)len;
    } else {
        frame[1] = 126;
        frame[2] = (unsigned char)(len >> 8);
        frame[3] = (unsigned char)len;
        head = 4;
    }
    read_whole(fd, frame + head, len);
    for (int i = 0; i < socket_count; i++)
        if (write(sockets[i], frame, head + len) < 0 && errno != EPIPE && errno != ECONNRESET)
            die("write");
}

static void
forget(int fd)
{
    for (int i = 0; i < socket_count; i++)
        if (sockets[i] == fd)
            sockets[i] = sockets[--socket_count];
    is_socket[fd] = false;
    close(fd);
}

static void
serve(int fd, int *publisher)
{
    char text[2048];
    ssize_t n;

    if (fd == *publisher) {
        publish(fd);
        return;
    }
    if ((n = read(fd, text, sizeof(text))) <= 0) {
        forget(fd);
    } else if (!is_socket[fd] && n >= 8 && memcmp(text, "PUBLISH\n", 8) == 0) {
        *publisher = fd;
    } else if (!is_socket[fd]) {
        if (write(fd, upgrade, sizeof(upgrade) - 1) < 0 || socket_count == SOCKETS_MAX)
            die("upgrade");
        is_socket[fd] = true;
        sockets[socket_count++] = fd;
    }
}

int
main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    struct epoll_event events[256];
    struct rlimit files;
    int listener, one = 1, publisher = -1;

    if (argc != 2) {
        fputs("usage: bare_fanout PORT\n", stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)atoi(argv[1]));
    listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(listener, 4096) != 0 || (epoll_fd = epoll_create1(0)) < 0)
        die("listen");
    add(listener);
    for (;;) {
        int n = epoll_wait(epoll_fd, events, 256, -1);

        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;

            if (fd == listener) {
                if ((fd = accept(listener, NULL, NULL)) < 0)
                    die("accept");
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
                add(fd);
            } else {
                serve(fd, &publisher);
            }
        }
    }
}
