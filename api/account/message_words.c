/*
 * Text chosen by another user must not become a link in our emails.
 */
#include "api/account/message_words.h"

#include <string.h>

#include "api/http/request.h"
#include "api/schema/doc.h"
#include "common/config.h"

/*
 * The length of a character at s that makes mail programs detect a link; 0: it is not one.  The
 * characters beyond ASCII are those that IDNA (UTS #46) maps to such characters: ideographic,
 * halfwidth, fullwidth and small forms.
 */
static size_t
linking(const char *s)
{
    static const char *const wide[] = {"\u3002", "\uff0e", "\uff61", "\u2024", "\ufe52", "\uff0f",
                                       "\uff1a", "\ufe55", "\uff20", "\ufe6b", "\uff1c", "\uff1e"};

    if (*s != '\0' && strchr("/:@.<>\\\r\n\t", *s) != NULL)
        return 1;
    for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++)
        if (strncmp(s, wide[i], strlen(wide[i])) == 0)
            return strlen(wide[i]);
    return 0;
}

const char *
message_words_harmless(struct request *r, const char *name, const char *otherwise)
{
    if (name == NULL)
        return otherwise;
    for (const char *s = name; *s != '\0'; s++)
        if (linking(s) > 0)
            return otherwise;
    return arena_dup(r->arena, name);
}

const char *
message_words_unlinked(struct request *r, const char *words)
{
    char *out = arena_dup(r->arena, words), *to = out;

    for (const char *s = words; *s != '\0';) {
        size_t len = linking(s);

        *to++ = len > 0 ? ' ' : *s;
        s += len > 0 ? len : 1;
    }
    *to = '\0';
    return out;
}

const char *
message_words_greeting(struct request *r, const bson_t *user)
{
    const char *name = message_words_harmless(r, doc_text(user, "name"), "");

    return *name == '\0' ? "" : arena_printf(r->arena, " %s", name);
}

const char *
message_words_ip(const struct request *r)
{
    return r->address == NULL ? "an unknown address" : r->address;
}

const char *
message_words_link(struct request *r, const char *page, const char *token)
{
    return arena_printf(r->arena, "%s/#/%s%s%s", r->config->public_url, page,
                        token == NULL ? "" : "?token=", token == NULL ? "" : token);
}
