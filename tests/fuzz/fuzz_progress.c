/* A progress log of any bytes before an update. Whatever stands there, the update must end with the very
 * image that was sent, programming flash as flash allows; and a record that is read is the one that
 * would be written. */
#include "device/flash/cursor.h"
#include "format/bytes.h"
#include "format/crc.h"
#include "ports/posix/nor.h"

#include <stdlib.h>
#include <string.h>

#define FLASH_LEN 0x20000u
#define AREA_ADDR 0x10000u
#define AREA_LEN  0x8000u
#define LOG_ADDR  0x2000u
#define IMAGE_LEN 0x5123u

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_record(const uint8_t *bytes)
{
    struct updraft_progress progress;
    uint8_t again[UPDRAFT_PROGRESS_RECORD_LEN];

    if (!updraft_progress_decode(bytes, &progress))
        return;
    updraft_progress_encode(&progress, again);
    check(memcmp(bytes, again, 6) == 0 && memcmp(bytes + 8, again + 8, 20) == 0);
}

static void write_image(struct updraft_nor *nor, uint8_t seed)
{
    static uint8_t buf[4096];
    static uint8_t identity[32];
    struct updraft_cursor cursor = {
        .flash = &nor->flash,
        .buf = buf,
        .addr = AREA_ADDR,
        .cap = AREA_LEN,
        .log_addr = LOG_ADDR,
        .distrust = updraft_get_le32(nor->bytes + LOG_ADDR + UPDRAFT_PROGRESS_DISTRUST_OFF),
        .slot = 1,
    };

    check(updraft_cursor_open(&cursor) == UPDRAFT_OK);
    check(cursor.resume_len <= AREA_LEN);
    updraft_cursor_identify(&cursor, identity, sizeof identity);
    for (uint32_t off = 0; off < IMAGE_LEN;) {
        uint8_t *room;
        uint32_t len = updraft_cursor_room(&cursor, &room);

        len = len < IMAGE_LEN - off ? len : IMAGE_LEN - off;
        for (uint32_t i = 0; i < len; i++)
            room[i] = (uint8_t)((off + i) * seed);
        cursor.buffered += len;
        check(updraft_cursor_flush(&cursor) == UPDRAFT_OK);
        off += len;
    }
    check(updraft_cursor_release(&cursor) == UPDRAFT_OK);
    for (uint32_t off = 0; off < IMAGE_LEN; off++)
        check(nor->bytes[AREA_ADDR + off] == (uint8_t)(off * seed));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Byte 0: the image, and whether records get their CRC; the rest is the log from its word on. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct updraft_nor_options options = {.size = FLASH_LEN, .block_len = 0x2000};
    struct updraft_nor nor;
    char why[128];
    size_t log_len = UPDRAFT_PROGRESS_LOG_END_OFF - UPDRAFT_PROGRESS_DISTRUST_OFF;

    if (len < 1)
        return 0;
    check(updraft_nor_open(&nor, NULL, &options, why, sizeof why));
    memcpy(nor.bytes + LOG_ADDR + UPDRAFT_PROGRESS_DISTRUST_OFF, data + 1,
           len - 1 < log_len ? len - 1 : log_len);
    for (uint32_t off = UPDRAFT_PROGRESS_LOG_OFF; off < UPDRAFT_PROGRESS_LOG_END_OFF;
         off += UPDRAFT_PROGRESS_RECORD_LEN) {
        uint8_t *record = nor.bytes + LOG_ADDR + off;

        if ((data[0] & 1) != 0 && record[0] == 'P')
            updraft_put_le32(record + 28, updraft_crc32(0, record, 28));
        check_record(record);
    }
    memset(nor.bytes + AREA_ADDR, 0x5A, AREA_LEN / 2);
    write_image(&nor, data[0]);
    write_image(&nor, (uint8_t)(data[0] + 2));
    check(nor.violation[0] == '\0');
    updraft_nor_close(&nor);
    return 0;
}
