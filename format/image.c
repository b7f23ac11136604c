#include "format/image.h"
#include "format/bytes.h"
#include "format/chip.h"
#include "format/crc.h"

#include <string.h>

#define HEADER_8266_LEN    UPDRAFT_IMAGE_HEADER_8266_LEN
#define SEGMENT_HEADER_LEN UPDRAFT_IMAGE_SEGMENT_HEADER_LEN
#define V2_HEADER_COUNT    4u /* what stands in the count byte of every version 2 header */
#define CRC_LEN            4u
#define CHECKSUM_SEED      UPDRAFT_IMAGE_CHECKSUM_SEED
#define CHECKSUM_ALIGN     UPDRAFT_IMAGE_CHECKSUM_ALIGN

_Static_assert(UPDRAFT_APPDESC_OFF == UPDRAFT_IMAGE_HEADER_LEN + SEGMENT_HEADER_LEN,
               "the descriptor opens the first segment");

enum state {
    STATE_HEADER,
    STATE_SEGMENT_HEADER,
    STATE_SEGMENT_DATA,
    STATE_V2_BODY_HEADER,
    STATE_PADDING,
    STATE_HASH,
    STATE_CRC,
    STATE_COMPLETE,
};

static uint32_t smaller(uint32_t a, size_t b)
{
    return b < a ? (uint32_t)b : a;
}

void updraft_image_reader_init(struct updraft_image_reader *reader)
{
    memset(reader, 0, sizeof(*reader));
    reader->state = STATE_HEADER;
    reader->failed = UPDRAFT_OK;
    reader->checksum = CHECKSUM_SEED;
    updraft_digest_start(&reader->digest, UPDRAFT_DIGEST_SHA256);
}

/* Counts bytes that belong to the image, and measures those that its hash or CRC cover. */
static void consume(struct updraft_image_reader *reader, const uint8_t *data, uint32_t len)
{
    if (reader->state < STATE_HASH)
        updraft_digest_update(&reader->digest, data, len);
    if (reader->info.kind == UPDRAFT_IMAGE_ESP8266_V2 && reader->state < STATE_CRC)
        reader->crc = updraft_crc32(reader->crc, data, len);
    reader->off += len;
}

/* Moves up to `want` bytes in all into the gather buffer; returns how many it took. */
static uint32_t gather(struct updraft_image_reader *reader, const uint8_t *data, size_t len,
                       uint32_t want)
{
    uint32_t take = smaller(want - reader->gather_len, len);

    memcpy(reader->gather + reader->gather_len, data, take);
    reader->gather_len = (uint8_t)(reader->gather_len + take);
    return take;
}

static enum updraft_error begin_segments(struct updraft_image_reader *reader, uint8_t count)
{
    if (!updraft_image_count_ok(count))
        return UPDRAFT_E_HEADER;
    reader->segments_left = count;
    reader->info.segment_count = (uint8_t)(reader->info.segment_count + count);
    reader->state = STATE_SEGMENT_HEADER;
    return UPDRAFT_OK;
}

static void read_common_header(struct updraft_image_reader *reader)
{
    struct updraft_image_info *info = &reader->info;

    info->spi_mode = reader->gather[2];
    info->spi_speed = reader->gather[3] & 15;
    info->spi_size = reader->gather[3] >> 4;
    info->entry_addr = updraft_get_le32(reader->gather + 4);
}

static enum updraft_error begin_esp32(struct updraft_image_reader *reader)
{
    struct updraft_image_info *info = &reader->info;
    const uint8_t *header = reader->gather;

    if (header[UPDRAFT_IMAGE_HASHED_OFF] > 1)
        return UPDRAFT_E_HEADER;
    info->kind = UPDRAFT_IMAGE_ESP32;
    info->chip_id = updraft_get_le16(header + UPDRAFT_IMAGE_CHIP_ID_OFF);
    info->min_chip_rev = updraft_get_le16(header + 15);
    info->max_chip_rev = updraft_get_le16(header + 17);
    info->hash_appended = header[UPDRAFT_IMAGE_HASHED_OFF] == 1;
    return begin_segments(reader, header[UPDRAFT_IMAGE_COUNT_OFF]);
}

/* Version 1 until a segment in mapped flash shows that it is version 3. */
static enum updraft_error begin_8266(struct updraft_image_reader *reader)
{
    reader->info.kind = UPDRAFT_IMAGE_ESP8266_V1;
    reader->info.chip_id = UPDRAFT_CHIP_ESP8266;
    return begin_segments(reader, reader->gather[1]);
}

/* The outer walk has a single segment, the mapped code; the count byte does not count it. */
static enum updraft_error begin_8266_v2(struct updraft_image_reader *reader)
{
    if (reader->gather[1] != V2_HEADER_COUNT)
        return UPDRAFT_E_HEADER;
    reader->info.kind = UPDRAFT_IMAGE_ESP8266_V2;
    reader->info.chip_id = UPDRAFT_CHIP_ESP8266;
    return begin_segments(reader, 1);
}

static void begin_padding(struct updraft_image_reader *reader)
{
    reader->state = STATE_PADDING;
    reader->info.checksum_off = reader->off | (CHECKSUM_ALIGN - 1u);
}

static void end_segment(struct updraft_image_reader *reader)
{
    reader->segment_idx++;
    reader->segments_left--;
    if (reader->segments_left > 0) {
        reader->state = STATE_SEGMENT_HEADER;
    } else if (reader->info.kind == UPDRAFT_IMAGE_ESP8266_V2 && !reader->in_v2_body) {
        reader->in_v2_body = true;
        reader->state = STATE_V2_BODY_HEADER;
    } else {
        begin_padding(reader);
    }
}

/* ESP32-family images carry the descriptor at the start of their first segment, version 3 images at
 * the start of their read-only data, whichever mapped segment that is. */
static bool wants_descriptor(const struct updraft_image_reader *reader, uint32_t load_addr)
{
    if (reader->info.has_appdesc)
        return false;
    return (reader->info.kind == UPDRAFT_IMAGE_ESP8266_V3 &&
            updraft_image_is_mapped_8266(load_addr)) ||
           (reader->info.kind == UPDRAFT_IMAGE_ESP32 && reader->segment_idx == 0);
}

static enum updraft_error begin_segment(struct updraft_image_reader *reader)
{
    uint32_t load_addr = updraft_get_le32(reader->gather);
    uint32_t data_len = updraft_get_le32(reader->gather + 4);

    if (!updraft_image_segment_ok(reader->off, data_len))
        return UPDRAFT_E_SEGMENT;
    if (reader->info.kind == UPDRAFT_IMAGE_ESP8266_V2 && !reader->in_v2_body && load_addr != 0)
        return UPDRAFT_E_SEGMENT;
    if (reader->info.kind == UPDRAFT_IMAGE_ESP8266_V1 && updraft_image_is_mapped_8266(load_addr)) {
        reader->info.kind = UPDRAFT_IMAGE_ESP8266_V3;
        reader->info.hash_appended = true;
    }
    reader->segment_end = reader->off + data_len;
    reader->desc_len = 0;
    reader->desc_wanted = wants_descriptor(reader, load_addr);
    if (reader->on_segment != NULL)
        reader->on_segment(reader->on_segment_ctx, reader->segment_idx, load_addr, data_len,
                           reader->off);
    if (data_len == 0)
        end_segment(reader);
    else
        reader->state = STATE_SEGMENT_DATA;
    return UPDRAFT_OK;
}

static uint32_t feed_segment_header(struct updraft_image_reader *reader, const uint8_t *data,
                                    size_t len, enum updraft_error *error)
{
    uint32_t used = gather(reader, data, len, SEGMENT_HEADER_LEN);

    consume(reader, data, used);
    if (reader->gather_len == SEGMENT_HEADER_LEN) {
        reader->gather_len = 0;
        *error = begin_segment(reader);
    }
    return used;
}

static void gather_descriptor(struct updraft_image_reader *reader, const uint8_t *data,
                              uint32_t len)
{
    uint32_t take = smaller(UPDRAFT_APPDESC_LEN - reader->desc_len, len);

    memcpy(reader->desc + reader->desc_len, data, take);
    reader->desc_len = (uint16_t)(reader->desc_len + take);
    if (reader->desc_len < UPDRAFT_APPDESC_LEN)
        return;
    reader->desc_wanted = false;
    reader->info.has_appdesc =
        updraft_appdesc_decode(reader->desc, &reader->info.appdesc) == UPDRAFT_OK;
}

static uint32_t feed_segment_data(struct updraft_image_reader *reader, const uint8_t *data,
                                  size_t len)
{
    uint32_t used = smaller(reader->segment_end - reader->off, len);
    uint8_t checksum = 0;

    if (reader->desc_wanted)
        gather_descriptor(reader, data, used);
    /* Version 2 leaves its mapped code out of the checksum. */
    if (reader->info.kind != UPDRAFT_IMAGE_ESP8266_V2 || reader->in_v2_body) {
        for (uint32_t i = 0; i < used; i++)
            checksum ^= data[i];
        reader->checksum ^= checksum;
    }
    consume(reader, data, used);
    if (reader->off == reader->segment_end)
        end_segment(reader);
    return used;
}

static uint32_t feed_v2_body_header(struct updraft_image_reader *reader, const uint8_t *data,
                                    size_t len, enum updraft_error *error)
{
    uint32_t used = gather(reader, data, len, HEADER_8266_LEN);

    consume(reader, data, used);
    if (reader->gather_len == HEADER_8266_LEN) {
        reader->gather_len = 0;
        *error = reader->gather[0] == UPDRAFT_IMAGE_MAGIC
                     ? begin_segments(reader, reader->gather[1])
                     : UPDRAFT_E_HEADER;
    }
    return used;
}

static void complete(struct updraft_image_reader *reader)
{
    reader->state = STATE_COMPLETE;
    reader->info.image_len = reader->off;
}

static uint32_t feed_padding(struct updraft_image_reader *reader, const uint8_t *data, size_t len)
{
    struct updraft_image_info *info = &reader->info;
    uint32_t used = smaller(info->checksum_off + 1 - reader->off, len);

    consume(reader, data, used);
    if (reader->off <= info->checksum_off)
        return used;
    info->checksum_stored = data[used - 1];
    info->checksum_computed = reader->checksum;
    updraft_digest_finish(&reader->digest, info->hash_computed);
    if (info->kind == UPDRAFT_IMAGE_ESP8266_V2)
        reader->state = STATE_CRC;
    else if (info->hash_appended)
        reader->state = STATE_HASH;
    else
        complete(reader);
    return used;
}

static uint32_t feed_hash(struct updraft_image_reader *reader, const uint8_t *data, size_t len)
{
    uint32_t hash_off = reader->info.checksum_off + 1;
    uint32_t used = smaller(hash_off + UPDRAFT_SHA256_LEN - reader->off, len);

    memcpy(reader->info.hash_stored + (reader->off - hash_off), data, used);
    consume(reader, data, used);
    if (reader->off == hash_off + UPDRAFT_SHA256_LEN)
        complete(reader);
    return used;
}

static uint32_t feed_crc(struct updraft_image_reader *reader, const uint8_t *data, size_t len)
{
    uint32_t used = gather(reader, data, len, CRC_LEN);

    consume(reader, data, used);
    if (reader->gather_len == CRC_LEN) {
        reader->crc_stored = updraft_get_le32(reader->gather);
        complete(reader);
    }
    return used;
}

/* Everything behind the header; *error ends it. */
static void walk(struct updraft_image_reader *reader, const uint8_t *data, size_t len,
                 enum updraft_error *error)
{
    while (len > 0 && *error == UPDRAFT_OK) {
        uint32_t used = 0;

        switch ((enum state)reader->state) {
        case STATE_SEGMENT_HEADER:
            used = feed_segment_header(reader, data, len, error);
            break;
        case STATE_SEGMENT_DATA:
            used = feed_segment_data(reader, data, len);
            break;
        case STATE_V2_BODY_HEADER:
            used = feed_v2_body_header(reader, data, len, error);
            break;
        case STATE_PADDING:
            used = feed_padding(reader, data, len);
            break;
        case STATE_HASH:
            used = feed_hash(reader, data, len);
            break;
        case STATE_CRC:
            used = feed_crc(reader, data, len);
            break;
        case STATE_HEADER:
        case STATE_COMPLETE:
            return;
        }
        data += used;
        len -= used;
    }
}

/* The families differ in the length of their headers, so 24 bytes are gathered before it is known
 * which it is; what an ESP8266 image has in them behind its header is walked then. */
static void begin_image(struct updraft_image_reader *reader, enum updraft_error *error)
{
    uint8_t head[UPDRAFT_IMAGE_HEADER_LEN];
    uint32_t header_len = HEADER_8266_LEN;

    memcpy(head, reader->gather, sizeof(head));
    reader->gather_len = 0;
    reader->off = 0;
    read_common_header(reader);
    switch (updraft_image_kind_of(head)) {
    case UPDRAFT_IMAGE_ESP32:
        *error = begin_esp32(reader);
        header_len = UPDRAFT_IMAGE_HEADER_LEN;
        break;
    case UPDRAFT_IMAGE_ESP8266_V1:
    case UPDRAFT_IMAGE_ESP8266_V3:
        *error = begin_8266(reader);
        break;
    case UPDRAFT_IMAGE_ESP8266_V2:
        *error = begin_8266_v2(reader);
        break;
    case UPDRAFT_IMAGE_UNKNOWN:
        *error = UPDRAFT_E_MAGIC;
        break;
    }
    consume(reader, head, header_len);
    walk(reader, head + header_len, sizeof(head) - header_len, error);
}

static uint32_t feed_header(struct updraft_image_reader *reader, const uint8_t *data, size_t len,
                            enum updraft_error *error)
{
    uint32_t used = gather(reader, data, len, UPDRAFT_IMAGE_HEADER_LEN);

    reader->off += used;
    if (reader->gather[0] != UPDRAFT_IMAGE_MAGIC &&
        reader->gather[0] != UPDRAFT_IMAGE_MAGIC_8266_V2)
        *error = UPDRAFT_E_MAGIC;
    else if (reader->gather_len == UPDRAFT_IMAGE_HEADER_LEN)
        begin_image(reader, error);
    return used;
}

enum updraft_error updraft_image_reader_feed(struct updraft_image_reader *reader,
                                             const uint8_t *data, size_t len)
{
    enum updraft_error error = reader->failed;
    uint32_t used = 0;

    if (len == 0 || error != UPDRAFT_OK)
        return error;
    if (reader->state == STATE_HEADER)
        used = feed_header(reader, data, len, &error);
    if (error == UPDRAFT_OK && reader->state != STATE_HEADER)
        walk(reader, data + used, len - used, &error);
    reader->failed = error;
    return error;
}

enum updraft_image_progress updraft_image_reader_progress(const struct updraft_image_reader *reader)
{
    return reader->state == STATE_COMPLETE ? UPDRAFT_IMAGE_COMPLETE : UPDRAFT_IMAGE_NEEDS_MORE;
}

enum updraft_error updraft_image_reader_verdict(const struct updraft_image_reader *reader)
{
    const struct updraft_image_info *info = &reader->info;

    if (reader->failed != UPDRAFT_OK)
        return reader->failed;
    if (reader->off == 0)
        return UPDRAFT_E_EMPTY;
    if (reader->state != STATE_COMPLETE)
        return UPDRAFT_E_TRUNCATED;
    if (info->checksum_stored != info->checksum_computed)
        return UPDRAFT_E_CHECKSUM;
    if (info->hash_appended &&
        memcmp(info->hash_stored, info->hash_computed, UPDRAFT_SHA256_LEN) != 0)
        return UPDRAFT_E_HASH;
    if (info->kind == UPDRAFT_IMAGE_ESP8266_V2 &&
        updraft_crc_sdk(reader->crc) != reader->crc_stored)
        return UPDRAFT_E_CRC;
    return UPDRAFT_OK;
}
