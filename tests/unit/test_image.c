#include "format/bytes.h"
#include "format/image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "firmware.h"
#include "vectors.h"

static uint8_t image[VECTOR_CAP];

static enum updraft_error read_in_pieces(const uint8_t *bytes, size_t len, size_t piece_len,
                                         struct updraft_image_reader *reader)
{
    enum updraft_error error = UPDRAFT_OK;

    updraft_image_reader_init(reader);
    for (size_t off = 0; off < len && error == UPDRAFT_OK; off += piece_len) {
        size_t piece = len - off < piece_len ? len - off : piece_len;

        error = updraft_image_reader_feed(reader, bytes + off, piece);
    }
    assert_int_equal(error, reader->failed);
    return updraft_image_reader_verdict(reader);
}

static void assert_same_reading(const struct updraft_image_reader *a,
                                const struct updraft_image_reader *b)
{
    assert_memory_equal(&a->info, &b->info, sizeof(a->info));
    assert_int_equal(updraft_image_reader_progress(a), updraft_image_reader_progress(b));
    assert_int_equal(updraft_image_reader_verdict(a), updraft_image_reader_verdict(b));
}

/* Reads whole, byte by byte and split at every point; returns the verdict they agree on. */
static enum updraft_error read_every_way(const uint8_t *bytes, size_t len,
                                         struct updraft_image_reader *whole)
{
    enum updraft_error verdict = read_in_pieces(bytes, len, len, whole);
    struct updraft_image_reader other;

    read_in_pieces(bytes, len, 1, &other);
    assert_same_reading(whole, &other);
    for (size_t split = 1; split < len && split < 700; split++) {
        enum updraft_error error;

        updraft_image_reader_init(&other);
        error = updraft_image_reader_feed(&other, bytes, split);
        if (error == UPDRAFT_OK)
            error = updraft_image_reader_feed(&other, bytes + split, len - split);
        assert_int_equal(error, whole->failed);
        assert_same_reading(whole, &other);
    }
    return verdict;
}

struct expected_vector {
    enum vector which;
    size_t len;
    uint32_t checksum_off;
    uint8_t checksum;
    uint8_t segment_count;
    uint16_t chip_id;
    uint32_t entry_addr;
    const char *version;
    const char *sha256;
};

static const struct expected_vector expected_vectors[] = {
    {VECTOR_M1, 336, 0x12F, 0xBA, 1, UPDRAFT_CHIP_ESP32, 0x40080000, "1.0.0",
     "a6b754d866ec4c3434c3f8e6344817bb9a223b1567cbf64e1c5ce3b8e5ec84db"},
    {VECTOR_M2, 304, 0x12F, 0xBA, 1, UPDRAFT_CHIP_ESP32, 0x40080000, "1.0.0",
     "8150496b17e1af111e41b195d67ff9d8dbbe9143838a5e4fecc920a8ec64774a"},
    {VECTOR_M3, 352, 0x13F, 0xBD, 2, UPDRAFT_CHIP_ESP32, 0x40080000, "1.0.1",
     "8ca2dc384c94965ad6d105060b2a9448d3befc05558e5faadf476f4c284a385e"},
    {VECTOR_M4, 336, 0x12F, 0xBA, 1, UPDRAFT_CHIP_ESP32S3, 0x40374000, "1.0.0",
     "5b23b3a9f7963db9e9216e10f784464222884c3c031b355704829d3a86f8328e"},
    {VECTOR_M5, 65632, 65632 - 33, 0x25, 4, UPDRAFT_CHIP_ESP32, 0x40080000, "2.0.0",
     "068f47bbc9f2e23c02bfe18370c1f2d56c78de6c7b38e2ba218f4a0ea943d08f"},
    {VECTOR_M6, 336, 0x12F, 0xBB, 1, UPDRAFT_CHIP_ESP32, 0x40080000, "1.0.1",
     "eb935162ae36d4dd83651a6367124d2fd874ea059a776b3ec1d4ea3c29e7e11c"},
};

#define EXPECTED_COUNT (sizeof(expected_vectors) / sizeof(expected_vectors[0]))

static void image_encode_writes_the_sample_images(void **state)
{
    (void)state;
    for (size_t i = 0; i < EXPECTED_COUNT; i++) {
        const struct expected_vector *expected = &expected_vectors[i];
        size_t len = vector_image(expected->which, image);

        assert_int_equal(len, expected->len);
        assert_int_equal(image[expected->checksum_off], expected->checksum);
        vector_assert_sha256(image, len, expected->sha256);
    }
}

static void image_encode_writes_the_header_of_m1_byte_for_byte(void **state)
{
    (void)state;
    vector_image(VECTOR_M1, image);
    vector_assert_hex(image, 64,
                      "e901022000000840ee0000000000000000ffff00000000012000403f00010000"
                      "3254cdab000000000000000000000000312e302e300000000000000000000000");
    vector_assert_hex(image + 0x120, 48,
                      "000000000000000000000000000000bacb3cdb08375028de9a35d573603b77f3"
                      "d0942cfa28732914cb9a5be81dae5482");
}

static void image_reader_reads_the_sample_images_back_however_they_are_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < EXPECTED_COUNT; i++) {
        const struct expected_vector *expected = &expected_vectors[i];
        size_t len = vector_image(expected->which, image);
        bool hash = expected->which != VECTOR_M2;
        struct updraft_image_reader reader;
        const struct updraft_image_info *info = &reader.info;

        assert_int_equal(read_every_way(image, len, &reader), UPDRAFT_OK);
        assert_int_equal(info->kind, UPDRAFT_IMAGE_ESP32);
        assert_int_equal(info->chip_id, expected->chip_id);
        assert_int_equal(info->entry_addr, expected->entry_addr);
        assert_int_equal(info->segment_count, expected->segment_count);
        assert_int_equal(info->image_len, len);
        assert_int_equal(info->checksum_off, expected->checksum_off);
        assert_int_equal(info->checksum_stored, expected->checksum);
        assert_int_equal(info->checksum_computed, expected->checksum);
        assert_int_equal(info->hash_appended, hash);
        if (hash)
            assert_memory_equal(info->hash_stored, image + len - 32, 32);
        assert_int_equal(info->max_chip_rev, 65535);
        assert_int_equal(info->spi_mode, 2);
        assert_int_equal(info->spi_size, 2);
        assert_int_equal(info->spi_speed, expected->which == VECTOR_M4 ? 15 : 0);
        assert_true(info->has_appdesc);
        assert_string_equal(info->appdesc.version, expected->version);
        assert_string_equal(info->appdesc.project, "demo");
        assert_string_equal(info->appdesc.idf_version, "v5.4.1");
    }
}

static void image_reader_tells_chip_and_descriptor_after_the_facts_length(void **state)
{
    struct updraft_image_reader reader;

    (void)state;
    vector_image(VECTOR_M4, image);
    updraft_image_reader_init(&reader);
    assert_int_equal(updraft_image_reader_feed(&reader, image, UPDRAFT_IMAGE_FACTS_LEN - 1),
                     UPDRAFT_OK);
    assert_int_equal(reader.info.chip_id, UPDRAFT_CHIP_ESP32S3);
    assert_false(reader.info.has_appdesc);
    assert_int_equal(updraft_image_reader_feed(&reader, image + UPDRAFT_IMAGE_FACTS_LEN - 1, 1),
                     UPDRAFT_OK);
    assert_true(reader.info.has_appdesc);
    assert_int_equal(updraft_image_reader_progress(&reader), UPDRAFT_IMAGE_NEEDS_MORE);
}

static void image_8266_v3_sample_is_written_and_read_back(void **state)
{
    size_t len = vector_image_8266_v3(image);
    struct updraft_image_reader reader;

    (void)state;
    assert_int_equal(len, 80);
    vector_assert_hex(image, len,
                      "e9020230140021401000214010000000000102030405060708090a0b0c0d0e0f"
                      "000010400400000012345678000000e7cf0b51e1d6d2a642218c5449b692da42"
                      "8be2a37031a17bb19bb6f10172a58112");
    vector_assert_sha256(image, len,
                         "5137777497f6f4f261e844703d73f129ea57e3856072fee4c48f19dfb8b7adac");
    assert_int_equal(read_every_way(image, len, &reader), UPDRAFT_OK);
    assert_int_equal(reader.info.kind, UPDRAFT_IMAGE_ESP8266_V3);
    assert_int_equal(reader.info.chip_id, UPDRAFT_CHIP_ESP8266);
    assert_true(reader.info.hash_appended);
    assert_int_equal(reader.info.checksum_stored, 0xE7);
    assert_int_equal(reader.info.image_len, 80);
    assert_int_equal(reader.info.spi_size, 3);
}

static void image_8266_v3_descriptor_is_found_at_the_start_of_any_segment(void **state)
{
    static const uint8_t code[300];
    uint8_t desc[UPDRAFT_APPDESC_LEN];
    const struct updraft_image_segment segments[] = {
        {0x40210010, code, sizeof(code)},
        {0x40220000, desc, sizeof(desc)},
        {0x40100000, code, 4},
    };
    const struct updraft_image_spec spec = {
        .kind = UPDRAFT_IMAGE_ESP8266_V3,
        .entry_addr = 0x40100004,
        .segments = segments,
        .segment_count = 3,
    };
    struct updraft_image_reader reader;
    size_t len;

    (void)state;
    vector_appdesc("3.2.1", desc);
    assert_int_equal(updraft_image_encode(&spec, image, sizeof(image), &len), UPDRAFT_OK);
    assert_int_equal(read_every_way(image, len, &reader), UPDRAFT_OK);
    assert_true(reader.info.has_appdesc);
    assert_string_equal(reader.info.appdesc.version, "3.2.1");
}

static const uint8_t ram_a[12] = {1, 2, 3};
static const uint8_t ram_b[20] = {4, 5, 6};
static const struct updraft_image_segment ram_segments[] = {
    {0x40100000, ram_a, sizeof(ram_a)},
    {0x3FFE8000, ram_b, sizeof(ram_b)},
};
static const struct updraft_image_spec ram_spec = {
    .kind = UPDRAFT_IMAGE_ESP8266_V1,
    .spi_mode = 0,
    .spi_size_speed = 0x4F,
    .entry_addr = 0x40100004,
    .segments = ram_segments,
    .segment_count = 2,
};

static void image_8266_v1_ends_at_its_checksum(void **state)
{
    struct updraft_image_reader reader;
    size_t len;

    (void)state;
    assert_int_equal(updraft_image_encode(&ram_spec, image, sizeof(image), &len), UPDRAFT_OK);
    assert_int_equal(len, 64);
    memset(image + len, 0xFF, 100);
    assert_int_equal(read_every_way(image, len + 100, &reader), UPDRAFT_OK);
    assert_int_equal(reader.info.kind, UPDRAFT_IMAGE_ESP8266_V1);
    assert_int_equal(reader.info.image_len, 64);
    assert_false(reader.info.hash_appended);
    assert_int_equal(reader.info.checksum_stored, 0xEF ^ 1 ^ 2 ^ 3 ^ 4 ^ 5 ^ 6);
}

static void image_8266_v2_has_its_crc_checked_and_its_code_outside_the_checksum(void **state)
{
    uint8_t irom[101];
    struct updraft_image_reader reader;
    size_t len;

    (void)state;
    memset(irom, 0x5A, sizeof(irom));
    assert_int_equal(
        updraft_image_encode_8266_v2(&ram_spec, irom, sizeof(irom), image, sizeof(image), &len),
        UPDRAFT_OK);
    assert_int_equal(len % 16, 4);
    assert_int_equal(image[0], 0xEA);
    assert_int_equal(image[1], 4);
    assert_int_equal(updraft_get_le32(image + 12), 112);
    assert_int_equal(image[16 + 112], 0xE9);
    assert_int_equal(image[16 + 113], 2);
    assert_int_equal(read_every_way(image, len, &reader), UPDRAFT_OK);
    assert_int_equal(reader.info.kind, UPDRAFT_IMAGE_ESP8266_V2);
    assert_int_equal(reader.info.chip_id, UPDRAFT_CHIP_ESP8266);
    assert_int_equal(reader.info.segment_count, 3);
    assert_int_equal(reader.info.checksum_stored, 0xEF ^ 1 ^ 2 ^ 3 ^ 4 ^ 5 ^ 6);
    assert_int_equal(reader.info.image_len, len);

    image[20] ^= 1; /* mapped code: no checksum covers it, the CRC does */
    assert_int_equal(read_every_way(image, len, &reader), UPDRAFT_E_CRC);
}

/* What a flip anywhere in an image may lead to; in no case is the image found right. */
static void image_reader_notices_every_flipped_bit_of_a_hashed_image(void **state)
{
    struct updraft_image_reader reader;
    size_t len = vector_image(VECTOR_M3, image);

    (void)state;
    for (size_t bit = 0; bit < len * 8; bit++) {
        bool in_hash_flag = bit / 8 == 23;

        image[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        enum updraft_error verdict = read_in_pieces(image, len, len, &reader);

        /* Clearing the flag itself turns it into an unhashed image, as the format has it. */
        if (in_hash_flag && image[23] == 0)
            assert_int_equal(verdict, UPDRAFT_OK);
        else
            assert_int_not_equal(verdict, UPDRAFT_OK);
        image[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
}

static void image_reader_calls_every_shorter_image_truncated(void **state)
{
    static const enum vector which[] = {VECTOR_M1, VECTOR_M2, VECTOR_M3};
    struct updraft_image_reader reader;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        size_t len = vector_image(which[i], image);

        assert_int_equal(read_in_pieces(image, 0, 1, &reader), UPDRAFT_E_EMPTY);
        for (size_t cut = 1; cut < len; cut++) {
            assert_int_equal(read_in_pieces(image, cut, cut, &reader), UPDRAFT_E_TRUNCATED);
            assert_int_equal(reader.info.image_len, 0);
        }
    }
}

static void image_reader_tells_checksum_and_hash_faults_apart(void **state)
{
    struct updraft_image_reader reader;
    size_t len = vector_image(VECTOR_M1, image);

    (void)state;
    image[0x100] ^= 0x10;
    assert_int_equal(read_in_pieces(image, len, len, &reader), UPDRAFT_E_CHECKSUM);
    assert_int_equal(reader.info.checksum_computed, 0xBA ^ 0x10);
    image[0x100] ^= 0x10;
    image[2] ^= 1; /* the flash mode: only the hash covers it */
    assert_int_equal(read_in_pieces(image, len, len, &reader), UPDRAFT_E_HASH);
}

static void image_reader_does_not_look_behind_the_image(void **state)
{
    struct updraft_image_reader alone;
    struct updraft_image_reader followed;
    size_t len = vector_image(VECTOR_M1, image);

    (void)state;
    memset(image + len, 0xA5, 200);
    read_in_pieces(image, len, len, &alone);
    read_in_pieces(image, len + 200, 7, &followed);
    assert_same_reading(&alone, &followed);
    assert_int_equal(followed.info.image_len, len);
}

static void image_reader_refuses_what_does_not_start_with_the_magic(void **state)
{
    struct updraft_image_reader reader;

    (void)state;
    for (unsigned first = 0; first < 256; first++) {
        uint8_t byte = (uint8_t)first;
        bool magic = first == 0xE9 || first == 0xEA;

        assert_int_equal(read_in_pieces(&byte, 1, 1, &reader),
                         magic ? UPDRAFT_E_TRUNCATED : UPDRAFT_E_MAGIC);
    }
}

static void image_reader_refuses_counts_and_flags_that_no_build_writes(void **state)
{
    struct updraft_image_reader reader;
    size_t len = vector_image(VECTOR_M1, image);

    (void)state;
    for (unsigned count = 0; count < 256; count++) {
        image[1] = (uint8_t)count;
        bool refused = read_in_pieces(image, len, len, &reader) == UPDRAFT_E_HEADER;

        assert_int_equal(refused, count == 0 || count > 16);
    }
    image[1] = 1;
    for (unsigned flag = 2; flag < 256; flag++) {
        image[23] = (uint8_t)flag;
        assert_int_equal(read_in_pieces(image, len, len, &reader), UPDRAFT_E_HEADER);
    }
}

static void image_reader_repeats_a_structural_fault_for_every_later_byte(void **state)
{
    struct updraft_image_reader reader;

    (void)state;
    vector_image(VECTOR_M1, image);
    image[1] = 0;
    updraft_image_reader_init(&reader);
    assert_int_equal(updraft_image_reader_feed(&reader, image, 24), UPDRAFT_E_HEADER);
    assert_int_equal(updraft_image_reader_feed(&reader, image + 24, 1), UPDRAFT_E_HEADER);
    assert_int_equal(updraft_image_reader_feed(&reader, image, 0), UPDRAFT_E_HEADER);
    assert_int_equal(updraft_image_reader_verdict(&reader), UPDRAFT_E_HEADER);
}

static void image_reader_bounds_segment_lengths(void **state)
{
    static const uint32_t bad[] = {1, 2, 3, 257, 0x1000000, 0xFFFFFFFC, 0xFFFFFFFF, 0xFFFFFC};
    struct updraft_image_reader reader;
    size_t len = vector_image(VECTOR_M1, image);

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        updraft_put_le32(image + 28, bad[i]);
        assert_int_equal(read_in_pieces(image, len, len, &reader), UPDRAFT_E_SEGMENT);
    }
    /* The longest that leaves room for checksum and hash is taken, and then awaited. */
    updraft_put_le32(image + 28, UPDRAFT_IMAGE_LEN_CAP - 32 - 48);
    assert_int_equal(read_in_pieces(image, len, len, &reader), UPDRAFT_E_TRUNCATED);
}

static void image_reader_takes_empty_segments(void **state)
{
    uint8_t desc[UPDRAFT_APPDESC_LEN];
    const struct updraft_image_segment segments[] = {
        {0x3F400020, desc, sizeof(desc)}, {0x3FFB0000, NULL, 0}, {0x3FFB0000, NULL, 0}};
    const struct updraft_image_spec spec = {
        .kind = UPDRAFT_IMAGE_ESP32,
        .append_hash = true,
        .entry_addr = 0x40080000,
        .segments = segments,
        .segment_count = 3,
    };
    struct updraft_image_reader reader;
    size_t len;

    (void)state;
    vector_appdesc("1.0.0", desc);
    assert_int_equal(updraft_image_encode(&spec, image, sizeof(image), &len), UPDRAFT_OK);
    assert_int_equal(read_every_way(image, len, &reader), UPDRAFT_OK);
    assert_int_equal(reader.info.segment_count, 3);
}

struct seen {
    uint8_t count;
    uint32_t load_addr[UPDRAFT_IMAGE_SEGMENT_CAP];
    uint32_t data_len[UPDRAFT_IMAGE_SEGMENT_CAP];
    uint32_t data_off[UPDRAFT_IMAGE_SEGMENT_CAP];
};

static void note_segment(void *ctx, uint8_t idx, uint32_t load_addr, uint32_t data_len,
                         uint32_t data_off)
{
    struct seen *seen = ctx;

    assert_int_equal(idx, seen->count);
    seen->load_addr[idx] = load_addr;
    seen->data_len[idx] = data_len;
    seen->data_off[idx] = data_off;
    seen->count++;
}

static void image_reader_tells_of_every_segment_in_order(void **state)
{
    struct updraft_image_reader reader;
    struct seen seen = {0};
    size_t len = vector_image(VECTOR_M5, image);

    (void)state;
    updraft_image_reader_init(&reader);
    reader.on_segment = note_segment;
    reader.on_segment_ctx = &seen;
    assert_int_equal(updraft_image_reader_feed(&reader, image, len), UPDRAFT_OK);
    assert_int_equal(seen.count, 4);
    assert_int_equal(seen.load_addr[0], 0x3F400020);
    assert_int_equal(seen.data_off[0], 0x20);
    assert_int_equal(seen.load_addr[1], 0);
    assert_int_equal(seen.data_len[1], 0xFEF0);
    assert_int_equal(seen.data_off[1], 0x128);
    assert_int_equal(seen.load_addr[2], 0x400D0020);
    /* The padding exists so that this holds for the mapped segment. */
    assert_int_equal(seen.data_off[2] % 0x10000, 0x20);
    assert_int_equal(seen.data_off[3], 0x10030);
}

static void image_encode_refuses_what_it_cannot_write(void **state)
{
    static const uint8_t bytes[8];
    struct updraft_image_segment segment = {0x40080000, bytes, 8};
    struct updraft_image_spec spec = {
        .kind = UPDRAFT_IMAGE_ESP32, .segments = &segment, .segment_count = 1};
    size_t len = 0;

    (void)state;
    assert_int_equal(updraft_image_encode(&spec, image, 47, &len), UPDRAFT_E_NO_SPACE);
    assert_int_equal(len, 48);
    assert_int_equal(updraft_image_encode(&spec, image, 48, &len), UPDRAFT_OK);
    spec.segment_count = 0;
    assert_int_equal(updraft_image_encode(&spec, image, sizeof(image), &len), UPDRAFT_E_SEGMENT);
    spec.segment_count = 17;
    assert_int_equal(updraft_image_encode(&spec, image, sizeof(image), &len), UPDRAFT_E_SEGMENT);
    spec.segment_count = 1;
    segment.data_len = 7;
    assert_int_equal(updraft_image_encode(&spec, image, sizeof(image), &len), UPDRAFT_E_SEGMENT);
    segment.data_len = UPDRAFT_IMAGE_LEN_CAP;
    assert_int_equal(updraft_image_encode(&spec, image, sizeof(image), &len), UPDRAFT_E_SEGMENT);
    segment.data_len = 8;
    spec.kind = UPDRAFT_IMAGE_ESP8266_V3; /* without a mapped segment it would read as version 1 */
    assert_int_equal(updraft_image_encode(&spec, image, sizeof(image), &len), UPDRAFT_E_SEGMENT);
    spec.kind = UPDRAFT_IMAGE_ESP8266_V2;
    assert_int_equal(updraft_image_encode(&spec, image, sizeof(image), &len),
                     UPDRAFT_E_UNSUPPORTED);
}

struct manifest_row {
    const char *file, *bytes, *sha256, *chip, *project, *version, *idf_version, *build_date;
    const char *hash_appended, *checksum, *hash, *trailing_bytes;
};

static void split_row(char *line, struct manifest_row *row)
{
    const char **fields[] = {
        &row->file,          &row->bytes,    &row->sha256,      &row->chip,
        &row->project,       &row->version,  &row->idf_version, &row->build_date,
        &row->hash_appended, &row->checksum, &row->hash,        &row->trailing_bytes,
    };

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        *fields[i] = strsep(&line, "\t");
        assert_non_null(*fields[i]);
    }
}

static void assert_row(const struct manifest_row *row, const struct updraft_image_reader *reader)
{
    const struct updraft_image_info *info = &reader->info;
    bool hash = strcmp(row->hash_appended, "1") == 0;
    char build_date[64];

    assert_string_equal(updraft_chip_name(info->chip_id), row->chip);
    assert_int_equal(info->has_appdesc, strcmp(row->project, "-") != 0);
    if (info->has_appdesc) {
        snprintf(build_date, sizeof(build_date), "%s %s", info->appdesc.date, info->appdesc.time);
        assert_string_equal(info->appdesc.project, row->project);
        assert_string_equal(info->appdesc.version, row->version);
        assert_string_equal(info->appdesc.idf_version, row->idf_version);
        assert_string_equal(build_date, row->build_date);
    }
    assert_int_equal(info->hash_appended, hash);
    assert_int_equal(info->checksum_stored == info->checksum_computed,
                     strcmp(row->checksum, "ok") == 0);
    if (hash)
        assert_int_equal(memcmp(info->hash_stored, info->hash_computed, 32) == 0,
                         strcmp(row->hash, "ok") == 0);
}

static void assert_manifest_file(const struct manifest_row *row, const uint8_t *bytes, size_t len)
{
    bool dump = strstr(row->file, ".factory.") != NULL;
    size_t app_off = dump ? 0x10000 : 0;
    struct updraft_image_reader reader;
    enum updraft_error verdict;

    assert_int_equal(len, strtoul(row->bytes, NULL, 10));
    verdict = read_in_pieces(bytes + app_off, len - app_off, 4096, &reader);
    if (strncmp(row->chip, "ESP", 3) != 0) {
        assert_int_equal(verdict, UPDRAFT_E_MAGIC);
        return;
    }
    assert_int_equal(verdict, UPDRAFT_OK);
    assert_row(row, &reader);
    assert_int_equal(reader.info.image_len, len - app_off - strtoul(row->trailing_bytes, NULL, 10));
    if (strcmp(row->chip, "ESP8266") == 0)
        assert_int_equal(reader.info.kind, UPDRAFT_IMAGE_ESP8266_V1);
    else
        assert_int_equal(reader.info.kind, UPDRAFT_IMAGE_ESP32);
}

static void image_reader_agrees_with_the_manifest_of_real_firmware(void **state)
{
    FILE *manifest = firmware_open("MANIFEST.tsv");
    char line[2048];
    unsigned checked = 0;

    (void)state;
    if (manifest == NULL)
        skip();
    while (fgets(line, sizeof(line), manifest) != NULL) {
        struct manifest_row row;
        uint8_t *bytes;
        size_t len;

        split_row(line, &row);
        if (strcmp(row.file, "file") == 0 || strcmp(row.chip, "-") == 0)
            continue;
        bytes = firmware_load(row.file, &len);
        if (bytes == NULL)
            continue;
        print_message("# %s\n", row.file);
        assert_manifest_file(&row, bytes, len);
        free(bytes);
        checked++;
    }
    fclose(manifest);
    print_message("# %u images of the manifest were there\n", checked);
    if (checked == 0)
        skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(image_encode_writes_the_sample_images),
        cmocka_unit_test(image_encode_writes_the_header_of_m1_byte_for_byte),
        cmocka_unit_test(image_reader_reads_the_sample_images_back_however_they_are_split),
        cmocka_unit_test(image_reader_tells_chip_and_descriptor_after_the_facts_length),
        cmocka_unit_test(image_8266_v3_sample_is_written_and_read_back),
        cmocka_unit_test(image_8266_v3_descriptor_is_found_at_the_start_of_any_segment),
        cmocka_unit_test(image_8266_v1_ends_at_its_checksum),
        cmocka_unit_test(image_8266_v2_has_its_crc_checked_and_its_code_outside_the_checksum),
        cmocka_unit_test(image_reader_notices_every_flipped_bit_of_a_hashed_image),
        cmocka_unit_test(image_reader_calls_every_shorter_image_truncated),
        cmocka_unit_test(image_reader_tells_checksum_and_hash_faults_apart),
        cmocka_unit_test(image_reader_does_not_look_behind_the_image),
        cmocka_unit_test(image_reader_refuses_what_does_not_start_with_the_magic),
        cmocka_unit_test(image_reader_refuses_counts_and_flags_that_no_build_writes),
        cmocka_unit_test(image_reader_repeats_a_structural_fault_for_every_later_byte),
        cmocka_unit_test(image_reader_bounds_segment_lengths),
        cmocka_unit_test(image_reader_takes_empty_segments),
        cmocka_unit_test(image_reader_tells_of_every_segment_in_order),
        cmocka_unit_test(image_encode_refuses_what_it_cannot_write),
        cmocka_unit_test(image_reader_agrees_with_the_manifest_of_real_firmware),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
