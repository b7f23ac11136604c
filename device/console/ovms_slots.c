/* ota boot, ota erase, ota copy: what the console does to slots without the transaction. */
#include "device/console/ovms_parts.h"
#include "device/flash/access.h"
#include "device/slots/verify.h"

#define PROGRESS_STEP 0x40000u

/* Eight digits, hex or decimal, zeros in front. */
static void put_padded(struct updraft_ovms *ovms, int session, uint32_t number, uint32_t base)
{
    char digits[9];

    for (size_t i = 8; i-- > 0; number /= base)
        digits[i] = "0123456789abcdef"[number % base];
    digits[8] = '\0';
    updraft_ovms_put(ovms, session, digits);
}

/* "factory", "ota_0", "ota_1"; NONE for anything else. */
int updraft_ovms_slot_of(const char *word)
{
    int slot = updraft_slot_by_name(word);

    return slot == UPDRAFT_SLOT_FACTORY || slot == 0 || slot == 1 ? slot : UPDRAFT_SLOT_NONE;
}

static enum updraft_error choose(struct updraft_ovms *ovms, int slot)
{
    struct updraft_slot_check check = {
        .flash = ovms->config.slots->flash,
        .slot = updraft_layout_extent(&ovms->config.slots->layout, slot),
        .chip_id = ovms->config.chip_id,
        .buf = ovms->config.buf,
        .buf_cap = ovms->config.slots->flash->sector_len,
    };
    enum updraft_error error = updraft_slot_verify(&check);

    return error == UPDRAFT_OK ? updraft_slots_select(ovms->config.slots, slot, 0) : error;
}

/* A partition that the table lacks gets no answer, as from the stock firmware. */
void updraft_ovms_do_boot(struct updraft_ovms *ovms, int session, const char *word)
{
    int slot = updraft_ovms_slot_of(word);
    struct updraft_extent extent = updraft_layout_extent(&ovms->config.slots->layout, slot);
    enum updraft_error error;

    if (extent.len == 0 || updraft_ovms_refuse_when_busy(ovms, session))
        return;
    error = choose(ovms, slot);
    if (error == UPDRAFT_OK) {
        updraft_ovms_put(ovms, session, "Boot from ");
        updraft_ovms_put(ovms, session, word);
        updraft_ovms_put(ovms, session, " at 0x");
        put_padded(ovms, session, extent.addr, 16);
        updraft_ovms_put(ovms, session, " (size 0x");
        put_padded(ovms, session, extent.len, 16);
        updraft_ovms_put(ovms, session, ")\n");
    } else if (updraft_ovms_esp_error(error) == 0x6001) {
        updraft_ovms_put(ovms, session, "Error: Flash erase/write failed\n");
    } else if (updraft_ovms_esp_error(error) == 0x105) {
        updraft_ovms_put(ovms, session, "Error: OTA partition not found\n");
    } else {
        updraft_ovms_put(ovms, session,
                         "Error: partition contained invalid app image, or signature validation "
                         "failed\n");
    }
}

static bool is_running(const struct updraft_ovms *ovms, int slot)
{
    return slot == ovms->config.slots->running;
}

static bool is_chosen(const struct updraft_ovms *ovms, int slot)
{
    int chosen;

    return updraft_slots_chosen(ovms->config.slots, &chosen) != UPDRAFT_OK || slot == chosen;
}

/* What is cut in the middle leaves flash that no log speaks of. Updates go to OTA slots only. */
static bool distrust(struct updraft_ovms *ovms, int session, int slot)
{
    struct updraft_failure failure;
    enum updraft_error error =
        slot >= 0 ? updraft_slots_distrust(ovms->config.slots, slot) : UPDRAFT_OK;

    if (error == UPDRAFT_OK)
        return true;
    updraft_failure_set(&failure, error, ovms->config.slots->layout.otadata.addr, 0, NULL);
    updraft_ovms_put_failure(ovms, session, &failure, " starting OTA operation");
    return false;
}

void updraft_ovms_do_erase(struct updraft_ovms *ovms, int session, const char *word)
{
    int slot = updraft_ovms_slot_of(word);
    struct updraft_extent extent = updraft_layout_extent(&ovms->config.slots->layout, slot);

    if (slot == UPDRAFT_SLOT_NONE || updraft_ovms_refuse_when_busy(ovms, session))
        return;
    if (is_running(ovms, slot)) {
        updraft_ovms_put(ovms, session, "Error: Cannot erase currently running partition\n");
    } else if (is_chosen(ovms, slot)) {
        updraft_ovms_put(ovms, session, "Error: Cannot erase boot partition\n");
    } else if (extent.len == 0) {
        updraft_ovms_put(ovms, session, "Error: Cannot find specified partition\n");
    } else if (slot == UPDRAFT_SLOT_FACTORY) {
        /* The stock firmware erases by beginning an update, which factory cannot have. */
        updraft_ovms_put(ovms, session,
                         "OTA Erase: Erasing partition...\n"
                         "Error: ESP32 error #258 starting OTA operation\n");
    } else {
        updraft_ovms_put(ovms, session, "OTA Erase: Erasing partition...\n");
        if (!distrust(ovms, session, slot))
            return;
        updraft_ovms_begin_job(ovms, session, UPDRAFT_OVMS_JOB_ERASE);
        ovms->activity = "OTA Erase: Erasing partition...";
        ovms->to = extent;
        ovms->total = extent.len;
    }
}

/* NULL when the copy may begin. */
static const char *why_not_copy(const struct updraft_ovms *ovms, int from, int to)
{
    const struct updraft_layout *layout = &ovms->config.slots->layout;
    struct updraft_extent source = updraft_layout_extent(layout, from);
    struct updraft_extent target = updraft_layout_extent(layout, to);

    if (is_running(ovms, to))
        return "Error: Cannot copy to currently running partition\n";
    if (is_chosen(ovms, to))
        return "Error: Cannot copy to boot partition\n";
    if (source.len == 0)
        return "Error: Could not find partition to copy from\n";
    if (target.len == 0)
        return "Error: Could not find partition to copy to\n";
    return source.len == target.len ? NULL
                                    : "Error: The two specified partitions are not the same size\n";
}

void updraft_ovms_do_copy(struct updraft_ovms *ovms, int session, const char *from, const char *to)
{
    const struct updraft_layout *layout = &ovms->config.slots->layout;
    const char *why;

    if (updraft_ovms_refuse_when_busy(ovms, session))
        return;
    why = why_not_copy(ovms, updraft_ovms_slot_of(from), updraft_ovms_slot_of(to));
    if (why != NULL) {
        updraft_ovms_put(ovms, session, why);
        return;
    }
    if (!distrust(ovms, session, updraft_ovms_slot_of(to)))
        return;
    updraft_ovms_begin_job(ovms, session, UPDRAFT_OVMS_JOB_COPY);
    ovms->activity = "OTA Copy: Copying flash image...";
    ovms->from = updraft_layout_extent(layout, updraft_ovms_slot_of(from));
    ovms->to = updraft_layout_extent(layout, updraft_ovms_slot_of(to));
    ovms->to_factory = updraft_ovms_slot_of(to) == UPDRAFT_SLOT_FACTORY;
    ovms->total = ovms->to.len;
    updraft_ovms_put(ovms, session, "OTA copy ");
    updraft_ovms_put(ovms, session, from);
    updraft_ovms_put(ovms, session, " (");
    put_padded(ovms, session, ovms->from.addr, 10);
    updraft_ovms_put(ovms, session, ") -> ");
    updraft_ovms_put(ovms, session, to);
    updraft_ovms_put(ovms, session, " (");
    put_padded(ovms, session, ovms->to.addr, 16);
    updraft_ovms_put(ovms, session, ") size ");
    updraft_ovms_put_number(ovms, session, ovms->to.len);
    updraft_ovms_put(ovms, session, " with block size 4096\n");
}

/* One sector, from the start: a copy that is cut has a start and no end, and is no image. */
static enum updraft_error write_sector(struct updraft_ovms *ovms)
{
    const struct updraft_flash *flash = ovms->config.slots->flash;
    uint32_t addr = ovms->to.addr + ovms->done;
    enum updraft_error error;

    if (ovms->job == UPDRAFT_OVMS_JOB_ERASE)
        return updraft_flash_erase(flash, addr, flash->sector_len);
    error = updraft_flash_read(flash, ovms->from.addr + ovms->done, ovms->config.buf,
                               flash->sector_len);
    if (error == UPDRAFT_OK)
        error = updraft_flash_erase(flash, addr, flash->sector_len);
    if (error == UPDRAFT_OK)
        error = updraft_flash_prog(flash, addr, ovms->config.buf, flash->sector_len);
    return error == UPDRAFT_OK
               ? updraft_flash_compare(flash, addr, ovms->config.buf, flash->sector_len)
               : error;
}

static void put_copy_progress(struct updraft_ovms *ovms)
{
    int session = ovms->job_session;

    updraft_ovms_put(ovms, session, ovms->to_factory ? "OTA Factory Copy: " : "OTA Copy: ");
    updraft_ovms_put_number(ovms, session, (uint32_t)((uint64_t)ovms->done * 100u / ovms->total));
    updraft_ovms_put(ovms, session, "% progress (");
    updraft_ovms_put_number(ovms, session, ovms->done);
    updraft_ovms_put(ovms, session, " bytes)\n");
}

void updraft_ovms_step_writing(struct updraft_ovms *ovms)
{
    const struct updraft_flash *flash = ovms->config.slots->flash;
    enum updraft_error error = write_sector(ovms);
    struct updraft_failure failure;
    bool is_erase = ovms->job == UPDRAFT_OVMS_JOB_ERASE;

    if (error != UPDRAFT_OK) {
        updraft_failure_set(&failure, error, ovms->to.addr + ovms->done, 0, NULL);
        updraft_ovms_put_failure(ovms, ovms->job_session, &failure,
                                 is_erase ? " starting OTA operation" : " writing to flash");
        updraft_ovms_end_job(ovms);
        return;
    }
    ovms->done += flash->sector_len;
    if (!is_erase && ovms->done % PROGRESS_STEP == 0)
        put_copy_progress(ovms);
    if (ovms->done < ovms->total)
        return;
    updraft_ovms_put(ovms, ovms->job_session,
                     is_erase ? "Partition erase complete\n" : "OTA copy complete\n");
    updraft_ovms_end_job(ovms);
}
