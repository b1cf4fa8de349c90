/*
 * The requested faults, and the messages that they hold back.
 */
#include "faults.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "relay.h"

#define FAULTS_MAX 256
#define WORD       64

enum action { CUT_BEFORE, CUT_AFTER, ERROR, ERROR_AFTER, CONCERN, HOLD, DELAY, EMPTY, VANISH };

static const char *const actions[] = {"cut-before", "cut-after", "error", "error-after", "concern",
                                      "hold",       "delay",     "empty", "vanish"};

struct fault {
    enum action action;
    char command[WORD], collection[WORD], level[WORD], program[WORD], labels[2 * WORD];
    int nth, times, code, ms;
    int hits;
    bool over;
};

static struct fault faults[FAULTS_MAX];
static int count;

static int64_t
now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
take_word(struct fault *f, const char *word, const char *value)
{
    char *text = strcmp(word, "command") == 0      ? f->command
                 : strcmp(word, "collection") == 0 ? f->collection
                 : strcmp(word, "level") == 0      ? f->level
                 : strcmp(word, "program") == 0    ? f->program
                                                   : NULL;
    int *number = strcmp(word, "nth") == 0     ? &f->nth
                  : strcmp(word, "times") == 0 ? &f->times
                  : strcmp(word, "code") == 0  ? &f->code
                  : strcmp(word, "ms") == 0    ? &f->ms
                                               : NULL;

    if (text != NULL)
        snprintf(text, WORD, "%s", value);
    else if (number != NULL)
        *number = atoi(value);
    else if (strcmp(word, "labels") == 0)
        snprintf(f->labels, sizeof(f->labels), "%s", value);
    else
        fprintf(stderr, "proxy: what is %s?\n", word);
}

/* The slot for a new fault: the oldest finished one once all are taken; -1: none is free. */
static int
free_place(void)
{
    static int next;

    if (count < FAULTS_MAX)
        return count++;
    for (int i = 0; i < FAULTS_MAX; i++) {
        next = (next + 1) % FAULTS_MAX;
        if (faults[next].over)
            return next;
    }
    return -1;
}

static int
add(char *words)
{
    struct fault f = {.nth = 1, .times = 1};
    int place;
    char *save, *word = strtok_r(words, " ", &save), *value;
    size_t action = 0;

    while (word != NULL && action < sizeof(actions) / sizeof(actions[0]) &&
           strcmp(actions[action], word) != 0)
        action++;
    if (word == NULL || action == sizeof(actions) / sizeof(actions[0]))
        return -1;
    f.action = (enum action)action;
    while ((word = strtok_r(NULL, " ", &save)) != NULL) {
        if ((value = strchr(word, '=')) == NULL)
            return -1;
        *value++ = '\0';
        take_word(&f, word, value);
    }
    if ((place = free_place()) >= 0)
        faults[place] = f;
    return place;
}

static void
release(struct pair *pair, void *arg)
{
    struct relay_note *n = relay_note(pair);
    uint8_t *held = n->held;

    (void)arg;
    if (held == NULL || n->due > now_ms())
        return;
    n->held = NULL;
    relay_send(pair, n->to_client, held, n->held_len);
    free(held);
}

static void
hurry(struct pair *pair, void *arg)
{
    (void)arg;
    relay_note(pair)->due = 0;
    release(pair, NULL);
}

static void
cut(struct pair *pair, void *arg)
{
    (void)arg;
    relay_cut(pair);
}

static void
cut_monitor(struct pair *pair, void *arg)
{
    (void)arg;
    if (relay_note(pair)->monitor)
        relay_cut(pair);
}

static void
count_commit(struct pair *pair, void *arg)
{
    *(int *)arg += relay_note(pair)->commits;
}

char *
faults_control(const char *line)
{
    char words[1024], *answer;
    int number = 0, n = 0;

    snprintf(words, sizeof(words), "%s", line);
    if (strncmp(words, "add ", 4) == 0) {
        number = add(words + 4);
    } else if (strcmp(words, "clear") == 0) {
        for (int i = 0; i < count; i++)
            faults[i].over = true;
        relay_each(hurry, NULL);
    } else if (strcmp(words, "cut") == 0) {
        relay_each(cut, NULL);
    } else if (strcmp(words, "commits") == 0) {
        relay_each(count_commit, &number);
    } else if (sscanf(words, "hits %d", &n) == 1 && n >= 0 && n < count) {
        number = faults[n].hits;
    } else {
        number = -1;
    }
    if (asprintf(&answer, "%d\n", number) < 0)
        abort();
    return answer;
}

/* The fault that applies to this command; NULL: none. */
static struct fault *
find_fault(const char *program, const struct message *m)
{
    for (int i = 0; i < count; i++) {
        struct fault *f = &faults[i];

        if (f->over || (f->command[0] != '\0' && strcmp(f->command, m->name) != 0) ||
            (f->collection[0] != '\0' && strcmp(f->collection, m->collection) != 0) ||
            (f->program[0] != '\0' && strcmp(f->program, program) != 0) ||
            (f->level[0] != '\0' &&
             strcmp(f->level, message_text(&m->body, "readConcern.level")) != 0))
            continue;
        if (--f->nth > 0)
            continue;
        f->hits++;
        f->over = f->times > 0 && f->hits == f->times;
        return f;
    }
    return NULL;
}

static void
send_body(struct pair *pair, bool to_client, int32_t number, const bson_t *body)
{
    size_t len;
    uint8_t *bytes = message_reply(number, body, &len);

    relay_send(pair, to_client, bytes, len);
    free(bytes);
}

static void
append_labels(bson_t *doc, const char *labels)
{
    char words[2 * WORD], *save, key[16];
    bson_t list;
    int n = 0;

    if (labels[0] == '\0')
        return;
    snprintf(words, sizeof(words), "%s", labels);
    BSON_APPEND_ARRAY_BEGIN(doc, "errorLabels", &list);
    for (char *w = strtok_r(words, ",", &save); w != NULL; w = strtok_r(NULL, ",", &save)) {
        snprintf(key, sizeof(key), "%d", n++);
        BSON_APPEND_UTF8(&list, key, w);
    }
    bson_append_array_end(doc, &list);
}

/*
 * A server whose state changes notifies its monitors at once; here they learn of it by
 * reconnecting.
 */
static void
tell_monitors(int code)
{
    static const int changes[] = {91, 189, 10107, 11600, 11602, 13435, 13436};

    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
        if (changes[i] == code)
            relay_each(cut_monitor, NULL);
}

static void
send_error(struct pair *pair, int32_t number, const struct fault *f)
{
    bson_t *doc = BCON_NEW("ok", BCON_DOUBLE(0), "errmsg", "an injected fault", "code",
                           BCON_INT32(f->code), "codeName", "Injected");

    append_labels(doc, f->labels);
    send_body(pair, true, number, doc);
    bson_destroy(doc);
    tell_monitors(f->code);
}

static void
send_nothing(struct pair *pair, const struct message *m)
{
    char ns[256];
    bson_t *doc;

    snprintf(ns, sizeof(ns), "%s.%s", message_text(&m->body, "$db"), m->collection);
    doc = BCON_NEW("cursor", "{", "id", BCON_INT64(0), "ns", BCON_UTF8(ns), "firstBatch", "[", "]",
                   "}", "ok", BCON_DOUBLE(1));
    send_body(pair, true, m->id, doc);
    bson_destroy(doc);
}

/* Aborts the transaction that is being committed. */
static void
send_abort(struct pair *pair, const struct message *m)
{
    bson_t doc = BSON_INITIALIZER;

    BSON_APPEND_INT32(&doc, "abortTransaction", 1);
    bson_copy_to_excluding_noinit(&m->body, &doc, "commitTransaction", "maxTimeMS", "recoveryToken",
                                  NULL);
    send_body(pair, false, 0, &doc);
    bson_destroy(&doc);
}

static void
hold(struct pair *pair, bool to_client, const uint8_t *bytes, size_t len)
{
    struct relay_note *n = relay_note(pair);
    const struct fault *f = n->fault;

    if ((n->held = malloc(len)) == NULL)
        abort();
    memcpy(n->held, bytes, len);
    n->held_len = len;
    n->to_client = to_client;
    n->due = now_ms() + f->ms;
}

void
faults_handshake(struct pair *pair, const struct message *m)
{
    struct relay_note *n = relay_note(pair);

    if (message_has(&m->body, "client"))
        snprintf(n->program, sizeof(n->program), "%s",
                 message_text(&m->body, "client.application.name"));
}

bool
faults_command(struct pair *pair, const struct message *m, const uint8_t *bytes, size_t len)
{
    struct relay_note *n = relay_note(pair);
    const struct fault *f = find_fault(n->program, m);

    n->monitor |= strcmp(m->name, "hello") == 0 && message_has(&m->body, "topologyVersion");
    n->commits = f == NULL && strcmp(m->name, "commitTransaction") == 0;
    if (f == NULL)
        return true;
    n->fault = f;
    n->awaited = m->id;
    switch (f->action) {
    case CUT_BEFORE:
        relay_cut(pair);
        return false;
    case ERROR:
        if (strcmp(m->name, "commitTransaction") == 0 && strstr(f->labels, "Transient") != NULL) {
            n->any = true; /* a server that reports this has aborted; its reply is changed */
            send_abort(pair, m);
        } else {
            send_error(pair, m->id, f);
        }
        return false;
    case EMPTY:
        send_nothing(pair, m);
        return false;
    case HOLD:
        hold(pair, false, bytes, len);
        return false;
    case VANISH:
        n->any = true; /* the abort has a different number */
        send_abort(pair, m);
        return false;
    default:
        return true;
    }
}

static void
send_with_concern(struct pair *pair, const struct message *m, const struct fault *f)
{
    bson_t *doc = bson_copy(&m->body), concern;

    BSON_APPEND_DOCUMENT_BEGIN(doc, "writeConcernError", &concern);
    BSON_APPEND_INT32(&concern, "code", f->code);
    BSON_APPEND_UTF8(&concern, "errmsg", "an injected fault");
    bson_append_document_end(doc, &concern);
    append_labels(doc, f->labels);
    send_body(pair, true, m->reply_to, doc);
    bson_destroy(doc);
    tell_monitors(f->code);
}

bool
faults_reply(struct pair *pair, const struct message *m, const uint8_t *bytes, size_t len)
{
    struct relay_note *n = relay_note(pair);
    const struct fault *f = n->fault;
    int32_t awaited = n->awaited;

    n->commits = false;
    if (f == NULL || (m->reply_to != n->awaited && !n->any))
        return true;
    n->any = false;
    n->awaited = 0;
    switch (f->action) {
    case CUT_AFTER:
    case VANISH:
        relay_cut(pair);
        return false;
    case ERROR: /* only if it was changed to an abort */
    case ERROR_AFTER:
        send_error(pair, awaited, f);
        return false;
    case CONCERN:
        send_with_concern(pair, m, f);
        return false;
    case DELAY:
        hold(pair, true, bytes, len);
        return false;
    default:
        return true;
    }
}

static void
see_due(struct pair *pair, void *arg)
{
    const struct relay_note *n = relay_note(pair);
    int64_t *next = arg;

    if (n->held != NULL && n->due < *next)
        *next = n->due;
}

int
faults_timer(void)
{
    int64_t next = INT64_MAX, now = now_ms();

    if (count == 0)
        return -1;
    relay_each(release, NULL);
    relay_each(see_due, &next);
    if (next == INT64_MAX)
        return -1;
    return next <= now ? 0 : (int)(next - now > 1000 ? 1000 : next - now);
}
