/* Where an update goes: what the transaction asks of a layout, so that it need not know which it
 * is. Slots with a boot record (slot_place.h) and staging behind the running image (staged.h)
 * answer.
 *
 * Owns: the contract. A place is a value: functions, their context, and the flash both work on.
 * The layout behind it must outlive every transaction that uses the place.
 *
 * Order: find, then bytes come, accept once before the first erase, then all bytes are written,
 * then commit. After a power loss before commit the old image boots; commit says what holds
 * after it.
 *
 * Each function finds what it works with in the transaction (device/update/update.h): the config,
 * wire_len, force, is_opaque, facts, and the cursor with its area and buffer. Each returns its error,
 * having set the numbers or the text of update->failure that the sentence of that error names. */
#ifndef UPDRAFT_DEVICE_SLOTS_PLACE_H
#define UPDRAFT_DEVICE_SLOTS_PLACE_H

#include "device/flash/flash.h"
#include "format/image_head.h"

#include <stdbool.h>
#include <stdint.h>

struct updraft_update;
struct updraft_update_request;

struct updraft_place_ops {
    /* Reads the facts of the images that go there. */
    enum updraft_error (*facts)(const uint8_t *head, uint32_t head_len,
                                struct updraft_image_facts *facts);
    /* Sets the cursor's addr, cap, and what there is of a log, of the place for an application;
     * target_slot; keeps_gzip. Writes nothing. */
    enum updraft_error (*find)(struct updraft_update *update,
                               const struct updraft_update_request *request);
    /* The last look before the first erase, at the first bytes, which stand in the cursor's buffer: at
     * least a sector unless it is all. Writes nothing unless it accepts, and then only takes back an
     * older record of what the target held, and opens the log. Called again where a log was, it writes
     * nothing. */
    enum updraft_error (*accept)(struct updraft_update *update);
    /* Everything is in flash but what the cursor withholds; its buffer is free. Verifies what the flash
     * now holds and makes it boot next. */
    enum updraft_error (*commit)(struct updraft_update *update);
};

struct updraft_place {
    const struct updraft_place_ops *ops;
    void *ctx;
    const struct updraft_flash *flash;
    /* The same for a data partition, request->partition; puts other ops in the place of the
     * application's. NULL: none can be written. */
    enum updraft_error (*find_data)(struct updraft_update *update,
                                    const struct updraft_update_request *request);
};

/* For the places' find_data: the area is written as it comes, and in use as it is. */
void updraft_place_take_data(struct updraft_update *update, uint32_t addr, uint32_t cap);

/* For the places: whether an image at addr starts with the very bytes that came. Only an image that
 * carries the digest of its program can be recognised by its first sector. */
bool updraft_place_is_same(const struct updraft_update *update, uint32_t addr);

#endif
