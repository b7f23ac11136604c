#include "tests/rig/rig.h"

#include "device/slots/inspect.h"
#include "device/slots/refused.h"
#include "device/slots/slot_data.h"
#include "device/slots/slot_place.h"
#include "format/chip.h"
#include "format/ptable.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define FACTS_SEGMENT_LEN 256u

static void require(bool condition)
{
    if (!condition)
        abort();
}

void rig_image_make(struct rig_image *image, uint16_t chip_id, const char *version, uint32_t len)
{
    struct updraft_appdesc desc = {0};
    uint32_t body_len = (len - 24 - 8 - FACTS_SEGMENT_LEN - 8 - 16 - 32) & ~3u;
    uint8_t facts[FACTS_SEGMENT_LEN];
    uint8_t *body = malloc(body_len);
    uint32_t x = 2463534242u;
    struct updraft_digest digest;
    size_t out_len;

    require(len >= 512 && body != NULL);
    for (const char *c = version; *c != '\0'; c++)
        x = x * 31u + (uint8_t)*c;
    for (uint32_t i = 0; i < body_len; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        body[i] = i % 16 < 8 ? (uint8_t)x : (uint8_t)(i >> 8); /* half noise, half pattern */
    }
    strncpy(desc.version, version, sizeof desc.version - 1);
    strncpy(desc.project, "rig", sizeof desc.project - 1);
    strncpy(desc.idf_version, "v5.4.1", sizeof desc.idf_version - 1);
    updraft_digest_start(&digest, UPDRAFT_DIGEST_SHA256);
    updraft_digest_update(&digest, body, body_len);
    updraft_digest_finish(&digest, desc.elf_sha256);
    require(updraft_appdesc_encode(&desc, facts) == UPDRAFT_OK);

    struct updraft_image_segment segments[2] = {
        {0x3F400020u, facts, sizeof facts},
        {0x40080000u, body, body_len},
    };
    struct updraft_image_spec spec = {
        .kind = UPDRAFT_IMAGE_ESP32,
        .chip_id = chip_id,
        .spi_mode = 2,
        .spi_size_speed = 0x20,
        .entry_addr = 0x40080000u,
        .max_chip_rev = 65535,
        .append_hash = true,
        .segments = segments,
        .segment_count = 2,
    };
    image->bytes = malloc(len + 64);
    require(image->bytes != NULL);
    require(updraft_image_encode(&spec, image->bytes, len + 64, &out_len) == UPDRAFT_OK);
    image->len = (uint32_t)out_len;
    free(body);
}

void rig_image_free(struct rig_image *image)
{
    free(image->bytes);
    image->bytes = NULL;
}

static void add_row(struct updraft_ptable *table, uint8_t type, uint8_t subtype, uint32_t offset,
                    uint32_t size, const char *label)
{
    struct updraft_partition *row = &table->entries[table->count++];

    *row = (struct updraft_partition){
        .type = type, .subtype = subtype, .offset = offset, .size = size};
    snprintf(row->label, sizeof row->label, "%s", label);
}

static uint8_t ota_count(enum rig_layout layout)
{
    switch (layout) {
    case RIG_TWO_SLOTS:
    case RIG_FACTORY_TWO:
        return 2;
    case RIG_FACTORY_ONE:
        return 1;
    case RIG_FOUR_SLOTS:
        return 4;
    }
    return 0;
}

void rig_make(struct rig *rig, enum rig_layout layout, uint32_t slot_len,
              const struct rig_image *app)
{
    struct updraft_ptable table = {.has_digest = true};
    uint32_t at = 0x10000;
    char why[128];

    memset(rig, 0, sizeof *rig);
    rig->layout = layout;
    rig->slot_len = slot_len;
    add_row(&table, UPDRAFT_PART_TYPE_DATA, UPDRAFT_PART_DATA_OTA, 0xD000, 0x2000, "otadata");
    if (layout == RIG_FACTORY_ONE || layout == RIG_FACTORY_TWO) {
        add_row(&table, UPDRAFT_PART_TYPE_APP, UPDRAFT_PART_APP_FACTORY, at, slot_len, "factory");
        at += slot_len;
    }
    for (uint8_t slot = 0; slot < ota_count(layout); slot++) {
        add_row(&table, UPDRAFT_PART_TYPE_APP, (uint8_t)(UPDRAFT_PART_APP_OTA_0 + slot), at,
                slot_len, updraft_slot_name(slot));
        at += slot_len;
    }
    add_row(&table, UPDRAFT_PART_TYPE_DATA, 0x82, at, 0x10000, "storage");
    at += 0x10000;

    struct updraft_nor_options options = {.size = at, .timing = UPDRAFT_NOR_W25Q};

    require(updraft_nor_open(&rig->nor, NULL, &options, why, sizeof why));
    require(updraft_ptable_encode(&table, rig->nor.bytes + UPDRAFT_PTABLE_DEFAULT_OFF) ==
            UPDRAFT_OK);
    require(app->len <= slot_len);
    memcpy(rig->nor.bytes + 0x10000, app->bytes, app->len);
}

void rig_free(struct rig *rig)
{
    updraft_nor_close(&rig->nor);
}

bool rig_boot(struct rig *rig, enum updraft_reset_cause cause)
{
    struct updraft_boot_config boot = {
        .flash = &rig->nor.flash,
        .table_addr = UPDRAFT_PTABLE_DEFAULT_OFF,
        .chip_id = UPDRAFT_CHIP_ESP32,
        .verify = updraft_slot_verify,
        .rules = &updraft_boot_rules_updraft,
        .cause = cause,
        .buf = rig->boot_buf,
        .buf_cap = sizeof rig->boot_buf,
    };
    struct updraft_update_config update = {
        .chip_id = UPDRAFT_CHIP_ESP32,
        .attempts = 3,
        .buf = rig->buf,
        .decoder = &updraft_update_gzip,
        .gunzip_arena = rig->arena,
        .hooks = &rig->hooks,
    };

    if (updraft_boot_run(&boot, &rig->booted) != UPDRAFT_OK ||
        rig->booted.slot == UPDRAFT_SLOT_NONE)
        return false;
    if (updraft_slots_open(&rig->slots, &rig->nor.flash, UPDRAFT_PTABLE_DEFAULT_OFF,
                           rig->booted.addr) != UPDRAFT_OK)
        return false;
    updraft_slots_remember(&rig->slots);
    update.place = updraft_slot_place(&rig->slots);
    update.place.find_data = updraft_slot_find_data;
    updraft_update_init(&rig->update, &update);
    return true;
}

const char *rig_version(struct rig *rig, int slot)
{
    static char version[33];
    struct updraft_image_reader reader;

    if (updraft_slot_inspect(&rig->nor.flash, updraft_layout_extent(&rig->slots.layout, slot),
                             UPDRAFT_CHIP_ESP32, rig->boot_buf, sizeof rig->boot_buf,
                             &reader) != UPDRAFT_OK)
        return "";
    memcpy(version, reader.info.appdesc.version, sizeof version);
    return version;
}

enum updraft_error rig_send(struct rig *rig, const struct updraft_update_request *request,
                            const uint8_t *data, uint32_t piece_len, uint32_t *resumed_from)
{
    enum updraft_error error = updraft_update_begin(&rig->update, request, NULL);
    uint32_t off = updraft_update_resume_off(&rig->update);

    if (error == UPDRAFT_OK)
        *resumed_from = off;
    for (; error == UPDRAFT_OK && off < request->wire_len; off += piece_len) {
        uint32_t left = request->wire_len - off;

        error = updraft_update_feed(&rig->update, data + off, left < piece_len ? left : piece_len);
    }
    return error == UPDRAFT_OK ? updraft_update_finish(&rig->update) : error;
}

enum updraft_error rig_update(struct rig *rig, const uint8_t *data, uint32_t len,
                              uint32_t piece_len)
{
    struct updraft_update_request request = {.wire_len = len};
    uint32_t resumed_from;

    return rig_send(rig, &request, data, piece_len, &resumed_from);
}

uint8_t *rig_gzip(const uint8_t *data, uint32_t len, uint32_t *gzip_len)
{
    z_stream stream = {0};
    uLong cap;
    uint8_t *out;

    require(deflateInit2(&stream, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    cap = deflateBound(&stream, len);
    out = malloc(cap);
    require(out != NULL);
    stream.next_in = (Bytef *)(uintptr_t)data;
    stream.avail_in = len;
    stream.next_out = out;
    stream.avail_out = (uInt)cap;
    require(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    *gzip_len = (uint32_t)stream.total_out;
    deflateEnd(&stream);
    return out;
}
