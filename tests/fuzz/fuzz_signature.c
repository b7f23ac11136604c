#include "format/signature.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Two bytes say where the image ends; the rest is the file. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct updraft_signature found;
    uint32_t image_len;

    if (len < 2)
        return 0;
    image_len = (uint32_t)(data[0] | data[1] << 8);
    if (updraft_signature_find(data + 2, len - 2, image_len, &found) != UPDRAFT_OK)
        return 0;
    if (found.total_len > len - 2 || found.signed_len < image_len ||
        found.total_len < found.signed_len || found.block_count > UPDRAFT_SIGNATURE_BLOCK_CAP)
        abort();
    for (uint8_t i = 0; i < found.block_count; i++) {
        if (found.blocks[i].kind == UPDRAFT_SIGNATURE_NONE ||
            found.blocks[i].off < found.signed_len || found.blocks[i].off >= found.total_len ||
            found.blocks[i].digest_len > sizeof(found.blocks[i].digest))
            abort();
    }
    return 0;
}
