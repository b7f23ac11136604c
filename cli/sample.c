#include "cli/sample.h"

#include "format/arduino8266.h"
#include "format/bytes.h"
#include "format/crc.h"
#include "format/image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEGMENT_COUNT      4u
#define SEGMENT_HEADER_LEN 8u
#define HEADER_8266_LEN    8u
#define BLOCK_LEN          256u
#define MARK_PREFIX        "updraft-sim:"
#define MARK_CAP           32u
#define ELF_SHA256_OFF     144u /* in the descriptor */
#define FLASH_8266_ADDR    0x40200000u
#define WINDOW_8266_LEN    0x100000u
#define DRAM_8266_ADDR     0x3FFE8000u
#define EBOOT_ADDR         0x4010F000u
#define EBOOT_LEN          0x700u
#define SKETCH_WORDS_OFF   16u /* in the program: its first segment's first words */
#define SKETCH_WORDS_LEN   8u

/* Where builds of a chip put flash-mapped code and initialised data (memory maps of ESP-IDF's
 * linker scripts; the mapped data window and instruction RAM are in format/chip.c). */
static const struct {
    const char *slug;
    uint32_t irom_addr;
    uint32_t dram_addr;
} memory_maps[] = {
    {"esp32", 0x400D0000, 0x3FFB0000},   {"esp32s2", 0x40080000, 0x3FFC0000},
    {"esp32s3", 0x42000000, 0x3FC90000}, {"esp32c2", 0x42000000, 0x3FCA0000},
    {"esp32c3", 0x42000000, 0x3FC90000}, {"esp32c5", 0x42000000, 0x40820000},
    {"esp32c6", 0x42000000, 0x40810000}, {"esp32c61", 0x42000000, 0x40810000},
    {"esp32h2", 0x42000000, 0x40810000}, {"esp32p4", 0x40000000, 0x4FF40000},
};

static const char words[][12] = {
    "wifi",  "connect", "failed",  "update",  "slot",    "sensor", "timeout", "voltage",
    "relay", "charger", "current", "station", "restart", "config", "mqtt",    "publish",
};

struct segments {
    struct updraft_image_segment rows[SEGMENT_COUNT];
    uint8_t *data[SEGMENT_COUNT];
    size_t descriptor_idx; /* which of them begins with the descriptor */
};

static size_t map_of(const struct updraft_chip *chip)
{
    size_t i = 0;

    while (i < sizeof memory_maps / sizeof memory_maps[0] &&
           strcmp(memory_maps[i].slug, chip->slug))
        i++;
    return i;
}

bool updraft_sample_knows(const struct updraft_chip *chip)
{
    return chip->id == UPDRAFT_CHIP_ESP8266 ||
           map_of(chip) < sizeof memory_maps / sizeof memory_maps[0];
}

/* SplitMix64: each call with another value gives an unrelated one. */
static uint64_t mix(uint64_t v)
{
    v += 0x9E3779B97F4A7C15u;
    v = (v ^ (v >> 30)) * 0xBF58476D1CE4E5B9u;
    v = (v ^ (v >> 27)) * 0x94D049BB133111EBu;
    return v ^ (v >> 31);
}

static uint64_t seed_of(const char *text)
{
    uint64_t seed = 0;

    for (; *text; text++)
        seed = mix(seed ^ (uint8_t)*text);
    return seed;
}

static void fill_code(uint8_t *out, size_t len, uint64_t seed)
{
    for (size_t i = 0; i + 4 <= len; i += 4) {
        uint64_t r = seed = mix(seed);

        /* Most instructions of a program are a few forms with varying operands. */
        if (r & 3)
            r = mix(r >> 8 & 63) ^ ((r & 0x1C) ? 0 : (r & 0xFF00));
        updraft_put_le32(out + i, (uint32_t)r);
    }
}

static void fill_text(uint8_t *out, size_t len, uint64_t seed)
{
    size_t at = 0;

    while (at < len) {
        const char *word = words[(seed = mix(seed)) % (sizeof words / sizeof words[0])];
        size_t take = strlen(word) < len - at - 1 ? strlen(word) : len - at - 1;

        memcpy(out + at, word, take);
        at += take;
        out[at++] = seed >> 60 ? ' ' : '\0';
    }
}

static void fill_block(uint8_t *out, size_t len, uint64_t seed)
{
    switch (seed % 8) {
    case 0:
        fill_text(out, len, seed);
        break;
    case 1:
        memset(out, 0, len);
        break;
    case 2:
        for (size_t i = 0; i < len; i++)
            out[i] = (uint8_t)(seed = mix(seed));
        break;
    default:
        fill_code(out, len, seed);
        break;
    }
}

/* One block in eight belongs to the version, the others to project and chip. */
static void fill(const struct updraft_sample *sample, uint64_t place, uint8_t *out, size_t len)
{
    uint64_t base = seed_of(sample->project) ^ mix(sample->chip->id);
    uint64_t version = seed_of(sample->version) ^ base;

    for (size_t at = 0; at < len; at += BLOCK_LEN) {
        uint64_t block = place << 32 | at / BLOCK_LEN;
        bool changes = mix(version ^ block) % 8 == 0;

        fill_block(out + at, len - at < BLOCK_LEN ? len - at : BLOCK_LEN,
                   mix((changes ? version : base) ^ mix(block)));
    }
}

/* Sizes and addresses: mapped segments at window + offset in the file, so that page offsets agree.
 */
static void place_segments(const struct updraft_sample *sample, struct segments *segments)
{
    bool is_8266 = sample->chip->id == UPDRAFT_CHIP_ESP8266;
    uint32_t off = is_8266 ? HEADER_8266_LEN : UPDRAFT_IMAGE_HEADER_LEN;
    /* Total = data end rounded up behind the checksum byte, and the hash. */
    uint32_t data_len =
        (sample->size & ~15u) - UPDRAFT_SHA256_LEN - 4 - off - SEGMENT_COUNT * SEGMENT_HEADER_LEN;
    uint32_t ram_len = data_len / 16 > 0x4000 ? 0x4000 : data_len / 16 & ~3u;
    uint32_t rodata_len = data_len / 4 & ~3u;
    uint32_t text_len = data_len - rodata_len - 3 * ram_len;
    uint32_t lens_esp32[SEGMENT_COUNT] = {rodata_len, ram_len, 2 * ram_len, text_len};
    uint32_t lens_8266[SEGMENT_COUNT] = {text_len, rodata_len, ram_len, 2 * ram_len};
    const uint32_t *lens = is_8266 ? lens_8266 : lens_esp32;
    uint32_t windows[SEGMENT_COUNT];
    bool mapped[SEGMENT_COUNT] = {true, is_8266, false, !is_8266};

    if (is_8266) {
        windows[0] = windows[1] = FLASH_8266_ADDR + sample->slot_addr % WINDOW_8266_LEN;
        windows[2] = DRAM_8266_ADDR;
        windows[3] = sample->chip->iram_addr;
    } else {
        windows[0] = sample->chip->drom_addr;
        windows[1] = memory_maps[map_of(sample->chip)].dram_addr;
        windows[2] = sample->chip->iram_addr;
        windows[3] = memory_maps[map_of(sample->chip)].irom_addr;
    }
    segments->descriptor_idx = is_8266 ? 1 : 0;
    for (size_t i = 0; i < SEGMENT_COUNT; i++) {
        off += SEGMENT_HEADER_LEN;
        segments->rows[i].load_addr = windows[i] + (mapped[i] ? off : 0);
        segments->rows[i].data_len = lens[i];
        off += lens[i];
    }
}

static enum updraft_error describe(const struct updraft_sample *sample,
                                   const struct segments *segments)
{
    uint8_t *bytes = segments->data[segments->descriptor_idx];
    struct updraft_appdesc desc = {.time = "00:00:00", .date = "Jan  1 2025"};
    struct updraft_digest digest;
    enum updraft_error error;

    snprintf(desc.version, sizeof desc.version, "%s", sample->version);
    snprintf(desc.project, sizeof desc.project, "%s", sample->project);
    snprintf(desc.idf_version, sizeof desc.idf_version, "%s",
             segments->descriptor_idx ? "v3.4" : "v5.4.1");
    error = updraft_appdesc_encode(&desc, bytes);
    if (error != UPDRAFT_OK)
        return error;
    memset(bytes + UPDRAFT_APPDESC_LEN, 0, MARK_CAP);
    if (sample->behaviour)
        snprintf((char *)bytes + UPDRAFT_APPDESC_LEN, MARK_CAP, MARK_PREFIX "%s",
                 sample->behaviour);
    /* Stands for the ELF's hash; never the same for two different contents. */
    updraft_digest_start(&digest, UPDRAFT_DIGEST_SHA256);
    for (size_t i = 0; i < SEGMENT_COUNT; i++)
        updraft_digest_update(&digest, segments->data[i], segments->rows[i].data_len);
    updraft_digest_finish(&digest, bytes + ELF_SHA256_OFF);
    return UPDRAFT_OK;
}

static enum updraft_error encode(const struct updraft_sample *sample,
                                 const struct segments *segments, struct updraft_file *out)
{
    bool is_8266 = sample->chip->id == UPDRAFT_CHIP_ESP8266;
    const struct updraft_image_spec spec = {
        .kind = is_8266 ? UPDRAFT_IMAGE_ESP8266_V3 : UPDRAFT_IMAGE_ESP32,
        .chip_id = sample->chip->id,
        .spi_mode = 2,                           /* DIO */
        .spi_size_speed = is_8266 ? 0x40 : 0x2F, /* 4 MB at 40 and at 80 MHz */
        .entry_addr = segments->rows[is_8266 ? 0 : 2].load_addr + 4,
        .max_chip_rev = 0xFFFF,
        .append_hash = true,
        .segments = segments->rows,
        .segment_count = SEGMENT_COUNT,
    };

    out->len = 0;
    out->data = malloc(sample->size);
    if (!out->data)
        return UPDRAFT_E_NO_SPACE;
    return updraft_image_encode(&spec, out->data, sample->size, &out->len);
}

/* Puts eboot before the program, and length and CRC into it; takes the hash away, which sketches do
 * not have. */
static enum updraft_error make_sketch(struct updraft_file *file)
{
    uint8_t code[EBOOT_LEN];
    const struct updraft_image_segment segment = {EBOOT_ADDR, code, sizeof code};
    const struct updraft_image_spec spec = {
        .kind = UPDRAFT_IMAGE_ESP8266_V1,
        .spi_mode = 2,
        .spi_size_speed = 0x40,
        .entry_addr = EBOOT_ADDR,
        .segments = &segment,
        .segment_count = 1,
    };
    size_t len = file->len - UPDRAFT_SHA256_LEN + UPDRAFT_ARDUINO8266_APP_OFF;
    uint8_t *sketch = malloc(len);
    enum updraft_error error;
    size_t boot_len;

    if (!sketch)
        return UPDRAFT_E_NO_SPACE;
    fill_code(code, sizeof code, EBOOT_ADDR);
    memset(sketch, 0xAA, UPDRAFT_ARDUINO8266_APP_OFF);
    error = updraft_image_encode(&spec, sketch, UPDRAFT_ARDUINO8266_APP_OFF, &boot_len);
    memcpy(sketch + UPDRAFT_ARDUINO8266_APP_OFF, file->data, len - UPDRAFT_ARDUINO8266_APP_OFF);
    uint32_t crc = updraft_crc32_mpeg2(sketch, len);
    updraft_put_le32(sketch + UPDRAFT_ARDUINO8266_APP_OFF + SKETCH_WORDS_OFF, (uint32_t)len);
    updraft_put_le32(sketch + UPDRAFT_ARDUINO8266_APP_OFF + SKETCH_WORDS_OFF + 4, crc);
    updraft_file_free(file);
    file->data = sketch;
    file->len = len;
    return error;
}

static enum updraft_exit make_image(const struct updraft_sample *sample, struct updraft_file *out,
                                    struct updraft_fail *fail)
{
    struct segments segments = {0};
    enum updraft_error error = UPDRAFT_OK;

    out->data = NULL;
    out->len = 0;
    place_segments(sample, &segments);
    for (size_t i = 0; i < SEGMENT_COUNT; i++) {
        segments.data[i] = calloc(1, segments.rows[i].data_len);
        segments.rows[i].data = segments.data[i];
        if (!segments.data[i])
            error = UPDRAFT_E_NO_SPACE;
        else
            fill(sample, i, segments.data[i], segments.rows[i].data_len);
    }
    if (error == UPDRAFT_OK)
        error = describe(sample, &segments);
    if (error == UPDRAFT_OK && sample->is_sketch)
        memset(segments.data[0], 0, SKETCH_WORDS_LEN); /* until all else is there */
    if (error == UPDRAFT_OK)
        error = encode(sample, &segments, out);
    if (error == UPDRAFT_OK && sample->is_sketch)
        error = make_sketch(out);
    for (size_t i = 0; i < SEGMENT_COUNT; i++)
        free(segments.data[i]);
    if (error == UPDRAFT_OK)
        return UPDRAFT_EXIT_OK;
    updraft_file_free(out);
    return updraft_fail_code(fail, UPDRAFT_EXIT_FAILED, error);
}

enum updraft_exit updraft_sample_make(const struct updraft_sample *sample, struct updraft_file *out,
                                      struct updraft_fail *fail)
{
    struct updraft_sample program = *sample;

    if (sample->is_sketch) {
        program.size -= UPDRAFT_ARDUINO8266_APP_OFF - UPDRAFT_SHA256_LEN;
        program.slot_addr = UPDRAFT_ARDUINO8266_APP_OFF;
    }
    return make_image(&program, out, fail);
}
