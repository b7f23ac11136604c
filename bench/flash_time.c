/* How long the flash is busy with an update, against the least it can take: every block erased once,
 * every page programmed once. Counted by the simulated chip at W25Q typical timing, so the figures
 * are the same on every host. */
#include "format/chip.h"
#include "tests/rig/rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IMAGE_LEN (1536u * 1024u)
#define SLOT_LEN  0x200000u

/* 24 blocks and 6144 pages: what any update of this size must do on a used slot. */
static double floor_s(uint32_t len)
{
    return (len + 65535u) / 65536u * 0.150 + (len + 255u) / 256u * 0.0004;
}

static void measure(const char *what, const struct rig_image *old_image,
                    const struct rig_image *new_image, bool used_slot, bool gzip)
{
    struct rig *rig = malloc(sizeof *rig);
    uint32_t len = new_image->len;
    uint8_t *packed = NULL;
    const uint8_t *data = new_image->bytes;
    const struct updraft_nor_counts *counts;
    double busy_s;

    rig_make(rig, RIG_TWO_SLOTS, SLOT_LEN, old_image);
    if (used_slot)
        memset(rig->nor.bytes + 0x10000 + SLOT_LEN, 0xA5, SLOT_LEN);
    if (gzip)
        data = packed = rig_gzip(new_image->bytes, new_image->len, &len);
    if (!rig_boot(rig, UPDRAFT_RESET_POWER_ON))
        exit(1);
    updraft_nor_power_on(&rig->nor, 0, UPDRAFT_NOR_CUT_BEFORE);
    if (rig_update(rig, data, len, 1460) != UPDRAFT_OK)
        exit(1);
    counts = &rig->nor.counts;
    busy_s = (double)counts->busy_us / 1e6;
    printf("%-34s %8u %7.2f %7.2f %6.3f %8llu %8llu %8llu %7.2f\n", what, len, busy_s,
           floor_s(new_image->len), busy_s / floor_s(new_image->len),
           (unsigned long long)counts->block_erases, (unsigned long long)counts->sector_erases,
           (unsigned long long)counts->programs, (double)counts->bytes_read / 1048576.0);
    free(packed);
    rig_free(rig);
    free(rig);
}

int main(void)
{
    struct rig_image old_image;
    struct rig_image new_image;

    rig_image_make(&old_image, UPDRAFT_CHIP_ESP32, "1.0.0", IMAGE_LEN);
    rig_image_make(&new_image, UPDRAFT_CHIP_ESP32, "1.1.0", IMAGE_LEN);
    printf("Flash time of an update of %u bytes, W25Q typical timing\n\n", new_image.len);
    printf("%-34s %8s %7s %7s %6s %8s %8s %8s %7s\n", "", "on wire", "busy s", "floor s", "ratio",
           "blocks", "sectors", "programs", "read MB");
    measure("raw, into a used slot", &old_image, &new_image, true, false);
    measure("raw, into a blank slot", &old_image, &new_image, false, false);
    measure("gzip, into a used slot", &old_image, &new_image, true, true);
    rig_image_free(&old_image);
    rig_image_free(&new_image);
    return 0;
}
