/*
 * What comes over Redis and what clients hold: published messages, cursors and
 * topics.  What is understood can be written and is understood again.
 */
#include "common/event.h"

#include <string.h>

#include "common/text.h"
#include "tests/fuzz/fuzz.h"

#define EPOCH   "deadbeef"
#define SEQ_MAX 999999999999999

static void
check_message(const char *bytes, size_t len)
{
    struct event_head head, again;
    struct text t = {0};

    if (event_message_read(bytes, len, &head) != ERR_NONE)
        return;
    must(head.seq >= 0 && head.seq <= SEQ_MAX);
    must(head.len > 0 && head.frame >= bytes && head.frame + head.len == bytes + len);
    text_printf(&t, "%lld %s %s\n", (long long)head.seq, head.kind, head.entity_id);
    text_add(&t, head.frame, head.len);
    if (strlen(head.kind) > 0 && memchr(bytes, '\0', len) == NULL) {
        must(event_message_read(t.bytes, t.len, &again) == ERR_NONE);
        must(again.seq == head.seq && strcmp(again.kind, head.kind) == 0 && again.len == head.len);
    }
    text_free(&t);
}

static void
check_cursor(const char *bytes, size_t len)
{
    char topic[EVENT_TOPIC], first[EVENT_TOPIC] = "";
    struct text t = {0};
    size_t at = 0, before = 0;
    int64_t seq, found = -1;

    cursor_begin(&t, EPOCH);
    while (cursor_next(bytes, len, &at, topic, &seq)) {
        must(at > before && at <= len); /* it ends */
        must(seq >= 0 && seq <= SEQ_MAX);
        must(event_topic_ok(topic, strlen(topic)));
        cursor_add(&t, topic, seq);
        strcpy(first, topic);
        before = at;
    }
    if (first[0] != '\0') {
        must(cursor_find(t.bytes, t.len, EPOCH, first, &found) == CURSOR_OK);
        must(cursor_find(t.bytes, t.len, "00000000", first, &found) == CURSOR_OTHER_EPOCH);
    }
    if (cursor_find(bytes, len, EPOCH, "everyone", &found) == CURSOR_OK)
        must(at == len && memcmp(bytes, EPOCH, 8) == 0);
    text_free(&t);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;

    check_message(bytes, size);
    check_cursor(bytes, size);
    if (event_topic_ok(bytes, size))
        must(size == 8 || size == 29 || size == 32);
    return 0;
}
