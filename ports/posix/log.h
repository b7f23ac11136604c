/* The device's console: one line an event on stdout, flushed at once so that tests and scripts can
 * wait for it; warnings on stderr. Values with spaces are quoted, so a line can be taken apart. */
#ifndef UPDRAFT_PORTS_POSIX_LOG_H
#define UPDRAFT_PORTS_POSIX_LOG_H

#include <stdbool.h>

struct updraft_log {
    bool quiet; /* events are not printed */
    /* Gets every event as a line without its feed, quiet or not; NULL: nobody. */
    void (*keep)(void *ctx, const char *line);
    void *keep_ctx;
};

void updraft_log_event(const struct updraft_log *log, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* "updraft-device: " and the sentence; printed also when quiet. */
void updraft_log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
