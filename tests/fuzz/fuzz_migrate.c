/* A flash of any contents at the first boot after an old SDK: whatever stands in it, nothing outside
 * the chip is touched, flash is used as flash allows, and a packed image that was not taken leaves
 * all but the parameters as it was. */
#include "boot/migrate.h"
#include "ports/posix/nor.h"

#include <stdlib.h>
#include <string.h>

#define FLASH_LEN   0x80000u /* size nibble 0 */
#define SHIFT       0x40000u
#define TABLE_ADDR  0x5000u
#define PARAMS_ADDR (FLASH_LEN - 0x3000u)
#define BOOT_CAP    0x40u
#define HEAD_CAP    0x10u

static void check(bool holds)
{
    if (!holds)
        abort();
}

/* The input fills the places that are looked at, in turn: the old boot loader's head, both parameter
 * sectors, the flag and the RF parameters, table and application of the packed image. */
static void lay_out(uint8_t *flash, const uint8_t *data, size_t len)
{
    static const struct {
        uint32_t addr;
        uint32_t cap;
    } places[] = {
        {0, BOOT_CAP},
        {PARAMS_ADDR, HEAD_CAP},
        {PARAMS_ADDR + 0x1000, HEAD_CAP},
        {PARAMS_ADDR + 0x2000, 1},
        {PARAMS_ADDR - 0x1000, HEAD_CAP},
        {SHIFT + TABLE_ADDR, 0x100},
        {SHIFT + TABLE_ADDR + 0x1000, SHIFT - TABLE_ADDR - 0x5000},
    };

    memset(flash, 0xFF, FLASH_LEN);
    for (size_t i = 0; i < sizeof places / sizeof places[0] && len > 0; i++) {
        size_t take = len < places[i].cap ? len : places[i].cap;

        memcpy(flash + places[i].addr, data, take);
        data += take;
        len -= take;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct updraft_nor nor;
    static uint8_t before[FLASH_LEN];
    static uint8_t buf[4096];
    struct updraft_migrate_config config = {
        .flash = &nor.flash, .table_addr = TABLE_ADDR, .keep_rf = true, .buf = buf};
    struct updraft_nor_options options = {.size = FLASH_LEN};
    struct updraft_migrate_result result;
    struct updraft_oldsdk_aps aps;
    char why[64];
    bool found;

    if (nor.bytes == NULL)
        check(updraft_nor_open(&nor, NULL, &options, why, sizeof why));
    lay_out(nor.bytes, data, len);
    memcpy(before, nor.bytes, FLASH_LEN);
    updraft_nor_power_on(&nor, 0, UPDRAFT_NOR_CUT_BEFORE);
    check(updraft_migrate_run(&config, &result) == UPDRAFT_OK);
    check(updraft_old_system_aps(&nor.flash, &result.old, buf, &aps, &found) == UPDRAFT_OK);
    check(nor.violation[0] == '\0');
    if (result.state == UPDRAFT_MIGRATE_NONE || result.state == UPDRAFT_MIGRATE_REFUSED)
        check(nor.counts.operations == 0);
    if (result.state == UPDRAFT_MIGRATE_RETURNED)
        check(memcmp(nor.bytes, before, PARAMS_ADDR) == 0);
    if (result.state == UPDRAFT_MIGRATE_DONE)
        check(memcmp(nor.bytes + 0x1000, before + 0x1000 + SHIFT, result.packed_len) == 0 ||
              result.rf == UPDRAFT_MIGRATE_RF_STORED);
    return 0;
}
