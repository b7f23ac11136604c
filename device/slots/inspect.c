#include "device/slots/inspect.h"

#include "device/flash/access.h"
#include "format/assert.h"

static enum updraft_error read_slot(const struct updraft_flash *flash, struct updraft_extent slot,
                                    uint8_t *buf, uint32_t buf_cap,
                                    struct updraft_image_reader *reader)
{
    for (uint32_t off = 0; off < slot.len;) {
        uint32_t len = slot.len - off < buf_cap ? slot.len - off : buf_cap;
        enum updraft_error error = updraft_flash_read(flash, slot.addr + off, buf, len);

        if (error == UPDRAFT_OK)
            error = updraft_image_reader_feed(reader, buf, len);
        if (error != UPDRAFT_OK)
            return error;
        if (updraft_image_reader_progress(reader) == UPDRAFT_IMAGE_COMPLETE)
            return UPDRAFT_OK;
        off += len;
    }
    return UPDRAFT_OK;
}

enum updraft_error updraft_slot_inspect(const struct updraft_flash *flash,
                                        struct updraft_extent slot, uint16_t chip_id, uint8_t *buf,
                                        uint32_t buf_cap, struct updraft_image_reader *reader)
{
    enum updraft_error error;

    UPDRAFT_ASSERT(buf_cap >= 256);
    updraft_image_reader_init(reader);
    if (slot.len == 0)
        return UPDRAFT_E_NOT_BOOTABLE;
    error = read_slot(flash, slot, buf, buf_cap, reader);
    if (error == UPDRAFT_E_MAGIC)
        return UPDRAFT_E_NOT_BOOTABLE; /* erased, or never an image */
    if (error != UPDRAFT_OK)
        return error;
    error = updraft_image_reader_verdict(reader);
    if (error != UPDRAFT_OK)
        return error;
    return reader->info.chip_id == chip_id ? UPDRAFT_OK : UPDRAFT_E_WRONG_CHIP;
}
