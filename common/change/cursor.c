/*
 * Writing and reading cursors.
 */
#include "common/change/cursor.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/id.h"
#include "common/base/must.h"
#include "common/base/vec.h"
#include "common/text/text.h"

#define EPOCH      8  /* hex digits */
#define SEQ_DIGITS 15 /* below 2^53, which JavaScript reads exactly */
#define SEQ_MAX    INT64_C(999999999999999)
#define RECORD     21 /* bytes of the longest packed record: 1 + 12 + 8 */

/* The first byte of a key; 0 is no kind. */
enum kind { EVERYONE = 1, PROJECT, USER };

static const char kind_letters[] = {[EVERYONE] = 'e', [PROJECT] = 'p', [USER] = 'u'};

static uint32_t
id_len(unsigned char kind)
{
    return kind == EVERYONE ? 0 : 12;
}

/* The key of a topic's name. */
static void
make_key(unsigned char key[13], const char *topic)
{
    const char *id = strchr(topic, ':');

    memset(key, 0, 13);
    key[0] = topic[0] == 'e' ? EVERYONE : topic[0] == 'p' ? PROJECT : USER;
    if (id != NULL && !text_unhex(key + 1, ID_BYTES, id + 1))
        memset(key + 1, 0, ID_BYTES);
}

void
cursor_topic(const struct cursor_place *place, char topic[EVENT_TOPIC])
{
    if (place->key[0] == PROJECT)
        topic_of_project(topic, place->key + 1);
    else if (place->key[0] == USER)
        topic_of_user(topic, place->key + 1);
    else
        strcpy(topic, EVERYONE_TOPIC);
}

void
cursor_write_one(struct text *out, const char *epoch, const char *topic, int64_t seq)
{
    const char *id = strchr(topic, ':');

    text_printf(out, "%s~%c%s.%lld", epoch, topic[0], id == NULL ? "" : id + 1, (long long)seq);
}

static struct cursor_place *
add(struct cursor *c)
{
    c->places = vec_room(c->places, c->count, &c->size, sizeof(*c->places));
    return &c->places[c->count++];
}

void
cursor_put(struct cursor *c, const char *topic, int64_t seq)
{
    struct cursor_place *p = add(c);

    make_key(p->key, topic);
    p->seq = seq;
}

static int
by_key(const void *a, const void *b)
{
    return memcmp(((const struct cursor_place *)a)->key, ((const struct cursor_place *)b)->key, 13);
}

static void
sort(struct cursor *c)
{
    if (c->count > 1)
        qsort(c->places, c->count, sizeof(*c->places), by_key);
}

void
cursor_free(void *cursor)
{
    struct cursor *c = cursor;

    free(c->places);
    *c = (struct cursor){0};
}

/* ------------------------------------------------------------ packed */

/* How many leading bytes of the id are the same as before; 0 if the kinds differ. */
static uint32_t
shared_bytes(const unsigned char key[13], const unsigned char before[13])
{
    uint32_t n = 0;

    if (key[0] != before[0])
        return 0;
    while (n < 11 && key[1 + n] == before[1 + n])
        n++;
    return n;
}

/* Packs one topic; returns the number of bytes. */
static size_t
pack(unsigned char *out, const struct cursor_place *p, const unsigned char before[13])
{
    uint32_t shared = shared_bytes(p->key, before), len = id_len(p->key[0]);
    uint64_t seq = (uint64_t)p->seq;
    size_t n = 0;

    if (len == 0)
        shared = 0;
    out[n++] = (unsigned char)((unsigned)p->key[0] << 4 | shared);
    for (uint32_t i = shared; i < len; i++)
        out[n++] = p->key[1 + i];
    for (; seq >= 0x80; seq >>= 7)
        out[n++] = (unsigned char)(0x80 | (seq & 0x7f));
    out[n++] = (unsigned char)seq;
    return n;
}

void
cursor_write(struct cursor *c, const char *epoch, struct text *out)
{
    static const unsigned char none[13];
    unsigned char *bytes;
    char topic[EVENT_TOPIC];
    size_t len = 0, room = c->count * (size_t)RECORD;

    sort(c);
    if (c->count == 1) {
        cursor_topic(&c->places[0], topic);
        cursor_write_one(out, epoch, topic, c->places[0].seq);
        return;
    }
    bytes = must_alloc(1, room);
    for (uint32_t i = 0; i < c->count; i++)
        len += pack(bytes + len, &c->places[i], i == 0 ? none : c->places[i - 1].key);
    text_puts(out, epoch);
    text_putc(out, '*');
    text_base64url(text_room(out, TEXT_BASE64(len)), bytes, len);
    text_end(out, out->bytes + out->len + strlen(out->bytes + out->len));
    free(bytes);
}

/* Seven bits a byte; returns the number of bytes, 0 when it does not end or is too large. */
static size_t
unpack_seq(const unsigned char *p, size_t len, int64_t *seq)
{
    uint64_t value = 0;

    for (size_t n = 0; n < len && n < 8; n++) {
        value |= (uint64_t)(p[n] & 0x7f) << 7 * n;
        if (p[n] & 0x80)
            continue;
        if (value > SEQ_MAX || (n > 0 && p[n] == 0))
            return 0;
        *seq = (int64_t)value;
        return n + 1;
    }
    return 0;
}

/*
 * Reads the record at p that follows the key `before`; returns its length, 0 when malformed or out
 * of order.
 */
static size_t
unpack(const unsigned char *p, size_t len, struct cursor_place *out, const unsigned char before[13])
{
    uint32_t kind = p[0] >> 4, shared = p[0] & 0x0f, id;
    size_t n;

    if (kind < EVERYONE || kind > USER)
        return 0;
    id = id_len((unsigned char)kind);
    if (shared > (id == 0 ? 0 : 11) || len < 1 + id - shared || (shared > 0 && kind != before[0]))
        return 0;
    memset(out->key, 0, 13);
    out->key[0] = (unsigned char)kind;
    memcpy(out->key + 1, before + 1, shared);
    memcpy(out->key + 1 + shared, p + 1, id - shared);
    if (memcmp(out->key, before, 13) <= 0)
        return 0;
    n = 1 + id - shared;
    len = unpack_seq(p + n, len - n, &out->seq);
    return len == 0 ? 0 : n + len;
}

static bool
read_packed(struct cursor *out, const char *text, size_t len)
{
    unsigned char before[13] = {0}, *bytes = must_alloc(1, len + 1);
    long count;
    size_t at = 0, n = 1;

    count = text_unbase64url(bytes, len + 1, text, len);
    while (count > 0 && at < (size_t)count && out->count < CURSOR_TOPICS) {
        struct cursor_place place;

        if ((n = unpack(bytes + at, (size_t)count - at, &place, before)) == 0)
            break;
        at += n;
        memcpy(before, place.key, 13);
        *add(out) = place;
    }
    free(bytes);
    return count > 0 && n > 0 && at == (size_t)count;
}

/* ------------------------------------------------------------ text */

size_t
cursor_read_seq(const char *p, size_t len, int64_t *seq)
{
    size_t n = 0;

    *seq = 0;
    while (n < len && n <= SEQ_DIGITS && p[n] >= '0' && p[n] <= '9')
        *seq = *seq * 10 + (p[n++] - '0');
    return n > SEQ_DIGITS ? 0 : n;
}

/* Reads one `<key>.<seq>` at p; returns its length, 0 when malformed. */
static size_t
read_entry(const char *p, size_t len, struct cursor_place *out)
{
    size_t id, n;
    unsigned char kind = EVERYONE;

    while (kind <= USER && len > 0 && p[0] != kind_letters[kind])
        kind++;
    if (len == 0 || kind > USER)
        return 0;
    id = 2 * id_len(kind);
    if (len < id + 3 || p[id + 1] != '.')
        return 0;
    memset(out->key, 0, 13);
    out->key[0] = kind;
    if (id > 0 && !text_unhex(out->key + 1, ID_BYTES, p + 1))
        return 0;
    n = cursor_read_seq(p + id + 2, len - id - 2, &out->seq);
    return n == 0 ? 0 : id + 2 + n;
}

static bool
read_list(struct cursor *out, const char *text, size_t len)
{
    size_t at = 0, n;

    for (; at < len && text[at] == '~' && out->count < CURSOR_TOPICS; at += n + 1) {
        struct cursor_place place;

        if ((n = read_entry(text + at + 1, len - at - 1, &place)) == 0)
            return false;
        *add(out) = place;
    }
    sort(out);
    for (uint32_t i = 1; i < out->count; i++)
        if (by_key(&out->places[i - 1], &out->places[i]) == 0)
            return false;
    return at == len && out->count > 0;
}

/* ------------------------------------------------------------ both */

enum cursor_answer
cursor_read(struct cursor *out, const char *text, size_t len, const char *epoch)
{
    unsigned char bytes[EPOCH / 2];
    bool ok;

    if (len <= EPOCH || !text_unhex(bytes, EPOCH / 2, text))
        return CURSOR_MALFORMED;
    ok = text[EPOCH] == '*' ? read_packed(out, text + EPOCH + 1, len - EPOCH - 1)
                            : read_list(out, text + EPOCH, len - EPOCH);
    if (!ok) {
        cursor_free(out);
        return CURSOR_MALFORMED;
    }
    return memcmp(text, epoch, EPOCH) == 0 ? CURSOR_OK : CURSOR_OTHER_EPOCH;
}

bool
cursor_seq(const struct cursor *c, const char *topic, int64_t *seq)
{
    struct cursor_place wanted, *found;

    make_key(wanted.key, topic);
    found =
        c->count == 0 ? NULL : bsearch(&wanted, c->places, c->count, sizeof(*c->places), by_key);
    if (found != NULL)
        *seq = found->seq;
    return found != NULL;
}

enum cursor_answer
cursor_find(const char *text, size_t len, const char *epoch, const char *topic, int64_t *seq)
{
    struct cursor c = {0};
    enum cursor_answer answer = cursor_read(&c, text, len, epoch);

    if (answer == CURSOR_OK && !cursor_seq(&c, topic, seq))
        answer = CURSOR_MALFORMED;
    cursor_free(&c);
    return answer;
}
