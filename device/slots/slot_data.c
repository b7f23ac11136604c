#include "device/slots/slot_data.h"

#include "device/slots/slots.h"
#include "device/update/update.h"

enum updraft_error updraft_slot_find_data(struct updraft_update *update,
                                          const struct updraft_update_request *request)
{
    const struct updraft_slots *slots = update->config.place.ctx;
    struct updraft_row row;
    enum updraft_error error =
        slots->layout.table.len != 0
            ? updraft_layout_find_label(slots->flash, slots->layout.table.addr, request->partition,
                                        &row)
            : UPDRAFT_E_NO_PARTITION;

    if (error != UPDRAFT_OK)
        return error;
    /* The boot record is data too, but not one to be written from outside; and what shares a sector
     * with its neighbours cannot be erased without them. */
    if (row.type != UPDRAFT_PART_TYPE_DATA || row.subtype == UPDRAFT_PART_DATA_OTA ||
        (row.extent.addr | row.extent.len) % slots->flash->sector_len != 0)
        return UPDRAFT_E_NO_PARTITION;
    updraft_place_take_data(update, row.extent.addr, row.extent.len);
    return UPDRAFT_OK;
}
