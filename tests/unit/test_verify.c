/* The check of a slot, against the stream reader and by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/verdicts.h"

#include "firmware.h"
#include "vectors.h"

#define SMALL_CAP 1024u

/* The samples, one of each kind and shape; returns its length, 0 behind the last. */
static uint32_t sample(int idx, uint8_t *out)
{
    static const uint8_t irom[64] = {1, 2, 3, 4, 5};
    static const uint8_t ram[24] = {9, 8, 7, 6};
    const struct updraft_image_segment segments[] = {{0x40100000, ram, 24}, {0x3FFE8000, ram, 8}};
    const struct updraft_image_spec spec = {
        .kind = UPDRAFT_IMAGE_ESP8266_V1,
        .entry_addr = 0x40100004,
        .segments = segments,
        .segment_count = 2,
    };
    size_t len = 0;

    switch (idx) {
    case 0:
        return (uint32_t)vector_image(VECTOR_M1, out);
    case 1:
        return (uint32_t)vector_image(VECTOR_M2, out);
    case 2:
        return (uint32_t)vector_image(VECTOR_M3, out);
    case 3:
        return (uint32_t)vector_image(VECTOR_M4, out);
    case 4:
        return (uint32_t)vector_image_8266_v3(out);
    case 5:
        assert_int_equal(updraft_image_encode(&spec, out, SMALL_CAP, &len), UPDRAFT_OK);
        return (uint32_t)len;
    case 6:
        assert_int_equal(
            updraft_image_encode_8266_v2(&spec, irom, sizeof irom, out, SMALL_CAP, &len),
            UPDRAFT_OK);
        return (uint32_t)len;
    default:
        return 0;
    }
}

static void assert_agree(const uint8_t *bytes, uint32_t len, enum updraft_error *verdict)
{
    /* The odd length leaves pieces that end anywhere in a segment. */
    static const uint32_t caps[] = {256, 301, 4096};

    for (size_t i = 0; i < 3; i++) {
        const char *differs = verdicts_differ(bytes, len, caps[i], verdict);

        if (differs != NULL)
            fail_msg("%s (length %u, buffer %u, reader says %d)", differs, (unsigned)len,
                     (unsigned)caps[i], (int)*verdict);
    }
}

static void verify_agrees_with_the_reader_on_every_kind_of_image(void **state)
{
    static uint8_t image[VECTOR_CAP + 64];
    enum updraft_error verdict;
    int count = 0;

    (void)state;
    for (uint32_t len; (len = sample(count, image)) != 0; count++) {
        assert_agree(image, len, &verdict);
        assert_int_equal(verdict, UPDRAFT_OK);
        memset(image + len, 0x5A, 64); /* a signature, or what was there before */
        assert_agree(image, len + 64, &verdict);
        assert_int_equal(verdict, UPDRAFT_OK);
    }
    assert_int_equal(count, 7);
    assert_agree(image, (uint32_t)vector_image(VECTOR_M5, image), &verdict);
    assert_int_equal(verdict, UPDRAFT_OK);
}

static void verify_agrees_with_the_reader_on_every_truncation(void **state)
{
    uint8_t image[SMALL_CAP];
    enum updraft_error verdict;

    (void)state;
    for (int i = 0; i < 7; i++) {
        uint32_t len = sample(i, image);

        for (uint32_t cut = 0; cut < len; cut++) {
            assert_agree(image, cut, &verdict);
            assert_int_not_equal(verdict, UPDRAFT_OK);
        }
    }
}

static void verify_agrees_with_the_reader_on_every_changed_byte(void **state)
{
    static const uint8_t values[] = {0x00, 0x01, 0x04, 0x10, 0x11, 0x3F,
                                     0x40, 0x80, 0xE9, 0xEA, 0xFF};
    uint8_t image[SMALL_CAP];
    enum updraft_error verdict;
    unsigned changed = 0;

    (void)state;
    for (int i = 0; i < 7; i++) {
        uint32_t len = sample(i, image);

        for (uint32_t off = 0; off < len; off++) {
            uint8_t was = image[off];

            for (size_t v = 0; v < sizeof values; v++) {
                image[off] = values[v];
                assert_agree(image, len, &verdict);
                changed++;
            }
            for (unsigned bit = 0; bit < 8; bit++) {
                image[off] = (uint8_t)(was ^ (1u << bit));
                assert_agree(image, len, &verdict);
                changed++;
            }
            image[off] = was;
        }
    }
    assert_true(changed > 20000);
}

static uint32_t next_random(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

static void verify_agrees_with_the_reader_on_random_damage(void **state)
{
    uint8_t image[SMALL_CAP];
    enum updraft_error verdict;
    uint32_t seed = 0x2545F491u;
    unsigned good = 0;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        uint32_t len = sample(round % 7, image);
        uint32_t faults = next_random(&seed) % 4u;

        for (uint32_t i = 0; i < faults; i++) {
            /* Half of the faults hit headers, where it matters most. */
            uint32_t range = next_random(&seed) % 2u == 0 ? 40u : len;

            image[next_random(&seed) % range] = (uint8_t)next_random(&seed);
        }
        if (next_random(&seed) % 4u == 0)
            len -= next_random(&seed) % len;
        assert_agree(image, len, &verdict);
        good += verdict == UPDRAFT_OK;
    }
    assert_true(good > 2000 && good < 18000);
}

static void verify_agrees_with_the_reader_on_real_firmware(void **state)
{
    FILE *manifest = firmware_open("MANIFEST.tsv");
    char line[2048];
    unsigned checked = 0;

    (void)state;
    if (manifest == NULL)
        skip();
    while (fgets(line, sizeof line, manifest) != NULL) {
        enum updraft_error verdict;
        char *rest = line;
        size_t len;
        uint8_t *bytes = firmware_load(strsep(&rest, "\t"), &len);

        if (bytes == NULL)
            continue;
        if (len > 0 && len < UPDRAFT_IMAGE_LEN_CAP) {
            assert_agree(bytes, (uint32_t)len, &verdict);
            checked += verdict == UPDRAFT_OK;
            bytes[len / 2] ^= 0x10;
            assert_agree(bytes, (uint32_t)len, &verdict);
        }
        free(bytes);
    }
    fclose(manifest);
    print_message("# %u good images were there\n", checked);
}

static void verify_says_what_is_wrong_with_a_slot(void **state)
{
    uint8_t image[SMALL_CAP];
    uint8_t buf[256];
    struct verdicts_flash memory = {.bytes = image, .len = sizeof image};
    const struct updraft_flash flash = {
        .ctx = &memory, .read = verdicts_read, .size = sizeof image};
    struct updraft_slot_check check = {
        .flash = &flash, .chip_id = UPDRAFT_CHIP_ESP32, .buf = buf, .buf_cap = sizeof buf};

    (void)state;
    assert_int_equal(updraft_slot_verify(&check), UPDRAFT_E_NOT_BOOTABLE);
    assert_int_equal(updraft_slot_verify_8266(&check), UPDRAFT_E_NOT_BOOTABLE);
    check.slot.len = sizeof image;
    memset(image, 0xFF, sizeof image);
    assert_int_equal(updraft_slot_verify(&check), UPDRAFT_E_NOT_BOOTABLE);
    assert_int_equal(updraft_slot_verify_8266(&check), UPDRAFT_E_NOT_BOOTABLE);
    vector_image(VECTOR_M1, image);
    assert_int_equal(updraft_slot_verify_any(&check), UPDRAFT_OK);
    check.chip_id = UPDRAFT_CHIP_ESP8266;
    assert_int_equal(updraft_slot_verify_any(&check), UPDRAFT_E_WRONG_CHIP);
    vector_image_8266_v3(image);
    assert_int_equal(updraft_slot_verify_any(&check), UPDRAFT_OK);
    /* A segment that claims more than any image may have, and one more than the slot has. */
    vector_image(VECTOR_M1, image);
    check.chip_id = UPDRAFT_CHIP_ESP32;
    updraft_put_le32(image + 28, 0xFFFFFFFCu);
    assert_int_equal(updraft_slot_verify(&check), UPDRAFT_E_SEGMENT);
    updraft_put_le32(image + 28, 0x10000u);
    assert_int_equal(updraft_slot_verify(&check), UPDRAFT_E_TRUNCATED);
    /* The flash does not answer. */
    vector_image(VECTOR_M1, image);
    memory.len = 200;
    assert_int_equal(updraft_slot_verify(&check), UPDRAFT_E_FLASH_READ);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verify_agrees_with_the_reader_on_every_kind_of_image),
        cmocka_unit_test(verify_agrees_with_the_reader_on_every_truncation),
        cmocka_unit_test(verify_agrees_with_the_reader_on_every_changed_byte),
        cmocka_unit_test(verify_agrees_with_the_reader_on_random_damage),
        cmocka_unit_test(verify_agrees_with_the_reader_on_real_firmware),
        cmocka_unit_test(verify_says_what_is_wrong_with_a_slot),
    };

    return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}
