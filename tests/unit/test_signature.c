#include "format/signature.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "firmware.h"
#include "vectors.h"

#define KEY_X "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
#define KEY_Y "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"

#define V2_FILE_LEN 8192u

static uint8_t file[VECTOR_CAP];

static void reverse(const uint8_t *in, uint8_t *out)
{
    for (size_t i = 0; i < 32; i++)
        out[i] = in[31 - i];
}

/* M1 with the version 1 signature of the sample key; returns the length of the file. */
static size_t signed_v1(void)
{
    static const char block[] = "000000006cc1ca11b69b025affae05e25642df75d96ffb6913554f4fa56a28c0"
                                "72aea079f46b8650c418ae6a80be220911842a4f543a4d27da079a38baddeaeb"
                                "d815fac5";
    uint8_t bytes[UPDRAFT_SIGNATURE_V1_LEN];
    size_t len = vector_image(VECTOR_M1, file);

    vector_unhex(block, bytes, sizeof(bytes));
    updraft_signature_v1_encode(bytes + 4, bytes + 36, file + len);
    assert_memory_equal(file + len, bytes, sizeof(bytes));
    return len + UPDRAFT_SIGNATURE_V1_LEN;
}

/* M1 padded to a sector, and a sector with the version 2 signature of the sample key. */
static void signed_v2(void)
{
    static const char head[] = "e7030000de66781ca05df90b82db8fbc004faaac90429790c0859723a3dcb435"
                               "e0d25f1802b69ff2602e6269e66cfa613b92b849c0686d35c674eb61c9319d5a"
                               "25bad4fe60992246d494c2a377519f7e2d0cb2f1f264bc2856e9e91aa499bcb8"
                               "0810fe03796a9c279235e4e473fe01e072fac8c29a13557668eb72fc914c5de7"
                               "60c14cdf3f3aeeb9343e07ad2fb3f8a829a963aa2c05a5368c1c342f7500cf9a"
                               "7311db7687";
    uint8_t expected[165], x[32], y[32], r[32], s[32];
    struct updraft_digest digest;
    uint8_t sha256[32];
    size_t len = vector_image(VECTOR_M1, file);

    memset(file + len, 0xFF, V2_FILE_LEN - len);
    updraft_digest_start(&digest, UPDRAFT_DIGEST_SHA256);
    updraft_digest_update(&digest, file, 4096);
    updraft_digest_finish(&digest, sha256);
    vector_unhex(head, expected, sizeof(expected));
    vector_unhex(KEY_X, x, 32);
    vector_unhex(KEY_Y, y, 32);
    reverse(expected + 101, r);
    reverse(expected + 133, s);
    updraft_signature_v2_p256_encode(sha256, x, y, r, s, file + 4096);
    assert_memory_equal(file + 4096, expected, sizeof(expected));
}

static void signature_v1_of_the_sample_image_is_written_and_found(void **state)
{
    size_t len = signed_v1();
    struct updraft_signature found;

    (void)state;
    assert_int_equal(len, 404);
    vector_assert_sha256(file, len,
                         "0458b0860b89611fe9ff21f593bdf94dc6ef7d9e9a8a14d3d2b44400e799bc98");
    assert_int_equal(updraft_signature_find(file, len, 336, &found), UPDRAFT_OK);
    assert_int_equal(found.block_count, 1);
    assert_int_equal(found.blocks[0].kind, UPDRAFT_SIGNATURE_V1_ECDSA);
    assert_int_equal(found.blocks[0].off, 336);
    assert_int_equal(found.signed_len, 336);
    assert_int_equal(found.total_len, 404);
    assert_true(found.blocks[0].crc_ok);
    assert_int_equal(found.blocks[0].digest_len, 0);
}

static void signature_v2_of_the_sample_image_is_written_and_found(void **state)
{
    struct updraft_signature found;

    (void)state;
    signed_v2();
    vector_assert_hex(file + 4096 + 1196, 4, "7c884f44");
    vector_assert_sha256(file, V2_FILE_LEN,
                         "0420be3c2605ce96a5f524cb3613d9ff0f0ede1c4d706441ecaf9a0a0cd87e3f");
    assert_int_equal(updraft_signature_find(file, V2_FILE_LEN, 336, &found), UPDRAFT_OK);
    assert_int_equal(found.block_count, 1);
    assert_int_equal(found.blocks[0].kind, UPDRAFT_SIGNATURE_V2_ECDSA_P256);
    assert_int_equal(found.blocks[0].off, 4096);
    assert_int_equal(found.signed_len, 4096);
    assert_int_equal(found.total_len, 8192);
    assert_true(found.blocks[0].crc_ok);
    assert_int_equal(found.blocks[0].digest_len, 32);
    vector_assert_hex(found.blocks[0].digest, 32,
                      "de66781ca05df90b82db8fbc004faaac90429790c0859723a3dcb435e0d25f18");
    vector_assert_hex(found.blocks[0].key_digest, 32,
                      "facf22be390ca5d89617da7c2b7df897e470b9ce810865bee15f23960e6c22a3");
}

static void signature_v2_with_any_flipped_bit_is_listed_as_damaged_or_not_at_all(void **state)
{
    struct updraft_signature found;

    (void)state;
    signed_v2();
    for (size_t bit = 0; bit < 1200 * 8; bit++) {
        file[4096 + bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(updraft_signature_find(file, V2_FILE_LEN, 336, &found), UPDRAFT_OK);
        assert_true(found.block_count == 0 || !found.blocks[0].crc_ok);
        file[4096 + bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void signature_v2_blocks_are_listed_up_to_the_first_gap(void **state)
{
    struct updraft_signature found;

    (void)state;
    signed_v2();
    memcpy(file + 4096 + 1216, file + 4096, 1216);
    assert_int_equal(updraft_signature_find(file, V2_FILE_LEN, 336, &found), UPDRAFT_OK);
    assert_int_equal(found.block_count, 2);
    assert_int_equal(found.blocks[1].off, 4096 + 1216);
    memcpy(file + 4096 + 2432, file + 4096, 1216);
    assert_int_equal(updraft_signature_find(file, V2_FILE_LEN, 336, &found), UPDRAFT_OK);
    assert_int_equal(found.block_count, 3);
    file[4096 + 1216] = 0xFF;
    assert_int_equal(updraft_signature_find(file, V2_FILE_LEN, 336, &found), UPDRAFT_OK);
    assert_int_equal(found.block_count, 1);
}

static void signature_v2_stands_right_behind_an_image_that_fills_its_sectors(void **state)
{
    struct updraft_signature found;

    (void)state;
    signed_v2();
    assert_int_equal(updraft_signature_find(file, V2_FILE_LEN, 4096, &found), UPDRAFT_OK);
    assert_int_equal(found.block_count, 1);
    assert_int_equal(found.signed_len, 4096);
}

static void signature_v2_tells_curves_and_key_kinds(void **state)
{
    static const struct {
        uint8_t version, sha, curve_off, curve;
        enum updraft_signature_kind kind;
        uint8_t digest_len;
    } cases[] = {
        {2, 0, 36, 0, UPDRAFT_SIGNATURE_V2_RSA3072, 32},
        {3, 0, 36, 1, UPDRAFT_SIGNATURE_V2_ECDSA_P192, 32},
        {3, 0, 36, 2, UPDRAFT_SIGNATURE_V2_ECDSA_P256, 32},
        {3, 1, 52, 3, UPDRAFT_SIGNATURE_V2_ECDSA_P384, 48},
    };
    struct updraft_signature found;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t *block = file + 4096;

        memset(file, 0xFF, V2_FILE_LEN);
        memset(block, 0, 1216);
        block[0] = 0xE7;
        block[1] = cases[i].version;
        block[2] = cases[i].sha;
        block[cases[i].curve_off] = cases[i].curve;
        assert_int_equal(updraft_signature_find(file, V2_FILE_LEN, 4000, &found), UPDRAFT_OK);
        assert_int_equal(found.block_count, 1);
        assert_int_equal(found.blocks[0].kind, cases[i].kind);
        assert_int_equal(found.blocks[0].digest_len, cases[i].digest_len);
        assert_false(found.blocks[0].crc_ok);
    }
}

static void signature_is_not_seen_in_padding(void **state)
{
    static const uint8_t padding[] = {0x00, 0xFF, 0xAA};
    struct updraft_signature found;

    (void)state;
    for (size_t i = 0; i < sizeof(padding); i++) {
        size_t len = vector_image(VECTOR_M1, file);

        memset(file + len, padding[i], V2_FILE_LEN - len);
        assert_int_equal(updraft_signature_find(file, V2_FILE_LEN, 336, &found), UPDRAFT_OK);
        assert_int_equal(found.block_count, 0);
        assert_int_equal(found.total_len, 336);
    }
}

static void signature_find_stays_inside_the_file_at_every_length(void **state)
{
    struct updraft_signature found;

    (void)state;
    signed_v2();
    for (size_t len = 0; len <= V2_FILE_LEN; len++) {
        uint8_t *exact = malloc(len + 1);
        enum updraft_error error;

        assert_non_null(exact);
        memcpy(exact + 1, file, len); /* ends where the allocation ends, so that a sanitizer sees */
        error = updraft_signature_find(exact + 1, len, 336, &found);
        if (len < 336)
            assert_int_equal(error, UPDRAFT_E_TRUNCATED);
        else if (len > 4096 && len < V2_FILE_LEN)
            assert_int_equal(error, UPDRAFT_E_SIGNATURE);
        else
            assert_int_equal(error, UPDRAFT_OK);
        if (error == UPDRAFT_OK)
            assert_int_equal(found.block_count, len == V2_FILE_LEN ? 1 : 0);
        free(exact);
    }
}

static void signature_kinds_have_names(void **state)
{
    (void)state;
    assert_string_equal(updraft_signature_kind_name(UPDRAFT_SIGNATURE_V2_RSA3072), "v2 RSA-3072");
    assert_string_equal(updraft_signature_kind_name(UPDRAFT_SIGNATURE_NONE), "none");
}

static void signature_of_real_images_is_found(void **state)
{
    static const struct {
        const char *name;
        uint32_t trailing;
        uint8_t block_count;
        enum updraft_signature_kind kind;
    } samples[] = {
        {"signed_bootloader_unsigned_v2.bin", 2288, 0, UPDRAFT_SIGNATURE_NONE},
        {"signed_bootloader.bin", 0, 0, UPDRAFT_SIGNATURE_NONE},
        {"signed_bootloader_signed.bin", 68, 1, UPDRAFT_SIGNATURE_V1_ECDSA},
        {"signed_bootloader_signed_v2_rsa.bin", 6384, 1, UPDRAFT_SIGNATURE_V2_RSA3072},
        {"signed_bootloader_signed_v2_ecdsa256.bin", 6384, 1, UPDRAFT_SIGNATURE_V2_ECDSA_P256},
        {"signed_bootloader_multi_signed_v2_ecdsa256.bin", 6384, 3,
         UPDRAFT_SIGNATURE_V2_ECDSA_P256},
    };
    unsigned checked = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        struct updraft_signature found;
        size_t len;
        uint8_t *bytes = firmware_load(samples[i].name, &len);

        if (bytes == NULL)
            continue;
        assert_int_equal(
            updraft_signature_find(bytes, len, (uint32_t)len - samples[i].trailing, &found),
            UPDRAFT_OK);
        print_message("# %s: %u blocks\n", samples[i].name, found.block_count);
        assert_int_equal(found.block_count, samples[i].block_count);
        for (uint8_t block = 0; block < found.block_count; block++) {
            assert_int_equal(found.blocks[block].kind, samples[i].kind);
            assert_true(found.blocks[block].crc_ok);
        }
        if (found.block_count > 0)
            assert_int_equal(found.total_len, len);
        if (found.blocks[0].digest_len == 32) {
            char digest[65];
            struct updraft_text text;

            updraft_text_init(&text, digest, sizeof(digest));
            updraft_text_hex(&text, found.blocks[0].digest, 32);
            vector_assert_sha256(bytes, found.signed_len, digest);
        }
        free(bytes);
        checked++;
    }
    if (checked == 0)
        skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signature_v1_of_the_sample_image_is_written_and_found),
        cmocka_unit_test(signature_v2_of_the_sample_image_is_written_and_found),
        cmocka_unit_test(signature_v2_with_any_flipped_bit_is_listed_as_damaged_or_not_at_all),
        cmocka_unit_test(signature_v2_blocks_are_listed_up_to_the_first_gap),
        cmocka_unit_test(signature_v2_stands_right_behind_an_image_that_fills_its_sectors),
        cmocka_unit_test(signature_v2_tells_curves_and_key_kinds),
        cmocka_unit_test(signature_is_not_seen_in_padding),
        cmocka_unit_test(signature_find_stays_inside_the_file_at_every_length),
        cmocka_unit_test(signature_kinds_have_names),
        cmocka_unit_test(signature_of_real_images_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
