#include "boot/decide.h"

const char *updraft_boot_why_text(enum updraft_boot_why why)
{
    switch (why) {
    case UPDRAFT_BOOT_WHY_RECORD:
        return "the boot record names it";
    case UPDRAFT_BOOT_WHY_TRIAL:
        return "the boot record names it, on trial";
    case UPDRAFT_BOOT_WHY_ROLLED_BACK:
        return "the newer image did not confirm itself and was rolled back";
    case UPDRAFT_BOOT_WHY_EMPTY_RECORD:
        return "the boot record is empty or names only failed images";
    case UPDRAFT_BOOT_WHY_NO_OTADATA:
        return "the partition table has no boot record";
    case UPDRAFT_BOOT_WHY_DAMAGED_RECORD:
        return "the boot record is damaged";
    case UPDRAFT_BOOT_WHY_FALLBACK:
        return "the slot the boot record names holds no complete image";
    case UPDRAFT_BOOT_WHY_NOTHING:
        return "no slot holds a complete image";
    }
    return "";
}

static bool may_try(const struct updraft_layout *layout, int slot, uint32_t bad_slots)
{
    return updraft_layout_slot(layout, slot)->len != 0 && (bad_slots & updraft_slot_bit(slot)) == 0;
}

int updraft_boot_next(const struct updraft_layout *layout, int start, uint32_t bad_slots)
{
    for (int slot = start; slot >= UPDRAFT_SLOT_FACTORY; slot--) {
        if (may_try(layout, slot, bad_slots))
            return slot;
    }
    for (int slot = start + 1; slot < layout->ota_count; slot++) {
        if (may_try(layout, slot, bad_slots))
            return slot;
    }
    return may_try(layout, UPDRAFT_SLOT_TEST, bad_slots) ? UPDRAFT_SLOT_TEST : UPDRAFT_SLOT_NONE;
}
