/* Whatever an operator types: refused with a place inside it, or taken; and a device that says
 * anything at all is matched within the texts. The first byte says how much of the input is the filter. */
#include "server/decide/filter.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static char *copy(const uint8_t *data, size_t len)
{
    char *text = malloc(len + 1); /* exactly: what lies behind it is not to be read */

    memcpy(text, data, len);
    text[len] = '\0';
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct updraft_filter_problem problem;
    struct updraft_filter filter;

    if (len == 0)
        return 0;
    const size_t text_len = data[0] < len ? data[0] : len - 1;
    char *text = copy(data + 1, text_len);
    char *told = copy(data + 1 + text_len, len - 1 - text_len);
    const struct updraft_filter_facts facts = {told, told, told, told, told, told, told, told};
    if (updraft_filter_parse(text, &filter, &problem)) {
        bool all = true;
        for (size_t i = 0; i < filter.count; i++) {
            struct updraft_filter one = {.terms = {filter.terms[i]}, .count = 1};
            all = updraft_filter_matches(&one, &facts) && all;
        }
        if (updraft_filter_matches(&filter, &facts) != all)
            abort();
    } else if (problem.at > strlen(text) || problem.text[0] == '\0') {
        abort();
    }
    free(text);
    free(told);
    return 0;
}
