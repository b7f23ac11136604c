/* A small device for fuzz targets: two slots of one block each on a flash in memory, the
 * transaction on top. What must hold whatever comes over the network is checked when it is put
 * away. */
#ifndef UPDRAFT_TESTS_FUZZ_DEVICE_H
#define UPDRAFT_TESTS_FUZZ_DEVICE_H

#include "device/slots/slot_data.h"
#include "device/slots/slot_place.h"
#include "device/update/update.h"
#include "format/chip.h"
#include "format/ptable.h"
#include "ports/posix/nor.h"

#include <stdlib.h>
#include <string.h>

#define FUZZ_SLOT_LEN     0x10000u
#define FUZZ_RUNNING_ADDR 0x10000u
#define FUZZ_RUNNING_BYTE 0x77

struct fuzz_device {
    struct updraft_nor nor;
    struct updraft_slots slots;
    struct updraft_update update;
    uint8_t buf[4096];
    uint8_t arena[UPDRAFT_GUNZIP_ARENA_LEN];
};

static inline void fuzz_require(bool condition)
{
    if (!condition)
        abort();
}

static inline void fuzz_device_row(struct updraft_ptable *table, uint8_t type, uint8_t subtype,
                                   uint32_t offset, uint32_t size, const char *label)
{
    struct updraft_partition *row = &table->entries[table->count++];

    *row = (struct updraft_partition){
        .type = type, .subtype = subtype, .offset = offset, .size = size};
    strncpy(row->label, label, sizeof row->label - 1);
}

static inline void fuzz_device_make(struct fuzz_device *device)
{
    struct updraft_nor_options options = {.size = FUZZ_RUNNING_ADDR + 3 * FUZZ_SLOT_LEN};
    static struct updraft_ptable table;
    char why[128];

    memset(&table, 0, sizeof table);
    fuzz_device_row(&table, UPDRAFT_PART_TYPE_DATA, UPDRAFT_PART_DATA_OTA, 0xD000, 0x2000,
                    "otadata");
    fuzz_device_row(&table, UPDRAFT_PART_TYPE_APP, UPDRAFT_PART_APP_OTA_0, FUZZ_RUNNING_ADDR,
                    FUZZ_SLOT_LEN, "ota_0");
    fuzz_device_row(&table, UPDRAFT_PART_TYPE_APP, UPDRAFT_PART_APP_OTA_0 + 1,
                    FUZZ_RUNNING_ADDR + FUZZ_SLOT_LEN, FUZZ_SLOT_LEN, "ota_1");
    fuzz_device_row(&table, UPDRAFT_PART_TYPE_DATA, 0x82, FUZZ_RUNNING_ADDR + 2 * FUZZ_SLOT_LEN,
                    FUZZ_SLOT_LEN, "storage");
    fuzz_require(updraft_nor_open(&device->nor, NULL, &options, why, sizeof why));
    fuzz_require(updraft_ptable_encode(&table, device->nor.bytes + UPDRAFT_PTABLE_DEFAULT_OFF) ==
                 UPDRAFT_OK);
    memset(device->nor.bytes + FUZZ_RUNNING_ADDR, FUZZ_RUNNING_BYTE, FUZZ_SLOT_LEN);
    fuzz_require(updraft_slots_open(&device->slots, &device->nor.flash, UPDRAFT_PTABLE_DEFAULT_OFF,
                                    FUZZ_RUNNING_ADDR) == UPDRAFT_OK);
    struct updraft_update_config config = {
        .place = updraft_slot_place(&device->slots),
        .chip_id = UPDRAFT_CHIP_ESP32,
        .attempts = 3,
        .buf = device->buf,
        .decoder = &updraft_update_gzip,
        .gunzip_arena = device->arena,
    };
    config.place.find_data = updraft_slot_find_data;
    updraft_update_init(&device->update, &config);
}

/* The flash was used as flash allows, and the running slot is as it was. */
static inline void fuzz_device_free(struct fuzz_device *device)
{
    const uint8_t *running = device->nor.bytes + FUZZ_RUNNING_ADDR;

    fuzz_require(device->nor.violation[0] == '\0');
    for (uint32_t i = 0; i < FUZZ_SLOT_LEN; i++)
        fuzz_require(running[i] == FUZZ_RUNNING_BYTE);
    updraft_nor_close(&device->nor);
}

#endif
