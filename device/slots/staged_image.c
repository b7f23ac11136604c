#include "device/slots/staged_image.h"

#include "format/chip.h"

void updraft_staged_image_init(struct updraft_staged_image *image, enum updraft_staged_kind kind)
{
    image->kind = kind;
    updraft_arduino8266_init(&image->reader);
}

enum updraft_error updraft_staged_image_feed(struct updraft_staged_image *image,
                                             const uint8_t *data, uint32_t len)
{
    switch (image->kind) {
    case UPDRAFT_STAGED_PLAIN:
        return updraft_image_reader_feed(&image->reader.part, data, len);
    case UPDRAFT_STAGED_ARDUINO:
        return updraft_arduino8266_feed(&image->reader, data, len);
    }
    return UPDRAFT_E_UNSUPPORTED;
}

uint32_t updraft_staged_image_len(const struct updraft_staged_image *image)
{
    return image->kind == UPDRAFT_STAGED_PLAIN ? image->reader.part.info.image_len
                                               : image->reader.info.sketch_len;
}

enum updraft_error updraft_staged_image_verdict(const struct updraft_staged_image *image,
                                                uint16_t chip_id)
{
    enum updraft_error error;

    if (image->kind == UPDRAFT_STAGED_ARDUINO) {
        error = updraft_arduino8266_verdict(&image->reader);
        return error == UPDRAFT_OK && chip_id != UPDRAFT_CHIP_ESP8266 ? UPDRAFT_E_WRONG_CHIP
                                                                      : error;
    }
    error = updraft_image_reader_verdict(&image->reader.part);
    if (error != UPDRAFT_OK)
        return error;
    return image->reader.part.info.chip_id == chip_id ? UPDRAFT_OK : UPDRAFT_E_WRONG_CHIP;
}

enum updraft_error updraft_staged_image_runs(const struct updraft_staged_image *image,
                                             uint16_t chip_id)
{
    enum updraft_error error = updraft_staged_image_verdict(image, chip_id);

    /* The checksums were good then: the CRC is asked for last. */
    return image->kind == UPDRAFT_STAGED_ARDUINO && error == UPDRAFT_E_CRC ? UPDRAFT_OK : error;
}

const struct updraft_image_info *updraft_staged_image_info(const struct updraft_staged_image *image)
{
    return &image->reader.part.info;
}
