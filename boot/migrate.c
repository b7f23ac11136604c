#include "boot/migrate.h"

#include "boot/rewrite.h"
#include "device/flash/access.h"
#include "device/slots/verify.h"
#include "format/assert.h"
#include "format/bytes.h"
#include "format/chip.h"
#include "format/crc.h"
#include "format/packed.h"

#include <string.h>

#define CRC_LEN    4u
#define FLAG_READS 16u

_Static_assert(UPDRAFT_PACKED_FLASH_OFF == UPDRAFT_OLDSDK_USER1_ADDR,
               "the packed image poses as user image 1");

/* The flash as it will look once the packed image lies where it belongs. Only to be read. */
struct shifted {
    const struct updraft_flash *flash;
    uint32_t shift;
};

/* What was found out about a packed image before anything is written. */
struct packed {
    struct updraft_layout layout;
    uint32_t end; /* of what is copied: of ota_0 */
};

const char *updraft_migrate_why_text(enum updraft_migrate_why why)
{
    switch (why) {
    case UPDRAFT_MIGRATE_WHY_NOT:
        return "nothing is wrong";
    case UPDRAFT_MIGRATE_WHY_MAP:
        return "the old boot loader's flash size has no layout with two images on this chip";
    case UPDRAFT_MIGRATE_WHY_TABLE:
        return "the packed image holds no sound partition table";
    case UPDRAFT_MIGRATE_WHY_NO_SLOT:
        return "the new partition table has no ota_0 behind it";
    case UPDRAFT_MIGRATE_WHY_OVERLAP:
        return "the new layout reaches over the packed image that it is copied from";
    case UPDRAFT_MIGRATE_WHY_PARAMS:
        return "the new partition table covers the old boot loader's parameters";
    case UPDRAFT_MIGRATE_WHY_APP:
        return "the packed image holds no complete application for ota_0";
    case UPDRAFT_MIGRATE_WHY_LENGTH:
        return "the packed image is longer than its place";
    case UPDRAFT_MIGRATE_WHY_CRC:
        return "the packed image does not match the CRC at its end";
    case UPDRAFT_MIGRATE_WHY_BOOT:
        return "nothing of the new system boots";
    }
    return "";
}

static enum updraft_error read_shifted(void *ctx, uint32_t addr, void *buf, uint32_t len)
{
    const struct shifted *shifted = ctx;

    return updraft_flash_read(shifted->flash, addr + shifted->shift, buf, len);
}

static bool is_flash_fault(enum updraft_error error)
{
    return error == UPDRAFT_E_FLASH_READ || error == UPDRAFT_E_FLASH_PROGRAM ||
           error == UPDRAFT_E_FLASH_ERASE || error == UPDRAFT_E_FLASH_VERIFY;
}

/* Notes a refusal; gives back the error when it is one of the flash and thus no verdict. */
static enum updraft_error refuse(struct updraft_migrate_result *result,
                                 enum updraft_migrate_why why, enum updraft_error error)
{
    if (is_flash_fault(error))
        return error;
    result->why = why;
    result->error = error;
    return UPDRAFT_OK;
}

static bool overlaps(struct updraft_extent extent, uint32_t start, uint32_t end)
{
    return extent.len != 0 && extent.addr < end && start < extent.addr + extent.len;
}

/* The old boot loader reads its parameters at every start, for good. */
static bool covers_params(const struct updraft_layout *layout, const struct updraft_oldsdk_map *map)
{
    uint32_t start = updraft_oldsdk_params_start(map);
    bool covered = overlaps(layout->otadata, start, map->flash_len) ||
                   overlaps(layout->factory, start, map->flash_len) ||
                   overlaps(layout->test, start, map->flash_len);

    for (int i = 0; i < UPDRAFT_SLOT_CAP; i++)
        covered = covered || overlaps(layout->ota[i], start, map->flash_len);
    return covered;
}

static enum updraft_error check_table(const struct updraft_migrate_config *config,
                                      const struct updraft_flash *view, struct packed *packed,
                                      struct updraft_migrate_result *result)
{
    const struct updraft_oldsdk_map *map = &result->old.map;
    enum updraft_error error = updraft_layout_read(view, config->table_addr, &packed->layout);
    struct updraft_extent slot;

    if (error != UPDRAFT_OK)
        return refuse(result, UPDRAFT_MIGRATE_WHY_TABLE, error);
    slot = updraft_layout_extent(&packed->layout, 0);
    packed->end = slot.addr + slot.len;
    if (slot.len == 0 || slot.addr < config->table_addr + UPDRAFT_PTABLE_REGION_LEN)
        result->why = UPDRAFT_MIGRATE_WHY_NO_SLOT;
    else if (!updraft_oldsdk_has_room(map, packed->end))
        result->why = UPDRAFT_MIGRATE_WHY_OVERLAP;
    else if (covers_params(&packed->layout, map))
        result->why = UPDRAFT_MIGRATE_WHY_PARAMS;
    return UPDRAFT_OK;
}

/* Nothing says how long the packed image is, but its last part is the application, which does. */
static enum updraft_error check_app(const struct updraft_migrate_config *config,
                                    const struct updraft_flash *view, const struct packed *packed,
                                    struct updraft_migrate_result *result)
{
    struct updraft_extent slot = updraft_layout_extent(&packed->layout, 0);
    uint32_t room =
        updraft_oldsdk_params_start(&result->old.map) - updraft_oldsdk_shift(&result->old.map);
    struct updraft_slot_check check = {
        .flash = view, .slot = slot, .buf = config->buf, .buf_cap = config->flash->sector_len};
    enum updraft_error error = updraft_slot_verify_8266(&check);

    if (error != UPDRAFT_OK)
        return refuse(result, UPDRAFT_MIGRATE_WHY_APP, error);
    result->packed_len = slot.addr - UPDRAFT_PACKED_FLASH_OFF + check.image_len + CRC_LEN;
    if (check.image_len + CRC_LEN > slot.len ||
        UPDRAFT_PACKED_FLASH_OFF + result->packed_len > room)
        result->why = UPDRAFT_MIGRATE_WHY_LENGTH;
    return UPDRAFT_OK;
}

static enum updraft_error check_crc(const struct updraft_migrate_config *config,
                                    const struct updraft_flash *view,
                                    struct updraft_migrate_result *result)
{
    uint32_t len = result->packed_len - CRC_LEN;
    uint32_t crc = 0;
    uint8_t stored[CRC_LEN];
    enum updraft_error error;

    for (uint32_t off = 0; off < len;) {
        uint32_t step = len - off < view->sector_len ? len - off : view->sector_len;

        error = updraft_flash_read(view, UPDRAFT_PACKED_FLASH_OFF + off, config->buf, step);
        if (error != UPDRAFT_OK)
            return error;
        crc = updraft_crc32(crc, config->buf, step);
        off += step;
    }
    error = updraft_flash_read(view, UPDRAFT_PACKED_FLASH_OFF + len, stored, sizeof stored);
    if (error == UPDRAFT_OK && updraft_get_le32(stored) != updraft_crc_sdk(crc))
        result->why = UPDRAFT_MIGRATE_WHY_CRC;
    return error;
}

static enum updraft_error check_packed(const struct updraft_migrate_config *config,
                                       struct packed *packed, struct updraft_migrate_result *result)
{
    struct shifted shifted = {config->flash, updraft_oldsdk_shift(&result->old.map)};
    struct updraft_flash view = {
        .ctx = &shifted,
        .read = read_shifted,
        .size = config->flash->size,
        .sector_len = config->flash->sector_len,
        .prog_len = config->flash->prog_len,
    };
    enum updraft_error error = check_table(config, &view, packed, result);

    if (error == UPDRAFT_OK && result->why == UPDRAFT_MIGRATE_WHY_NOT)
        error = check_app(config, &view, packed, result);
    if (error == UPDRAFT_OK && result->why == UPDRAFT_MIGRATE_WHY_NOT)
        error = check_crc(config, &view, result);
    return error;
}

static enum updraft_error copy_sector(const struct updraft_migrate_config *config, uint32_t addr,
                                      struct updraft_migrate_result *result)
{
    uint32_t len = config->flash->sector_len;
    enum updraft_error error = updraft_flash_read(
        config->flash, addr + updraft_oldsdk_shift(&result->old.map), config->buf, len);

    if (error == UPDRAFT_OK)
        error = updraft_rewrite_sector(config->flash, addr, config->buf, len);
    if (error == UPDRAFT_OK)
        result->sectors_copied++;
    return error;
}

/* The table's sector goes first, as the stock boot loader has it. */
static enum updraft_error copy_down(const struct updraft_migrate_config *config,
                                    const struct packed *packed,
                                    struct updraft_migrate_result *result)
{
    enum updraft_error error = copy_sector(config, config->table_addr, result);

    for (uint32_t addr = UPDRAFT_PACKED_FLASH_OFF; error == UPDRAFT_OK && addr < packed->end;
         addr += config->flash->sector_len)
        error = copy_sector(config, addr, result);
    return error == UPDRAFT_OK ? updraft_flash_sync(config->flash) : error;
}

static enum updraft_error write_flag(const struct updraft_migrate_config *config,
                                     const struct updraft_oldsdk_map *map, uint8_t flag)
{
    const struct updraft_flash *flash = config->flash;
    uint32_t addr = updraft_oldsdk_flag_addr(map);
    enum updraft_error error =
        updraft_flash_read(flash, addr, config->buf, UPDRAFT_OLDSDK_FLAG_LEN);

    if (error != UPDRAFT_OK)
        return error;
    config->buf[0] = flag;
    error = updraft_rewrite_sector(flash, addr, config->buf, UPDRAFT_OLDSDK_FLAG_LEN);
    return error == UPDRAFT_OK ? updraft_flash_sync(flash) : error;
}

/* Writes the parameters that start the other user image to the sector that is not in use, and puts
 * that in use. While the flag changes either sector may count: both images must be whole by now. */
static enum updraft_error switch_user(const struct updraft_migrate_config *config,
                                      const struct updraft_old_system *old,
                                      const struct updraft_oldsdk_params *next)
{
    const struct updraft_flash *flash = config->flash;
    uint32_t from = updraft_oldsdk_params_addr(&old->map, old->flag);
    uint32_t to = updraft_oldsdk_other_params_addr(&old->map, old->flag);
    enum updraft_error error =
        updraft_flash_read(flash, from, config->buf, UPDRAFT_OLDSDK_PARAMS_LEN);

    if (error != UPDRAFT_OK)
        return error;
    updraft_oldsdk_params_encode(next, config->buf);
    error = updraft_rewrite_sector(flash, to, config->buf, UPDRAFT_OLDSDK_PARAMS_LEN);
    if (error == UPDRAFT_OK)
        error = updraft_flash_sync(flash);
    if (error != UPDRAFT_OK)
        return error;
    return write_flag(config, &old->map, updraft_oldsdk_other_flag(old->flag));
}

/* A flag whose write was cut short may read now this way, now that. While the packed image still lies
 * at user image 2 either will do; before something else is written there, the flag must be steady. */
static enum updraft_error steady_flag(const struct updraft_migrate_config *config,
                                      const struct updraft_old_system *old)
{
    const struct updraft_flash *flash = config->flash;
    bool is_steady = true;

    for (unsigned i = 0; i < FLAG_READS; i++) {
        uint8_t flag;
        enum updraft_error error =
            updraft_flash_read(flash, updraft_oldsdk_flag_addr(&old->map), &flag, 1);

        if (error != UPDRAFT_OK)
            return error;
        is_steady = is_steady && flag == old->flag;
    }
    return is_steady ? UPDRAFT_OK : write_flag(config, &old->map, old->flag != 0 ? 1 : 0);
}

/* Whether a whole image of the old system lies at the other user image's place. */
static enum updraft_error find_old_image(const struct updraft_migrate_config *config,
                                         const struct updraft_old_system *old, bool *found)
{
    enum updraft_oldsdk_user other =
        old->user == UPDRAFT_OLDSDK_USER1 ? UPDRAFT_OLDSDK_USER2 : UPDRAFT_OLDSDK_USER1;
    struct updraft_extent place = {updraft_oldsdk_user_addr(&old->map, other), 0};
    struct updraft_slot_check check = {
        .flash = config->flash, .buf = config->buf, .buf_cap = config->flash->sector_len};
    enum updraft_error error;

    place.len = (other == UPDRAFT_OLDSDK_USER1 ? updraft_oldsdk_shift(&old->map)
                                               : updraft_oldsdk_rf_addr(&old->map)) -
                place.addr;
    check.slot = place;
    error = updraft_slot_verify_8266(&check);
    *found = error == UPDRAFT_OK && check.kind == UPDRAFT_IMAGE_ESP8266_V2;
    return is_flash_fault(error) ? error : UPDRAFT_OK;
}

static enum updraft_error go_back(const struct updraft_migrate_config *config,
                                  struct updraft_migrate_result *result)
{
    struct updraft_oldsdk_params next = result->old.params;
    bool found = false;
    enum updraft_error error = find_old_image(config, &result->old, &found);

    result->state = UPDRAFT_MIGRATE_REFUSED;
    updraft_oldsdk_switch(&next);
    if (error != UPDRAFT_OK || !found || updraft_oldsdk_running(&next) == result->old.user)
        return error;
    error = switch_user(config, &result->old, &next);
    if (error == UPDRAFT_OK)
        result->state = UPDRAFT_MIGRATE_RETURNED;
    return error;
}

static enum updraft_error unpack(const struct updraft_migrate_config *config,
                                 struct updraft_migrate_result *result)
{
    struct updraft_oldsdk_params next = result->old.params;
    struct packed packed;
    enum updraft_error error = check_packed(config, &packed, result);

    if (error != UPDRAFT_OK)
        return error;
    if (result->why != UPDRAFT_MIGRATE_WHY_NOT)
        return go_back(config, result);
    updraft_oldsdk_switch(&next);
    error = copy_down(config, &packed, result);
    if (error == UPDRAFT_OK)
        error = switch_user(config, &result->old, &next);
    if (error == UPDRAFT_OK)
        result->state = UPDRAFT_MIGRATE_DONE;
    return error;
}

static enum updraft_error read_row(const struct updraft_migrate_config *config, uint32_t idx,
                                   struct updraft_partition *row, bool *is_row)
{
    uint8_t record[UPDRAFT_PTABLE_RECORD_LEN];
    enum updraft_error error = updraft_flash_read(
        config->flash, config->table_addr + idx * UPDRAFT_PTABLE_RECORD_LEN, record, sizeof record);

    *is_row =
        error == UPDRAFT_OK && updraft_partition_decode(record, row) == UPDRAFT_RECORD_PARTITION;
    return error;
}

/* The number of rows that share flash with [start, start + len). */
static enum updraft_error count_rows_at(const struct updraft_migrate_config *config, uint32_t start,
                                        uint32_t len, uint32_t *count)
{
    struct updraft_partition row;
    bool is_row = true;

    *count = 0;
    for (uint32_t i = 0; i < UPDRAFT_PTABLE_CAP; i++) {
        enum updraft_error error = read_row(config, i, &row, &is_row);

        if (error != UPDRAFT_OK || !is_row)
            return error;
        if (row.offset < start + len && start < row.offset + row.size)
            (*count)++;
    }
    return UPDRAFT_OK;
}

/* The sector of the phy partition; 0 when there is none that may be erased: it must start at a sector,
 * hold one, and share it with nothing. The table was found sound before. */
static enum updraft_error find_phy(const struct updraft_migrate_config *config,
                                   const struct updraft_oldsdk_map *map, uint32_t *phy_addr)
{
    uint32_t sector_len = config->flash->sector_len;
    struct updraft_partition row = {0};
    bool is_row = true;
    uint32_t rows_there;

    *phy_addr = 0;
    for (uint32_t i = 0; i < UPDRAFT_PTABLE_CAP && is_row; i++) {
        enum updraft_error error = read_row(config, i, &row, &is_row);

        if (error != UPDRAFT_OK)
            return error;
        if (!is_row || row.type != UPDRAFT_PART_TYPE_DATA || row.subtype != UPDRAFT_PART_DATA_PHY)
            continue;
        if (row.offset % sector_len != 0 || row.size < sector_len ||
            row.offset < config->table_addr + UPDRAFT_PTABLE_REGION_LEN ||
            (row.offset < map->flash_len &&
             row.offset + sector_len > updraft_oldsdk_params_start(map)))
            return UPDRAFT_OK;
        error = count_rows_at(config, row.offset, sector_len, &rows_there);
        if (error == UPDRAFT_OK && rows_there == 1)
            *phy_addr = row.offset;
        return error;
    }
    return UPDRAFT_OK;
}

static bool is_blank(const uint8_t *bytes, uint32_t len)
{
    uint8_t all = 0xFF;

    for (uint32_t i = 0; i < len; i++)
        all &= bytes[i];
    return all == 0xFF;
}

static enum updraft_error store_rf(const struct updraft_migrate_config *config, uint32_t phy_addr,
                                   const uint8_t rf[UPDRAFT_OLDSDK_RF_LEN],
                                   struct updraft_migrate_result *result)
{
    const struct updraft_flash *flash = config->flash;
    uint8_t there[UPDRAFT_OLDSDK_RF_RECORD_LEN];
    uint8_t record[UPDRAFT_OLDSDK_RF_RECORD_LEN];
    enum updraft_error error = updraft_flash_read(flash, phy_addr, there, sizeof there);

    if (error != UPDRAFT_OK)
        return error;
    updraft_oldsdk_rf_encode(rf, record);
    if (memcmp(there, record, sizeof record) == 0) {
        result->rf = UPDRAFT_MIGRATE_RF_KEPT;
        return UPDRAFT_OK;
    }
    error = updraft_rewrite_sector(flash, phy_addr, record, sizeof record);
    if (error == UPDRAFT_OK)
        error = updraft_flash_sync(flash);
    if (error == UPDRAFT_OK)
        result->rf = UPDRAFT_MIGRATE_RF_STORED;
    return error;
}

/* The old parameters can be taken again and again until a partition of the new system covers them;
 * from then on other bytes stand there, and what was kept before is left alone. */
static enum updraft_error keep_rf(const struct updraft_migrate_config *config,
                                  struct updraft_migrate_result *result)
{
    const struct updraft_flash *flash = config->flash;
    uint32_t source = updraft_oldsdk_rf_addr(&result->old.map);
    uint8_t rf[UPDRAFT_OLDSDK_RF_LEN];
    struct updraft_layout layout;
    uint32_t rows_there = 0;
    uint32_t phy_addr = 0;
    enum updraft_error error = updraft_layout_read(flash, config->table_addr, &layout);

    if (error != UPDRAFT_OK) /* no sound table: nothing of it is written to */
        return is_flash_fault(error) ? error : UPDRAFT_OK;
    error = find_phy(config, &result->old.map, &phy_addr);
    if (error == UPDRAFT_OK)
        error = count_rows_at(config, source, sizeof rf, &rows_there);
    if (error == UPDRAFT_OK)
        error = updraft_flash_read(flash, source, rf, sizeof rf);
    if (error != UPDRAFT_OK || phy_addr == 0 || rows_there != 0 || is_blank(rf, sizeof rf))
        return error;
    return store_rf(config, phy_addr, rf, result);
}

enum updraft_error updraft_migrate_run(const struct updraft_migrate_config *config,
                                       struct updraft_migrate_result *result)
{
    enum updraft_error error;

    UPDRAFT_ASSERT(config->flash->sector_len == UPDRAFT_OLDSDK_SECTOR_LEN);
    UPDRAFT_ASSERT(config->table_addr > UPDRAFT_PACKED_FLASH_OFF &&
                   config->table_addr % UPDRAFT_OLDSDK_SECTOR_LEN == 0);
    memset(result, 0, sizeof *result);
    error = updraft_old_system_read(config->flash, &result->old);
    if (error != UPDRAFT_OK || !result->old.present)
        return error;
    if (!result->old.has_map) {
        result->state = UPDRAFT_MIGRATE_REFUSED;
        result->why = UPDRAFT_MIGRATE_WHY_MAP;
        return UPDRAFT_OK;
    }
    if (result->old.user == UPDRAFT_OLDSDK_USER1) {
        result->state = UPDRAFT_MIGRATE_IN_PLACE;
        error = steady_flag(config, &result->old);
    } else {
        error = unpack(config, result);
    }
    if (error == UPDRAFT_OK && config->keep_rf &&
        (result->state == UPDRAFT_MIGRATE_IN_PLACE || result->state == UPDRAFT_MIGRATE_DONE))
        error = keep_rf(config, result);
    return error;
}

enum updraft_error updraft_migrate_return(const struct updraft_migrate_config *config,
                                          struct updraft_migrate_result *result)
{
    if (result->state != UPDRAFT_MIGRATE_IN_PLACE)
        return UPDRAFT_OK;
    result->why = UPDRAFT_MIGRATE_WHY_BOOT;
    return go_back(config, result);
}
