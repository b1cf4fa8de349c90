/*
 * One function for each field, and for each collection one that compares them with a document.
 */
#include "common/store/derived.h"

#include <stdlib.h>
#include <string.h>

#include "common/text/doc.h"
#include "common/text/terms.h"
#include "common/text/unicode.h"

void
derived_due_key(const int64_t *at, const char *date, bson_t *out)
{
    if (at != NULL)
        BSON_APPEND_DATE_TIME(out, "dueKey", *at);
    else if (date != NULL)
        BSON_APPEND_UTF8(out, "dueKey", date);
    else
        BSON_APPEND_NULL(out, "dueKey");
}

void
derived_terms(const char *title, const char *description, bson_t *out)
{
    const char *texts[] = {title, description};
    bson_t terms;

    BSON_APPEND_ARRAY_BEGIN(out, "terms", &terms);
    terms_append(&terms, texts, 2);
    bson_append_array_end(out, &terms);
}

void
derived_name_key(const char *name, bson_t *out)
{
    char *key = unicode_fold(name);

    BSON_APPEND_UTF8(out, "nameKey", key);
    free(key);
}

void
derived_state(const bson_t *task, bson_t *out)
{
    const char *state = doc_has(task, "deletedAt")     ? "trashed"
                        : doc_has(task, "archivedAt")  ? "archived"
                        : doc_has(task, "completedAt") ? "done"
                                                       : "open";

    BSON_APPEND_UTF8(out, "state", state);
}

/* Appends those elements of `right` that doc lacks or that differ in it. */
static bool
append_differing(const bson_t *doc, const bson_t *right, bson_t *set)
{
    bson_iter_t wanted, stored;

    bson_iter_init(&wanted, right);
    while (bson_iter_next(&wanted)) {
        uint32_t len = wanted.next_off - wanted.off;

        if (!doc_find(doc, bson_iter_key(&wanted), &stored) ||
            stored.next_off - stored.off != len ||
            memcmp(stored.raw + stored.off, wanted.raw + wanted.off, len) != 0)
            bson_append_iter(set, NULL, 0, &wanted);
    }
    return !bson_empty(set);
}

bool
derived_task(const bson_t *task, bson_t *set)
{
    const char *title = doc_text(task, "title");
    bson_t right = BSON_INITIALIZER;
    int64_t at = 0;
    bool timed = doc_time(task, "dueAt", &at), differs = false;

    if (title != NULL) {
        derived_due_key(timed ? &at : NULL, doc_text(task, "dueDate"), &right);
        derived_terms(title, doc_text(task, "description"), &right);
        derived_state(task, &right);
        differs = append_differing(task, &right, set);
    }
    bson_destroy(&right);
    return differs;
}

bool
derived_comment(const bson_t *comment, bson_t *set)
{
    const char *text = doc_text(comment, "text");
    bson_t right = BSON_INITIALIZER;
    bool differs = false;

    if (text != NULL) {
        derived_terms(text, NULL, &right);
        differs = append_differing(comment, &right, set);
    }
    bson_destroy(&right);
    return differs;
}

bool
derived_project(const bson_t *project, bson_t *set)
{
    const char *name = doc_text(project, "name");
    bson_t right = BSON_INITIALIZER;
    bool differs = false;

    if (name != NULL) {
        derived_name_key(name, &right);
        differs = append_differing(project, &right, set);
    }
    bson_destroy(&right);
    return differs;
}
