#include "cli/fail.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Messages may quote what a device or a server sent: no control byte of theirs reaches a terminal.
 */
static void clean(char *text)
{
    size_t len = strlen(text);

    while (len > 0 && strchr("\r\n\t ", text[len - 1]))
        text[--len] = '\0';
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7F)
            text[i] = ' ';
}

enum updraft_exit updraft_fail_set(struct updraft_fail *fail, enum updraft_exit exit,
                                   const char *code, const char *remedy, const char *format, ...)
{
    va_list args;

    snprintf(fail->code, sizeof fail->code, "%s", code);
    snprintf(fail->remedy, sizeof fail->remedy, "%s", remedy);
    va_start(args, format);
    vsnprintf(fail->message, sizeof fail->message, format, args);
    va_end(args);
    clean(fail->code);
    clean(fail->remedy);
    clean(fail->message);
    return exit;
}

enum updraft_exit updraft_fail_from(struct updraft_fail *fail, enum updraft_exit exit,
                                    const struct updraft_failure *failure)
{
    const struct updraft_error_entry *entry = updraft_error_entry(failure->code);
    char sentence[256];

    updraft_failure_sentence(failure, sentence, sizeof sentence);
    return updraft_fail_set(fail, exit, entry->name, entry->remedy, "%s", sentence);
}

enum updraft_exit updraft_fail_code(struct updraft_fail *fail, enum updraft_exit exit,
                                    enum updraft_error code)
{
    struct updraft_failure failure;

    updraft_failure_set(&failure, code, 0, 0, NULL);
    return updraft_fail_from(fail, exit, &failure);
}

enum updraft_exit updraft_fail_wrap(struct updraft_fail *fail, enum updraft_exit exit,
                                    const char *format, ...)
{
    char cause[sizeof fail->message];
    char context[256];
    va_list args;

    memcpy(cause, fail->message, sizeof cause);
    va_start(args, format);
    vsnprintf(context, sizeof context, format, args);
    va_end(args);
    clean(context);
    snprintf(fail->message, sizeof fail->message, "%.250s: %.510s", context, cause);
    return exit;
}
