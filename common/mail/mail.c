/*
 * Sends by SMTP and HTTP with libcurl.  A file in the outbox is named by the message's id, so that
 * a second try replaces it.
 */
#include "common/mail/mail.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/must.h"
#include "common/config.h"
#include "common/log.h"
#include "common/text/json.h"
#include "common/text/text.h"
#include "common/time/clock.h"

#define TOTAL_S   60L /* for an email, from connecting to acceptance */
#define CONNECT_S 10L

struct mail {
    const struct config *config;
    char *from, *smtp; /* the relay's URL with the name for EHLO */
    bool tls;
};

/* The host of PUBLIC_URL: the default domain of our emails. */
static void
write_host(struct text *out, const char *url)
{
    const char *host = strstr(url, "://");

    host = host == NULL ? url : host + 3;
    text_add(out, host, strcspn(host, ":/"));
}

static enum err
check_settings(const struct config *c, bool *tls)
{
    *tls = strcmp(c->smtp_tls, "required") == 0;
    if (!*tls && strcmp(c->smtp_tls, "none") != 0) {
        fprintf(stderr, "SMTP_TLS must be required or none\n");
        return ERR_INVALID;
    }
    if (*c->smtp_url != '\0' && strncmp(c->smtp_url, "smtp://", 7) != 0 &&
        strncmp(c->smtp_url, "smtps://", 8) != 0) {
        fprintf(stderr, "SMTP_URL must be smtp://host:port or smtps://host:port\n");
        return ERR_INVALID;
    }
    if (*c->sms_url != '\0' && strncmp(c->sms_url, "https://", 8) != 0 &&
        strncmp(c->sms_url, "http://", 7) != 0) {
        fprintf(stderr, "SMS_URL must be an http or https address\n");
        return ERR_INVALID;
    }
    return ERR_NONE;
}

struct mail *
mail_open(const struct config *config)
{
    struct text from = {0}, smtp = {0};
    struct mail *m;
    bool tls;

    if (check_settings(config, &tls) != ERR_NONE || curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
        return NULL;
    m = must_alloc(1, sizeof(*m));
    text_puts(&from, config->mail_from);
    if (from.len == 0) {
        text_puts(&from, "Taskwire <noreply@");
        write_host(&from, config->public_url);
        text_putc(&from, '>');
    }
    if (*config->smtp_url != '\0') {
        text_printf(&smtp, "%s/", config->smtp_url);
        write_host(&smtp, config->public_url);
    }
    *m = (struct mail){config, from.bytes, smtp.bytes, tls};
    return m;
}

void
mail_close(struct mail *m)
{
    if (m == NULL)
        return;
    free(m->from);
    free(m->smtp);
    free(m);
    curl_global_cleanup();
}

static enum err
fail_file(const char *path)
{
    log_error("mail: %s: %s", path, strerror(errno));
    return ERR_BUSY;
}

/* Writes a whole file to the outbox, or none. */
static enum err
drop(const struct mail *m, const char *id, const char *ending, const char *bytes, size_t len)
{
    char path[4096], temporary[4096 + 8];
    int fd;

    if (mkdir(m->config->mail_outbox, 0700) != 0 && errno != EEXIST)
        return fail_file(m->config->mail_outbox);
    snprintf(path, sizeof(path), "%s/%s.%s", m->config->mail_outbox, id, ending);
    snprintf(temporary, sizeof(temporary), "%s.new", path);
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail_file(temporary);
    if (write(fd, bytes, len) != (ssize_t)len || fsync(fd) != 0) {
        close(fd);
        return fail_file(temporary);
    }
    close(fd);
    if (rename(temporary, path) != 0)
        return fail_file(path);
    log_info("mail: written to %s", path);
    return ERR_NONE;
}

struct unread {
    const char *bytes;
    size_t len;
};

static size_t
read_some(char *to, size_t size, size_t count, void *arg)
{
    struct unread *u = arg;
    size_t n = size * count < u->len ? size * count : u->len;

    memcpy(to, u->bytes, n);
    u->bytes += n;
    u->len -= n;
    return n;
}

static size_t
ignore(char *from, size_t size, size_t count, void *arg)
{
    (void)from;
    (void)arg;
    return size * count;
}

static CURL *
transfer(const char *url, const char *protocols)
{
    CURL *curl = curl_easy_init();

    if (curl == NULL)
        must_not_happen("mail: libcurl has no memory");
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, protocols);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, TOTAL_S);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore);
    return curl;
}

/* Runs a transfer; *status is the server's last reply, 0 if there was none. */
static enum err
perform(CURL *curl, const char *what, const char *id, long *status)
{
    CURLcode code = curl_easy_perform(curl);

    *status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
    curl_easy_cleanup(curl);
    if (code == CURLE_OK)
        return ERR_NONE;
    log_warn("mail: %s %s: %s (%ld)", what, id, curl_easy_strerror(code), *status);
    return ERR_BUSY;
}

static enum err
send_smtp(const struct mail *m, const struct email *email, const struct text *content)
{
    const struct config *c = m->config;
    CURL *curl = transfer(m->smtp, "smtp,smtps");
    struct curl_slist *to = curl_slist_append(NULL, email->to);
    struct unread unread = {content->bytes, content->len};
    char sender[320];
    int len;
    const char *address = mime_address(m->from, &len);
    enum err err;
    long status;

    snprintf(sender, sizeof(sender), "<%.*s>", len, address);
    curl_easy_setopt(curl, CURLOPT_USE_SSL, (long)(m->tls ? CURLUSESSL_ALL : CURLUSESSL_NONE));
    if (*c->smtp_ca != '\0')
        curl_easy_setopt(curl, CURLOPT_CAINFO, c->smtp_ca);
    if (*c->smtp_user != '\0') {
        curl_easy_setopt(curl, CURLOPT_USERNAME, c->smtp_user);
        curl_easy_setopt(curl, CURLOPT_PASSWORD, c->smtp_password);
    }
    curl_easy_setopt(curl, CURLOPT_MAIL_FROM, sender);
    curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, to);
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, read_some);
    curl_easy_setopt(curl, CURLOPT_READDATA, &unread);
    err = perform(curl, "email", email->id, &status);
    curl_slist_free_all(to);
    /* 550 to 553: there is no such mailbox: do not retry. */
    return err != ERR_NONE && status >= 550 && status <= 553 ? ERR_INVALID : err;
}

enum err
mail_send_email(const struct mail *m, const struct email *email)
{
    struct text content = {0};
    enum err err;

    mime_write(&content, email, m->from, clock_now());
    if (m->smtp == NULL)
        err = drop(m, email->id, "eml", content.bytes, content.len);
    else
        err = send_smtp(m, email, &content);
    text_free(&content);
    return err;
}

static enum err
send_sms(const struct mail *m, const char *id, const char *body)
{
    CURL *curl = transfer(m->config->sms_url, "http,https");
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    struct text line = {0};
    enum err err;
    long status;

    text_printf(&line, "Idempotency-Key: %s", id);
    headers = curl_slist_append(headers, line.bytes);
    if (*m->config->sms_token != '\0') {
        text_clear(&line);
        text_printf(&line, "Authorization: Bearer %s", m->config->sms_token);
        headers = curl_slist_append(headers, line.bytes);
    }
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    err = perform(curl, "text message", id, &status);
    curl_slist_free_all(headers);
    text_free(&line);
    if (err != ERR_NONE || (status >= 200 && status < 300))
        return err;
    log_warn("mail: text message %s: the gateway answered %ld", id, status);
    return status >= 400 && status < 500 && status != 408 && status != 429 ? ERR_INVALID : ERR_BUSY;
}

enum err
mail_send_text(const struct mail *m, const char *id, const char *phone, const char *words)
{
    struct text body = {0};
    enum err err;

    if (*m->config->sms_url == '\0') {
        text_printf(&body, "To: %s\n\n%s\n", phone, words);
        err = drop(m, id, "txt", body.bytes, body.len);
    } else {
        text_printf(&body, "{\"to\":\"%s\",\"text\":", phone);
        json_string(&body, words, strlen(words));
        text_putc(&body, '}');
        err = send_sms(m, id, body.bytes);
    }
    text_free(&body);
    return err;
}
