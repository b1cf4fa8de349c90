/*
 * Cursors, which clients hold and may change.  What is understood can be written and is understood
 * again.
 */
#include "common/change/cursor.h"

#include <string.h>

#include "common/text/text.h"
#include "tests/fuzz/fuzz.h"

#define EPOCH   "deadbeef"
#define SEQ_MAX 999999999999999

static void
check_places(const struct cursor *c)
{
    char topic[EVENT_TOPIC];
    int64_t seq;

    must(c->count > 0 && c->count <= CURSOR_TOPICS);
    for (uint32_t i = 0; i < c->count; i++) {
        must(c->places[i].seq >= 0 && c->places[i].seq <= SEQ_MAX);
        must(i == 0 || memcmp(c->places[i - 1].key, c->places[i].key, 13) < 0);
        cursor_topic(&c->places[i], topic);
        must(strcmp(topic, EVERYONE_TOPIC) == 0 || strlen(topic_id(topic)) == 24);
        must(cursor_seq(c, topic, &seq) && seq == c->places[i].seq);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor in = {0}, again = {0};
    struct text t = {0};
    enum cursor_answer answer = cursor_read(&in, (const char *)data, size, EPOCH);

    if (answer != CURSOR_MALFORMED) {
        check_places(&in);
        cursor_write(&in, EPOCH, &t);
        must(cursor_read(&again, t.bytes, t.len, EPOCH) == CURSOR_OK);
        must(again.count == in.count);
        for (uint32_t i = 0; i < in.count; i++)
            must(again.places[i].seq == in.places[i].seq &&
                 memcmp(again.places[i].key, in.places[i].key, 13) == 0);
    } else {
        must(in.places == NULL);
    }
    cursor_free(&in);
    cursor_free(&again);
    text_free(&t);
    return 0;
}
