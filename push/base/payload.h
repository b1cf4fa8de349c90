/*
 * The few facts that push reads from an event's frame; everything else is relayed unread.
 */
#ifndef PUSH_BASE_PAYLOAD_H
#define PUSH_BASE_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/id.h"

struct frame;

struct payload {
    bool readable;         /* the frame has the expected form */
    bool access;           /* changes.access is there ... */
    bool opened;           /* ... and says that everyone may see the project now */
    bool presence;         /* changes.presence is there ... */
    bool shown;            /* ... and says that others may see it */
    char project[ID_TEXT]; /* data.projectId or changes.projectId; empty: none */
    int64_t rev;           /* -1: none */
    int64_t ended;         /* changes.credentialGen[0]; -1: none */
    char kept[ID_TEXT];    /* data.kept; empty: none */
};

/* Parses the frame's text; what it does not contain gets the values above. */
void payload_read(struct payload *out, const struct frame *frame);

/* The time of an event in ms, found without parsing; 0: not found. */
int64_t payload_at(const struct frame *frame);

#endif
