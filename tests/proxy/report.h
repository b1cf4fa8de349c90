/*
 * Everything that was seen, once each, in a file of lines `KIND<tab>TEXT`.
 */
#ifndef PROXY_REPORT_H
#define PROXY_REPORT_H

/* Opens and empties the file.  0, or -1 with errno. */
int report_open(const char *path);

/* Writes the line unless it was written before; at most REPORT_MAX different lines. */
#define REPORT_MAX 4096
void report_line(const char *kind, const char *text);

#endif
