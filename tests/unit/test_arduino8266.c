/* Combined images of the ESP8266 Arduino core. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/arduino8266.h"
#include "format/bytes.h"
#include "tests/rig/staged_rig.h"

#include <stdlib.h>
#include <string.h>

static enum updraft_error read_all(const uint8_t *data, uint32_t len, uint32_t piece_len,
                                   struct updraft_arduino8266_reader *reader)
{
    updraft_arduino8266_init(reader);
    for (uint32_t off = 0; off < len; off += piece_len) {
        uint32_t n = len - off < piece_len ? len - off : piece_len;
        enum updraft_error error = updraft_arduino8266_feed(reader, data + off, n);

        if (error != UPDRAFT_OK) {
            assert_int_equal(updraft_arduino8266_feed(reader, data, 1), error);
            assert_int_equal(updraft_arduino8266_verdict(reader), error);
            return error;
        }
    }
    return updraft_arduino8266_verdict(reader);
}

static enum updraft_error verdict(const struct rig_image *image)
{
    struct updraft_arduino8266_reader reader;

    return read_all(image->bytes, image->len, 1024, &reader);
}

/* A core before 2.6: other data where length and CRC stand now, and a checksum over them. */
static void make_old_sketch(struct rig_image *image)
{
    static const uint8_t core_version[8] = {0x2E, 0x33, 0x01, 0x22, 0x36, 0x41, 0x00, 0x1D};

    staged_rig_sketch_make(image, "1.0.0", 20000);
    memset(image->bytes + 0x1010, 0, 8);
    for (int i = 0; i < 8; i++) {
        image->bytes[0x1010 + i] = core_version[i];
        image->bytes[image->len - 1] ^= core_version[i];
    }
}

static void arduino8266_measures_a_sketch_as_its_core_does(void **state)
{
    struct updraft_arduino8266_reader reader;
    struct rig_image image;
    uint32_t pos = 0x1000 + 8;

    (void)state;
    staged_rig_sketch_make(&image, "1.0.0", 20000);
    for (uint8_t i = 0; i < image.bytes[0x1001]; i++)
        pos += 8 + updraft_get_le32(image.bytes + pos + 4);
    assert_int_equal(read_all(image.bytes, image.len, 4096, &reader), UPDRAFT_OK);
    assert_int_equal(reader.info.sketch_len, (pos + 16) & ~15u);
    assert_int_equal(reader.info.sketch_len, image.len);
    assert_int_equal(reader.info.boot_checksum_stored, reader.info.boot_checksum_computed);
    assert_int_equal(reader.info.app_checksum_stored, image.bytes[image.len - 1]);
    assert_int_equal(reader.info.app_checksum_stored, reader.info.app_checksum_computed);
    assert_true(reader.info.has_crc);
    assert_int_equal(reader.info.crc_stored, reader.info.crc_computed);
    rig_image_free(&image);
}

static void arduino8266_reads_the_same_for_any_split(void **state)
{
    struct updraft_arduino8266_reader whole, pieces;
    struct rig_image image;

    (void)state;
    staged_rig_sketch_make(&image, "1.0.0", 6000);
    image.bytes[image.len - 40] ^= 4; /* so that what is computed is not what is stored */
    assert_int_equal(read_all(image.bytes, image.len, image.len, &whole), UPDRAFT_E_CHECKSUM);
    assert_int_equal(read_all(image.bytes, image.len, 1, &pieces), UPDRAFT_E_CHECKSUM);
    assert_memory_equal(&whole.info, &pieces.info, sizeof whole.info);
    for (uint32_t split = 1; split < image.len; split++) {
        updraft_arduino8266_init(&pieces);
        assert_int_equal(updraft_arduino8266_feed(&pieces, image.bytes, split), UPDRAFT_OK);
        assert_int_equal(updraft_arduino8266_feed(&pieces, image.bytes + split, image.len - split),
                         UPDRAFT_OK);
        assert_memory_equal(&whole.info, &pieces.info, sizeof whole.info);
    }
    rig_image_free(&image);
}

static void arduino8266_takes_a_sketch_without_crc(void **state)
{
    struct updraft_arduino8266_reader reader;
    struct rig_image image;

    (void)state;
    make_old_sketch(&image);
    assert_int_equal(read_all(image.bytes, image.len, 1000, &reader), UPDRAFT_OK);
    assert_false(reader.info.has_crc);
    assert_int_equal(reader.info.sketch_len, image.len);
    image.bytes[0x1012] ^= 1;
    assert_int_equal(verdict(&image), UPDRAFT_E_CHECKSUM);
    rig_image_free(&image);
}

static void arduino8266_looks_at_nothing_behind_the_sketch(void **state)
{
    struct updraft_arduino8266_reader reader;
    struct rig_image image;
    uint8_t behind[300];

    (void)state;
    memset(behind, 0x11, sizeof behind);
    staged_rig_sketch_make(&image, "1.0.0", 20000);
    updraft_arduino8266_init(&reader);
    assert_int_equal(updraft_arduino8266_progress(&reader), UPDRAFT_IMAGE_NEEDS_MORE);
    assert_int_equal(updraft_arduino8266_feed(&reader, image.bytes, image.len), UPDRAFT_OK);
    assert_int_equal(updraft_arduino8266_progress(&reader), UPDRAFT_IMAGE_COMPLETE);
    assert_int_equal(updraft_arduino8266_feed(&reader, behind, sizeof behind), UPDRAFT_OK);
    assert_int_equal(updraft_arduino8266_verdict(&reader), UPDRAFT_OK);
    assert_int_equal(reader.info.sketch_len, image.len);
    rig_image_free(&image);
}

static void arduino8266_finds_any_flipped_bit_by_its_crc(void **state)
{
    struct rig_image image;

    (void)state;
    staged_rig_sketch_make(&image, "1.0.0", 6000);
    for (uint32_t off = 0; off < image.len; off++) {
        image.bytes[off] ^= 0x10;
        assert_int_not_equal(verdict(&image), UPDRAFT_OK);
        image.bytes[off] ^= 0x10;
    }
    assert_int_equal(verdict(&image), UPDRAFT_OK);
    rig_image_free(&image);
}

static void arduino8266_names_what_is_wrong(void **state)
{
    struct rig_image image;

    (void)state;
    staged_rig_sketch_make(&image, "1.0.0", 6000);
    image.bytes[2] = 0; /* the flash mode, as updaters patch it */
    assert_int_equal(verdict(&image), UPDRAFT_E_CRC);
    image.bytes[2] = 2;
    image.bytes[100] ^= 1; /* in eboot */
    assert_int_equal(verdict(&image), UPDRAFT_E_CHECKSUM);
    image.bytes[100] ^= 1;
    image.bytes[5000] ^= 1; /* in the sketch */
    staged_rig_sketch_seal(&image);
    assert_int_equal(verdict(&image), UPDRAFT_E_CHECKSUM);
    image.bytes[5000] ^= 1;
    image.bytes[0x1000] = 0; /* no image */
    assert_int_equal(verdict(&image), UPDRAFT_E_MAGIC);
    image.bytes[0x1000] = 0xE9;
    updraft_put_le32(image.bytes + 0x1004, 0x10000000); /* not an entry of this chip */
    assert_int_not_equal(verdict(&image), UPDRAFT_OK);
    rig_image_free(&image);
}

static void arduino8266_refuses_every_truncation(void **state)
{
    struct updraft_arduino8266_reader reader;
    struct rig_image image;

    (void)state;
    staged_rig_sketch_make(&image, "1.0.0", 6000);
    updraft_arduino8266_init(&reader);
    assert_int_equal(updraft_arduino8266_verdict(&reader), UPDRAFT_E_EMPTY);
    for (uint32_t off = 0; off + 1 < image.len; off++) {
        assert_int_equal(updraft_arduino8266_feed(&reader, image.bytes + off, 1), UPDRAFT_OK);
        assert_int_equal(updraft_arduino8266_verdict(&reader), UPDRAFT_E_TRUNCATED);
    }
    rig_image_free(&image);
}

static void arduino8266_refuses_a_plain_image_in_place_of_eboot(void **state)
{
    struct updraft_arduino8266_reader reader;
    struct rig_image image;

    (void)state;
    staged_rig_plain_make(&image, "1.0.0", 20000); /* goes on beyond the first sector */
    assert_int_equal(read_all(image.bytes, image.len, 100, &reader), UPDRAFT_E_SEGMENT);
    rig_image_free(&image);
    staged_rig_plain_make(&image, "1.0.0", 3000); /* ends in it, but maps flash */
    image.bytes = realloc(image.bytes, 0x1000);
    assert_non_null(image.bytes);
    memset(image.bytes + image.len, 0xAA, 0x1000 - image.len);
    assert_int_equal(read_all(image.bytes, 0x1000, 100, &reader), UPDRAFT_E_SEGMENT);
    rig_image_free(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arduino8266_measures_a_sketch_as_its_core_does),
        cmocka_unit_test(arduino8266_reads_the_same_for_any_split),
        cmocka_unit_test(arduino8266_takes_a_sketch_without_crc),
        cmocka_unit_test(arduino8266_looks_at_nothing_behind_the_sketch),
        cmocka_unit_test(arduino8266_finds_any_flipped_bit_by_its_crc),
        cmocka_unit_test(arduino8266_names_what_is_wrong),
        cmocka_unit_test(arduino8266_refuses_every_truncation),
        cmocka_unit_test(arduino8266_refuses_a_plain_image_in_place_of_eboot),
    };

    return cmocka_run_group_tests_name("arduino8266", tests, NULL, NULL);
}
