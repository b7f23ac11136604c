#include "device/slots/slots.h"

_Static_assert(sizeof(struct updraft_extent[UPDRAFT_LAYOUT_PART_COUNT]) ==
                   sizeof(((struct updraft_layout *)0)->parts),
               "both views of the parts agree");
_Static_assert(UPDRAFT_LAYOUT_PART_COUNT < 32, "a set of slots fits a word");

#define PART_OF(slot) ((slot)-UPDRAFT_SLOT_TEST + 2)

const struct updraft_extent *updraft_layout_slot(const struct updraft_layout *layout, int slot)
{
    static const struct updraft_extent none = {0, 0};

    /* A slot beyond the count is never booted, so it is none. */
    if (slot < UPDRAFT_SLOT_TEST || slot >= UPDRAFT_SLOT_CAP || slot >= layout->ota_count)
        return &none;
    return &layout->parts[PART_OF(slot)];
}

bool updraft_layout_is_sane(const struct updraft_layout *layout, uint32_t flash_size)
{
    const struct updraft_extent *end = layout->parts + UPDRAFT_LAYOUT_PART_COUNT;

    if (layout->otadata.len != 0 && layout->otadata.len < UPDRAFT_OTADATA_LEN)
        return false;
    for (const struct updraft_extent *part = layout->parts; part < end; part++) {
        if ((part->addr | part->len) % UPDRAFT_OTADATA_SECTOR_LEN != 0 || part->addr > flash_size ||
            part->len > flash_size - part->addr)
            return false;
        /* Of two that overlap one starts in the other. */
        for (const struct updraft_extent *other = layout->parts; other < end; other++) {
            if (other != part && part->len != 0 && part->addr - other->addr < other->len)
                return false;
        }
    }
    return true;
}
