#include "device/slots/pass.h"

#include "device/flash/access.h"
#include "format/assert.h"
#include "format/bytes.h"

#include <string.h>

static enum updraft_error load(struct updraft_slot_pass *pass, uint32_t len)
{
    const struct updraft_slot_check *check = pass->check;
    uint32_t off = pass->off;

    if (len > check->slot.len - off)
        return UPDRAFT_E_TRUNCATED;
    pass->off = off + len;
    return updraft_flash_read(check->flash, check->slot.addr + off, check->buf, len);
}

enum updraft_error updraft_slot_pass(struct updraft_slot_pass *pass, uint32_t len)
{
    const uint8_t *buf = pass->check->buf;
    uint8_t sum = 0;

    while (len > 0) {
        uint32_t piece_len = len < pass->check->buf_cap ? len : pass->check->buf_cap;
        enum updraft_error error = load(pass, piece_len);

        if (error != UPDRAFT_OK)
            return error;
        updraft_digest_update(&pass->digest, buf, piece_len);
        for (uint32_t i = 0; i < piece_len; i++)
            sum ^= buf[i];
        len -= piece_len;
    }
    pass->sum = sum;
    return UPDRAFT_OK;
}

enum updraft_error updraft_slot_pass_begin(struct updraft_slot_pass *pass,
                                           struct updraft_slot_check *check, uint32_t header_len)
{
    UPDRAFT_ASSERT(check->buf_cap >= 256);
    pass->check = check;
    pass->off = 0;
    pass->checksum = UPDRAFT_IMAGE_CHECKSUM_SEED;
    updraft_digest_start(&pass->digest, UPDRAFT_DIGEST_SHA256);
    return check->slot.len != 0 ? updraft_slot_pass(pass, header_len) : UPDRAFT_E_NOT_BOOTABLE;
}

enum updraft_error updraft_slot_pass_segment(struct updraft_slot_pass *pass)
{
    uint32_t data_len = updraft_get_le32(pass->check->buf + 4);
    enum updraft_error error;

    if (!updraft_image_segment_ok(pass->off, data_len))
        return UPDRAFT_E_SEGMENT;
    error = updraft_slot_pass(pass, data_len);
    pass->checksum ^= pass->sum;
    return error;
}

enum updraft_error updraft_slot_pass_end(struct updraft_slot_pass *pass, bool hashed)
{
    struct updraft_slot_check *check = pass->check;
    uint32_t len = UPDRAFT_IMAGE_CHECKSUM_ALIGN - pass->off % UPDRAFT_IMAGE_CHECKSUM_ALIGN;
    uint8_t hash[UPDRAFT_SHA256_LEN];
    enum updraft_error error = updraft_slot_pass(pass, len);

    if (error != UPDRAFT_OK)
        return error;
    if (check->buf[len - 1] != pass->checksum)
        return UPDRAFT_E_CHECKSUM;
    if (hashed) {
        updraft_digest_finish(&pass->digest, hash);
        error = load(pass, sizeof hash);
        if (error != UPDRAFT_OK)
            return error;
        if (memcmp(check->buf, hash, sizeof hash) != 0)
            return UPDRAFT_E_HASH;
    }
    check->hash_appended = hashed;
    check->image_len = pass->off;
    return UPDRAFT_OK;
}
