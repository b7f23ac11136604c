#include "tests/rig/old_rig.h"

#include "boot/boot.h"
#include "device/slots/inspect.h"
#include "format/chip.h"
#include "format/crc.h"
#include "format/image.h"
#include "format/packed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECTOR_LEN  0x1000u
#define BOOT_LEN    0x1800u /* of the new boot loader */
#define OLD_APP_LEN 0x6000u
#define AP_OFF      0x13Cu

struct row {
    const char *label;
    uint8_t type;
    uint8_t subtype;
    uint32_t offset;
    uint32_t size;
};

static const struct {
    uint32_t table_addr;
    struct row rows[5];
} tables[] = {
    [OLD_RIG_TABLE_1M] = {0x5000,
                          {{"phy_init", 1, 1, 0x6000, 0x1000},
                           {"ota_0", 0, 0x10, 0x7000, 0x77000},
                           {"nvs", 1, 2, 0x7F000, 0x4000},
                           {"otadata", 1, 0, 0x83000, 0x2000},
                           {"ota_1", 0, 0x11, 0x85000, 0x77000}}},
    [OLD_RIG_TABLE_2M] = {0x8000,
                          {{"nvs", 1, 2, 0x9000, 0x4000},
                           {"otadata", 1, 0, 0xD000, 0x2000},
                           {"phy_init", 1, 1, 0xF000, 0x1000},
                           {"ota_0", 0, 0x10, 0x10000, 0xEC000},
                           {"ota_1", 0, 0x11, 0x110000, 0xEC000}}},
    [OLD_RIG_TABLE_SMALL] = {0x5000,
                             {{"phy_init", 1, 1, 0x6000, 0x1000},
                              {"ota_0", 0, 0x10, 0x7000, 0x4000},
                              {"nvs", 1, 2, 0x11000, 0x4000},
                              {"otadata", 1, 0, 0x15000, 0x2000},
                              {"ota_1", 0, 0x11, 0x60000, 0x9000}}},
};

/* T and M in KB, by size nibble. */
static const uint32_t sizes_kb[10][2] = {{512, 512},   {0, 0},       {1024, 1024}, {2048, 1024},
                                         {4096, 1024}, {2048, 2048}, {4096, 2048}, {0, 0},
                                         {8192, 2048}, {16384, 2048}};

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void fill(uint8_t *out, size_t len, uint32_t seed)
{
    uint32_t x = seed * 2654435761u + 1u;

    for (size_t i = 0; i < len; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        out[i] = (uint8_t)(x >> 9);
    }
}

static void encode_table(const struct old_rig *rig, uint8_t bytes[UPDRAFT_PTABLE_LEN])
{
    struct updraft_ptable table = {.count = 5, .has_digest = true};

    for (size_t i = 0; i < 5; i++) {
        const struct row *row = &tables[rig->options.table].rows[i];

        table.entries[i] = (struct updraft_partition){
            .type = row->type, .subtype = row->subtype, .offset = row->offset, .size = row->size};
        snprintf(table.entries[i].label, sizeof table.entries[i].label, "%s", row->label);
    }
    if (rig->options.ota_1_len != 0)
        table.entries[4].size = rig->options.ota_1_len;
    require(updraft_ptable_encode(&table, bytes) == UPDRAFT_OK);
}

static void find_places(struct old_rig *rig)
{
    uint8_t nibble = rig->options.size_nibble;

    require(nibble < 10 && sizes_kb[nibble][0] != 0);
    rig->flash_len = sizes_kb[nibble][0] * 1024;
    rig->shift = sizes_kb[nibble][1] * 1024 / 2;
    rig->params_addr = rig->flash_len - 3 * SECTOR_LEN;
    rig->rf_addr = 2 * rig->shift - 4 * SECTOR_LEN;
    rig->table_addr = tables[rig->options.table].table_addr;
    for (size_t i = 0; i < 5; i++) {
        const struct row *row = &tables[rig->options.table].rows[i];

        if (row->type == 1 && row->subtype == 1)
            rig->phy_addr = row->offset;
        if (row->type == 0 && row->subtype == 0x10) {
            rig->slot_addr = row->offset;
            rig->slot_end = row->offset + row->size;
        }
    }
}

static void make_app(const struct old_rig *rig, uint8_t *out, size_t cap, size_t *len)
{
    uint32_t code_len = (rig->options.app_len - UPDRAFT_APPDESC_LEN - 128) & ~3u;
    uint32_t link_addr = 0x40200010u + rig->slot_addr % 0x100000u;
    struct updraft_appdesc desc = {.version = "3.0.0", .project = "rig", .idf_version = "v3.4"};
    uint8_t *code = malloc(code_len);
    uint8_t desc_bytes[UPDRAFT_APPDESC_LEN];

    require(code != NULL);
    fill(code, code_len, 3);
    require(updraft_appdesc_encode(&desc, desc_bytes) == UPDRAFT_OK);
    const struct updraft_image_segment segments[2] = {
        {link_addr, code, code_len},
        {link_addr + code_len + 8, desc_bytes, sizeof desc_bytes},
    };
    const struct updraft_image_spec spec = {
        .kind = UPDRAFT_IMAGE_ESP8266_V3,
        .spi_mode = 2,
        .spi_size_speed = (uint8_t)(rig->options.size_nibble << 4),
        .entry_addr = link_addr + 4,
        .segments = segments,
        .segment_count = 2,
    };
    require(updraft_image_encode(&spec, out, cap, len) == UPDRAFT_OK);
    free(code);
}

static void make_packed(struct old_rig *rig)
{
    uint32_t app_cap = rig->slot_end - rig->slot_addr;
    uint8_t *app = malloc(app_cap);
    uint8_t boot[BOOT_LEN];
    uint8_t table[UPDRAFT_PTABLE_LEN];
    uint8_t phy[128];
    size_t app_len = 0;
    size_t len = 0;

    rig->packed = malloc(rig->slot_end);
    require(app != NULL && rig->packed != NULL);
    make_app(rig, app, app_cap, &app_len);
    encode_table(rig, table);
    fill(boot, sizeof boot, 4);
    boot[0] = 0xE9;
    fill(phy, sizeof phy, 5);
    const struct updraft_packed_item items[4] = {
        {0, boot, sizeof boot},
        {rig->table_addr, table, sizeof table},
        {rig->phy_addr, phy, sizeof phy},
        {rig->slot_addr, app, (uint32_t)app_len},
    };
    require(updraft_packed_encode(items, 4, rig->packed, rig->slot_end, &len) == UPDRAFT_OK);
    rig->packed_len = (uint32_t)len;
    free(app);
}

static void make_old_image(struct old_rig *rig)
{
    static uint8_t irom[OLD_APP_LEN];
    static uint8_t iram[64];
    const struct updraft_image_segment segment = {0x40100000, iram, sizeof iram};
    const struct updraft_image_spec spec = {
        .spi_size_speed = (uint8_t)(rig->options.size_nibble << 4),
        .entry_addr = 0x40100004,
        .segments = &segment,
        .segment_count = 1,
    };
    size_t len = 0;

    fill(irom, sizeof irom, 6);
    rig->old_image = malloc(2 * OLD_APP_LEN);
    require(rig->old_image != NULL);
    require(updraft_image_encode_8266_v2(&spec, irom, sizeof irom, rig->old_image, 2 * OLD_APP_LEN,
                                         &len) == UPDRAFT_OK);
    rig->old_image_len = (uint32_t)len;
}

static void put_old_boot(const struct old_rig *rig, uint8_t *flash)
{
    uint32_t at = 8;

    memset(flash, 0xFF, SECTOR_LEN);
    flash[0] = 0xE9;
    flash[1] = 3;
    flash[2] = 0;
    flash[3] = (uint8_t)(rig->options.size_nibble << 4);
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t len = 0x400 - i * 0x80;

        flash[at + 4] = (uint8_t)len;
        flash[at + 5] = (uint8_t)(len >> 8);
        flash[at + 6] = flash[at + 7] = 0;
        at += 8 + len;
    }
}

/* The sector in use names "home", the other one, older, "attic". */
static void put_params(const struct old_rig *rig, uint8_t *flash)
{
    static const char *const ssids[2] = {"attic", "home"};
    uint32_t used = rig->options.flag != 0 ? 1 : 0;

    for (uint32_t i = 0; i < 2; i++) {
        uint8_t *sector = flash + rig->params_addr + i * SECTOR_LEN;

        memcpy(sector, rig->options.params, 2);
        memset(sector + AP_OFF, 0, 4 + 100);
        sector[AP_OFF] = 1;
        sector[AP_OFF + 4] = (uint8_t)strlen(ssids[i == used]);
        memcpy(sector + AP_OFF + 8, ssids[i == used], strlen(ssids[i == used]));
        memcpy(sector + AP_OFF + 40, "secret", 7);
    }
    flash[rig->params_addr + 2 * SECTOR_LEN] = rig->options.flag;
}

void old_rig_make(struct old_rig *rig, const struct old_rig_options *options)
{
    struct updraft_nor_options nor = {0};
    char why[128];

    memset(rig, 0, sizeof *rig);
    rig->options = *options;
    find_places(rig);
    make_packed(rig);
    make_old_image(rig);
    nor.size = rig->flash_len;
    nor.unstable_bits = options->unstable_bits;
    require(updraft_nor_open(&rig->nor, NULL, &nor, why, sizeof why));
    rig->fresh = malloc(rig->flash_len);
    require(rig->fresh != NULL);
    fill(rig->fresh, rig->flash_len, 7);
    rig->packed_addr = SECTOR_LEN + (options->packed_is_user1 ? 0 : rig->shift);
    rig->old_image_addr = SECTOR_LEN + (options->packed_is_user1 ? rig->shift : 0);
    memcpy(rig->fresh + rig->old_image_addr, rig->old_image, rig->old_image_len);
    memcpy(rig->fresh + rig->packed_addr, rig->packed, rig->packed_len);
    put_old_boot(rig, rig->fresh);
    put_params(rig, rig->fresh);
    old_rig_reset(rig);
}

void old_rig_free(struct old_rig *rig)
{
    updraft_nor_close(&rig->nor);
    free(rig->packed);
    free(rig->old_image);
    free(rig->fresh);
}

void old_rig_reset(struct old_rig *rig)
{
    old_rig_restore(rig, rig->fresh);
}

void old_rig_restore(struct old_rig *rig, const uint8_t *flash)
{
    memcpy(rig->nor.bytes, flash, rig->flash_len);
    if (rig->nor.unstable != NULL)
        memset(rig->nor.unstable, 0, rig->flash_len);
}

static bool runs_second(const uint8_t params[2])
{
    unsigned usr_bin = params[0] & 3u;
    unsigned boot_status = params[0] >> 2 & 1u;
    unsigned version = params[1] & 31u;

    if (usr_bin == 1)
        return boot_status == 1;
    return boot_status != 1 && version != 4;
}

/* Through the chip, which may read torn cells differently each time. */
static void read_flash(const struct old_rig *rig, uint32_t addr, void *out, uint32_t len)
{
    require(rig->nor.flash.read(rig->nor.flash.ctx, addr, out, len) == UPDRAFT_OK);
}

uint32_t old_rig_start_addr(const struct old_rig *rig)
{
    uint8_t params[2];
    uint8_t flag;

    read_flash(rig, rig->params_addr + 2 * SECTOR_LEN, &flag, 1);
    read_flash(rig, rig->params_addr + (flag != 0 ? SECTOR_LEN : 0), params, sizeof params);
    return SECTOR_LEN + (runs_second(params) ? rig->shift : 0);
}

enum old_rig_system old_rig_starts(const struct old_rig *rig)
{
    static uint8_t bytes[2 * OLD_APP_LEN];

    read_flash(rig, old_rig_start_addr(rig), bytes, rig->old_image_len);
    if (memcmp(bytes, rig->old_image, rig->old_image_len) == 0)
        return OLD_RIG_OLD;
    return memcmp(bytes, rig->packed, BOOT_LEN) == 0 ? OLD_RIG_NEW : OLD_RIG_NOTHING;
}

enum updraft_error old_rig_boot(struct old_rig *rig, bool keep_rf,
                                struct updraft_migrate_result *result, char version[33])
{
    const struct updraft_migrate_config migrate = {
        .flash = &rig->nor.flash,
        .table_addr = rig->table_addr,
        .keep_rf = keep_rf,
        .buf = rig->buf,
    };
    const struct updraft_boot_config boot = {
        .flash = &rig->nor.flash,
        .table_addr = rig->table_addr,
        .chip_id = UPDRAFT_CHIP_ESP8266,
        .verify = updraft_slot_verify_8266,
        .rules = &updraft_boot_rules_updraft,
        .cause = UPDRAFT_RESET_POWER_ON,
        .buf = rig->buf,
        .buf_cap = sizeof rig->buf,
    };
    struct updraft_boot_result booted;
    struct updraft_image_reader reader;
    enum updraft_error error = updraft_migrate_run(&migrate, result);

    version[0] = '\0';
    if (error != UPDRAFT_OK || result->state == UPDRAFT_MIGRATE_RETURNED)
        return error;
    if (updraft_boot_run(&boot, &booted) != UPDRAFT_OK || booted.slot == UPDRAFT_SLOT_NONE)
        return UPDRAFT_OK;
    require(updraft_slot_inspect(
                &rig->nor.flash, updraft_layout_extent(&booted.situation.layout, booted.slot),
                UPDRAFT_CHIP_ESP8266, rig->buf, sizeof rig->buf, &reader) == UPDRAFT_OK);
    memcpy(version, reader.info.appdesc.version, 33);
    return UPDRAFT_OK;
}

static void expect_params(const struct old_rig *rig, uint8_t *out)
{
    unsigned used = rig->options.flag != 0 ? 1 : 0;
    const uint8_t *from = rig->fresh + rig->params_addr + used * SECTOR_LEN;
    uint8_t *to = out + rig->params_addr + (1 - used) * SECTOR_LEN;
    uint8_t *flag = out + rig->params_addr + 2 * SECTOR_LEN;
    unsigned version = from[1] & 31u;
    unsigned toggled = (from[0] & 3u) == 1 ? 0 : 1;

    memset(to, 0xFF, SECTOR_LEN);
    memcpy(to, from, 1280);
    if (version == 2 || version == 31) {
        to[0] = (uint8_t)((from[0] & 0xFCu) | toggled);
    } else {
        to[1] |= 0x80;
        if (from[0] & 4u)
            to[0] = (uint8_t)((from[0] & 0xFCu) | toggled);
        to[0] |= 4;
    }
    memset(flag + 32, 0xFF, SECTOR_LEN - 32);
    flag[0] = used ? 0 : 1;
}

void old_rig_expect(const struct old_rig *rig, bool keep_rf, uint8_t *out)
{
    memcpy(out, rig->fresh, rig->flash_len);
    if (!rig->options.packed_is_user1) {
        memcpy(out + rig->table_addr, rig->fresh + rig->table_addr + rig->shift, SECTOR_LEN);
        memcpy(out + SECTOR_LEN, rig->fresh + SECTOR_LEN + rig->shift, rig->slot_end - SECTOR_LEN);
        expect_params(rig, out);
    }
    if (keep_rf) {
        uint8_t *phy = out + rig->phy_addr;

        memset(phy, 0xFF, SECTOR_LEN);
        memcpy(phy, "PHYINIT", 8);
        memcpy(phy + 8, rig->fresh + rig->rf_addr, 128);
        memcpy(phy + 136, "PHYINIT", 8);
    }
}
