#include "device/slots/place.h"

#include <string.h>

enum updraft_error updraft_place_fail(struct updraft_failure *failure, enum updraft_error code,
                                      uint32_t a, uint32_t b, const char *text)
{
    updraft_failure_set(failure, code, a, b, text);
    return code;
}

bool updraft_place_is_same(const struct updraft_flash *flash, uint32_t addr,
                           const struct updraft_incoming *incoming)
{
    static const uint8_t no_digest[UPDRAFT_SHA256_LEN];
    const struct updraft_image_info *info = incoming->info;

    if (!info->has_appdesc || memcmp(info->appdesc.elf_sha256, no_digest, sizeof no_digest) == 0)
        return false;
    return updraft_flash_compare(flash, addr, incoming->head, incoming->head_len) == UPDRAFT_OK;
}
