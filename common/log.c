/*
 * A line is built on the stack and written with one call, so that the lines of several threads and
 * processes never mix.
 */
#include "common/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/text/json.h"
#include "common/text/text.h"
#include "common/time/clock.h"

#define LINE_MAX_TEXT 2048

static const char *const level_names[] = {"debug", "info", "warn", "error"};
static const char *program_name = "taskwire";
static enum log_level least_level = LOG_INFO;
static __thread const char *request_id;
static int own_pid; /* a system call for each line would cost more than the rest */

static void
note_pid(void)
{
    own_pid = (int)getpid();
}

void
log_open(const char *program, enum log_level least)
{
    program_name = program;
    least_level = least;
    if (own_pid == 0)
        pthread_atfork(NULL, NULL, note_pid);
    note_pid();
}

const char *
log_request_id(void)
{
    return request_id;
}

const char *
log_program(void)
{
    return program_name;
}

void
log_request(const char *id)
{
    request_id = id;
}

static void
begin(struct text *line, enum log_level level)
{
    char at[CLOCK_INSTANT];

    clock_write(at, clock_now());
    text_printf(line, "{\"at\":\"%s\",\"level\":\"%s\",\"program\":\"%s\",\"pid\":%d", at,
                level_names[level], program_name, own_pid);
    if (request_id != NULL) {
        text_puts(line, ",\"requestId\":");
        json_string(line, request_id, strlen(request_id));
    }
}

static void
finish(struct text *line)
{
    text_puts(line, "}\n");
    if (write(STDERR_FILENO, line->bytes, line->len) < 0) {
        /* There is no other place to report this. */
    }
    text_free(line);
}

void
log_write(enum log_level level, const char *format, ...)
{
    char words[LINE_MAX_TEXT];
    struct text line = {0};
    va_list args;

    if (level < least_level)
        return;
    va_start(args, format);
    vsnprintf(words, sizeof(words), format, args);
    va_end(args);
    begin(&line, level);
    text_puts(&line, ",\"text\":");
    json_string(&line, words, strlen(words));
    finish(&line);
}

void
log_members(enum log_level level, const char *subject, const char *members)
{
    struct text line = {0};

    if (level < least_level)
        return;
    begin(&line, level);
    text_printf(&line, ",\"subject\":\"%s\",%s", subject, members);
    finish(&line);
}
