#include "format/packed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vectors.h"

#define EXAMPLE_LEN 61524u

static uint8_t out[EXAMPLE_LEN + 1];
static const uint8_t boot[16] = {0xE9, 'B', 'O', 'O', 'T'};
static uint8_t table[0xC00];
static uint8_t app[VECTOR_CAP];

static int set_up(void **state)
{
    (void)state;
    memset(table, 0xFF, sizeof(table));
    vector_unhex("aa50010000900000002000006f74616461746100000000000000000000000000"
                 "aa50001000000100000001006f74615f30000000000000000000000000000000"
                 "ebebffffffffffffffffffffffffffff34e35fee539d387d8405168fe4d42594",
                 table, 96);
    vector_image_8266_v3(app);
    return 0;
}

static void packed_example_is_written_whatever_the_order_of_its_items(void **state)
{
    const struct updraft_packed_item items[3] = {
        {0, boot, sizeof(boot)}, {0x8000, table, sizeof(table)}, {0x10000, app, 80}};
    static const uint8_t orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                         {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        const struct updraft_packed_item ordered[3] = {items[orders[i][0]], items[orders[i][1]],
                                                       items[orders[i][2]]};
        size_t len = 0;

        assert_int_equal(updraft_packed_encode(ordered, 3, out, sizeof(out), &len), UPDRAFT_OK);
        assert_int_equal(len, EXAMPLE_LEN);
        vector_assert_hex(out + len - 4, 4, "2accce46");
        vector_assert_sha256(out, len,
                             "708d810e5c20ef2e3084ac242ae8cd73f7552db75a7e0919c3fe4cfc521b01e6");
    }
}

static void packed_tells_the_length_it_needs(void **state)
{
    const struct updraft_packed_item items[] = {{0, boot, sizeof(boot)}, {0x10000, app, 80}};
    size_t len = 0;

    (void)state;
    out[EXAMPLE_LEN - 1] = 0xA5;
    assert_int_equal(updraft_packed_encode(items, 2, out, EXAMPLE_LEN - 1, &len),
                     UPDRAFT_E_NO_SPACE);
    assert_int_equal(len, EXAMPLE_LEN);
    assert_int_equal(out[EXAMPLE_LEN - 1], 0xA5);
    assert_int_equal(updraft_packed_encode(items, 2, out, EXAMPLE_LEN, &len), UPDRAFT_OK);
}

static enum updraft_error encode_two(uint32_t addr_a, uint32_t len_a, uint32_t addr_b,
                                     uint32_t len_b)
{
    const struct updraft_packed_item items[] = {{addr_a, app, len_a}, {addr_b, app, len_b}};
    size_t len;

    return updraft_packed_encode(items, 2, out, sizeof(out), &len);
}

static void packed_refuses_items_that_share_a_sector(void **state)
{
    (void)state;
    assert_int_equal(encode_two(0x1000, 0x1000, 0x2000, 16), UPDRAFT_OK);
    assert_int_equal(encode_two(0x1000, 0x1001, 0x2000, 16), UPDRAFT_E_OVERLAP);
    assert_int_equal(encode_two(0x2000, 16, 0x1000, 0x1001), UPDRAFT_E_OVERLAP);
    assert_int_equal(encode_two(0x2000, 16, 0x2800, 16), UPDRAFT_E_OVERLAP);
    assert_int_equal(encode_two(0x2000, 16, 0x2000, 16), UPDRAFT_E_OVERLAP);
    assert_int_equal(encode_two(0x2000, 0x4000, 0x3000, 16), UPDRAFT_E_OVERLAP);
    /* The boot loader of address 0 moves to 0x1000. */
    assert_int_equal(encode_two(0, 16, 0x1000, 16), UPDRAFT_E_OVERLAP);
}

static void packed_refuses_items_in_the_old_boot_loaders_sector(void **state)
{
    (void)state;
    assert_int_equal(encode_two(0x800, 16, 0x2000, 16), UPDRAFT_E_OVERLAP);
    assert_int_equal(encode_two(0x1, 16, 0x2000, 16), UPDRAFT_E_OVERLAP);
}

static void packed_bounds_addresses_and_lengths(void **state)
{
    (void)state;
    assert_int_equal(encode_two(0x1000, 16, 0x1000000, 1), UPDRAFT_E_TOO_LARGE);
    assert_int_equal(encode_two(0x1000, 16, 0xFFFFF000, 0x2000), UPDRAFT_E_TOO_LARGE);
    assert_int_equal(encode_two(0x1000, 0xFFFFFFFF, 0x2000, 16), UPDRAFT_E_TOO_LARGE);
    assert_int_equal(encode_two(0x1000, 16, 0xFFFFF0, 16), UPDRAFT_E_NO_SPACE);
}

static void packed_refuses_nothing_at_all(void **state)
{
    size_t len;

    (void)state;
    assert_int_equal(updraft_packed_encode(NULL, 0, out, sizeof(out), &len), UPDRAFT_E_EMPTY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packed_example_is_written_whatever_the_order_of_its_items),
        cmocka_unit_test(packed_tells_the_length_it_needs),
        cmocka_unit_test(packed_refuses_items_that_share_a_sector),
        cmocka_unit_test(packed_refuses_items_in_the_old_boot_loaders_sector),
        cmocka_unit_test(packed_bounds_addresses_and_lengths),
        cmocka_unit_test(packed_refuses_nothing_at_all),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
