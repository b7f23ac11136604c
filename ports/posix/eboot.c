#include "ports/posix/eboot.h"

#include "device/decode/gzip.h"
#include "device/flash/cursor.h"
#include "device/slots/staged.h"
#include "device/slots/staged_source.h"

#include <string.h>

#define SECTOR_LEN UPDRAFT_STAGED_SECTOR_LEN

/* What eboot prints behind "cp:". */
enum result {
    RESULT_OK = 0,
    RESULT_ALIGNMENT = 1,
    RESULT_ERASE = 2,
    RESULT_READ = 3,
    RESULT_WRITE = 4,
    RESULT_INFLATE = 6,
};

struct copy {
    const struct updraft_flash *flash;
    uint32_t dest_addr;
};

static enum updraft_error copy_sector(void *ctx, uint32_t off, uint8_t *data, uint32_t len)
{
    const struct copy *copy = ctx;
    const struct updraft_flash *flash = copy->flash;
    uint32_t addr = copy->dest_addr + off;
    memset(data + len, 0xFF, SECTOR_LEN - len);
    /* Its own sector, when it stays the same. */
    if (addr == 0 && updraft_flash_compare(flash, addr, data, SECTOR_LEN) == UPDRAFT_OK)
        return UPDRAFT_OK;
    enum updraft_error error = flash->erase(flash->ctx, addr, SECTOR_LEN);
    return error == UPDRAFT_OK ? flash->prog(flash->ctx, addr, data, SECTOR_LEN) : error;
}

static enum result result_of(enum updraft_error error)
{
    switch (error) {
    case UPDRAFT_OK:
        return RESULT_OK;
    case UPDRAFT_E_FLASH_ERASE:
        return RESULT_ERASE;
    case UPDRAFT_E_FLASH_READ:
        return RESULT_READ;
    case UPDRAFT_E_FLASH_PROGRAM:
        return RESULT_WRITE;
    default:
        return RESULT_INFLATE;
    }
}

static enum result copy_all(const struct updraft_flash *flash,
                            const struct updraft_eboot_command *command)
{
    static const uint8_t gzip_magic[2] = {0x1F, 0x8B};
    uint8_t sector[SECTOR_LEN];
    uint8_t arena[UPDRAFT_GUNZIP_ARENA_LEN];
    struct copy copy = {flash, command->dest_addr};
    struct updraft_staged_source source = {
        .flash = flash,
        .addr = command->source_addr,
        .len = command->len,
        .encoding = UPDRAFT_STAGED_RAW,
        .buf = sector,
        .buf_cap = sizeof sector,
        .gunzip_arena = arena,
    };
    uint32_t total;
    if ((command->source_addr | command->dest_addr) % SECTOR_LEN != 0)
        return RESULT_ALIGNMENT;
    if (flash->read(flash->ctx, source.addr, sector, sizeof gzip_magic) != UPDRAFT_OK)
        return RESULT_READ;
    if (memcmp(sector, gzip_magic, sizeof gzip_magic) == 0)
        source.encoding = UPDRAFT_STAGED_GZIP;
    return result_of(updraft_staged_walk(&source, copy_sector, &copy, &total));
}

enum updraft_eboot_end updraft_eboot_run(const struct updraft_flash *flash,
                                         uint8_t rtc[UPDRAFT_EBOOT_LEN],
                                         const struct updraft_log *log)
{
    struct updraft_eboot_command command;
    if (!updraft_eboot_decode(rtc, &command))
        return UPDRAFT_EBOOT_IDLE;
    if (command.action != UPDRAFT_EBOOT_COPY_RAW) {
        updraft_eboot_clear(rtc);
        return UPDRAFT_EBOOT_IDLE;
    }
    updraft_log_event(log, "eboot copy from=0x%x to=0x%x bytes=%u", (unsigned)command.source_addr,
                      (unsigned)command.dest_addr, (unsigned)command.len);
    enum result result = copy_all(flash, &command);
    updraft_eboot_clear(rtc);
    updraft_log_event(log, "eboot copy end result=%d", (int)result);
    return result == RESULT_OK ? UPDRAFT_EBOOT_COPIED : UPDRAFT_EBOOT_FAILED;
}
