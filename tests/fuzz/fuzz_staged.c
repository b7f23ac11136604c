/* The journal as a boot stage reads it; and the boot stage itself, with a journal of any values
 * before a source of any bytes. Whatever stands there: flash is used as flash allows, the old
 * image survives whatever is not copied, and what is copied was an image. */
#include "boot/staged.h"
#include "device/decode/gzip.h"
#include "format/bytes.h"
#include "format/chip.h"
#include "format/crc.h"
#include "ports/posix/nor.h"

#include <stdlib.h>
#include <string.h>

#define FLASH_LEN    0x10000u
#define APP_ADDR     0x1000u
#define END_ADDR     0x8000u
#define JOURNAL_ADDR 0x8000u
#define OLD_BYTE     0x77

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_journal(const uint8_t *sector)
{
    struct updraft_staged_journal journal;
    uint8_t record[UPDRAFT_STAGED_RECORD_LEN];

    updraft_staged_decode(sector, &journal);
    if (journal.state == UPDRAFT_STAGED_EMPTY) {
        check(journal.staged_len == 0 && journal.source_addr == 0);
        return;
    }
    updraft_staged_encode(&journal, record);
    sector += journal.record_off;
    check(memcmp(record, sector, 6) == 0 && memcmp(record + 8, sector + 8, 48) == 0);
    check(journal.state == UPDRAFT_STAGED_REFUSED || journal.reason == UPDRAFT_OK);
}

/* Makes the record believable, so that what it says is looked at: CRC, and the digest of the
 * source. */
static void make_believable(struct updraft_nor *nor, struct updraft_staged_journal *journal)
{
    struct updraft_digest digest;

    if (journal->source_addr < END_ADDR && journal->staged_len <= END_ADDR - journal->source_addr) {
        updraft_digest_start(&digest, UPDRAFT_DIGEST_SHA256);
        updraft_digest_update(&digest, nor->bytes + journal->source_addr, journal->staged_len);
        updraft_digest_finish(&digest, journal->sha256);
    }
    updraft_staged_encode(journal, nor->bytes + JOURNAL_ADDR);
}

static void boot(struct updraft_nor *nor, enum updraft_staged_kind kind)
{
    static uint8_t buf[4096];
    static uint8_t arena[UPDRAFT_GUNZIP_ARENA_LEN];
    struct updraft_boot_staged_config config = {
        .flash = &nor->flash,
        .layout = {.kind = kind,
                   .app_addr = APP_ADDR,
                   .end_addr = END_ADDR,
                   .journal_addr = JOURNAL_ADDR,
                   .takes_gzip = true},
        .chip_id = UPDRAFT_CHIP_ESP8266,
        .buf = buf,
        .gunzip_arena = arena,
    };
    struct updraft_boot_staged_result result;
    uint32_t old_end = APP_ADDR + (kind == UPDRAFT_STAGED_ARDUINO ? 0x1000 : 0);

    check(updraft_boot_staged_run(&config, &result) == UPDRAFT_OK);
    check(nor->violation[0] == '\0');
    if (result.why == UPDRAFT_BOOT_STAGED_COPIED) {
        check(result.bootable);
    } else {
        check(!result.bootable); /* what is in place here is none */
        check(nor->counts.operations == 0);
        old_end = END_ADDR - 0x3000;
    }
    for (uint32_t addr = 0; addr < old_end; addr++)
        check(nor->bytes[addr] == OLD_BYTE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct updraft_nor_options options = {.size = FLASH_LEN};
    uint8_t sector[UPDRAFT_STAGED_READ_LEN];
    struct updraft_staged_journal journal;
    struct updraft_nor nor;
    char why[128];

    memset(sector, 0xFF, sizeof(sector));
    memcpy(sector, data, len < sizeof(sector) ? len : sizeof(sector));
    check_journal(sector);
    updraft_put_le32(sector + 0x3C, updraft_crc32(0, sector, 0x3C));
    check_journal(sector);
    sector[0x3C] ^= 1;
    updraft_put_le32(sector + 0xBC, updraft_crc32(0, sector + 0x80, 0x3C));
    check_journal(sector);
    if (len < 8)
        return 0;
    check(updraft_nor_open(&nor, NULL, &options, why, sizeof(why)));
    memset(nor.bytes, OLD_BYTE, END_ADDR);
    /* Byte 0: kind, encoding, and which part of the journal lies; 1..4: the lie; then the
     * source. */
    const uint8_t *source = data + 5;
    uint32_t source_len = len - 5 < 0x3000 ? (uint32_t)(len - 5) : 0x3000;
    journal = (struct updraft_staged_journal){
        .encoding = (data[0] & 2) != 0 ? UPDRAFT_STAGED_GZIP : UPDRAFT_STAGED_RAW,
        .source_addr = END_ADDR - updraft_round_up(source_len, 4096),
        .dest_addr = APP_ADDR,
        .staged_len = source_len,
    };
    memcpy(nor.bytes + journal.source_addr, source, source_len);
    switch (data[0] >> 5) {
    case 1:
        journal.source_addr = updraft_get_le32(data + 1);
        break;
    case 2:
        journal.dest_addr = updraft_get_le32(data + 1);
        break;
    case 3:
        journal.staged_len = updraft_get_le32(data + 1);
        break;
    case 4:
        journal.image_len = updraft_get_le32(data + 1);
        break;
    default:
        break;
    }
    make_believable(&nor, &journal);
    boot(&nor, (data[0] & 1) != 0 ? UPDRAFT_STAGED_ARDUINO : UPDRAFT_STAGED_PLAIN);
    updraft_nor_close(&nor);
    return 0;
}
