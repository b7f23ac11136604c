/* The two ways to look at an image must agree: the reader that takes it as a stream, and the checks
 * that hop through it in flash. For unit tests and fuzz targets. */
#ifndef UPDRAFT_TESTS_VERDICTS_H
#define UPDRAFT_TESTS_VERDICTS_H

#include "device/slots/inspect.h"
#include "device/slots/verify.h"
#include "format/bytes.h"
#include "format/chip.h"

#include <string.h>

struct verdicts_flash {
    const uint8_t *bytes;
    uint32_t len;
    bool was_left; /* a read went outside */
};

static inline enum updraft_error verdicts_read(void *ctx, uint32_t addr, void *buf, uint32_t len)
{
    struct verdicts_flash *flash = ctx;

    if (addr > flash->len || len > flash->len - addr) {
        flash->was_left = true;
        return UPDRAFT_E_FLASH_READ;
    }
    memcpy(buf, flash->bytes + addr, len);
    return UPDRAFT_OK;
}

/* What the check may say where the reader says `wanted`: it ends at the first fault it meets, so a wrong
 * checksum comes before the end that is missing behind it, and it asks for 24 bytes at once. */
static inline bool verdicts_agree(enum updraft_error got, enum updraft_error wanted, uint32_t len)
{
    return got == wanted || (wanted == UPDRAFT_E_TRUNCATED && got == UPDRAFT_E_CHECKSUM) ||
           (len < UPDRAFT_IMAGE_HEADER_LEN && got == UPDRAFT_E_TRUNCATED && wanted != UPDRAFT_OK);
}

/* NULL when all agree on a slot that holds these bytes, else what does not. *verdict is the
 * reader's. */
static inline const char *verdicts_differ(const uint8_t *bytes, uint32_t len, uint32_t buf_cap,
                                          enum updraft_error *verdict)
{
    uint8_t buf[4096];
    struct verdicts_flash memory = {.bytes = bytes, .len = len};
    const struct updraft_flash flash = {.ctx = &memory, .read = verdicts_read, .size = len};
    const struct updraft_extent slot = {0, len};
    struct updraft_image_reader reader;
    enum updraft_image_kind kind =
        len < UPDRAFT_IMAGE_HEADER_LEN ? UPDRAFT_IMAGE_UNKNOWN : updraft_image_kind_of(bytes);
    bool is_8266 = kind != UPDRAFT_IMAGE_ESP32 && kind != UPDRAFT_IMAGE_UNKNOWN;
    uint16_t chip_id = is_8266                       ? UPDRAFT_CHIP_ESP8266
                       : kind == UPDRAFT_IMAGE_ESP32 ? updraft_get_le16(bytes + 12)
                                                     : UPDRAFT_CHIP_ESP32;
    struct updraft_slot_check check = {
        .flash = &flash, .slot = slot, .chip_id = chip_id, .buf = buf, .buf_cap = buf_cap};
    enum updraft_error got;

    *verdict = updraft_slot_inspect(&flash, slot, chip_id, buf, buf_cap, &reader);
    got = is_8266 ? updraft_slot_verify_8266(&check) : updraft_slot_verify(&check);
    if (!verdicts_agree(got, *verdict, len))
        return "the verdicts differ";
    if (got == UPDRAFT_OK &&
        (check.image_len != reader.info.image_len || check.kind != reader.info.kind ||
         check.hash_appended != reader.info.hash_appended))
        return "what they tell of a good image differs";
    if (kind == UPDRAFT_IMAGE_ESP32) {
        if (updraft_slot_verify_8266(&check) != UPDRAFT_E_WRONG_CHIP)
            return "the check for the ESP8266 takes an image of another chip";
        check.chip_id = (uint16_t)(chip_id + 1u);
        if (updraft_slot_verify(&check) == UPDRAFT_OK)
            return "an image for another chip verifies";
    }
    return memory.was_left ? "a read went outside the slot" : NULL;
}

#endif
