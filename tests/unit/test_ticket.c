/*
 * Tickets with a fake Redis: which writers ask, which wait, and what a Redis that hangs costs.
 */
#include "common/topics/ticket.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/time/clock.h"
#include "tests/unit/unit.h"

#define PATIENT_MS 20000 /* this Redis answers, however slow the machine is */
#define SHORT_MS   20
#define SOON_US    1000000 /* far more than a Redis that hangs may cost, on any machine */

static const char *const name[] = {"project:a"};
static char path[] = "/tmp/ticket-XXXXXX";
static char address[64];

enum mode { FREE, HELD, SILENT };

static _Atomic enum mode mode;
static atomic_int takes, blocks, gives, connections, serving;

/* One command's words, joined; false at the end. */
static bool
read_command(FILE *in, char *out, size_t size)
{
    char line[64], word[2048];
    int count;
    size_t len;

    *out = '\0';
    if (fgets(line, sizeof(line), in) == NULL)
        return false;
    for (count = atoi(line + 1); count > 0; count--) {
        if (fgets(line, sizeof(line), in) == NULL || (len = (size_t)atoi(line + 1)) > 2000 ||
            fread(word, 1, len + 2, in) != len + 2)
            return false;
        word[len] = '\0';
        strncat(out, word, size - strlen(out) - 2);
        strcat(out, " ");
    }
    return true;
}

static const char *
answer_to(const char *command)
{
    if (strncmp(command, "BLPOP", 5) == 0) {
        atomic_fetch_add(&blocks, 1);
        return "*2\r\n$4\r\nfree\r\n$1\r\n1\r\n";
    }
    if (strstr(command, "EXISTS") == NULL) {
        atomic_fetch_add(&gives, 1);
        return ":0\r\n";
    }
    atomic_fetch_add(&takes, 1);
    return mode == FREE ? ":1\r\n" : ":0\r\n";
}

static void *
serve(void *arg)
{
    int fd = (int)(intptr_t)arg;
    FILE *in = fdopen(fd, "r");
    char command[4096];

    while (read_command(in, command, sizeof(command))) {
        const char *answer = answer_to(command);

        if (mode != SILENT && write(fd, answer, strlen(answer)) < 0)
            break;
    }
    fclose(in);
    atomic_fetch_sub(&serving, 1);
    return NULL;
}

static void *
listen_for_ever(void *arg)
{
    int listener = (int)(intptr_t)arg, fd;
    pthread_t thread;

    while ((fd = accept(listener, NULL, NULL)) >= 0) {
        atomic_fetch_add(&connections, 1);
        atomic_fetch_add(&serving, 1);
        pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd);
        pthread_detach(thread);
    }
    return NULL;
}

static int
start_redis(void **state)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    pthread_t thread;

    (void)state;
    if (mkdtemp(path) == NULL)
        return -1;
    snprintf(address, sizeof(address), "%s/redis", path);
    strcpy(at.sun_path, address);
    if (bind(listener, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(listener, 8) != 0)
        return -1;
    pthread_create(&thread, NULL, listen_for_ever, (void *)(intptr_t)listener);
    pthread_detach(thread);
    return 0;
}

static int
remove_redis(void **state)
{
    (void)state;
    unlink(address);
    return rmdir(path);
}

/* A new host without conflicts so far. */
static int
begin(void **state)
{
    struct topic_lock *lock = calloc(1, sizeof(*lock));

    tickets_share();
    takes = blocks = gives = connections = 0;
    *state = lock;
    return topic_lock_take(lock, name, 1, 1000) == ERR_NONE ? 0 : -1;
}

static int
finish(void **state)
{
    topic_lock_give(*state);
    free(*state);
    while (atomic_load(&serving) > 0) /* what was sent last is counted with this test */
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    return 0;
}

static void
test_without_a_conflict_redis_is_not_asked(void **state)
{
    struct tickets *t = tickets_open(address, 0, PATIENT_MS);
    struct ticket ticket;

    mode = FREE;
    ticket_take(t, *state, 1000, &ticket);
    assert_false(ticket_holds(&ticket));
    ticket_give(t, &ticket);
    assert_int_equal(connections, 0);
    tickets_close(t);
}

static void
test_after_a_conflict_a_ticket_is_taken(void **state)
{
    struct tickets *t = tickets_open(address, 0, PATIENT_MS);
    struct ticket ticket;

    mode = FREE;
    ticket_conflict(*state);
    for (int i = 1; i <= 3; i++) {
        ticket_take(t, *state, 1000, &ticket);
        assert_true(ticket_holds(&ticket));
        ticket_give(t, &ticket);
        assert_int_equal(takes, i);
    }
    assert_int_equal(connections, 1);
    assert_int_equal(blocks, 0);
    tickets_close(t);
}

static void
test_a_taken_ticket_is_waited_for(void **state)
{
    struct tickets *t = tickets_open(address, 0, PATIENT_MS);
    struct ticket ticket;

    mode = HELD;
    ticket_conflict(*state);
    ticket_take(t, *state, 1000, &ticket);
    assert_true(ticket_holds(&ticket));
    assert_int_equal(blocks, 1);
    ticket_give(t, &ticket);
    ticket_take(t, *state, 0, &ticket); /* no time to wait: no ticket */
    assert_false(ticket_holds(&ticket));
    assert_int_equal(gives, 1);
    tickets_close(t);
}

static void
test_a_hanging_redis_costs_little_and_is_not_asked_again(void **state)
{
    struct tickets *t = tickets_open(address, 0, SHORT_MS);
    int64_t began = clock_steady();
    struct ticket ticket;

    mode = SILENT;
    ticket_conflict(*state);
    for (int i = 0; i < 1000; i++) {
        ticket_take(t, *state, 1000, &ticket);
        assert_false(ticket_holds(&ticket));
        ticket_give(t, &ticket);
    }
    assert_true(clock_steady() - began < SOON_US);
    while (atomic_load(&connections) == 0) /* it may be slower than our patience */
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    assert_int_equal(connections, 1);
    tickets_close(t);
}

static void
test_no_redis_at_all(void **state)
{
    struct tickets *t = tickets_open("/tmp/there/is/none", 0, PATIENT_MS);
    struct ticket ticket;

    ticket_conflict(*state);
    ticket_take(t, *state, 1000, &ticket);
    assert_false(ticket_holds(&ticket));
    ticket_take(NULL, *state, 1000, &ticket);
    assert_false(ticket_holds(&ticket));
    tickets_close(t);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_without_a_conflict_redis_is_not_asked),
        TEST(test_after_a_conflict_a_ticket_is_taken),
        TEST(test_a_taken_ticket_is_waited_for),
        TEST(test_a_hanging_redis_costs_little_and_is_not_asked_again),
        TEST(test_no_redis_at_all),
    };

    signal(SIGPIPE, SIG_IGN); /* as every program does */
    return cmocka_run_group_tests(tests, start_redis, remove_redis);
}
