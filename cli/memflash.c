#include "cli/memflash.h"

#include "format/assert.h"

#include <stdbool.h>
#include <string.h>

#define SECTOR_LEN 4096u
#define BLOCK_LEN  65536u

static bool inside(const struct updraft_memflash *memflash, uint32_t addr, uint32_t len)
{
    return addr <= memflash->flash.size && len <= memflash->flash.size - addr;
}

static enum updraft_error memory_read(void *ctx, uint32_t addr, void *buf, uint32_t len)
{
    const struct updraft_memflash *memflash = ctx;

    if (!inside(memflash, addr, len))
        return UPDRAFT_E_FLASH_READ;
    memcpy(buf, memflash->bytes + addr, len);
    return UPDRAFT_OK;
}

static enum updraft_error memory_prog(void *ctx, uint32_t addr, const void *buf, uint32_t len)
{
    struct updraft_memflash *memflash = ctx;
    const uint8_t *from = buf;

    if (!inside(memflash, addr, len))
        return UPDRAFT_E_FLASH_PROGRAM;
    for (uint32_t i = 0; i < len; i++)
        memflash->bytes[addr + i] &= from[i];
    return UPDRAFT_OK;
}

static enum updraft_error memory_erase(void *ctx, uint32_t addr, uint32_t len)
{
    struct updraft_memflash *memflash = ctx;

    if (!inside(memflash, addr, len))
        return UPDRAFT_E_FLASH_ERASE;
    memset(memflash->bytes + addr, 0xFF, len);
    return UPDRAFT_OK;
}

void updraft_memflash_init(struct updraft_memflash *memflash, uint8_t *bytes, uint32_t size)
{
    UPDRAFT_ASSERT(size % SECTOR_LEN == 0);
    memflash->bytes = bytes;
    memflash->flash = (struct updraft_flash){
        .ctx = memflash,
        .read = memory_read,
        .prog = memory_prog,
        .erase = memory_erase,
        .size = size,
        .sector_len = SECTOR_LEN,
        .block_len = BLOCK_LEN,
        .prog_len = 1,
    };
}
