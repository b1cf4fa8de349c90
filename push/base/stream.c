/*
 * The ring is indexed by seq modulo its size, a power of two.
 */
#include "push/base/stream.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/must.h"
#include "push/base/arrival.h"
#include "push/base/frame.h"

void
stream_start(struct stream *s, int64_t head)
{
    stream_free(s);
    s->head = s->seen = head;
}

void
stream_free(struct stream *s)
{
    for (uint32_t i = 0; i < s->count; i++)
        frame_drop(s->ring[(uint64_t)(s->head - i) & (s->size - 1)]);
    for (uint32_t i = 0; i < s->early_count; i++)
        frame_drop(s->early[i].frame);
    free(s->ring);
    free(s->early);
    *s = (struct stream){0};
}

/* Inserts an early event in order of seq, unless it is there already or there is no room. */
static void
keep_early(struct stream *s, const struct arrival *e)
{
    uint32_t at = 0;

    while (at < s->early_count && s->early[at].seq < e->seq)
        at++;
    if (s->early_count == STREAM_EARLY || (at < s->early_count && s->early[at].seq == e->seq))
        return;
    if (s->early == NULL)
        s->early = must_resize(NULL, STREAM_EARLY * sizeof(*s->early));
    memmove(s->early + at + 1, s->early + at, (s->early_count - at) * sizeof(*s->early));
    s->early[at] = *e;
    frame_share(e->frame);
    s->early_count++;
}

enum stream_answer
stream_classify(struct stream *s, const struct arrival *e)
{
    if (e->seq <= s->head)
        return STREAM_OLD;
    if (e->seq > s->seen)
        s->seen = e->seq;
    if (e->seq == s->head + 1)
        return STREAM_NEXT;
    keep_early(s, e);
    return STREAM_EARLY_ONE;
}

static struct frame **
slot(const struct stream *s, int64_t seq)
{
    return &s->ring[(uint64_t)seq & (s->size - 1)];
}

/* Doubles the ring. */
static void
grow(struct stream *s)
{
    uint32_t size = s->size == 0 ? 8 : s->size * 2;
    struct frame **ring = must_resize(NULL, size * sizeof(*ring));

    for (uint32_t i = 0; i < s->count; i++)
        ring[(uint64_t)(s->head - i) & (size - 1)] = *slot(s, s->head - i);
    free(s->ring);
    s->ring = ring;
    s->size = size;
}

static void
drop_oldest(struct stream *s)
{
    struct frame **f = slot(s, stream_oldest(s));

    s->bytes -= (*f)->len;
    s->count--;
    frame_drop(*f);
}

void
stream_add(struct stream *s, struct frame *frame)
{
    if (s->count == s->size && s->size < STREAM_FRAMES)
        grow(s);
    while (s->count > 0 && (s->count == s->size || s->bytes + frame->len > STREAM_BYTES))
        drop_oldest(s);
    s->head++;
    if (s->seen < s->head)
        s->seen = s->head;
    *slot(s, s->head) = frame_share(frame);
    s->count++;
    s->bytes += frame->len;
}

void
stream_forget(struct stream *s)
{
    while (s->count > 0)
        drop_oldest(s);
}

bool
stream_early_next(struct stream *s, struct arrival *out)
{
    while (s->early_count > 0 && s->early[0].seq <= s->head + 1) {
        *out = s->early[0];
        s->early_count--;
        memmove(s->early, s->early + 1, s->early_count * sizeof(*s->early));
        if (s->early_count == 0) {
            free(s->early);
            s->early = NULL;
        }
        if (out->seq == s->head + 1)
            return true;
        frame_drop(out->frame);
    }
    return false;
}

void
stream_doubt(struct stream *s, int64_t seen)
{
    while (s->early_count > 0 && s->early[s->early_count - 1].seq > seen)
        frame_drop(s->early[--s->early_count].frame);
    if (s->early_count == 0) {
        free(s->early);
        s->early = NULL;
    }
    s->seen = seen < s->head ? s->head : seen;
}

int64_t
stream_oldest(const struct stream *s)
{
    return s->head - s->count + 1;
}

struct frame *
stream_at(const struct stream *s, int64_t seq)
{
    return seq > s->head || seq < stream_oldest(s) ? NULL : *slot(s, seq);
}

bool
stream_prepend(struct stream *s, struct frame *frame)
{
    if (s->count == STREAM_FRAMES || s->bytes + frame->len > STREAM_BYTES)
        return false;
    if (s->count == s->size)
        grow(s);
    s->count++;
    *slot(s, stream_oldest(s)) = frame_share(frame);
    s->bytes += frame->len;
    return true;
}
