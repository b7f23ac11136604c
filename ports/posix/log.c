#include "ports/posix/log.h"

#include <stdarg.h>
#include <stdio.h>

static void print_line(FILE *out, const char *before, const char *format, va_list values)
{
    fputs(before, out);
    vfprintf(out, format, values);
    fputc('\n', out);
    fflush(out);
}

void updraft_log_event(const struct updraft_log *log, const char *format, ...)
{
    if (log->quiet)
        return;
    va_list values;
    va_start(values, format);
    print_line(stdout, "", format, values);
    va_end(values);
}

void updraft_log_warn(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    print_line(stderr, "updraft-device: ", format, values);
    va_end(values);
}
