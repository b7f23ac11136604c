#include "format/eboot.h"

#include "format/bytes.h"
#include "format/crc.h"

#include <stdlib.h>
#include <string.h>

static void check(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* A block of the RTC memory: as it stands, and with a CRC that fits. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint8_t block[UPDRAFT_EBOOT_LEN] = {0};
    uint8_t again[UPDRAFT_EBOOT_LEN];
    struct updraft_eboot_command command;
    struct updraft_eboot_command same;
    bool has_magic;

    memcpy(block, data, len < sizeof(block) ? len : sizeof(block));
    has_magic = (updraft_get_le32(block) & UPDRAFT_EBOOT_MAGIC_MASK) == UPDRAFT_EBOOT_MAGIC;
    check(!updraft_eboot_decode(block, &command) || has_magic);
    updraft_put_le32(block + 124, updraft_crc32_mpeg2(block, 124));
    check(updraft_eboot_decode(block, &command) == has_magic);
    if (!has_magic)
        return 0;
    updraft_eboot_encode(&command, again);
    check(updraft_eboot_decode(again, &same));
    check(memcmp(again + 4, block + 4, 16) == 0 && memcmp(&command, &same, sizeof(same)) == 0);
    updraft_eboot_clear(block);
    check(!updraft_eboot_decode(block, &command));
    return 0;
}
