/*
 * Topics that start again, comparisons, and lists that arrive late.
 */
#include <stdlib.h>
#include <string.h>

#include "common/change/cursor.h"
#include "common/text/text.h"
#include "push/base/arrival.h"
#include "push/base/frame.h"
#include "push/clients/answer.h"
#include "push/topics/compare.h"
#include "push/events/fanout.h"
#include "push/topics/hub.h"
#include "push/clients/lists.h"
#include "push/sources/reads.h"
#include "push/sources/reads_people.h"
#include "push/topics/repair.h"
#include "push/net/session.h"
#include "push/events/lifecycle.h"
#include "tests/unit/push_fixture.h"
#include "tests/unit/unit.h"

#define USER    "user:0123456789abcdef01234567"
#define OTHER   "user:fedcba9876543210fedcba98"
#define TOPIC   "project:0123456789abcdef01234567"
#define FIRST   "project:000000000000000000000001"
#define SECOND  "project:000000000000000000000002"
#define FOLLOW  "{\"op\":\"follow\",\"topic\":\""
#define MAX_ASK 16

static void
forget(struct topic *t)
{
    repair_forget(t);
    hub_forget(t);
}

static void
say(struct conn *c, const char *text)
{
    push_say(c, text);
    push_run();
}

/* ------------------------------------------------------------ a database */

static struct load *loads[MAX_ASK];
static struct numbers *numbers[MAX_ASK];
static struct projects *lists[MAX_ASK];
static struct page *pages[MAX_ASK];
static int load_count, number_count, list_count, page_count;

/* On a slow machine a gap is queried before the test has filled it; it gets no answer. */
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

void __wrap_reads_numbers(struct numbers *h);
void
__wrap_reads_numbers(struct numbers *h)
{
    assert_true(number_count < MAX_ASK);
    h->names = h->items;
    h->asked = h->count;
    h->items = NULL;
    h->count = h->size = 0;
    numbers[number_count++] = h;
}

void __wrap_reads_people_projects(struct projects *p);
void
__wrap_reads_people_projects(struct projects *p)
{
    assert_true(list_count < MAX_ASK);
    lists[list_count++] = p;
}

/* Answers all loads: the projects exist and are open. */
static void
answer_loads(int64_t seq)
{
    while (load_count > 0) {
        struct load *l = loads[--load_count];

        strcpy(l->epoch, PUSH_EPOCH);
        for (uint32_t i = 0; i < l->count; i++) {
            l->topics[i].found = l->topics[i].project = l->topics[i].rights.open = true;
            l->topics[i].seq = seq;
        }
        l->job.done(&l->job);
    }
    push_run();
}

static void
answer_numbers(void)
{
    struct numbers *h = numbers[--number_count];

    strcpy(h->epoch, PUSH_EPOCH);
    h->job.done(&h->job);
    push_run();
}

/* Answers with projects numbered from..upto, or that the earlier list still holds. */
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
    push_run();
    answer_loads(0);
}

/* ------------------------------------------------------------ tests */

/*
 * While rights are read again, follows wait, are sent nothing, and then continue where they were.
 */
static void
test_a_reload_is_invisible_to_clients(void **state)
{
    struct conn c = {0};
    struct topic *t;

    (void)state;
    push_connect(&c, USER);
    say(&c, FOLLOW TOPIC "\"}");
    answer_loads(7);
    assert_true(push_heard(&c, "following"));
    push_clear(&c);
    t = hub_find(TOPIC, strlen(TOPIC));
    lifecycle_reload(t, 8);
    assert_int_equal(load_count, 1);
    assert_int_equal(t->follows[FOLLOW_WAITING].count, 1);
    answer_loads(7);
    assert_int_equal(t->stream.seen, 8); /* the event that caused the reload is still to come */
    push_add_event(t, 0);
    fanout_now(t);
    answer_news(t);
    push_run();
    assert_true(push_heard(&c, "event"));
    assert_false(push_heard(&c, "following"));
    assert_false(push_heard(&c, "resync"));
    push_disconnect(&c);
    forget(t);
}

/* A load that began before the topic started again has read outdated rights. */
static void
test_answers_from_before_a_reload_are_ignored(void **state)
{
    struct conn c = {0};
    struct topic *t;
    struct load *early;

    (void)state;
    push_connect(&c, USER);
    say(&c, FOLLOW TOPIC "\"}");
    t = hub_find(TOPIC, strlen(TOPIC));
    early = loads[--load_count];
    early->topics[0].found = early->topics[0].project = early->topics[0].rights.open = true;
    lifecycle_reload(t, 0);
    strcpy(early->epoch, PUSH_EPOCH);
    early->job.done(&early->job);
    assert_int_not_equal(t->state, TOPIC_READY);
    assert_false(push_heard(&c, "following"));
    answer_loads(0);
    assert_true(push_heard(&c, "following"));
    push_disconnect(&c);
    forget(t);
}

/* A thousand requests to compare a topic are one query, and the next one is collected meanwhile. */
static void
test_a_comparison_includes_a_topic_once(void **state)
{
    bool fresh;
    struct topic *t = hub_topic(TOPIC, &fresh), *other = hub_topic(FIRST, &fresh);

    (void)state;
    t->state = other->state = TOPIC_READY;
    for (int i = 0; i < 1000; i++) {
        compare_topic(t);
        compare_topic(other);
    }
    assert_int_equal(number_count, 1);
    assert_int_equal(numbers[0]->asked, 1); /* sent at once */
    answer_numbers();
    assert_int_equal(number_count, 1);
    assert_int_equal(numbers[0]->asked, 2); /* each once */
    answer_numbers();
    assert_int_equal(number_count, 0);
    forget(t);
    forget(other);
}

/* A list whose reading began before an `all` was asked for must not answer it. */
static void
test_a_late_list_is_not_given_to_a_newer_all(void **state)
{
    struct conn c = {0};

    (void)state;
    push_connect(&c, USER);
    say(&c, FOLLOW "all\",\"ref\":1}");
    assert_int_equal(list_count, 1);
    say(&c, "{\"op\":\"unfollow\",\"topic\":\"all\"}");
    say(&c, FOLLOW "all\",\"ref\":2}");
    answer_list(1, 1, false);
    assert_false(push_heard(&c, "\"following\""));
    c.session->own->topic->user.listed_at = 0; /* a while later */
    lists_again();
    push_run();
    assert_int_equal(list_count, 1);
    answer_list(2, 2, false);
    assert_true(push_heard(&c, SECOND));
    assert_false(push_heard(&c, FIRST));
    push_clear(&c);
    c.session->own->topic->user.listed_at = 0;
    say(&c, FOLLOW "all\",\"ref\":3}");
    assert_int_equal(list_count, 1);
    assert_non_null(lists[0]->earlier);
    answer_list(0, 0, true);
    assert_true(push_heard(&c, SECOND));
    push_disconnect(&c);
    lists_forget(hub_find(USER, strlen(USER)));
}

/* A list that was read before the epoch changed must not be reused. */
static void
test_a_list_does_not_survive_its_epoch(void **state)
{
    struct conn c = {0};

    (void)state;
    push_connect(&c, USER);
    c.session->own->topic->user.listed_at = 0;
    say(&c, FOLLOW "all\"}");
    answer_list(1, 1, false);
    assert_non_null(c.session->own->topic->user.list);
    push_clear(&c);
    c.session->own->topic->user.listed_at = 0;
    say(&c, FOLLOW "all\"}");
    assert_int_equal(list_count, 1);
    lifecycle_restart(c.session->own->topic, "epoch");
    assert_null(c.session->own->topic->user.list);
    answer_list(0, 0, true);
    assert_false(push_heard(&c, "\"following\""));
    push_disconnect(&c);
}

/* Answers the page that is being read: every number that it asks for is in the log. */
static void
answer_page(void)
{
    struct page *p = pages[--page_count];

    assert_int_equal(page_count, 0);
    p->count = (uint32_t)p->limit;
    p->items = calloc(p->count, sizeof(*p->items));
    for (uint32_t i = 0; i < p->count; i++) {
        p->items[i].seq = p->after + 1 + i;
        p->items[i].frame = frame_new("{\"op\":\"event\"}", 14);
    }
    p->job.done(&p->job);
    push_run();
}

static void
follow_since(struct conn *c, int64_t since)
{
    struct text text = {0};

    text_puts(&text, FOLLOW TOPIC "\",\"since\":\"");
    cursor_write_one(&text, PUSH_EPOCH, TOPIC, since);
    text_puts(&text, "\"}");
    say(c, text.bytes);
    text_free(&text);
}

/* Whoever follows a topic again and again from its first event does not keep others from theirs. */
static void
test_users_who_lack_older_events_take_turns(void **state)
{
    struct conn mallory = {0}, ben = {0}, again = {0};
    struct topic *t;

    (void)state;
    push_connect(&mallory, USER);
    push_connect(&ben, OTHER);
    push_connect(&again, USER);
    say(&mallory, FOLLOW TOPIC "\"}");
    answer_loads(1000);
    t = hub_find(TOPIC, strlen(TOPIC));
    follow_since(&mallory, 0);
    follow_since(&ben, 500);
    for (int n = 0; n < 4 && (n == 0 || pages[0]->after != 500); n++) {
        assert_int_equal(page_count, 1);
        follow_since(&again, 0);
        answer_page();
    }
    assert_int_equal(page_count, 1);
    assert_int_equal(pages[0]->after, 500);
    assert_false(push_heard(&ben, "following"));
    follow_since(&again, 0);
    answer_page();
    assert_true(push_heard(&ben, "following"));
    push_disconnect(&mallory);
    push_disconnect(&ben);
    push_disconnect(&again);
    forget(t);
}

static int
open_all(void **state)
{
    bool fresh;

    push_open(state);
    hub_topic("everyone", &fresh)->state = TOPIC_READY;
    return 0;
}

static int
close_all(void **state)
{
    while (load_count > 0)
        free(loads[--load_count]);
    while (page_count > 0)
        reads_page_free(pages[--page_count]);
    return push_close(state);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_reload_is_invisible_to_clients),
        cmocka_unit_test(test_answers_from_before_a_reload_are_ignored),
        cmocka_unit_test(test_a_comparison_includes_a_topic_once),
        cmocka_unit_test(test_a_late_list_is_not_given_to_a_newer_all),
        cmocka_unit_test(test_a_list_does_not_survive_its_epoch),
        cmocka_unit_test(test_users_who_lack_older_events_take_turns),
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}
