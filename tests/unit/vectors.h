/* The sample images of docs/SPEC.md, made from scratch, and the checks that tests make on them.
 * Include behind cmocka.h. */
#ifndef UPDRAFT_TESTS_VECTORS_H
#define UPDRAFT_TESTS_VECTORS_H

#include "format/chip.h"
#include "format/digest.h"
#include "format/image.h"
#include "format/text.h"

#include <string.h>

#define VECTOR_CAP 65632u /* the longest sample, M5 */

enum vector {
    VECTOR_M1, /* ESP32, version 1.0.0 */
    VECTOR_M2, /* without hash */
    VECTOR_M3, /* version 1.0.1, two segments */
    VECTOR_M4, /* ESP32-S3 */
    VECTOR_M5, /* version 2.0.0, four segments, one of them padding */
    VECTOR_M6, /* M1 with version 1.0.1 */
};

static inline void vector_unhex(const char *hex, uint8_t *out, size_t len)
{
    assert_true(updraft_text_unhex(hex, strlen(hex), out, len));
}

static inline void vector_assert_hex(const uint8_t *bytes, size_t len, const char *hex)
{
    uint8_t expected[2048];

    assert_true(len <= sizeof(expected));
    vector_unhex(hex, expected, len);
    assert_memory_equal(bytes, expected, len);
}

static inline void vector_assert_sha256(const uint8_t *bytes, size_t len, const char *hex)
{
    struct updraft_digest digest;
    uint8_t sha256[UPDRAFT_SHA256_LEN];

    updraft_digest_start(&digest, UPDRAFT_DIGEST_SHA256);
    updraft_digest_update(&digest, bytes, len);
    updraft_digest_finish(&digest, sha256);
    vector_assert_hex(sha256, sizeof(sha256), hex);
}

static inline void vector_appdesc(const char *version, uint8_t bytes[UPDRAFT_APPDESC_LEN])
{
    struct updraft_appdesc desc = {
        .project = "demo",
        .time = "12:00:00",
        .date = "Jan  1 2026",
        .idf_version = "v5.4.1",
        .max_efuse_rev = 99,
        .mmu_page_log2 = 16,
    };

    strcpy(desc.version, version);
    assert_int_equal(updraft_appdesc_encode(&desc, bytes), UPDRAFT_OK);
    bytes[181] = 3; /* the flash mode, which the codec leaves to the build */
}

/* Writes a sample into out, which has VECTOR_CAP bytes; returns its length. */
static inline size_t vector_image(enum vector which, uint8_t *out)
{
    static const uint8_t zeros[0xFEF0];
    static const uint8_t code[8] = {0x36, 0x41, 0x00, 0x1D, 0xF0};
    static const uint8_t iram[8] = {0x06};
    uint8_t desc[UPDRAFT_APPDESC_LEN];
    struct updraft_image_segment segments[4] = {{0x3F400020, desc, sizeof(desc)}};
    struct updraft_image_spec spec = {
        .kind = UPDRAFT_IMAGE_ESP32,
        .chip_id = UPDRAFT_CHIP_ESP32,
        .spi_mode = 2,
        .spi_size_speed = 0x20,
        .entry_addr = 0x40080000,
        .max_chip_rev = 65535,
        .append_hash = which != VECTOR_M2,
        .segments = segments,
        .segment_count = 1,
    };
    const char *version = "1.0.0";
    size_t len = 0;

    if (which == VECTOR_M3 || which == VECTOR_M6)
        version = "1.0.1";
    if (which == VECTOR_M3) {
        segments[1] = (struct updraft_image_segment){0x40080000, iram, 8};
        spec.segment_count = 2;
    }
    if (which == VECTOR_M4) {
        spec.chip_id = UPDRAFT_CHIP_ESP32S3;
        spec.spi_size_speed = 0x2F;
        spec.entry_addr = 0x40374000;
        segments[0].load_addr = 0x3C000020;
    }
    if (which == VECTOR_M5) {
        version = "2.0.0";
        segments[1] = (struct updraft_image_segment){0, zeros, sizeof(zeros)};
        segments[2] = (struct updraft_image_segment){0x400D0020, code, 8};
        segments[3] = (struct updraft_image_segment){0x40080000, iram, 4};
        spec.segment_count = 4;
    }
    vector_appdesc(version, desc);
    assert_int_equal(updraft_image_encode(&spec, out, VECTOR_CAP, &len), UPDRAFT_OK);
    return len;
}

/* The ESP8266 version 3 sample, 80 bytes. */
static inline size_t vector_image_8266_v3(uint8_t *out)
{
    static const uint8_t flash[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    static const uint8_t iram[4] = {0x12, 0x34, 0x56, 0x78};
    const struct updraft_image_segment segments[] = {
        {0x40210010, flash, sizeof(flash)},
        {0x40100000, iram, sizeof(iram)},
    };
    const struct updraft_image_spec spec = {
        .kind = UPDRAFT_IMAGE_ESP8266_V3,
        .spi_mode = 2,
        .spi_size_speed = 0x30,
        .entry_addr = 0x40210014,
        .segments = segments,
        .segment_count = 2,
    };
    size_t len = 0;

    assert_int_equal(updraft_image_encode(&spec, out, VECTOR_CAP, &len), UPDRAFT_OK);
    return len;
}

#endif
