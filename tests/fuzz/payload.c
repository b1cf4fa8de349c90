/*
 * Any frame that claims to be an event, and what push reads out of it.
 */
#include "push/base/payload.h"

#include <string.h>

#include "push/base/frame.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct frame *f = frame_new((const char *)data, size);
    struct payload p;

    payload_read(&p, f);
    must(p.project[0] == '\0' || strlen(p.project) == 24);
    must(p.readable || (!p.access && !p.opened)); /* what cannot be read opens nothing */
    must(p.access || !p.opened);
    must(payload_at(f) >= -62167219200000);
    frame_drop(f);
    return 0;
}
