#include "boot/old_system.h"

#include "device/flash/access.h"
#include "format/bytes.h"
#include "format/image.h"

#define HEADER_LEN         8u
#define SEGMENT_HEADER_LEN 8u
#define BOOT_SEGMENTS      3u /* the old boot loader has that many; further ones are not looked at */

/* A new boot loader has more than a sector of segments, the old one has not. The stock test is of the
 * lengths alone; the first byte keeps erased and zeroed flash from passing it. */
static enum updraft_error find_boot(const struct updraft_flash *flash, bool *present,
                                    uint8_t *size_nibble)
{
    uint8_t head[HEADER_LEN];
    uint32_t addr = HEADER_LEN;
    uint32_t total = 0;
    enum updraft_error error = updraft_flash_read(flash, 0, head, sizeof head);

    *present = false;
    if (error != UPDRAFT_OK)
        return error;
    if (head[0] != UPDRAFT_IMAGE_MAGIC && head[0] != UPDRAFT_IMAGE_MAGIC_8266_V2)
        return UPDRAFT_OK;
    for (unsigned i = 0; i < BOOT_SEGMENTS; i++) {
        uint8_t segment[SEGMENT_HEADER_LEN];
        uint32_t len;

        error = updraft_flash_read(flash, addr, segment, sizeof segment);
        if (error != UPDRAFT_OK)
            return error;
        len = updraft_get_le32(segment + 4);
        if (len > UPDRAFT_OLDSDK_BOOT_LEN_CAP - total)
            return UPDRAFT_OK;
        total += len;
        addr += SEGMENT_HEADER_LEN + len;
    }
    *present = true;
    *size_nibble = head[3] >> 4;
    return UPDRAFT_OK;
}

enum updraft_error updraft_old_system_read(const struct updraft_flash *flash,
                                           struct updraft_old_system *old)
{
    struct updraft_old_system read = {.user = UPDRAFT_OLDSDK_USER1};
    uint8_t size_nibble = 0;
    uint8_t bytes[2];
    enum updraft_error error = find_boot(flash, &read.present, &size_nibble);

    if (error != UPDRAFT_OK)
        return error;
    read.has_map = read.present && updraft_oldsdk_map_find(size_nibble, &read.map) &&
                   read.map.flash_len <= flash->size;
    if (read.has_map) {
        error = updraft_flash_read(flash, updraft_oldsdk_flag_addr(&read.map), &read.flag, 1);
        if (error == UPDRAFT_OK)
            error = updraft_flash_read(flash, updraft_oldsdk_params_addr(&read.map, read.flag),
                                       bytes, sizeof bytes);
        if (error != UPDRAFT_OK)
            return error;
        updraft_oldsdk_params_decode(bytes, &read.params);
        read.user = updraft_oldsdk_running(&read.params);
    }
    *old = read;
    return UPDRAFT_OK;
}

enum updraft_error updraft_old_system_aps(const struct updraft_flash *flash,
                                          const struct updraft_old_system *old, uint8_t *buf,
                                          struct updraft_oldsdk_aps *aps, bool *found)
{
    uint32_t addrs[2];

    *found = false;
    if (!old->has_map)
        return UPDRAFT_OK;
    addrs[0] = updraft_oldsdk_other_params_addr(&old->map, old->flag);
    addrs[1] = updraft_oldsdk_params_addr(&old->map, old->flag);
    for (unsigned i = 0; i < 2 && !*found; i++) {
        enum updraft_error error =
            updraft_flash_read(flash, addrs[i], buf, UPDRAFT_OLDSDK_PARAMS_LEN);

        if (error != UPDRAFT_OK)
            return error;
        *found = updraft_oldsdk_aps_decode(buf, aps);
    }
    return UPDRAFT_OK;
}
