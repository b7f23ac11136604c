#include "format/patch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vectors.h"

static void patch_size_codes_are_those_of_detools_both_ways(void **state)
{
    static const struct {
        int32_t value;
        const char *hex;
    } vectors[] = {
        {0, "00"},     {63, "3f"},    {64, "8001"},       {127, "bf01"}, {128, "8002"},
        {300, "ac04"}, {336, "9005"}, {100000, "a09a0c"}, {-1, "41"},    {-64, "c001"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        uint8_t code[UPDRAFT_PATCH_SIZE_CAP];
        size_t len = updraft_patch_size_encode(vectors[i].value, code);
        size_t used = 0;
        int32_t value = 12345;

        assert_int_equal(len * 2, strlen(vectors[i].hex));
        vector_assert_hex(code, len, vectors[i].hex);
        assert_int_equal(updraft_patch_size_decode(code, len, &value, &used), UPDRAFT_OK);
        assert_int_equal(value, vectors[i].value);
        assert_int_equal(used, len);
    }
}

static void assert_survives(int32_t expected)
{
    uint8_t code[UPDRAFT_PATCH_SIZE_CAP + 1];
    size_t len = updraft_patch_size_encode(expected, code);
    size_t used = 0;
    int32_t value = 0;

    assert_in_range(len, 1, UPDRAFT_PATCH_SIZE_CAP);
    code[len] = 0xFF; /* what follows is not looked at */
    assert_int_equal(updraft_patch_size_decode(code, len + 1, &value, &used), UPDRAFT_OK);
    assert_int_equal(value, expected);
    assert_int_equal(used, len);
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(updraft_patch_size_decode(code, cut, &value, &used), UPDRAFT_E_TRUNCATED);
}

static void patch_sizes_survive_encoding_and_decoding_around_every_power_of_two(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 31; bit++) {
        for (int32_t delta = -1; delta <= 1; delta++) {
            int32_t value = (int32_t)(1u << bit) + (bit == 30 && delta == 1 ? 0 : delta);

            assert_survives(value);
            assert_survives(-value);
        }
    }
    assert_survives(INT32_MAX);
    assert_survives(-INT32_MAX);
}

static void patch_sizes_beyond_32_bits_are_refused(void **state)
{
    static const char *bad[] = {
        "8080808010", /* 2^31 */
        "c080808010", /* -2^31: no result of ours needs it */
        "ffffffff7f", "ffffffffff", "8080808080",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint8_t code[5];
        int32_t value;
        size_t used;

        vector_unhex(bad[i], code, sizeof(code));
        assert_int_equal(updraft_patch_size_decode(code, sizeof(code), &value, &used),
                         UPDRAFT_E_PATCH);
    }
}

static void patch_header_carries_the_hash_of_its_base(void **state)
{
    uint8_t image[VECTOR_CAP];
    uint8_t header[UPDRAFT_PATCH_HEADER_LEN];
    uint8_t hash[UPDRAFT_SHA256_LEN];
    size_t len = vector_image(VECTOR_M1, image);

    (void)state;
    updraft_patch_header_encode(image + len - 32, header);
    vector_assert_hex(header, sizeof(header),
                      "10decdfccb3cdb08375028de9a35d573603b77f3d0942cfa28732914cb9a5be8"
                      "1dae548200000000000000000000000000000000000000000000000000000000");
    assert_int_equal(updraft_patch_header_decode(header, hash), UPDRAFT_OK);
    assert_memory_equal(hash, image + len - 32, 32);
}

static void patch_header_without_its_magic_is_none(void **state)
{
    uint8_t header[UPDRAFT_PATCH_HEADER_LEN] = {0x10, 0xDE, 0xCD, 0xFC};
    uint8_t hash[UPDRAFT_SHA256_LEN];

    (void)state;
    for (size_t bit = 0; bit < 32; bit++) {
        header[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(updraft_patch_header_decode(header, hash), UPDRAFT_E_PATCH);
        header[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(updraft_patch_header_decode(header, hash), UPDRAFT_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patch_size_codes_are_those_of_detools_both_ways),
        cmocka_unit_test(patch_sizes_survive_encoding_and_decoding_around_every_power_of_two),
        cmocka_unit_test(patch_sizes_beyond_32_bits_are_refused),
        cmocka_unit_test(patch_header_carries_the_hash_of_its_base),
        cmocka_unit_test(patch_header_without_its_magic_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
