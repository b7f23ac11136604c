#include "device/slots/verify.h"

#include "device/slots/pass.h"
#include "format/bytes.h"

enum updraft_error updraft_slot_verify(struct updraft_slot_check *check)
{
    struct updraft_slot_pass pass;
    enum updraft_error error = updraft_slot_pass_begin(&pass, check, UPDRAFT_IMAGE_HEADER_LEN);
    const uint8_t *header = check->buf;
    uint8_t count, hashed;

    if (error != UPDRAFT_OK)
        return error;
    if (header[0] != UPDRAFT_IMAGE_MAGIC)
        return UPDRAFT_E_NOT_BOOTABLE; /* erased, or never an image */
    count = header[UPDRAFT_IMAGE_COUNT_OFF];
    hashed = header[UPDRAFT_IMAGE_HASHED_OFF];
    if (!updraft_image_count_ok(count) || hashed > 1)
        return UPDRAFT_E_HEADER;
    if (updraft_get_le16(header + UPDRAFT_IMAGE_CHIP_ID_OFF) != check->chip_id)
        return UPDRAFT_E_WRONG_CHIP;
    check->kind = UPDRAFT_IMAGE_ESP32;
    for (; count > 0 && error == UPDRAFT_OK; count--) {
        error = updraft_slot_pass(&pass, UPDRAFT_IMAGE_SEGMENT_HEADER_LEN);
        if (error == UPDRAFT_OK)
            error = updraft_slot_pass_segment(&pass);
    }
    return error == UPDRAFT_OK ? updraft_slot_pass_end(&pass, hashed) : error;
}
