/*
 * A proxy between our programs and MongoDB that checks every command against the rules, records its
 * shape, and injects the faults that a test requests.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text/text.h"
#include "faults.h"
#include "message.h"
#include "relay.h"
#include "report.h"
#include "rules.h"
#include "shape.h"

static const char *const usage =
    "usage: mongo-proxy LISTEN_PORT DATABASE_PORT REPORT CONTROL\n"
    "Forwards 127.0.0.1:LISTEN_PORT to 127.0.0.1:DATABASE_PORT.  REPORT gets lines of\n"
    "`shape<tab>SHAPE`, `index<tab>INDEX` and `broken<tab>RULE: SHAPE`, each once.\n"
    "CONTROL: a unix socket for faults (faults.h).\n";

struct judged {
    const struct message *m;
    const char *shape;
};

static void
complain(void *arg, const char *rule)
{
    const struct judged *j = arg;
    struct text line = {0};

    text_printf(&line, "%s: %s", rule, j->shape);
    report_line("broken", line.bytes);
    text_free(&line);
}

/* Splits a text into lines; afterwards the text is its first line. */
static void
report_lines(const char *kind, struct text *text)
{
    for (char *line = text->bytes, *end; line != NULL && *line != '\0'; line = end + 1) {
        end = strchr(line, '\n');
        *end = '\0';
        report_line(kind, line);
    }
}

static void
judge(const struct message *m)
{
    struct text shapes = {0};
    struct judged j = {.m = m};

    shape_write(&shapes, m);
    report_lines("shape", &shapes);
    j.shape = shapes.bytes == NULL ? m->name : shapes.bytes;
    rules_judge(m, complain, &j);
    text_free(&shapes);
    if (strcmp(m->name, "createIndexes") == 0) {
        struct text indexes = {0};

        shape_write_indexes(&indexes, m);
        report_lines("index", &indexes);
        text_free(&indexes);
    }
}

static bool
see(struct pair *pair, bool from_client, const uint8_t *bytes, size_t len)
{
    struct message m;

    if (!message_read(&m, bytes, len)) {
        if (from_client && message_read_handshake(&m, bytes, len))
            faults_handshake(pair, &m);
        return true;
    }
    if (!from_client)
        return faults_reply(pair, &m, bytes, len);
    judge(&m);
    faults_handshake(pair, &m);
    return faults_command(pair, &m, bytes, len);
}

int
main(int argc, char **argv)
{
    struct relay_options options = {.see = see, .timer = faults_timer, .control = faults_control};

    if (argc != 5) {
        fputs(usage, stderr);
        return 2;
    }
    options.listen_port = atoi(argv[1]);
    options.database_port = atoi(argv[2]);
    options.control_path = argv[4];
    if (report_open(argv[3]) != 0) {
        fprintf(stderr, "mongo-proxy: %s: %s\n", argv[3], strerror(errno));
        return 1;
    }
    return relay_run(&options);
}
