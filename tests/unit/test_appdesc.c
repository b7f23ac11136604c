#include "format/image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vectors.h"

static struct updraft_appdesc sample(void)
{
    struct updraft_appdesc desc = {
        .secure_version = 7,
        .version = "1.2.3-45-gabcdef0",
        .project = "esp32-evse",
        .time = "05:42:24",
        .date = "Jul 25 2025",
        .idf_version = "v5.4.1",
        .min_efuse_rev = 100,
        .max_efuse_rev = 199,
        .mmu_page_log2 = 16,
    };

    for (size_t i = 0; i < sizeof(desc.elf_sha256); i++)
        desc.elf_sha256[i] = (uint8_t)(i + 1);
    return desc;
}

static void appdesc_encodes_to_the_bytes_of_the_sample_image(void **state)
{
    uint8_t bytes[UPDRAFT_APPDESC_LEN];

    (void)state;
    vector_appdesc("1.0.0", bytes);
    vector_assert_hex(bytes, 192,
                      "3254cdab000000000000000000000000312e302e300000000000000000000000"
                      "0000000000000000000000000000000064656d6f000000000000000000000000"
                      "0000000000000000000000000000000031323a30303a30300000000000000000"
                      "4a616e2020312032303236000000000076352e342e3100000000000000000000"
                      "0000000000000000000000000000000000000000000000000000000000000000"
                      "0000000000000000000000000000000000006300100300000000000000000000");
}

static void appdesc_survives_encoding_and_decoding(void **state)
{
    const struct updraft_appdesc desc = sample();
    struct updraft_appdesc back;
    uint8_t bytes[UPDRAFT_APPDESC_LEN];

    (void)state;
    memset(&back, 0xA5, sizeof(back));
    assert_int_equal(updraft_appdesc_encode(&desc, bytes), UPDRAFT_OK);
    assert_int_equal(updraft_appdesc_decode(bytes, &back), UPDRAFT_OK);
    assert_int_equal(back.secure_version, 7);
    assert_string_equal(back.version, desc.version);
    assert_string_equal(back.project, desc.project);
    assert_string_equal(back.time, desc.time);
    assert_string_equal(back.date, desc.date);
    assert_string_equal(back.idf_version, desc.idf_version);
    assert_memory_equal(back.elf_sha256, desc.elf_sha256, 32);
    assert_int_equal(back.min_efuse_rev, 100);
    assert_int_equal(back.max_efuse_rev, 199);
    assert_int_equal(back.mmu_page_log2, 16);
}

static void appdesc_texts_that_fill_their_field_end_all_the_same(void **state)
{
    struct updraft_appdesc desc;
    uint8_t bytes[UPDRAFT_APPDESC_LEN];

    (void)state;
    memset(bytes, 'x', sizeof(bytes));
    memcpy(bytes, "\x32\x54\xCD\xAB", 4);
    assert_int_equal(updraft_appdesc_decode(bytes, &desc), UPDRAFT_OK);
    assert_int_equal(strlen(desc.version), 32);
    assert_int_equal(strlen(desc.project), 32);
    assert_int_equal(strlen(desc.time), 16);
    assert_int_equal(strlen(desc.date), 16);
    assert_int_equal(strlen(desc.idf_version), 32);
}

static void appdesc_bytes_behind_a_texts_end_are_not_handed_on(void **state)
{
    struct updraft_appdesc desc = sample();
    uint8_t bytes[UPDRAFT_APPDESC_LEN];

    (void)state;
    assert_int_equal(updraft_appdesc_encode(&desc, bytes), UPDRAFT_OK);
    memcpy(bytes + 16, "1.0\0secret", 10);
    assert_int_equal(updraft_appdesc_decode(bytes, &desc), UPDRAFT_OK);
    for (size_t i = 3; i < sizeof(desc.version); i++)
        assert_int_equal(desc.version[i], 0);
}

static void appdesc_without_its_magic_is_none(void **state)
{
    struct updraft_appdesc desc = sample();
    struct updraft_appdesc untouched = desc;
    uint8_t bytes[UPDRAFT_APPDESC_LEN];

    (void)state;
    assert_int_equal(updraft_appdesc_encode(&desc, bytes), UPDRAFT_OK);
    for (size_t bit = 0; bit < 32; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(updraft_appdesc_decode(bytes, &desc), UPDRAFT_E_NO_APPDESC);
        assert_memory_equal(&desc, &untouched, sizeof(desc));
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void appdesc_refuses_texts_without_room_for_their_end(void **state)
{
    struct updraft_appdesc desc = sample();
    uint8_t bytes[UPDRAFT_APPDESC_LEN];

    (void)state;
    memset(desc.version, 'v', 32);
    assert_int_equal(updraft_appdesc_encode(&desc, bytes), UPDRAFT_E_TOO_LONG);
    desc.version[31] = '\0';
    assert_int_equal(updraft_appdesc_encode(&desc, bytes), UPDRAFT_OK);
    memset(desc.time, '1', 16);
    assert_int_equal(updraft_appdesc_encode(&desc, bytes), UPDRAFT_E_TOO_LONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appdesc_encodes_to_the_bytes_of_the_sample_image),
        cmocka_unit_test(appdesc_survives_encoding_and_decoding),
        cmocka_unit_test(appdesc_texts_that_fill_their_field_end_all_the_same),
        cmocka_unit_test(appdesc_bytes_behind_a_texts_end_are_not_handed_on),
        cmocka_unit_test(appdesc_without_its_magic_is_none),
        cmocka_unit_test(appdesc_refuses_texts_without_room_for_their_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
