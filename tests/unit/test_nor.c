/* The simulated flash keeps the rules that everything else is tested against. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ports/posix/nor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void open_memory(struct updraft_nor *nor, enum updraft_nor_cut cut, uint64_t cut_at)
{
    struct updraft_nor_options options = {
        .size = 0x20000, .timing = UPDRAFT_NOR_W25Q, .cut = cut, .cut_at = cut_at, .seed = 7};
    char why[64];

    assert_true(updraft_nor_open(nor, NULL, &options, why, sizeof why));
}

static void nor_programs_clear_bits_and_erase_sets_them(void **state)
{
    struct updraft_nor nor;
    const struct updraft_flash *flash = &nor.flash;
    uint8_t data[4] = {0xF0, 0x0F, 0x55, 0x00};
    uint8_t more[4] = {0xC0, 0x0F, 0x50, 0x00};
    uint8_t read[4];

    (void)state;
    open_memory(&nor, UPDRAFT_NOR_CUT_BEFORE, 0);
    assert_int_equal(flash->prog(flash->ctx, 0x1000, data, 4), UPDRAFT_OK);
    assert_int_equal(flash->prog(flash->ctx, 0x1000, more, 4), UPDRAFT_OK);
    assert_int_equal(flash->read(flash->ctx, 0x1000, read, 4), UPDRAFT_OK);
    assert_memory_equal(read, more, 4);
    assert_int_equal(flash->erase(flash->ctx, 0x1000, 0x1000), UPDRAFT_OK);
    assert_int_equal(nor.bytes[0x1000], 0xFF);
    assert_int_equal(nor.counts.busy_us, 400 + 400 + 45000);
    assert_int_equal(flash->erase(flash->ctx, 0x10000, 0x10000), UPDRAFT_OK);
    assert_int_equal(nor.counts.busy_us, 400 + 400 + 45000 + 150000);
    updraft_nor_close(&nor);
}

static void nor_remembers_faults_of_its_caller(void **state)
{
    const uint8_t ones[2] = {0xFF, 0xFF};
    const uint8_t zeros[8192] = {0};

    (void)state;
    for (int fault = 0; fault < 6; fault++) {
        struct updraft_nor nor;
        const struct updraft_flash *flash = &nor.flash;
        enum updraft_error error = UPDRAFT_OK;

        open_memory(&nor, UPDRAFT_NOR_CUT_BEFORE, 0);
        switch (fault) {
        case 0:
            nor.bytes[5] = 0;
            error = flash->prog(flash->ctx, 5, ones, 1);
            break;
        case 1:
            error = flash->prog(flash->ctx, 0xFFF, zeros, 2);
            break;
        case 2:
            error = flash->prog(flash->ctx, 0x1FFFF, zeros, 2);
            break;
        case 3:
            error = flash->erase(flash->ctx, 0x800, 0x1000);
            break;
        case 4:
            error = flash->erase(flash->ctx, 0x8000, 0x10000);
            break;
        default:
            error = flash->erase(flash->ctx, 0, 0x2000);
            break;
        }
        assert_int_not_equal(error, UPDRAFT_OK);
        assert_string_not_equal(nor.violation, "");
        updraft_nor_close(&nor);
    }
}

static void nor_cuts_the_power_in_four_ways(void **state)
{
    uint8_t zeros[256] = {0};

    (void)state;
    for (int cut = UPDRAFT_NOR_CUT_BEFORE; cut <= UPDRAFT_NOR_CUT_AFTER; cut++) {
        struct updraft_nor nor;
        const struct updraft_flash *flash = &nor.flash;
        int cleared = 0;
        uint8_t byte;

        open_memory(&nor, (enum updraft_nor_cut)cut, 2);
        assert_int_equal(flash->erase(flash->ctx, 0, 0x1000), UPDRAFT_OK);
        assert_int_not_equal(flash->prog(flash->ctx, 0, zeros, 256), UPDRAFT_OK);
        assert_true(nor.is_off);
        assert_int_not_equal(flash->read(flash->ctx, 0, &byte, 1), UPDRAFT_OK);
        for (int i = 0; i < 256; i++)
            cleared += nor.bytes[i] == 0;
        if (cut == UPDRAFT_NOR_CUT_BEFORE)
            assert_int_equal(cleared, 0);
        else if (cut == UPDRAFT_NOR_CUT_HALF)
            assert_int_equal(cleared, 128);
        else if (cut == UPDRAFT_NOR_CUT_AFTER)
            assert_int_equal(cleared, 256);
        else
            assert_in_range(cleared, 0, 64); /* a whole byte by chance is rare */
        assert_int_equal(nor.bytes[256], 0xFF);
        updraft_nor_power_on(&nor, 0, UPDRAFT_NOR_CUT_BEFORE);
        assert_int_equal(flash->read(flash->ctx, 0, &byte, 1), UPDRAFT_OK);
        updraft_nor_close(&nor);
    }
}

static bool read_differs(const struct updraft_flash *flash, uint32_t addr, uint32_t len)
{
    uint8_t first[4096];
    uint8_t again[4096];

    assert_int_equal(flash->read(flash->ctx, addr, first, len), UPDRAFT_OK);
    for (int i = 0; i < 64; i++) {
        assert_int_equal(flash->read(flash->ctx, addr, again, len), UPDRAFT_OK);
        if (memcmp(first, again, len) != 0)
            return true;
    }
    return false;
}

static void nor_reads_by_chance_what_a_cut_left_until_it_is_written_again(void **state)
{
    const uint8_t data[16] = {0x0F, 0x0F, 0x0F, 0x0F};
    const uint8_t ones[16] = {0xFF, 0xFF, 0xFF, 0xFF};
    struct updraft_nor nor;
    const struct updraft_flash *flash = &nor.flash;
    uint8_t read[16];

    (void)state;
    for (int cut = UPDRAFT_NOR_CUT_BEFORE; cut <= UPDRAFT_NOR_CUT_AFTER; cut++) {
        open_memory(&nor, (enum updraft_nor_cut)cut, 1);
        nor.options.unstable_bits = 4;
        assert_int_equal(flash->prog(flash->ctx, 0x1000, data, 4), UPDRAFT_E_FLASH_PROGRAM);
        updraft_nor_power_on(&nor, 0, UPDRAFT_NOR_CUT_BEFORE);
        assert_true(read_differs(flash, 0x1000, 4));
        assert_false(read_differs(flash, 0x1004, 4092)); /* only what was to be cleared */
        assert_int_equal(flash->read(flash->ctx, 0x1000, read, 4), UPDRAFT_OK);
        for (int i = 0; i < 4; i++)
            assert_int_equal(read[i] & 0x0F, 0x0F);
        if (cut ==
            UPDRAFT_NOR_CUT_BEFORE) { /* no bit is cleared for good: ones fit, but settle none */
            assert_int_equal(flash->prog(flash->ctx, 0x1000, ones, 4), UPDRAFT_OK);
            assert_true(read_differs(flash, 0x1000, 4));
        }
        assert_int_equal(flash->prog(flash->ctx, 0x1000, data, 4), UPDRAFT_OK);
        assert_false(read_differs(flash, 0x1000, 4));
        assert_int_equal(flash->read(flash->ctx, 0x1000, read, 4), UPDRAFT_OK);
        assert_memory_equal(read, data, 4);
        updraft_nor_power_on(&nor, 1, (enum updraft_nor_cut)cut);
        assert_int_equal(flash->erase(flash->ctx, 0x1000, 0x1000), UPDRAFT_E_FLASH_ERASE);
        updraft_nor_power_on(&nor, 0, UPDRAFT_NOR_CUT_BEFORE);
        assert_true(read_differs(flash, 0x1000, 0x1000));
        assert_int_equal(flash->erase(flash->ctx, 0x1000, 0x1000), UPDRAFT_OK);
        assert_false(read_differs(flash, 0x1000, 0x1000));
        assert_string_equal(nor.violation, "");
        updraft_nor_close(&nor);
    }
}

static void nor_keeps_its_contents_in_a_file(void **state)
{
    char path[] = "/tmp/updraft-nor-XXXXXX";
    int fd = mkstemp(path);
    struct updraft_nor_options options = {.size = 0x10000};
    struct updraft_nor nor, second;
    char why[200];
    uint8_t word[4] = {1, 2, 3, 4};

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    assert_true(updraft_nor_open(&nor, path, &options, why, sizeof why));
    assert_int_equal(nor.bytes[100], 0xFF);
    assert_false(updraft_nor_open(&second, path, &options, why, sizeof why));
    assert_non_null(strstr(why, "in use"));
    assert_int_equal(nor.flash.prog(&nor, 100, word, 4), UPDRAFT_OK);
    updraft_nor_close(&nor);
    options.size = 0;
    assert_true(updraft_nor_open(&nor, path, &options, why, sizeof why));
    assert_int_equal(nor.flash.size, 0x10000);
    assert_memory_equal(nor.bytes + 100, word, 4);
    updraft_nor_close(&nor);
    options.size = 0x20000;
    assert_false(updraft_nor_open(&nor, path, &options, why, sizeof why));
    assert_non_null(strstr(why, "65536 bytes"));
    assert_int_equal(truncate(path, 1000), 0);
    options.size = 0;
    assert_false(updraft_nor_open(&nor, path, &options, why, sizeof why));
    assert_non_null(strstr(why, "multiple of 65536"));
    unlink(path);
    assert_false(updraft_nor_open(&nor, "/nonexistent/flash", &options, why, sizeof why));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nor_programs_clear_bits_and_erase_sets_them),
        cmocka_unit_test(nor_remembers_faults_of_its_caller),
        cmocka_unit_test(nor_cuts_the_power_in_four_ways),
        cmocka_unit_test(nor_reads_by_chance_what_a_cut_left_until_it_is_written_again),
        cmocka_unit_test(nor_keeps_its_contents_in_a_file),
    };

    return cmocka_run_group_tests_name("nor", tests, NULL, NULL);
}
