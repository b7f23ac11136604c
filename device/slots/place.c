#include "device/slots/place.h"

enum updraft_error updraft_place_fail(struct updraft_failure *failure, enum updraft_error code,
                                      uint32_t a, uint32_t b, const char *text)
{
    updraft_failure_set(failure, code, a, b, text);
    return code;
}

bool updraft_place_is_same(const struct updraft_flash *flash, uint32_t addr,
                           const struct updraft_incoming *incoming)
{
    return updraft_image_elf_sha256(incoming->head, incoming->head_len) != NULL &&
           updraft_flash_compare(flash, addr, incoming->head, incoming->head_len) == UPDRAFT_OK;
}
