#include "cli/span.h"

#include <stdlib.h>
#include <string.h>

bool updraft_span_parse(const char *text, double *seconds)
{
    static const struct {
        char unit;
        double seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    size_t digits = strspn(text, "0123456789");

    if (digits == 0 || digits > 6 || strlen(text) != digits + 1)
        return false;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (text[digits] != units[i].unit)
            continue;
        *seconds = strtod(text, NULL) * units[i].seconds;
        return true;
    }
    return false;
}

enum updraft_exit updraft_span_option(struct updraft_cli *cli, const char *name, double *seconds)
{
    const char *text = updraft_args_value(&cli->args, name);

    if (text && !updraft_span_parse(text, seconds))
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage",
                                "Write it like 45s, 30m, 12h or 90d.",
                                "'%s' is no length of time for --%s", text, name);
    return UPDRAFT_EXIT_OK;
}
