/* The image of a device with one place for it: what it is, how long, and whether it is whole.
 * Reads what it is fed, writes nothing. Memory: the caller's. */
#ifndef UPDRAFT_DEVICE_SLOTS_STAGED_IMAGE_H
#define UPDRAFT_DEVICE_SLOTS_STAGED_IMAGE_H

#include "format/arduino8266.h"
#include "format/image.h"

#include <stdbool.h>
#include <stdint.h>

enum updraft_staged_kind {
    UPDRAFT_STAGED_PLAIN,   /* one image of format/image.h */
    UPDRAFT_STAGED_ARDUINO, /* eboot and a sketch, format/arduino8266.h */
};

/* Private but for `info`. */
struct updraft_staged_image {
    enum updraft_staged_kind kind;
    struct updraft_arduino8266_reader reader; /* of a plain image only its `part` is used */
};

void updraft_staged_image_init(struct updraft_staged_image *image, enum updraft_staged_kind kind);

UPDRAFT_MUST_CHECK enum updraft_error updraft_staged_image_feed(struct updraft_staged_image *image,
                                                                const uint8_t *data, uint32_t len);

/* 0 until the whole image was fed; without what may follow it (signature, padding). */
uint32_t updraft_staged_image_len(const struct updraft_staged_image *image);

/* Whether the image is whole and for this chip. E_WRONG_CHIP, or the image's error. */
UPDRAFT_MUST_CHECK enum updraft_error
updraft_staged_image_verdict(const struct updraft_staged_image *image, uint16_t chip_id);

/* The same of an image that was read from its place: a sketch may have another boot stage or flash
 * mode in its first sector than it was built with, so its file CRC is not asked for. */
UPDRAFT_MUST_CHECK enum updraft_error
updraft_staged_image_runs(const struct updraft_staged_image *image, uint16_t chip_id);

/* What format/image.h tells of it: the image, or the sketch's part of it. */
const struct updraft_image_info *
updraft_staged_image_info(const struct updraft_staged_image *image);

#endif
