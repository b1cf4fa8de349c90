/*
 * Takes back what an event tells about a change: the opposite of doc_changes().  Pure.
 */
#ifndef API_SCHEMA_DOC_REVERT_H
#define API_SCHEMA_DOC_REVERT_H

#include <bson/bson.h>
#include <stdbool.h>

#include "api/schema/field.h"

#define DOC_REVERT_NAMES 64 /* most names that are reported */

/* Names are those of the changes ("title", "checklist/i3/done") and point into them. */
struct doc_reverted {
    bson_t *set; /* the fields as they were before the change, in stored form */
    const char *names[DOC_REVERT_NAMES];     /* all that the change names */
    const char *conflicts[DOC_REVERT_NAMES]; /* those that are not as the change has left them */
    const char *untold[DOC_REVERT_NAMES];    /* those whose values were too long for the event */
    int name_count, conflict_count, untold_count;
};

/*
 * Compares a stored document with what a change has left, and appends to out->set, an empty
 * document, what the fields were before it.  changes: an event's changes, read as BSON.  Items of
 * lists are taken back one by one, so other items stay as they are now; an item that was removed
 * returns to the item that it followed, or to the end if that one is gone.
 */
void doc_revert(const struct shape *shape, const bson_t *changes, const bson_t *doc,
                struct doc_reverted *out);

/* Appends the changes with before and after exchanged: taking these back makes the change again. */
void doc_revert_swap(const bson_t *changes, bson_t *out);

#endif
