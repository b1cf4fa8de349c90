/*
 * The readers' answers find their topic by name and generation; an answer from an earlier
 * generation is discarded.
 */
#include "push/topics/repair.h"

#include <ev.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/id.h"
#include "common/base/must.h"
#include "common/base/vec.h"
#include "common/log.h"
#include "common/time/clock.h"
#include "push/base/arrival.h"
#include "push/metrics.h"
#include "push/sources/reader.h"
#include "push/sources/reads.h"
#include "push/topics/hub.h"

#define RACE_US    10000  /* publishers race, so a gap may close by itself within this time */
#define RETRY_US   500000 /* after the database did not answer */
#define DOUBT_US   50000  /* after a repair found nothing */
#define DOUBTS     5      /* repairs that found nothing until the number is taken for false */
#define PAGE_FIRST 64     /* events read beyond what one client lacks: others will need them */
/*
 * The bytes that one page should have.  While the database reads a page, other readers of it wait,
 * hellos among them: several small pages let them through in between.
 */
#define PAGE_BYTES (128 * 1024)
#define PAGE_LEAST 8 /* events, however large they are */

static struct {
    struct ev_loop *loop;
    ev_timer soon;
    struct gap {
        struct topic *topic;
        int64_t at; /* steady us, when it is read */
    } * gaps;
    uint32_t gap_count, gap_size;
    int64_t wants_at; /* when wants are tried again; 0: none failed */
    struct {
        struct topic *topic;          /* its next page is being chosen; NULL: none is */
        unsigned char last[ID_BYTES]; /* user for whom a page has just been read */
    } choice;
} repair;

static void
wake(void)
{
    if (!ev_is_active(&repair.soon))
        ev_timer_again(repair.loop, &repair.soon);
}

static void
gap_at(struct topic *t, int64_t at)
{
    if (t->gapped || t->repairing || t->state != TOPIC_READY)
        return;
    repair.gaps = vec_room(repair.gaps, repair.gap_count, &repair.gap_size, sizeof(*repair.gaps));
    t->gapped = true;
    repair.gaps[repair.gap_count++] = (struct gap){t, at};
    wake();
}

void
repair_gap(struct topic *t)
{
    gap_at(t, clock_steady() + RACE_US);
}

void
repair_announced(struct topic *t, int64_t seq)
{
    if (seq > t->stream.seen)
        t->stream.seen = seq;
    if (seq > t->stream.head)
        repair_gap(t);
}

/* How many events a page of the topic may have, judging by those that are in memory. */
static int
page_limit(const struct topic *t)
{
    const struct stream *known = t->window != NULL ? t->window : &t->stream;
    size_t limit;

    if (known->count == 0)
        return PAGE_FIRST;
    limit = (size_t)PAGE_BYTES * known->count / known->bytes;
    return limit < PAGE_LEAST ? PAGE_LEAST : limit > READS_PAGE ? READS_PAGE : (int)limit;
}

static struct page *
new_page(struct topic *t, int64_t after, int64_t upto, void (*done)(struct job *))
{
    int limit = page_limit(t);
    struct page *p = must_alloc(1, sizeof(*p));

    strcpy(p->topic, t->name);
    p->generation = t->generation;
    p->after = after;
    p->upto = upto;
    p->limit = upto - after < limit ? (int)(upto - after) : limit;
    p->job.done = done;
    return p;
}

/* The topic of an answer, if it still is the one that asked. */
static struct topic *
asker(const struct page *p)
{
    struct topic *t = hub_find(p->topic, strlen(p->topic));

    return t == NULL || t->generation != p->generation ? NULL : t;
}

/* ------------------------------------------------------------ gaps */

/* Nothing was found up to the number that was announced: it is not visible yet, or false. */
static void
doubt(struct topic *t, int64_t top)
{
    if (top < t->stream.seen && ++t->tries >= DOUBTS) {
        log_warn("repair: %s: number %lld was announced, but the log ends at %lld", t->name,
                 (long long)t->stream.seen, (long long)top);
        stream_doubt(&t->stream, top);
        t->tries = 0;
    }
    if (t->stream.seen > t->stream.head)
        gap_at(t, clock_steady() + DOUBT_US);
    else
        topic_calls->news(t); /* a `since` beyond the log is now known to be so */
}

/* The events after the head have been read: relays them, or finds that there are none. */
static void
gap_read(struct job *job)
{
    struct page *p = (struct page *)job;
    struct topic *t = asker(p);

    if (t == NULL) {
        reads_page_free(p);
        return;
    }
    t->repairing = false;
    if (job->err != ERR_NONE) {
        gap_at(t, clock_steady() + RETRY_US);
    } else if (p->count == 0) {
        doubt(t, p->top);
    } else if (p->items[0].seq > t->stream.head + 1) {
        log_error("repair: %s: the log begins at %lld, but %lld is needed", t->name,
                  (long long)p->items[0].seq, (long long)t->stream.head + 1);
        topic_calls->restart(t, "trimmed");
    } else {
        t->tries = 0;
        for (uint32_t i = 0; i < p->count && t->generation == p->generation; i++) {
            metrics[METRIC_REPAIRED] += p->items[i].seq > t->stream.head;
            topic_calls->event(t, &p->items[i]);
        }
        if (t->stream.seen > t->stream.head)
            gap_at(t, 0);
    }
    reads_page_free(p);
}

static void
repair_now(struct topic *t)
{
    t->gapped = false;
    if (t->stream.seen <= t->stream.head || t->state != TOPIC_READY)
        return;
    metrics[METRIC_GAPS]++;
    t->repairing = true;
    reads_page(new_page(t, t->stream.head, INT64_MAX, gap_read), NULL);
}

/* ------------------------------------------------------------ older events */

/* Keeps what was read: in front of the ring as far as it has room, and as the window. */
static void
keep_page(struct topic *t, const struct page *p)
{
    uint32_t first = p->count;

    while (first > 0 && (first == p->count || p->items[first - 1].seq + 1 == p->items[first].seq))
        first--; /* only the part without gaps up to the end */
    if (t->window == NULL)
        t->window = must_alloc(1, sizeof(*t->window));
    if (first == p->count) {
        t->trimmed = p->upto + 1;
        return;
    }
    if (p->items[first].seq > p->after + 1)
        t->trimmed = p->items[first].seq;
    stream_start(t->window, p->items[first].seq - 1);
    for (uint32_t i = first; i < p->count; i++)
        stream_add(t->window, p->items[i].frame);
    if (p->items[p->count - 1].seq != stream_oldest(&t->stream) - 1)
        return;
    metrics[METRIC_RING_BYTES] -= (int64_t)t->stream.bytes;
    for (uint32_t i = p->count; i > first; i--)
        if (!stream_prepend(&t->stream, p->items[i - 1].frame))
            break;
    metrics[METRIC_RING_BYTES] += (int64_t)t->stream.bytes;
}

void
repair_spare(struct topic *t)
{
    if (t->window == NULL || t->follows[FOLLOW_CATCHUP].count > 0 || t->want > 0 || t->paging)
        return;
    stream_free(t->window);
    free(t->window);
    t->window = NULL;
}

/*
 * Users who wait for different pages of a topic take turns, in the order of their ids: one who
 * follows it again and again from an old number must not keep the others from catching up.
 */
static bool
is_sooner(const unsigned char user[ID_BYTES], const unsigned char than[ID_BYTES])
{
    bool user_had_turn = memcmp(user, repair.choice.last, ID_BYTES) <= 0;
    bool than_had_turn = memcmp(than, repair.choice.last, ID_BYTES) <= 0;

    if (user_had_turn != than_had_turn)
        return than_had_turn;
    return memcmp(user, than, ID_BYTES) < 0;
}

static void start_page(struct topic *t);

/* Lets follows go on after a page has been read, then reads the page of whoever is next. */
static void
go_on(struct topic *t, const struct page *p)
{
    t->want = 0;
    repair.choice.topic = t;
    memcpy(repair.choice.last, p->user, ID_BYTES);
    topic_calls->news(t);
    repair.choice.topic = NULL;
    if (t->want > 0 && !t->paging && t->state == TOPIC_READY && repair.wants_at == 0)
        start_page(t);
}

/* Older events have been read: keeps them, and lets follows go on. */
static void
page_read(struct job *job)
{
    struct page *p = (struct page *)job;
    struct topic *t = asker(p);

    if (t == NULL) {
        reads_page_free(p);
        return;
    }
    t->paging = false;
    t->page = NULL;
    if (job->err != ERR_NONE) {
        repair.wants_at = clock_steady() + RETRY_US;
        wake();
    } else {
        t->narrow = p->count > 0 && p->items[p->count - 1].seq < t->want;
        keep_page(t, p);
        go_on(t, p);
        repair_spare(t);
    }
    reads_page_free(p);
}

/*
 * Reads from the wanted event up to the ring.  After a restart the ring is empty and many clients
 * come back, so each read goes further back than the asker needs, up to four times as far as the
 * ring does: that way a few reads serve all of them.
 */
static void
start_page(struct topic *t)
{
    int64_t upto = stream_oldest(&t->stream) - 1, after = t->want - 1;
    int64_t room = STREAM_FRAMES - t->stream.count, span = PAGE_FIRST + 4 * t->stream.count;
    int64_t limit = page_limit(t);
    struct page *p;

    if (span > room)
        span = room;
    if (span > limit)
        span = limit;
    if (!t->narrow && span > upto - after)
        after = span > upto ? 0 : upto - span;
    if (after + 1 < t->trimmed)
        after = t->trimmed - 1;
    metrics[METRIC_PAGES]++;
    p = new_page(t, after, upto, page_read);
    memcpy(p->user, t->asker, ID_BYTES);
    t->paging = true;
    t->page = &p->job;
    reads_page(p, t->asker);
}

/* Notes a want while the next page is being chosen. */
static void
choose(struct topic *t, int64_t seq, const unsigned char user[ID_BYTES])
{
    bool same = t->want > 0 && memcmp(user, t->asker, ID_BYTES) == 0;

    if (t->want > 0 && (same ? seq >= t->want : !is_sooner(user, t->asker)))
        return;
    t->want = seq;
    memcpy(t->asker, user, ID_BYTES);
}

void
repair_want(struct topic *t, int64_t seq, const unsigned char user[ID_BYTES])
{
    if (repair.choice.topic == t) {
        choose(t, seq, user);
        return;
    }
    if (t->want == 0 || seq < t->want)
        t->want = seq;
    if (t->paging && t->page != NULL)
        reader_add_owner(t->page, user);
    memcpy(t->asker, user, ID_BYTES);
    if (!t->paging && repair.wants_at == 0)
        start_page(t);
}

/* ------------------------------------------------------------ time */

static void
retry_wants(int64_t now)
{
    uint32_t bucket = 0;

    if (repair.wants_at == 0 || repair.wants_at > now)
        return;
    repair.wants_at = 0;
    for (struct topic *t = NULL; (t = hub_next(&bucket, t)) != NULL;)
        if (t->want > 0 && !t->paging && t->state == TOPIC_READY)
            start_page(t);
}

/* Repairs the gaps that are due, and retries pages that failed. */
static void
on_soon(struct ev_loop *loop, ev_timer *timer, int events)
{
    int64_t now = clock_steady();
    uint32_t left = 0, count = repair.gap_count;

    (void)events;
    for (uint32_t i = 0; i < count; i++) {
        if (repair.gaps[i].at <= now)
            repair_now(repair.gaps[i].topic);
        else
            repair.gaps[left++] = repair.gaps[i];
    }
    repair.gap_count = left;
    retry_wants(now);
    if (repair.gap_count == 0 && repair.wants_at == 0)
        ev_timer_stop(loop, timer);
}

void
repair_forget(struct topic *t)
{
    for (uint32_t i = 0; i < repair.gap_count; i++)
        if (repair.gaps[i].topic == t)
            repair.gaps[i--] = repair.gaps[--repair.gap_count];
}

void
repair_open(struct ev_loop *loop)
{
    repair.loop = loop;
    ev_timer_init(&repair.soon, on_soon, 0., 0.005);
}

void
repair_close(void)
{
    ev_timer_stop(repair.loop, &repair.soon);
    free(repair.gaps);
    repair.gaps = NULL;
    repair.gap_count = repair.gap_size = 0;
}
