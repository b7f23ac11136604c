/* Three texts from outside: the order has a direction and no circle. */
#include "format/version.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int sign(int order)
{
    return (order > 0) - (order < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *texts[3];
    size_t third = len / 3;

    for (size_t i = 0; i < 3; i++) { /* exactly: what lies behind one is not to be read */
        texts[i] = malloc(third + 1);
        memcpy(texts[i], data + i * third, third);
        texts[i][third] = '\0';
    }
    int ab = sign(updraft_version_compare(texts[0], texts[1]));
    int bc = sign(updraft_version_compare(texts[1], texts[2]));
    int ac = sign(updraft_version_compare(texts[0], texts[2]));
    if (ab != -sign(updraft_version_compare(texts[1], texts[0])) ||
        updraft_version_compare(texts[0], texts[0]) != 0)
        abort();
    if ((ab <= 0 && bc <= 0 && ac != (ab + bc < 0 ? -1 : 0)) ||
        (ab >= 0 && bc >= 0 && ac != (ab + bc > 0 ? 1 : 0)))
        abort();
    for (size_t i = 0; i < 3; i++) {
        (void)updraft_version_is_numbered(texts[i]);
        free(texts[i]);
    }
    return 0;
}
