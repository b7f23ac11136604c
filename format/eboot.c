#include "format/eboot.h"

#include "format/bytes.h"
#include "format/crc.h"

#include <string.h>

#define ACTION_OFF 4u
#define SOURCE_OFF 8u
#define DEST_OFF   12u
#define LEN_OFF    16u
#define CRC_OFF    124u

_Static_assert(CRC_OFF + 4u == UPDRAFT_EBOOT_LEN, "the CRC ends the block");

void updraft_eboot_encode(const struct updraft_eboot_command *command,
                          uint8_t out[UPDRAFT_EBOOT_LEN])
{
    memset(out, 0, UPDRAFT_EBOOT_LEN);
    updraft_put_le32(out, UPDRAFT_EBOOT_MAGIC);
    updraft_put_le32(out + ACTION_OFF, command->action);
    updraft_put_le32(out + SOURCE_OFF, command->source_addr);
    updraft_put_le32(out + DEST_OFF, command->dest_addr);
    updraft_put_le32(out + LEN_OFF, command->len);
    updraft_put_le32(out + CRC_OFF, updraft_crc32_mpeg2(out, CRC_OFF));
}

bool updraft_eboot_decode(const uint8_t bytes[UPDRAFT_EBOOT_LEN],
                          struct updraft_eboot_command *command)
{
    if ((updraft_get_le32(bytes) & UPDRAFT_EBOOT_MAGIC_MASK) != UPDRAFT_EBOOT_MAGIC ||
        updraft_get_le32(bytes + CRC_OFF) != updraft_crc32_mpeg2(bytes, CRC_OFF))
        return false;
    command->action = updraft_get_le32(bytes + ACTION_OFF);
    command->source_addr = updraft_get_le32(bytes + SOURCE_OFF);
    command->dest_addr = updraft_get_le32(bytes + DEST_OFF);
    command->len = updraft_get_le32(bytes + LEN_OFF);
    return true;
}

void updraft_eboot_clear(uint8_t bytes[UPDRAFT_EBOOT_LEN])
{
    updraft_put_le32(bytes, 0);
    updraft_put_le32(bytes + CRC_OFF, 0);
}
