/* ota status, in both generations' words. */
#include "device/console/ovms_parts.h"

static void put_row(struct updraft_ovms *ovms, int session, const char *label, const char *value)
{
    if (value == NULL || value[0] == '\0')
        return;
    updraft_ovms_put(ovms, session, label);
    updraft_ovms_put(ovms, session, value);
    updraft_ovms_put(ovms, session, "\n");
}

static bool lies_at(const struct updraft_ovms *ovms, const char *label, uint32_t offset,
                    uint32_t size)
{
    const struct updraft_slots *slots = ovms->config.slots;
    struct updraft_row row;

    return updraft_layout_find_label(slots->flash, slots->layout.table.addr, label, &row) ==
               UPDRAFT_OK &&
           row.extent.addr == offset && row.extent.len == size;
}

static const char *partition_type(const struct updraft_ovms *ovms)
{
    const struct updraft_layout *layout = &ovms->config.slots->layout;
    bool has_factory = layout->factory.len != 0;
    bool has_both = layout->ota[0].len != 0 && layout->ota[1].len != 0;
    bool has_new_store = lies_at(ovms, "store", 0xE10000, 0x1F0000);
    bool has_second_store = lies_at(ovms, "store2", 0xE10000, 0x1F0000);

    if (has_both && has_factory && !has_new_store && !has_second_store)
        return "v3-30 (factory, ota1, ota2, 1MB store)";
    if (has_both && has_factory && has_second_store)
        return "v3-34 (factory, ota1, ota2, dual store)";
    if (has_both && !has_factory && has_new_store)
        return "v3-35 (ota1, ota2, no factory, maximized store)";
    return "unknown";
}

static const char *boot_partition(const struct updraft_ovms *ovms)
{
    int slot;

    if (updraft_slots_chosen(ovms->config.slots, &slot) != UPDRAFT_OK)
        return "";
    return updraft_slot_name(slot);
}

static void put_image_row(struct updraft_ovms *ovms, int session, const char *label, int slot)
{
    const struct updraft_slots *slots = ovms->config.slots;
    char version[UPDRAFT_OVMS_VERSION_CAP];

    updraft_ovms_version_of_slot(slots->flash, updraft_layout_extent(&slots->layout, slot),
                                 ovms->config.buf, slots->flash->sector_len, version);
    put_row(ovms, session, label, version);
}

static void put_activity(struct updraft_ovms *ovms, int session)
{
    uint32_t pct = ovms->total ? (uint32_t)((uint64_t)ovms->done * 100u / ovms->total) : 0;

    if (ovms->activity == NULL)
        return;
    updraft_ovms_put(ovms, session, "Status:            ");
    updraft_ovms_put(ovms, session, ovms->activity);
    if (pct > 0) {
        updraft_ovms_put(ovms, session, " (");
        updraft_ovms_put_number(ovms, session, pct);
        updraft_ovms_put(ovms, session, "%)");
    }
    updraft_ovms_put(ovms, session, "\n");
}

static const char *running_partition(const struct updraft_ovms *ovms)
{
    int running = ovms->config.slots->running;

    return running == UPDRAFT_SLOT_NONE ? "" : updraft_slot_name(running);
}

static void show_old_status(struct updraft_ovms *ovms, int session)
{
    put_row(ovms, session, "Firmware:          ", ovms->config.version);
    put_row(ovms, session, "Server Available:  ", ovms->server_version);
    put_row(ovms, session, "Running partition: ", running_partition(ovms));
    put_row(ovms, session, "Boot partition:    ", boot_partition(ovms));
}

/* The label of ota_0 has a letter O in the stock firmware, too. */
void updraft_ovms_show_status(struct updraft_ovms *ovms, int session)
{
    bool is_newer;

    if (ovms->config.dialect == UPDRAFT_OVMS_3_1_003) {
        show_old_status(ovms, session);
        return;
    }
    put_row(ovms, session, "Hardware:          ", ovms->config.hardware);
    put_row(ovms, session, "Firmware:          ", ovms->config.version);
    put_row(ovms, session, "Partition type:    ", partition_type(ovms));
    put_row(ovms, session, "Partition table:   ",
            ovms->config.slots->layout.table.addr == 0x9000 ? "0x9000" : "0x8000");
    put_row(ovms, session, "Running partition: ", running_partition(ovms));
    put_row(ovms, session, "Boot partition:    ", boot_partition(ovms));
    put_activity(ovms, session);
    put_image_row(ovms, session, "Factory image:     ", UPDRAFT_SLOT_FACTORY);
    put_image_row(ovms, session, "OTA_O image:       ", 0);
    put_image_row(ovms, session, "OTA_1 image:       ", 1);
    if (ovms->server_version[0] == '\0')
        return;
    is_newer = updraft_ovms_version_compare(ovms->server_version, ovms->config.version) > 0;
    updraft_ovms_put(ovms, session, "Server Available:  ");
    updraft_ovms_put(ovms, session, ovms->server_version);
    updraft_ovms_put(ovms, session, is_newer ? " (is newer)\n" : " (no update required)\n");
    if (ovms->changelog_len > 0) {
        updraft_ovms_put(ovms, session, "\n");
        updraft_ovms_put(ovms, session, ovms->changelog);
        updraft_ovms_put(ovms, session, "\n");
    }
}

void updraft_ovms_do_status(struct updraft_ovms *ovms, int session, bool with_check)
{
    ovms->server_version[0] = '\0';
    if (with_check && ovms->network != UPDRAFT_OVMS_NETWORK_NONE &&
        ovms->job == UPDRAFT_OVMS_JOB_NONE)
        updraft_ovms_fetch_version(ovms, session, UPDRAFT_OVMS_JOB_CHECK);
    else
        updraft_ovms_show_status(ovms, session);
}
