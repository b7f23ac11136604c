/* The command block of eboot: vectors of the core, both directions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/bytes.h"
#include "format/crc.h"
#include "format/eboot.h"
#include "tests/unit/vectors.h"

#include <string.h>

struct sample {
    struct updraft_eboot_command command;
    uint32_t crc;
    const char *head; /* the first 20 bytes */
    const char *tail; /* the last 4 */
};

static const struct sample samples[] = {
    {{UPDRAFT_EBOOT_COPY_RAW, 0x000A0000, 0, 0x0005B0A0},
     0xF9E27F62,
     "001000eb0100000000000a0000000000a0b00500",
     "627fe2f9"},
    {{UPDRAFT_EBOOT_COPY_RAW, 0x00199000, 0, 0x000663F0},
     0x2A965170,
     "001000eb010000000090190000000000f0630600",
     "7051962a"},
    {{UPDRAFT_EBOOT_COPY_RAW, 0x000F5000, 0x00200000, 0x000FA000},
     0x7EE61406,
     "001000eb0100000000500f000000200000a00f00",
     "0614e67e"},
};

#define SAMPLE_COUNT (sizeof samples / sizeof samples[0])

static void assert_same(const struct updraft_eboot_command *a,
                        const struct updraft_eboot_command *b)
{
    assert_int_equal(a->action, b->action);
    assert_int_equal(a->source_addr, b->source_addr);
    assert_int_equal(a->dest_addr, b->dest_addr);
    assert_int_equal(a->len, b->len);
}

static void eboot_encode_writes_the_vectors(void **state)
{
    static const uint8_t zeros[104];

    (void)state;
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        uint8_t block[UPDRAFT_EBOOT_LEN];

        updraft_eboot_encode(&samples[i].command, block);
        vector_assert_hex(block, 20, samples[i].head);
        assert_memory_equal(block + 20, zeros, sizeof zeros);
        vector_assert_hex(block + 124, 4, samples[i].tail);
        assert_int_equal(updraft_get_le32(block + 124), samples[i].crc);
    }
}

static void eboot_decode_reads_the_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        uint8_t block[UPDRAFT_EBOOT_LEN] = {0};
        struct updraft_eboot_command command;

        vector_unhex(samples[i].head, block, 20);
        vector_unhex(samples[i].tail, block + 124, 4);
        assert_true(updraft_eboot_decode(block, &command));
        assert_same(&command, &samples[i].command);
    }
}

static void eboot_crc_is_the_one_without_final_xor(void **state)
{
    static const char text[] = "123456789";

    (void)state;
    assert_int_equal(updraft_crc32_mpeg2(text, 9), 0x0376E6E7);
    for (size_t split = 0; split <= 9; split++) {
        uint32_t crc = updraft_crc32_mpeg2_continue(UPDRAFT_CRC32_MPEG2_START, text, split);

        crc = updraft_crc32_mpeg2_continue(crc, &text[split], 9 - split);
        assert_int_equal(crc, 0x0376E6E7);
    }
}

static void eboot_decode_looks_at_the_upper_bits_of_the_magic_only(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 32; bit++) {
        struct updraft_eboot_command command;
        uint8_t block[UPDRAFT_EBOOT_LEN];

        updraft_eboot_encode(&samples[0].command, block);
        updraft_put_le32(block, UPDRAFT_EBOOT_MAGIC ^ (1u << bit));
        updraft_put_le32(block + 124, updraft_crc32_mpeg2(block, 124));
        assert_int_equal(updraft_eboot_decode(block, &command), bit < 12);
    }
}

static void eboot_decode_takes_the_rubbish_of_stock_updaters(void **state)
{
    struct updraft_eboot_command command;
    uint8_t block[UPDRAFT_EBOOT_LEN];

    (void)state;
    updraft_eboot_encode(&samples[1].command, block);
    memset(block + 20, 0xC5, 104);
    assert_false(updraft_eboot_decode(block, &command));
    updraft_put_le32(block + 124, updraft_crc32_mpeg2(block, 124));
    assert_true(updraft_eboot_decode(block, &command));
    assert_same(&command, &samples[1].command);
}

static void eboot_decode_finds_no_command_after_any_flipped_bit(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < UPDRAFT_EBOOT_LEN * 8; bit++) {
        struct updraft_eboot_command command = {.len = 4711};
        uint8_t block[UPDRAFT_EBOOT_LEN];

        updraft_eboot_encode(&samples[2].command, block);
        block[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(updraft_eboot_decode(block, &command));
        assert_int_equal(command.len, 4711);
    }
}

static void eboot_decode_finds_no_command_in_a_cleared_block(void **state)
{
    struct updraft_eboot_command command;
    uint8_t block[UPDRAFT_EBOOT_LEN];
    uint8_t before[UPDRAFT_EBOOT_LEN];

    (void)state;
    updraft_eboot_encode(&samples[0].command, block);
    memcpy(before, block, sizeof block);
    updraft_eboot_clear(block);
    assert_false(updraft_eboot_decode(block, &command));
    assert_memory_equal(block + 4, before + 4, 120);
    assert_int_equal(updraft_get_le32(block), 0);
    assert_int_equal(updraft_get_le32(block + 124), 0);
    memset(block, 0, sizeof block);
    assert_false(updraft_eboot_decode(block, &command));
    memset(block, 0xFF, sizeof block);
    assert_false(updraft_eboot_decode(block, &command));
}

static void eboot_decode_reads_what_starts_the_application(void **state)
{
    const struct updraft_eboot_command load = {.action = UPDRAFT_EBOOT_LOAD_APP,
                                               .source_addr = 0x100000};
    struct updraft_eboot_command command;
    uint8_t block[UPDRAFT_EBOOT_LEN];

    (void)state;
    updraft_eboot_encode(&load, block);
    vector_assert_hex(block + 4, 4, "ffffffff");
    assert_true(updraft_eboot_decode(block, &command));
    assert_same(&command, &load);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eboot_encode_writes_the_vectors),
        cmocka_unit_test(eboot_decode_reads_the_vectors),
        cmocka_unit_test(eboot_crc_is_the_one_without_final_xor),
        cmocka_unit_test(eboot_decode_looks_at_the_upper_bits_of_the_magic_only),
        cmocka_unit_test(eboot_decode_takes_the_rubbish_of_stock_updaters),
        cmocka_unit_test(eboot_decode_finds_no_command_after_any_flipped_bit),
        cmocka_unit_test(eboot_decode_finds_no_command_in_a_cleared_block),
        cmocka_unit_test(eboot_decode_reads_what_starts_the_application),
    };

    return cmocka_run_group_tests_name("eboot", tests, NULL, NULL);
}
