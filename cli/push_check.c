/* What can be known to fail before a byte is sent: chip, product, size, password, another update. */
#include "cli/push.h"
#include "format/chip.h"

#include <string.h>

static enum updraft_exit wrong_chip(struct updraft_push *push, const struct updraft_chip *chip)
{
    return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_REFUSED, "wrong_chip",
                            "Send the image that was built for this chip.",
                            "the image is for %s, the device is an %s",
                            updraft_chip_name(push->image.info.chip_id), chip->name);
}

static enum updraft_exit wrong_product(struct updraft_push *push,
                                       const struct updraft_push_device *device)
{
    return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_REFUSED, "wrong_product",
                            "Send an image of this device's own project.",
                            "the image belongs to the project '%s', the device runs '%s'",
                            push->image.info.appdesc.project, device->project);
}

/* Staged as it comes, else unpacked on its way. */
static uint32_t stored_len(const struct updraft_push *push,
                           const struct updraft_push_device *device)
{
    return device->has_one_place ? (uint32_t)push->wire.len : push->image.info.image_len;
}

static enum updraft_exit too_large(struct updraft_push *push,
                                   const struct updraft_push_device *device)
{
    struct updraft_failure failure;

    updraft_failure_set(&failure, UPDRAFT_E_TOO_LARGE, stored_len(push, device), device->capacity,
                        NULL);
    return updraft_fail_from(&push->cli->fail, UPDRAFT_EXIT_REFUSED, &failure);
}

enum updraft_exit updraft_push_check(struct updraft_push *push,
                                     const struct updraft_push_device *device)
{
    const struct updraft_chip *chip = updraft_chip_by_name(device->chip);
    const struct updraft_image_info *image = &push->image.info;

    if (chip && !push->filesystem && chip->id != image->chip_id &&
        !updraft_args_has(&push->cli->args, "no-chip-check"))
        return wrong_chip(push, chip);
    if (device->project[0] && image->has_appdesc && strcmp(device->project, image->appdesc.project))
        return wrong_product(push, device);
    if (device->capacity && !push->filesystem && stored_len(push, device) > device->capacity)
        return too_large(push, device);
    if (device->kind == UPDRAFT_PUSH_UPDRAFT && device->wants_password && !push->password)
        return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_AUTH, "wrong_password",
                                "Give it with --password, or in UPDRAFT_PASSWORD.",
                                "the device wants a password");
    if (device->is_updating)
        return updraft_fail_code(&push->cli->fail, UPDRAFT_EXIT_REFUSED, UPDRAFT_E_BUSY);
    return UPDRAFT_EXIT_OK;
}
