/*
 * Many clients that follow one topic, are disconnected again and again, and reconnect with their
 * last cursor.  Each checks that events arrive in order, each once, with none missing, and computes
 * a CRC over their frames: if it equals the log's CRC, the client has received the whole log.
 * Commands on stdin: `until SEQ` ends the program once all clients are at SEQ and all
 * disconnections are done, `mark` clears what `report` prints; end of file ends the program.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "swarm.h"

#define OPENING_MAX 64  /* handshakes at once */
#define EVERY       5   /* events between two disconnections, on average */
#define AGAIN_MS    200 /* at most, before it reconnects */

static const char *const usage =
    "usage: swarm HOST PORT ORIGIN TOPIC CURSOR TOKENS CLIENTS DROPS SEED\n"
    "TOPIC: - to say nothing.  CURSOR: - for none.  TOKENS: a file of lines.\n";

static struct {
    const char *host, *origin, *topic;
    int port, epoll, size, opening, following;
    struct client *all;
    char **tokens;
    int token_count;
    int64_t until; /* -1: not yet known */
    bool reported; /* it was printed that all follow */
    uint64_t random, began, first, last, marked, first_end, last_end;
    struct {
        uint64_t events, gaps, repeats, resyncs, errors, refused, drops, returns, ended[5000];
    } n;
} swarm = {.until = -1};

static uint32_t
random_below(uint32_t sides)
{
    swarm.random ^= swarm.random << 13;
    swarm.random ^= swarm.random >> 7;
    swarm.random ^= swarm.random << 17;
    return (uint32_t)(swarm.random >> 32) % sides;
}

/* The text after `name` up to the next `end`. */
static size_t
find(const char *text, size_t len, const char *name, char end, const char **at)
{
    const char *p = memmem(text, len, name, strlen(name)), *stop;

    if (p == NULL)
        return 0;
    p += strlen(name);
    stop = memchr(p, end, len - (size_t)(p - text));
    *at = p;
    return stop == NULL ? 0 : (size_t)(stop - p);
}

/* ------------------------------------------------------------ a client's life */

static void
come_back(struct client *c, bool soon)
{
    swarm.following -= c->following;
    swarm.opening -= !c->following;
    c->following = false;
    c->again = wire_now() + (soon ? random_below(AGAIN_MS) : AGAIN_MS) * 1000000ull;
}

static void
connect_client(struct client *c)
{
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};

    swarm.opening++;
    swarm.n.returns++;
    c->got = 0;
    c->until_drop = random_below(2 * EVERY);
    if (!wire_connect(c, swarm.host, swarm.port, swarm.origin)) {
        swarm.n.refused++;
        come_back(c, false);
    } else if (epoll_ctl(swarm.epoll, EPOLL_CTL_ADD, c->fd, &e) != 0) {
        abort();
    }
}

static void
drop(struct client *c)
{
    c->drops--;
    swarm.n.drops++;
    wire_drop(c, random_below(2) == 0);
    come_back(c, true);
}

/* If there are no events to count it disconnects as soon as it is up to date. */
static void
maybe_drop(struct client *c)
{
    if (c->drops > 0 && (c->got >= c->until_drop || (swarm.until >= 0 && c->seq >= swarm.until)))
        drop(c);
}

void
swarm_upgraded(struct client *c, int status)
{
    char text[1600];
    int n;

    if (status != 101) {
        swarm.n.refused++;
        wire_drop(c, false);
        come_back(c, false);
        return;
    }
    if (*swarm.topic == '-') {
        c->following = true;
        swarm.following++;
        swarm.opening--;
        return;
    }
    n = snprintf(text, sizeof(text), "{\"op\":\"hello\",\"token\":\"%s\"}",
                 swarm.tokens[(c - swarm.all) % swarm.token_count]);
    wire_say(c, 1, text, (size_t)n);
}

static void
follow(struct client *c)
{
    char text[512];
    int n;

    if (*c->cursor != '\0')
        n = snprintf(text, sizeof(text), "{\"op\":\"follow\",\"topic\":\"%s\",\"since\":\"%s\"}",
                     swarm.topic, c->cursor);
    else
        n = snprintf(text, sizeof(text), "{\"op\":\"follow\",\"topic\":\"%s\"}", swarm.topic);
    wire_say(c, 1, text, (size_t)n);
    if (c->drops > 0 && random_below(10) == 0)
        drop(c); /* before the reply */
}

static void
event(struct client *c, const char *text, size_t len)
{
    const char *p;
    int64_t seq = find(text, len, "\"seq\":", ',', &p) > 0 ? atoll(p) : -1;
    size_t n = find(text, len, "\"cursor\":\"", '"', &p);

    swarm.n.events++;
    swarm.marked++;
    swarm.last = wire_now();
    if (swarm.first == 0)
        swarm.first = swarm.last;
    if (c->seq >= 0 && seq > c->seq + 1)
        swarm.n.gaps++;
    else if (c->seq >= 0 && seq <= c->seq)
        swarm.n.repeats++;
    c->seq = seq;
    c->crc = wire_crc(c->crc, text, len);
    if (n > 0 && n < sizeof(c->cursor)) {
        memcpy(c->cursor, p, n);
        c->cursor[n] = '\0';
    }
    c->got++;
    maybe_drop(c);
}

void
swarm_text(struct client *c, const char *text, size_t len)
{
    if (len > 14 && memcmp(text, "{\"op\":\"event\",", 14) == 0) {
        event(c, text, len);
    } else if (memmem(text, len, "\"op\":\"ready\"", 12) != NULL) {
        follow(c);
    } else if (memmem(text, len, "\"op\":\"following\"", 16) != NULL) {
        if (*c->cursor != '\0' && memmem(text, len, "\"recovered\":true", 16) == NULL)
            swarm.n.resyncs++;
        c->following = true;
        swarm.following++;
        swarm.opening--;
        maybe_drop(c);
    } else if (memmem(text, len, "\"op\":\"resync\"", 13) != NULL) {
        swarm.n.resyncs++;
    } else if (memmem(text, len, "\"op\":\"error\"", 12) != NULL ||
               memmem(text, len, "\"op\":\"left\"", 11) != NULL) {
        swarm.n.errors++;
        fprintf(stderr, "swarm: %.*s\n", (int)len, text);
        wire_drop(c, false);
        come_back(c, false);
    }
}

void
swarm_closed(struct client *c, int code)
{
    swarm.n.ended[code < 5000 ? code : 0]++;
    swarm.last_end = wire_now();
    if (swarm.first_end == 0)
        swarm.first_end = swarm.last_end;
    come_back(c, true);
}

/* ------------------------------------------------------------ all of them */

static void
report(const char *why)
{
    uint32_t crc = swarm.all[0].crc;
    int others = 0;
    int64_t least = INT64_MAX;

    for (int i = 0; i < swarm.size; i++) {
        others += swarm.all[i].crc != crc;
        least = swarm.all[i].seq < least ? swarm.all[i].seq : least;
    }
    printf("{\"why\":\"%s\",\"clients\":%d,\"following\":%d,\"seconds\":%.3f,\"events\":%llu,"
           "\"gaps\":%llu,"
           "\"repeats\":%llu,\"resyncs\":%llu,\"errors\":%llu,\"refused\":%llu,\"drops\":%llu,"
           "\"connects\":%llu,\"crc\":%u,\"others\":%d,\"least\":%lld,\"marked\":%llu,"
           "\"spread\":%.6f,\"last\":%.6f,\"ending\":%.3f,\"ended\":{",
           why, swarm.size, swarm.following, (double)(wire_now() - swarm.began) / 1e9,
           (unsigned long long)swarm.n.events, (unsigned long long)swarm.n.gaps,
           (unsigned long long)swarm.n.repeats, (unsigned long long)swarm.n.resyncs,
           (unsigned long long)swarm.n.errors, (unsigned long long)swarm.n.refused,
           (unsigned long long)swarm.n.drops, (unsigned long long)swarm.n.returns, crc, others,
           (long long)least, (unsigned long long)swarm.marked,
           (double)(swarm.last - swarm.first) / 1e9, (double)swarm.last / 1e9,
           (double)(swarm.last_end - swarm.first_end) / 1e9);
    for (int i = 0, more = 0; i < 5000; i++)
        if (swarm.n.ended[i] > 0)
            printf("%s\"%d\":%llu", more++ ? "," : "", i, (unsigned long long)swarm.n.ended[i]);
    printf("}}\n");
    fflush(stdout);
}

static bool
all_done(void)
{
    for (int i = 0; i < swarm.size; i++) {
        const struct client *c = &swarm.all[i];

        if (swarm.until < 0 || !c->following || c->drops > 0 || c->seq < swarm.until)
            return false;
    }
    return true;
}

/* Whole lines only: the caller writes them at once. */
static void
obey(void)
{
    char text[256];
    ssize_t n = read(0, text, sizeof(text) - 1);

    if (n <= 0)
        exit(0);
    text[n] = '\0';
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        if (strncmp(line, "until ", 6) == 0)
            swarm.until = atoll(line + 6);
        else if (strcmp(line, "mark") == 0)
            swarm.marked = swarm.first = swarm.last = swarm.first_end = swarm.last_end = 0;
        else if (strcmp(line, "report") == 0)
            report("asked");
    }
    for (int i = 0; swarm.until >= 0 && i < swarm.size; i++)
        if (swarm.all[i].following)
            maybe_drop(&swarm.all[i]);
}

static void
connect_due(void)
{
    uint64_t now = wire_now();

    for (int i = 0; i < swarm.size && swarm.opening < OPENING_MAX; i++)
        if (swarm.all[i].fd < 0 && swarm.all[i].again <= now)
            connect_client(&swarm.all[i]);
    if (!swarm.reported && swarm.following == swarm.size) {
        swarm.reported = true;
        report("following");
    }
}

static void
read_tokens(const char *path)
{
    FILE *file = fopen(path, "r");
    char line[2048];

    if (file == NULL)
        abort();
    while (fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        swarm.tokens = realloc(swarm.tokens, sizeof(char *) * (size_t)(swarm.token_count + 1));
        swarm.tokens[swarm.token_count++] = strdup(line);
    }
    fclose(file);
}

static void
begin(char **argv)
{
    struct epoll_event input = {.events = EPOLLIN};
    struct rlimit files;

    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    swarm.host = argv[1];
    swarm.port = atoi(argv[2]);
    swarm.origin = argv[3];
    swarm.topic = argv[4];
    read_tokens(argv[6]);
    swarm.size = atoi(argv[7]);
    swarm.random = 88172645463325252ull + strtoull(argv[9], NULL, 10) * 2654435761u;
    swarm.all = calloc((size_t)swarm.size, sizeof(*swarm.all));
    swarm.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (swarm.all == NULL || swarm.token_count == 0 ||
        epoll_ctl(swarm.epoll, EPOLL_CTL_ADD, 0, &input) != 0)
        abort();
    for (int i = 0; i < swarm.size; i++) {
        swarm.all[i].fd = -1;
        swarm.all[i].seq = -1;
        swarm.all[i].drops = (uint32_t)atoi(argv[8]);
        if (strcmp(argv[5], "-") == 0)
            continue;
        snprintf(swarm.all[i].cursor, sizeof(swarm.all[i].cursor), "%s", argv[5]);
        swarm.all[i].seq = atoll(strrchr(argv[5], '.') + 1); /* only a test may parse a cursor */
    }
    swarm.began = wire_now();
}

int
main(int argc, char **argv)
{
    struct epoll_event events[512];

    if (argc != 10) {
        fputs(usage, stderr);
        return 2;
    }
    begin(argv);
    while (!all_done()) {
        int n;

        connect_due();
        n = epoll_wait(swarm.epoll, events, 512, 20);
        for (int i = 0; i < n; i++) {
            struct client *c = events[i].data.ptr;

            if (c == NULL)
                obey();
            else if (c->fd >= 0)
                wire_readable(c);
        }
    }
    report("done");
    return 0;
}
