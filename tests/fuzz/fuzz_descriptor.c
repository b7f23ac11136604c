#include "format/descriptor.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct updraft_descriptor descriptor, again;
    char json[UPDRAFT_DESCRIPTOR_LEN_CAP];
    size_t json_len;

    memset(&descriptor, 0, sizeof(descriptor));
    memset(&again, 0, sizeof(again));
    if (updraft_descriptor_decode((const char *)data, len, &descriptor) != UPDRAFT_OK)
        return 0;
    if (descriptor.version[0] == '\0' || descriptor.path[0] == '\0')
        abort();
    if (updraft_descriptor_encode(&descriptor, json, sizeof(json), &json_len) != UPDRAFT_OK ||
        updraft_descriptor_decode(json, json_len, &again) != UPDRAFT_OK ||
        memcmp(&descriptor, &again, sizeof(again)) != 0)
        abort();
    return 0;
}
