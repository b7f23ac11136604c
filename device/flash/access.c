#include "device/flash/access.h"

#include "format/assert.h"
#include "format/bytes.h"

#define PIECE_LEN 64u /* bytes on the stack while comparing */

void updraft_flash_assert_geometry(const struct updraft_flash *flash)
{
    UPDRAFT_ASSERT(flash->sector_len == UPDRAFT_FLASH_SECTOR_LEN);
    UPDRAFT_ASSERT(flash->size <= UPDRAFT_FLASH_SIZE_CAP);
    UPDRAFT_ASSERT(flash->prog_len == 1 || flash->prog_len == 2 || flash->prog_len == 4);
}

enum updraft_error updraft_flash_read(const struct updraft_flash *flash, uint32_t addr, void *buf,
                                      uint32_t len)
{
    return flash->read(flash->ctx, addr, buf, len);
}

enum updraft_error updraft_flash_prog(const struct updraft_flash *flash, uint32_t addr,
                                      const void *data, uint32_t len)
{
    return flash->prog(flash->ctx, addr, data, len);
}

enum updraft_error updraft_flash_erase(const struct updraft_flash *flash, uint32_t addr,
                                       uint32_t len)
{
    return flash->erase(flash->ctx, addr, len);
}

enum updraft_error updraft_flash_sync(const struct updraft_flash *flash)
{
    return flash->sync != NULL ? flash->sync(flash->ctx) : UPDRAFT_OK;
}

enum updraft_error updraft_flash_compare(const struct updraft_flash *flash, uint32_t addr,
                                         const uint8_t *data, uint32_t len)
{
    uint8_t piece[PIECE_LEN];

    for (uint32_t off = 0; off < len; off += PIECE_LEN) {
        uint32_t n = len - off < PIECE_LEN ? len - off : PIECE_LEN;
        enum updraft_error error = updraft_flash_read(flash, addr + off, piece, n);

        if (error != UPDRAFT_OK)
            return error;
        for (uint32_t i = 0; i < n; i++) {
            if (piece[i] != (data != NULL ? data[off + i] : 0xFF))
                return UPDRAFT_E_FLASH_VERIFY;
        }
    }
    return UPDRAFT_OK;
}

enum updraft_error updraft_flash_write(const struct updraft_flash *flash, uint32_t addr,
                                       const uint8_t *data, uint32_t len)
{
    enum updraft_error error = updraft_flash_prog(flash, addr, data, len);

    if (error == UPDRAFT_OK)
        error = updraft_flash_sync(flash);
    return error == UPDRAFT_OK ? updraft_flash_compare(flash, addr, data, len) : error;
}

enum updraft_error updraft_flash_spend(const struct updraft_flash *flash, uint32_t addr)
{
    uint8_t spent[UPDRAFT_FLASH_SPENT_LEN] = {0};

    return updraft_flash_write(flash, addr, spent, sizeof spent);
}

enum updraft_error updraft_flash_clear(const struct updraft_flash *flash, uint32_t addr,
                                       uint32_t word)
{
    uint8_t bytes[4];
    enum updraft_error error;

    updraft_put_le32(bytes, word);
    error = updraft_flash_prog(flash, addr, bytes, sizeof bytes);
    return error == UPDRAFT_OK ? updraft_flash_sync(flash) : error;
}
