#include "ports/posix/log.h"

#include <stdarg.h>
#include <stdio.h>

#define LINE_CAP 512 /* of what is kept; longer lines are cut */

static void print_line(FILE *out, const char *before, const char *format, va_list values)
{
    fputs(before, out);
    vfprintf(out, format, values);
    fputc('\n', out);
    fflush(out);
}

void updraft_log_event(const struct updraft_log *log, const char *format, ...)
{
    va_list values;
    if (!log->quiet) {
        va_start(values, format);
        print_line(stdout, "", format, values);
        va_end(values);
    }
    if (log->keep) {
        char line[LINE_CAP];
        va_start(values, format);
        vsnprintf(line, sizeof line, format, values);
        va_end(values);
        log->keep(log->keep_ctx, line);
    }
}

void updraft_log_warn(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    print_line(stderr, "updraft-device: ", format, values);
    va_end(values);
}
