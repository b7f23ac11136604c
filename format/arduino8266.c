#include "format/arduino8266.h"

#include "format/bytes.h"
#include "format/chip.h"
#include "format/crc.h"

#include <string.h>

#define APP_OFF   UPDRAFT_ARDUINO8266_APP_OFF
#define WORDS_OFF (APP_OFF + 16u)
#define WORDS_LEN 8u
/* Both images end, and the words begin and end, at a multiple of this: pieces that cross none never
 * reach beyond what they belong to. */
#define PIECE_LEN 8u

_Static_assert(WORDS_OFF % PIECE_LEN == 0 && WORDS_LEN == PIECE_LEN && APP_OFF % PIECE_LEN == 0,
               "the words are one piece");
_Static_assert(sizeof(((struct updraft_arduino8266_reader *)0)->words) == WORDS_LEN,
               "the words are kept whole");

void updraft_arduino8266_init(struct updraft_arduino8266_reader *reader)
{
    memset(reader, 0, sizeof *reader);
    reader->failed = UPDRAFT_OK;
    reader->crc = UPDRAFT_CRC32_MPEG2_START;
    updraft_image_reader_init(&reader->part);
}

/* The checksum byte is the last of the part that counts; the SHA-256 that format/image.h expects
 * behind mapped segments is not there. */
static bool part_has_ended(const struct updraft_image_reader *part, uint32_t len)
{
    return part->info.checksum_off != 0 && len > part->info.checksum_off;
}

static enum updraft_error begin_app(struct updraft_arduino8266_reader *reader)
{
    const struct updraft_image_info *boot = &reader->part.info;

    if (boot->kind != UPDRAFT_IMAGE_ESP8266_V1 || !part_has_ended(&reader->part, APP_OFF))
        return UPDRAFT_E_SEGMENT;
    reader->info.boot_checksum_stored = boot->checksum_stored;
    reader->info.boot_checksum_computed = boot->checksum_computed;
    updraft_image_reader_init(&reader->part);
    return UPDRAFT_OK;
}

static void end_app(struct updraft_arduino8266_reader *reader)
{
    struct updraft_arduino8266_info *info = &reader->info;
    const struct updraft_image_info *app = &reader->part.info;

    info->sketch_len = reader->off;
    info->has_crc = updraft_get_le32(reader->words) == reader->off;
    info->app_checksum_stored = app->checksum_stored;
    info->app_checksum_computed = app->checksum_computed;
    if (!info->has_crc)
        return;
    for (uint32_t i = 0; i < WORDS_LEN; i++)
        info->app_checksum_computed ^= reader->words[i];
    info->crc_stored = updraft_get_le32(reader->words + 4);
    info->crc_computed = reader->crc;
}

static void measure(struct updraft_arduino8266_reader *reader, const uint8_t *data, uint32_t len)
{
    static const uint8_t zeros[WORDS_LEN];
    bool in_words = reader->off >= WORDS_OFF && reader->off < WORDS_OFF + WORDS_LEN;

    if (in_words)
        memcpy(reader->words + (reader->off - WORDS_OFF), data, len);
    reader->crc = updraft_crc32_mpeg2_continue(reader->crc, in_words ? zeros : data, len);
    reader->off += len;
}

/* One piece, which crosses no multiple of PIECE_LEN. */
static enum updraft_error take(struct updraft_arduino8266_reader *reader, const uint8_t *data,
                               uint32_t len)
{
    enum updraft_error error = updraft_image_reader_feed(&reader->part, data, len);

    if (error != UPDRAFT_OK)
        return error;
    measure(reader, data, len);
    if (reader->off == APP_OFF)
        return begin_app(reader);
    if (reader->off > APP_OFF && part_has_ended(&reader->part, reader->off - APP_OFF)) {
        if (reader->part.info.chip_id != UPDRAFT_CHIP_ESP8266 ||
            reader->part.info.kind == UPDRAFT_IMAGE_ESP8266_V2)
            return UPDRAFT_E_HEADER;
        end_app(reader);
    }
    return UPDRAFT_OK;
}

enum updraft_error updraft_arduino8266_feed(struct updraft_arduino8266_reader *reader,
                                            const uint8_t *data, size_t len)
{
    while (len > 0 && reader->failed == UPDRAFT_OK && reader->info.sketch_len == 0) {
        uint32_t to_border = PIECE_LEN - reader->off % PIECE_LEN;
        uint32_t piece_len = len < to_border ? (uint32_t)len : to_border;

        reader->failed = take(reader, data, piece_len);
        data += piece_len;
        len -= piece_len;
    }
    return reader->failed;
}

enum updraft_image_progress
updraft_arduino8266_progress(const struct updraft_arduino8266_reader *reader)
{
    return reader->info.sketch_len != 0 ? UPDRAFT_IMAGE_COMPLETE : UPDRAFT_IMAGE_NEEDS_MORE;
}

enum updraft_error updraft_arduino8266_verdict(const struct updraft_arduino8266_reader *reader)
{
    const struct updraft_arduino8266_info *info = &reader->info;

    if (reader->failed != UPDRAFT_OK)
        return reader->failed;
    if (reader->off == 0)
        return UPDRAFT_E_EMPTY;
    if (info->sketch_len == 0)
        return UPDRAFT_E_TRUNCATED;
    if (info->boot_checksum_stored != info->boot_checksum_computed ||
        info->app_checksum_stored != info->app_checksum_computed)
        return UPDRAFT_E_CHECKSUM;
    if (info->has_crc && info->crc_stored != info->crc_computed)
        return UPDRAFT_E_CRC;
    return UPDRAFT_OK;
}
