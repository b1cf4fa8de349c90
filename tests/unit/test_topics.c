/*
 * A topic that starts anew, questions about numbers, and lists that come late.
 */
#include <ev.h>
#include <stdlib.h>
#include <string.h>

#include "common/config.h"
#include "push/all.h"
#include "push/follow.h"
#include "push/frame.h"
#include "push/hub.h"
#include "push/lists.h"
#include "push/ops.h"
#include "push/presence.h"
#include "push/reads.h"
#include "push/relay.h"
#include "push/repair.h"
#include "push/server.h"
#include "push/session.h"
#include "push/topics.h"
#include "push/who.h"
#include "tests/unit/unit.h"

#define USER    "user:0123456789abcdef01234567"
#define TOPIC   "project:0123456789abcdef01234567"
#define FIRST   "project:000000000000000000000001"
#define SECOND  "project:000000000000000000000002"
#define FOLLOW  "{\"op\":\"follow\",\"topic\":\""
#define MAX_ASK 16

static struct ev_loop *loop;

/* ------------------------------------------------------------ a socket that takes all */

struct conn {
    struct session *session;
    char heard[8192]; /* since it was looked at */
    size_t len;
};

bool
server_busy(const struct conn *c)
{
    (void)c;
    return false;
}

void
server_write(struct conn *c, const unsigned char *bytes, size_t len)
{
    assert_true(c->len + len < sizeof(c->heard));
    for (size_t i = 0; i < len; i++)
        c->heard[c->len++] = bytes[i] == '\0' ? ' ' : (char)bytes[i];
}

void
server_wake(struct conn *c)
{
    (void)c;
}

void
server_ping(struct conn *c)
{
    (void)c;
}

void
server_kill(struct conn *c)
{
    (void)c;
}

static void
turns(void)
{
    for (int i = 0; i < 20; i++)
        ev_run(loop, EVRUN_NOWAIT);
}

static void
say(struct conn *c, const char *text)
{
    session_receive(c->session, text, strlen(text), false);
    turns();
}

/* Was it told that since the last look? */
static bool
was_told(const struct conn *c, const char *text)
{
    return strstr(c->heard, text) != NULL;
}

static void
look(struct conn *c)
{
    memset(c->heard, 0, sizeof(c->heard));
    c->len = 0;
}

static void
come(struct conn *c)
{
    bool fresh;
    struct topic *own = hub_topic(USER, &fresh);

    own->state = TOPIC_READY;
    c->session = session_open(c);
    memcpy(c->session->user, own->id, 12);
    c->session->own = follow_begin(c->session, own, PLACE_QUIET, FOLLOW_OWN);
    session_ready(c->session);
}

static void
forget(struct topic *t)
{
    repair_forget(t);
    hub_forget(t);
}

static void
leave(struct conn *c)
{
    session_gone(c->session);
    turns();
}

/* ------------------------------------------------------------ a database */

static struct load *loads[MAX_ASK];
static struct heads *heads[MAX_ASK];
static struct projects *lists[MAX_ASK];
static struct page *pages[MAX_ASK];
static int load_count, head_count, list_count, page_count;

/* On a slow machine a gap is asked about before the test has filled it; it gets no answer. */
void __wrap_reads_page(struct page *page, const unsigned char *user);
void
__wrap_reads_page(struct page *page, const unsigned char *user)
{
    (void)user;
    assert_true(page_count < MAX_ASK);
    pages[page_count++] = page;
}

void __wrap_reads_load(struct load *load);
void
__wrap_reads_load(struct load *load)
{
    assert_true(load_count < MAX_ASK);
    loads[load_count++] = load;
}

void __wrap_reads_heads(struct heads *h);
void
__wrap_reads_heads(struct heads *h)
{
    assert_true(head_count < MAX_ASK);
    h->names = h->items;
    h->asked = h->count;
    h->items = NULL;
    h->count = h->size = 0;
    heads[head_count++] = h;
}

void __wrap_reads_projects(struct projects *p);
void
__wrap_reads_projects(struct projects *p)
{
    assert_true(list_count < MAX_ASK);
    lists[list_count++] = p;
}

/* All that is asked for is answered: the projects exist and are open. */
static void
answer_loads(int64_t seq)
{
    while (load_count > 0) {
        struct load *l = loads[--load_count];

        strcpy(l->epoch, "deadbeef");
        for (uint32_t i = 0; i < l->count; i++) {
            l->topics[i].found = l->topics[i].project = l->topics[i].rights.open = true;
            l->topics[i].seq = seq;
        }
        l->job.done(&l->job);
    }
    turns();
}

static void
answer_heads(void)
{
    struct heads *h = heads[--head_count];

    strcpy(h->epoch, "deadbeef");
    h->job.done(&h->job);
    turns();
}

/* A list of projects numbered from..upto, or that the earlier one still holds. */
static void
answer_list(int from, int upto, bool same)
{
    struct projects *p = lists[--list_count];

    p->same = same;
    if (!same)
        p->ids = calloc((size_t)(upto - from + 2), sizeof(*p->ids));
    for (int n = from; n <= upto && !same; n++)
        p->ids[p->count++][11] = (unsigned char)n;
    p->job.done(&p->job);
    turns();
    answer_loads(0);
}

/* ------------------------------------------------------------ tests */

static void
add_event(struct topic *t)
{
    static const char text[] = "{\"op\":\"event\"}";
    struct frame *f = frame_new(text, strlen(text));

    stream_add(&t->stream, f);
    frame_drop(f);
}

/* The rights of a topic are read anew: who follows it waits, is told nothing of it, and goes on. */
static void
test_a_reload_is_not_noticed(void **state)
{
    struct conn c = {0};
    struct topic *t;

    (void)state;
    come(&c);
    say(&c, FOLLOW TOPIC "\"}");
    answer_loads(7);
    assert_true(was_told(&c, "following"));
    look(&c);
    t = hub_find(TOPIC, strlen(TOPIC));
    topics_reload(t, 8);
    assert_int_equal(load_count, 1);
    assert_int_equal(t->places[PLACE_WAITING].count, 1);
    answer_loads(7);
    assert_int_equal(t->stream.seen, 8); /* the event that made it start anew is still to come */
    add_event(t);
    relay_flush(t);
    follow_news(t);
    turns();
    assert_true(was_told(&c, "event"));
    assert_false(was_told(&c, "following"));
    assert_false(was_told(&c, "resync"));
    leave(&c);
    forget(t);
}

/* An answer to what was asked before the topic started anew says nothing of it. */
static void
test_a_reload_makes_earlier_answers_void(void **state)
{
    struct conn c = {0};
    struct topic *t;
    struct load *early;

    (void)state;
    come(&c);
    say(&c, FOLLOW TOPIC "\"}");
    t = hub_find(TOPIC, strlen(TOPIC));
    early = loads[--load_count];
    early->topics[0].found = early->topics[0].project = early->topics[0].rights.open = true;
    topics_reload(t, 0);
    strcpy(early->epoch, "deadbeef");
    early->job.done(&early->job);
    assert_int_not_equal(t->state, TOPIC_READY);
    assert_false(was_told(&c, "following"));
    answer_loads(0);
    assert_true(was_told(&c, "following"));
    leave(&c);
    forget(t);
}

/* A thousand doubts about one topic are one name of one question, and the next gathers meanwhile.
 */
static void
test_a_question_names_a_topic_once(void **state)
{
    bool fresh;
    struct topic *t = hub_topic(TOPIC, &fresh), *other = hub_topic(FIRST, &fresh);

    (void)state;
    t->state = other->state = TOPIC_READY;
    for (int i = 0; i < 1000; i++) {
        repair_verify(t);
        repair_verify(other);
    }
    assert_int_equal(head_count, 1);
    assert_int_equal(heads[0]->asked, 1); /* put at once */
    answer_heads();
    assert_int_equal(head_count, 1);
    assert_int_equal(heads[0]->asked, 2); /* each once */
    answer_heads();
    assert_int_equal(head_count, 0);
    forget(t);
    forget(other);
}

/* A list that was being read for an `all` is no answer to one that was asked for later. */
static void
test_a_late_list_is_not_for_a_newer_all(void **state)
{
    struct conn c = {0};

    (void)state;
    come(&c);
    say(&c, FOLLOW "all\",\"ref\":1}");
    assert_int_equal(list_count, 1);
    say(&c, "{\"op\":\"unfollow\",\"topic\":\"all\"}");
    say(&c, FOLLOW "all\",\"ref\":2}");
    answer_list(1, 1, false);
    assert_false(was_told(&c, "\"following\""));
    c.session->own->topic->user.listed_at = 0; /* a while later */
    lists_again();
    turns();
    assert_int_equal(list_count, 1);
    answer_list(2, 2, false);
    assert_true(was_told(&c, SECOND));
    assert_false(was_told(&c, FIRST));
    look(&c);
    c.session->own->topic->user.listed_at = 0;
    say(&c, FOLLOW "all\",\"ref\":3}");
    assert_int_equal(list_count, 1);
    assert_non_null(lists[0]->earlier);
    answer_list(0, 0, true);
    assert_true(was_told(&c, SECOND));
    leave(&c);
    lists_forget(hub_find(USER, strlen(USER)));
}

/* ... nor is one that was read before the database got another epoch. */
static void
test_a_list_ends_with_the_epoch(void **state)
{
    struct conn c = {0};

    (void)state;
    come(&c);
    c.session->own->topic->user.listed_at = 0;
    say(&c, FOLLOW "all\"}");
    answer_list(1, 1, false);
    assert_non_null(c.session->own->topic->user.list);
    look(&c);
    c.session->own->topic->user.listed_at = 0;
    say(&c, FOLLOW "all\"}");
    assert_int_equal(list_count, 1);
    topics_restart(c.session->own->topic, "epoch");
    assert_null(c.session->own->topic->user.list);
    answer_list(0, 0, true);
    assert_false(was_told(&c, "\"following\""));
    leave(&c);
}

static int
open_all(void **state)
{
    static const struct config config = {.push_queue_bytes = 65536,
                                         .push_hello_seconds = 1000,
                                         .push_heartbeat_seconds = 25,
                                         .push_user_sockets = 50,
                                         .push_presence_seconds = 30};
    bool fresh;

    (void)state;
    loop = ev_default_loop(0);
    sessions_open(loop, &config);
    repair_open(loop);
    presence_open(loop, &config);
    all_open(loop);
    relay_open(loop);
    who_open(&config);
    ops_open(&config);
    topics_set_epoch("deadbeef");
    hub_topic("everyone", &fresh)->state = TOPIC_READY;
    return 0;
}

static int
close_all(void **state)
{
    (void)state;
    while (load_count > 0)
        free(loads[--load_count]);
    while (page_count > 0)
        reads_page_free(pages[--page_count]);
    sessions_stop();
    who_close();
    all_close();
    presence_close();
    repair_close();
    relay_close();
    hub_close();
    ev_loop_destroy(loop);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_reload_is_not_noticed),
        cmocka_unit_test(test_a_reload_makes_earlier_answers_void),
        cmocka_unit_test(test_a_question_names_a_topic_once),
        cmocka_unit_test(test_a_late_list_is_not_for_a_newer_all),
        cmocka_unit_test(test_a_list_ends_with_the_epoch),
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}
