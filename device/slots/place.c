#include "device/slots/place.h"

#include "device/update/update.h"

static enum updraft_error accept_data(struct updraft_update *update)
{
    (void)update;
    return UPDRAFT_OK;
}

static enum updraft_error commit_data(struct updraft_update *update)
{
    return updraft_flash_sync(update->cursor.flash);
}

void updraft_place_take_data(struct updraft_update *update, uint32_t addr, uint32_t cap)
{
    static const struct updraft_place_ops ops = {.accept = accept_data, .commit = commit_data};

    update->ops = &ops;
    update->is_opaque = true;
    update->cursor.addr = addr;
    update->cursor.cap = cap;
}

bool updraft_place_is_same(const struct updraft_update *update, uint32_t addr)
{
    const struct updraft_cursor *cursor = &update->cursor;

    return update->facts.has_elf_sha256 &&
           updraft_flash_compare(cursor->flash, addr, cursor->buf, cursor->buffered) == UPDRAFT_OK;
}
