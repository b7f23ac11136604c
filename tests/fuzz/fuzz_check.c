/* Any answer to a check-in: what is taken is fit to be used and shown. */
#include "format/check.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require_text(const char *text, size_t cap)
{
    size_t len = strnlen(text, cap);

    if (len == cap)
        abort();
    for (size_t at = 0; at < len; at++) {
        if ((uint8_t)text[at] < 0x20 || text[at] == 0x7F)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct updraft_check_answer answer;
    char *exact = malloc(len > 0 ? len : 1);

    if (len > 0)
        memcpy(exact, data, len);
    if (updraft_check_answer_decode(exact, len, &answer) == UPDRAFT_OK) {
        require_text(answer.reason, sizeof answer.reason);
        require_text(answer.offer.version, sizeof answer.offer.version);
        require_text(answer.offer.url, sizeof answer.offer.url);
        require_text(answer.offer.layout, sizeof answer.offer.layout);
        if (answer.has_offer && (answer.offer.version[0] == '\0' || answer.offer.url[0] == '\0'))
            abort();
    }
    free(exact);
    return 0;
}
