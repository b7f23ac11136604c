#include "format/bytes.h"
#include "format/chip.h"
#include "format/crc.h"
#include "format/image.h"

#include <string.h>

#define HEADER_8266_LEN    8u
#define SEGMENT_HEADER_LEN 8u
#define CHECKSUM_ALIGN     16u
#define CHECKSUM_SEED      0xEFu
#define WP_PIN_NONE        0xEEu
#define V2_HEADER_COUNT    4u
#define V2_IROM_ALIGN      16u
#define CRC_LEN            4u
#define FLASH_8266_START   0x40200000u

/* Output with an end: positions may be asked for, but nothing is written past what was measured. */
struct writer {
    uint8_t *out;
    uint32_t off;
};

static void put(struct writer *writer, const void *bytes, uint32_t len)
{
    if (len > 0)
        memcpy(writer->out + writer->off, bytes, len);
    writer->off += len;
}

static void put_zeros_up_to(struct writer *writer, uint32_t off)
{
    memset(writer->out + writer->off, 0, off - writer->off);
    writer->off = off;
}

static void put_segment_header(struct writer *writer, uint32_t load_addr, uint32_t data_len)
{
    uint8_t header[SEGMENT_HEADER_LEN];

    updraft_put_le32(header, load_addr);
    updraft_put_le32(header + 4, data_len);
    put(writer, header, sizeof(header));
}

static void put_header_8266(struct writer *writer, const struct updraft_image_spec *spec,
                            uint8_t magic, uint8_t count)
{
    uint8_t header[HEADER_8266_LEN] = {magic, count, spec->spi_mode, spec->spi_size_speed};

    updraft_put_le32(header + 4, spec->entry_addr);
    put(writer, header, sizeof(header));
}

static void put_header_esp32(struct writer *writer, const struct updraft_image_spec *spec)
{
    uint8_t header[UPDRAFT_IMAGE_HEADER_LEN] = {UPDRAFT_IMAGE_MAGIC, spec->segment_count,
                                                spec->spi_mode, spec->spi_size_speed};

    updraft_put_le32(header + 4, spec->entry_addr);
    header[8] = WP_PIN_NONE;
    updraft_put_le16(header + 12, spec->chip_id);
    /* The old one-byte field: the major revision, but on the C3 the minor one. */
    header[14] = (uint8_t)(spec->chip_id == UPDRAFT_CHIP_ESP32C3 ? spec->min_chip_rev % 100
                                                                 : spec->min_chip_rev / 100);
    updraft_put_le16(header + 15, spec->min_chip_rev);
    updraft_put_le16(header + 17, spec->max_chip_rev);
    header[23] = spec->append_hash ? 1 : 0;
    put(writer, header, sizeof(header));
}

/* Segments, padding and the checksum byte, which ends a block of 16 bytes of the file. */
static void put_segments(struct writer *writer, const struct updraft_image_spec *spec)
{
    uint8_t checksum = CHECKSUM_SEED;

    for (uint8_t i = 0; i < spec->segment_count; i++) {
        const struct updraft_image_segment *segment = &spec->segments[i];

        put_segment_header(writer, segment->load_addr, segment->data_len);
        put(writer, segment->data, segment->data_len);
        for (uint32_t j = 0; j < segment->data_len; j++)
            checksum ^= segment->data[j];
    }
    put_zeros_up_to(writer, writer->off | (CHECKSUM_ALIGN - 1u));
    put(writer, &checksum, 1);
}

static void put_hash(struct writer *writer)
{
    struct updraft_digest digest;

    updraft_digest_start(&digest, UPDRAFT_DIGEST_SHA256);
    updraft_digest_update(&digest, writer->out, writer->off);
    updraft_digest_finish(&digest, writer->out + writer->off);
    writer->off += UPDRAFT_SHA256_LEN;
}

/* *len becomes the offset behind the checksum of an image whose headers end at *len. */
static enum updraft_error measure_segments(const struct updraft_image_spec *spec, uint32_t *len)
{
    uint32_t end = *len;

    if (spec->segment_count == 0 || spec->segment_count > UPDRAFT_IMAGE_SEGMENT_CAP)
        return UPDRAFT_E_SEGMENT;
    for (uint8_t i = 0; i < spec->segment_count; i++) {
        uint32_t data_len = spec->segments[i].data_len;

        if (data_len % 4 != 0 || data_len >= UPDRAFT_IMAGE_LEN_CAP)
            return UPDRAFT_E_SEGMENT;
        end += SEGMENT_HEADER_LEN + data_len;
        if (end + CHECKSUM_ALIGN + UPDRAFT_SHA256_LEN > UPDRAFT_IMAGE_LEN_CAP)
            return UPDRAFT_E_SEGMENT;
    }
    *len = (end | (CHECKSUM_ALIGN - 1u)) + 1;
    return UPDRAFT_OK;
}

static bool has_flash_segment(const struct updraft_image_spec *spec)
{
    for (uint8_t i = 0; i < spec->segment_count; i++) {
        if (spec->segments[i].load_addr >= FLASH_8266_START)
            return true;
    }
    return false;
}

enum updraft_error updraft_image_encode(const struct updraft_image_spec *spec, uint8_t *out,
                                        size_t out_cap, size_t *len)
{
    bool esp32 = spec->kind == UPDRAFT_IMAGE_ESP32;
    bool hash = esp32 ? spec->append_hash : spec->kind == UPDRAFT_IMAGE_ESP8266_V3;
    uint32_t total = esp32 ? UPDRAFT_IMAGE_HEADER_LEN : HEADER_8266_LEN;
    struct writer writer = {.out = out};
    enum updraft_error error;

    if (!esp32 && spec->kind != UPDRAFT_IMAGE_ESP8266_V1 && spec->kind != UPDRAFT_IMAGE_ESP8266_V3)
        return UPDRAFT_E_UNSUPPORTED;
    error = measure_segments(spec, &total);
    if (error != UPDRAFT_OK)
        return error;
    /* A mapped segment is all that tells version 3 from version 1. */
    if (!esp32 && has_flash_segment(spec) != (spec->kind == UPDRAFT_IMAGE_ESP8266_V3))
        return UPDRAFT_E_SEGMENT;
    total += hash ? UPDRAFT_SHA256_LEN : 0;
    *len = total;
    if (total > out_cap)
        return UPDRAFT_E_NO_SPACE;
    if (esp32)
        put_header_esp32(&writer, spec);
    else
        put_header_8266(&writer, spec, UPDRAFT_IMAGE_MAGIC, spec->segment_count);
    put_segments(&writer, spec);
    if (hash)
        put_hash(&writer);
    return UPDRAFT_OK;
}

enum updraft_error updraft_image_encode_8266_v2(const struct updraft_image_spec *spec,
                                                const uint8_t *irom, uint32_t irom_len,
                                                uint8_t *out, size_t out_cap, size_t *len)
{
    uint32_t irom_off = HEADER_8266_LEN + SEGMENT_HEADER_LEN;
    struct writer writer = {.out = out};
    enum updraft_error error;
    uint32_t irom_end;
    uint32_t total;

    if (irom_len >= UPDRAFT_IMAGE_LEN_CAP)
        return UPDRAFT_E_SEGMENT;
    irom_end = irom_off + updraft_round_up(irom_len, V2_IROM_ALIGN);
    total = irom_end + HEADER_8266_LEN;
    error = measure_segments(spec, &total);
    if (error != UPDRAFT_OK)
        return error;
    total += CRC_LEN;
    *len = total;
    if (total > out_cap)
        return UPDRAFT_E_NO_SPACE;
    put_header_8266(&writer, spec, UPDRAFT_IMAGE_MAGIC_8266_V2, V2_HEADER_COUNT);
    put_segment_header(&writer, 0, irom_end - irom_off);
    put(&writer, irom, irom_len);
    put_zeros_up_to(&writer, irom_end);
    put_header_8266(&writer, spec, UPDRAFT_IMAGE_MAGIC, spec->segment_count);
    put_segments(&writer, spec);
    updraft_put_le32(out + writer.off, updraft_crc_sdk(updraft_crc32(0, out, writer.off)));
    return UPDRAFT_OK;
}
