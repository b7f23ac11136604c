#include "format/chip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void chip_rows_are_found_by_id_name_and_slug(void **state)
{
    const struct updraft_chip *chip;
    size_t count = 0;

    (void)state;
    for (; (chip = updraft_chip_row(count)) != NULL; count++) {
        assert_ptr_equal(updraft_chip_by_id(chip->id), chip);
        assert_ptr_equal(updraft_chip_by_name(chip->name), chip);
        assert_ptr_equal(updraft_chip_by_name(chip->slug), chip);
        assert_string_equal(updraft_chip_name(chip->id), chip->name);
    }
    assert_int_equal(count, 15);
    assert_null(updraft_chip_row(count + 1));
}

/* Slugs stand in addresses: lower case and digits, and the name without its dash. */
static void chip_slugs_follow_from_the_names(void **state)
{
    const struct updraft_chip *chip;

    (void)state;
    for (size_t i = 0; (chip = updraft_chip_row(i)) != NULL; i++) {
        size_t at = 0;

        for (const char *c = chip->name; *c != '\0'; c++) {
            if (*c != '-')
                assert_int_equal(chip->slug[at++], *c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
        }
        assert_int_equal(chip->slug[at], '\0');
    }
}

static void chip_numbers_are_those_of_the_vendor(void **state)
{
    static const struct {
        const char *slug;
        uint16_t id;
        uint32_t bootloader_off;
        uint32_t drom_addr;
    } known[] = {
        {"esp32", 0x0000, 0x1000, 0x3F400000},    {"esp32s2", 0x0002, 0x1000, 0x3F000000},
        {"esp32c3", 0x0005, 0x0, 0x3C000000},     {"esp32s3", 0x0009, 0x0, 0x3C000000},
        {"esp32c2", 0x000C, 0x0, 0x3C000000},     {"esp32c6", 0x000D, 0x0, 0x42800000},
        {"esp32h2", 0x0010, 0x0, 0x42800000},     {"esp32p4", 0x0012, 0x2000, 0x40000000},
        {"esp32c61", 0x0014, 0x0, 0x42800000},    {"esp32c5", 0x0017, 0x2000, 0x42000000},
        {"esp32h21", 0x0019, 0x0, 0x42800000},    {"esp32h4", 0x001C, 0x2000, 0x42800000},
        {"esp32s31", 0x0020, 0x2000, 0x40000000}, {"esp8266", 0x8266, 0x0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        const struct updraft_chip *chip = updraft_chip_by_name(known[i].slug);

        assert_non_null(chip);
        assert_int_equal(chip->id, known[i].id);
        assert_int_equal(chip->bootloader_off, known[i].bootloader_off);
        assert_int_equal(chip->drom_addr, known[i].drom_addr);
    }
}

static void chip_names_match_in_either_case(void **state)
{
    (void)state;
    assert_int_equal(updraft_chip_by_name("ESP32S3")->id, UPDRAFT_CHIP_ESP32S3);
    assert_int_equal(updraft_chip_by_name("esp32-s3")->id, UPDRAFT_CHIP_ESP32S3);
    assert_int_equal(updraft_chip_by_name("Esp8266")->id, UPDRAFT_CHIP_ESP8266);
}

static void chip_unknown_ones_are_said_to_be_unknown(void **state)
{
    (void)state;
    assert_null(updraft_chip_by_name(""));
    assert_null(updraft_chip_by_name("esp3"));
    assert_null(updraft_chip_by_name("esp32s"));
    assert_null(updraft_chip_by_name("esp32s33"));
    assert_null(updraft_chip_by_id(UPDRAFT_CHIP_UNKNOWN));
    assert_null(updraft_chip_by_id(1));
    assert_string_equal(updraft_chip_name(1), "unknown chip");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chip_rows_are_found_by_id_name_and_slug),
        cmocka_unit_test(chip_slugs_follow_from_the_names),
        cmocka_unit_test(chip_numbers_are_those_of_the_vendor),
        cmocka_unit_test(chip_names_match_in_either_case),
        cmocka_unit_test(chip_unknown_ones_are_said_to_be_unknown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
