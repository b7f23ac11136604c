#include "device/slots/verify.h"

#include "device/flash/access.h"
#include "device/slots/pass.h"
#include "format/bytes.h"
#include "format/crc.h"

#define V2_HEADER_COUNT 4u /* what stands in the count byte of every version 2 header */

/* Passes `count` segments; a version 1 image turns out to be one of version 3 here. */
static enum updraft_error pass_segments(struct updraft_slot_pass *pass, uint8_t count)
{
    struct updraft_slot_check *check = pass->check;

    if (!updraft_image_count_ok(count))
        return UPDRAFT_E_HEADER;
    for (; count > 0; count--) {
        enum updraft_error error = updraft_slot_pass(pass, UPDRAFT_IMAGE_SEGMENT_HEADER_LEN);

        if (error != UPDRAFT_OK)
            return error;
        if (check->kind == UPDRAFT_IMAGE_ESP8266_V1 &&
            updraft_image_is_mapped_8266(updraft_get_le32(check->buf)))
            check->kind = UPDRAFT_IMAGE_ESP8266_V3;
        error = updraft_slot_pass_segment(pass);
        if (error != UPDRAFT_OK)
            return error;
    }
    return UPDRAFT_OK;
}

/* The CRC ends the image and covers all before it; there is no hash. */
static enum updraft_error check_crc(struct updraft_slot_check *check)
{
    const struct updraft_flash *flash = check->flash;
    uint32_t crc = 0;
    uint8_t *buf = check->buf;
    enum updraft_error error;

    for (uint32_t off = 0; off < check->image_len;) {
        uint32_t left = check->image_len - off;
        uint32_t len = left < check->buf_cap ? left : check->buf_cap;

        error = updraft_flash_read(flash, check->slot.addr + off, buf, len);
        if (error != UPDRAFT_OK)
            return error;
        crc = updraft_crc32(crc, buf, len);
        off += len;
    }
    if (check->slot.len - check->image_len < 4)
        return UPDRAFT_E_TRUNCATED;
    error = updraft_flash_read(flash, check->slot.addr + check->image_len, buf, 4);
    if (error != UPDRAFT_OK)
        return error;
    check->image_len += 4;
    return updraft_get_le32(buf) == updraft_crc_sdk(crc) ? UPDRAFT_OK : UPDRAFT_E_CRC;
}

/* The mapped code, which the checksum leaves out, then a whole version 1 image. */
static enum updraft_error verify_v2(struct updraft_slot_pass *pass, uint8_t count)
{
    struct updraft_slot_check *check = pass->check;
    enum updraft_error error;

    if (count != V2_HEADER_COUNT)
        return UPDRAFT_E_HEADER;
    error = updraft_slot_pass(pass, UPDRAFT_IMAGE_SEGMENT_HEADER_LEN);
    if (error != UPDRAFT_OK)
        return error;
    if (updraft_get_le32(check->buf) != 0)
        return UPDRAFT_E_SEGMENT;
    error = updraft_slot_pass_segment(pass);
    pass->checksum = UPDRAFT_IMAGE_CHECKSUM_SEED;
    if (error == UPDRAFT_OK)
        error = updraft_slot_pass(pass, UPDRAFT_IMAGE_HEADER_8266_LEN);
    if (error != UPDRAFT_OK)
        return error;
    if (check->buf[0] != UPDRAFT_IMAGE_MAGIC)
        return UPDRAFT_E_HEADER;
    error = pass_segments(pass, check->buf[UPDRAFT_IMAGE_COUNT_OFF]);
    if (error == UPDRAFT_OK)
        error = updraft_slot_pass_end(pass, false);
    return error == UPDRAFT_OK ? check_crc(check) : error;
}

enum updraft_error updraft_slot_verify_8266(struct updraft_slot_check *check)
{
    struct updraft_slot_pass pass;
    enum updraft_error error = updraft_slot_pass_begin(&pass, check, UPDRAFT_IMAGE_HEADER_LEN);
    uint8_t count;

    if (error != UPDRAFT_OK)
        return error;
    /* The first bytes tell the family; of them only the header is passed. */
    check->kind = updraft_image_kind_of(check->buf);
    if (check->kind == UPDRAFT_IMAGE_UNKNOWN)
        return UPDRAFT_E_NOT_BOOTABLE;
    if (check->kind == UPDRAFT_IMAGE_ESP32)
        return UPDRAFT_E_WRONG_CHIP;
    error = updraft_slot_pass_begin(&pass, check, UPDRAFT_IMAGE_HEADER_8266_LEN);
    if (error != UPDRAFT_OK)
        return error;
    count = check->buf[UPDRAFT_IMAGE_COUNT_OFF];
    if (check->kind == UPDRAFT_IMAGE_ESP8266_V2)
        return verify_v2(&pass, count);
    error = pass_segments(&pass, count);
    return error == UPDRAFT_OK
               ? updraft_slot_pass_end(&pass, check->kind == UPDRAFT_IMAGE_ESP8266_V3)
               : error;
}
