/*
 * What comes over Redis: published messages and topics.  What is understood can be written and is
 * understood again.
 */
#include "common/change/event.h"

#include <string.h>

#include "common/base/id.h"
#include "common/text/text.h"
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

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    char id[ID_TEXT];

    check_message(bytes, size);
    if (event_project(bytes, size, id))
        must(strlen(id) == ID_DIGITS);
    return 0;
}
