#include "tests/rig/staged_rig.h"

#include "format/bytes.h"
#include "format/chip.h"
#include "format/crc.h"

#include <stdlib.h>
#include <string.h>

#define SKETCH_WORDS_OFF 0x1010u

static void require(bool condition)
{
    if (!condition)
        abort();
}

/* Half noise, half pattern: gzip makes it smaller, but not small. */
static uint8_t *make_body(const char *text, uint32_t len)
{
    uint8_t *body = malloc(len);
    uint32_t x = 2463534242u;

    require(body != NULL);
    for (const char *c = text; *c != '\0'; c++)
        x = x * 31u + (uint8_t)*c;
    for (uint32_t i = 0; i < len; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        body[i] = i % 16 < 8 ? (uint8_t)x : (uint8_t)(i >> 8);
    }
    return body;
}

static uint32_t encode(const struct updraft_image_segment *segments, uint8_t count,
                       enum updraft_image_kind kind, uint8_t *out, uint32_t cap)
{
    struct updraft_image_spec spec = {
        .kind = kind,
        .spi_mode = 2,
        .spi_size_speed = 0x40,
        .entry_addr = 0x40100010u,
        .segments = segments,
        .segment_count = count,
    };
    size_t len;

    require(updraft_image_encode(&spec, out, cap, &len) == UPDRAFT_OK);
    return (uint32_t)len;
}

void staged_rig_plain_make(struct rig_image *image, const char *version, uint32_t len)
{
    uint32_t body_len = (len - 512u) & ~3u;
    uint8_t *body = make_body(version, body_len);
    uint8_t facts[UPDRAFT_APPDESC_LEN];
    struct updraft_appdesc desc = {.project = "rig"};

    strncpy(desc.version, version, sizeof desc.version - 1);
    memcpy(desc.elf_sha256, body, sizeof desc.elf_sha256);
    require(updraft_appdesc_encode(&desc, facts) == UPDRAFT_OK);

    const struct updraft_image_segment segments[] = {
        {0x40210010u, facts, sizeof facts},
        {0x40100000u, body, body_len},
    };

    image->bytes = malloc(len + 64);
    require(image->bytes != NULL);
    image->len = encode(segments, 2, UPDRAFT_IMAGE_ESP8266_V3, image->bytes, len + 64);
    free(body);
}

void staged_rig_sketch_seal(struct rig_image *image)
{
    uint8_t *words = image->bytes + SKETCH_WORDS_OFF;

    memset(words, 0, 8);
    uint32_t crc = updraft_crc32_mpeg2(image->bytes, image->len);
    updraft_put_le32(words, image->len);
    updraft_put_le32(words + 4, crc);
}

void staged_rig_sketch_make(struct rig_image *image, const char *version, uint32_t len)
{
    uint32_t body_len = (len - UPDRAFT_ARDUINO8266_APP_OFF - 512u) & ~3u;
    uint8_t *body = make_body(version, body_len);
    uint8_t *eboot = make_body(version, 600); /* not the one that runs: that one stays */
    const struct updraft_image_segment boot[] = {{0x4010F000u, eboot, 600}};
    uint32_t irom_len = body_len / 8 * 4;

    memset(body, 0, 8); /* length and CRC, when the checksum is made */

    const struct updraft_image_segment app[] = {
        {0x40201010u, body, irom_len},
        {0x40100000u, body + irom_len, body_len - irom_len},
    };

    image->bytes = malloc(len + 64);
    require(image->bytes != NULL);
    memset(image->bytes, 0xAA, UPDRAFT_ARDUINO8266_APP_OFF);
    encode(boot, 1, UPDRAFT_IMAGE_ESP8266_V1, image->bytes, UPDRAFT_ARDUINO8266_APP_OFF);
    image->len =
        UPDRAFT_ARDUINO8266_APP_OFF +
        encode(app, 2, UPDRAFT_IMAGE_ESP8266_V3, image->bytes + UPDRAFT_ARDUINO8266_APP_OFF, len) -
        UPDRAFT_SHA256_LEN; /* which sketches do not have */
    staged_rig_sketch_seal(image);
    free(body);
    free(eboot);
}

void staged_rig_make(struct staged_rig *rig, enum updraft_staged_kind kind,
                     const struct rig_image *app)
{
    struct updraft_nor_options options = {.size = STAGED_RIG_FLASH_LEN,
                                          .block_len = STAGED_RIG_BLOCK_LEN,
                                          .timing = UPDRAFT_NOR_W25Q};
    char why[128];

    memset(rig, 0, sizeof *rig);
    rig->layout = (struct updraft_staged_layout){
        .kind = kind,
        .app_addr = kind == UPDRAFT_STAGED_ARDUINO ? 0 : STAGED_RIG_PLAIN_ADDR,
        .end_addr = STAGED_RIG_END_ADDR,
        .journal_addr = STAGED_RIG_JOURNAL_ADDR,
        .takes_gzip = true,
    };
    require(updraft_nor_open(&rig->nor, NULL, &options, why, sizeof why));
    memset(rig->nor.bytes, 0x5A, rig->nor.flash.size);
    require(app->len <= rig->layout.end_addr - rig->layout.app_addr);
    memcpy(rig->nor.bytes + rig->layout.app_addr, app->bytes, app->len);
}

void staged_rig_free(struct staged_rig *rig)
{
    updraft_nor_close(&rig->nor);
}

struct updraft_boot_staged_config staged_rig_boot_config(struct staged_rig *rig)
{
    return (struct updraft_boot_staged_config){
        .flash = &rig->nor.flash,
        .layout = rig->layout,
        .chip_id = UPDRAFT_CHIP_ESP8266,
        .buf = rig->boot_buf,
        .gunzip_arena = rig->boot_arena,
    };
}

bool staged_rig_boot(struct staged_rig *rig)
{
    struct updraft_boot_staged_config boot = staged_rig_boot_config(rig);
    struct updraft_update_config update = {
        .chip_id = UPDRAFT_CHIP_ESP8266,
        .attempts = 1,
        .buf = rig->buf,
        .gunzip_arena = rig->device_inflates ? rig->arena : NULL,
        .hooks = &rig->hooks,
    };

    if (updraft_boot_staged_run(&boot, &rig->booted) != UPDRAFT_OK || !rig->booted.bootable)
        return false;
    if (updraft_staged_open(&rig->staged, &rig->nor.flash, &rig->layout, rig->buf,
                            sizeof rig->buf) != UPDRAFT_OK)
        return false;
    if (updraft_staged_open_log(&rig->staged) != UPDRAFT_OK)
        return false;
    update.place = updraft_staged_place(&rig->staged);
    updraft_update_init(&rig->update, &update);
    return true;
}

uint32_t staged_rig_kept_len(const struct staged_rig *rig)
{
    return rig->layout.kind == UPDRAFT_STAGED_ARDUINO ? 0x1000 : 0;
}

bool staged_rig_holds(const struct staged_rig *rig, const struct rig_image *image)
{
    uint32_t kept_len = staged_rig_kept_len(rig);

    return memcmp(rig->nor.bytes + rig->layout.app_addr + kept_len, image->bytes + kept_len,
                  image->len - kept_len) == 0;
}

enum updraft_error staged_rig_update(struct staged_rig *rig, const uint8_t *data, uint32_t len,
                                     uint32_t piece_len)
{
    struct updraft_update_request request = {.wire_len = len};
    enum updraft_error error = updraft_update_begin(&rig->update, &request, NULL);

    for (uint32_t off = 0; error == UPDRAFT_OK && off < len; off += piece_len) {
        uint32_t n = len - off < piece_len ? len - off : piece_len;

        error = updraft_update_feed(&rig->update, data + off, n);
    }
    return error == UPDRAFT_OK ? updraft_update_finish(&rig->update) : error;
}

struct updraft_staged_journal staged_rig_journal(const struct staged_rig *rig)
{
    struct updraft_staged_journal journal;

    updraft_staged_decode(rig->nor.bytes + rig->layout.journal_addr, &journal);
    return journal;
}
