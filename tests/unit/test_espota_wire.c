/* espota's password proofs and the key derivation under them, against known values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/espota_wire.h"
#include "format/text.h"

#include <string.h>

#define NONCE                                                                                      \
    "0123456789abcdef0123456789abcdef"                                                             \
    "0123456789abcdef0123456789abcdef"
#define CNONCE                                                                                     \
    "fedcba9876543210fedcba9876543210"                                                             \
    "fedcba9876543210fedcba9876543210"

static void expect_key(const struct updraft_pbkdf2 *pbkdf2, const char *hex)
{
    char got[UPDRAFT_ESPOTA_DIGITS_CAP];
    struct updraft_text text;

    updraft_text_init(&text, got, sizeof got);
    updraft_text_hex(&text, pbkdf2->key, sizeof pbkdf2->key);
    assert_string_equal(got, hex);
}

static void pbkdf2_gives_the_known_keys(void **state)
{
    struct updraft_pbkdf2 pbkdf2;

    (void)state;
    updraft_pbkdf2_start(&pbkdf2, "password", "salt", 4, 1);
    assert_true(updraft_pbkdf2_run(&pbkdf2, 0));
    expect_key(&pbkdf2, "120fb6cffcf8b32c43e7225256c4f837a86548c92ccc35480805987cb70be17b");
    updraft_pbkdf2_start(&pbkdf2, "password", "salt", 4, 4096);
    assert_true(updraft_pbkdf2_run(&pbkdf2, 5000));
    expect_key(&pbkdf2, "c5e478d59288c841aa530db6845c4c8d962893a001ce4e11a4963873aa98134a");
}

static void pbkdf2_gives_the_same_key_in_steps_of_any_length(void **state)
{
    struct updraft_pbkdf2 whole, stepped;

    (void)state;
    updraft_pbkdf2_start(&whole, "password", "salt", 4, 60);
    assert_false(updraft_pbkdf2_run(&whole, 58));
    assert_true(updraft_pbkdf2_run(&whole, 1));
    for (uint32_t step = 1; step < 60; step++) {
        uint32_t calls = 0;

        updraft_pbkdf2_start(&stepped, "password", "salt", 4, 60);
        while (!updraft_pbkdf2_run(&stepped, step))
            calls++;
        assert_int_equal(calls, 58 / step);
        assert_memory_equal(stepped.key, whole.key, sizeof whole.key);
    }
}

static void a_password_longer_than_a_block_is_hashed_first(void **state)
{
    char password[66] = {0};
    struct updraft_pbkdf2 pbkdf2;

    (void)state;
    updraft_pbkdf2_start(&pbkdf2, NONCE, "salt", 4, 2); /* a whole block is not */
    assert_true(updraft_pbkdf2_run(&pbkdf2, 1));
    expect_key(&pbkdf2, "8bf4be08f98d1959bdecdb12fea6da78ab4c43ce4798edb489375695e70ce0a2");
    memset(password, 'x', 65);
    updraft_pbkdf2_start(&pbkdf2, password, "salt", 4, 2);
    assert_true(updraft_pbkdf2_run(&pbkdf2, 1));
    expect_key(&pbkdf2, "b5a1700563b197a9ddfcdd1e02aa3bb0882203a3246ba1811de32290e7df8f7a");
}

static void expect_sha256_proof(enum updraft_digest_kind kind, const char *key, const char *proof)
{
    char secret[UPDRAFT_ESPOTA_DIGITS_CAP], out[UPDRAFT_ESPOTA_DIGITS_CAP];
    struct updraft_pbkdf2 pbkdf2;

    updraft_espota_wire_secret(kind, "bms2024", secret);
    updraft_espota_wire_start(&pbkdf2, secret, NONCE, CNONCE);
    while (!updraft_pbkdf2_run(&pbkdf2, 999))
        continue;
    expect_key(&pbkdf2, key);
    updraft_espota_wire_sha256_proof(&pbkdf2, NONCE, CNONCE, out);
    assert_string_equal(out, proof);
}

static void sha256_proofs_are_the_known_ones_for_both_stored_secrets(void **state)
{
    (void)state;
    expect_sha256_proof(UPDRAFT_DIGEST_SHA256,
                        "1e83a00ac8afcfbd59565951b83043ce01b60d8fa55f90a6491ce1056481911f",
                        "9b0c69bf14cefdb926895bb9e66766dde75efbe0afa601663909c30fa96d0b55");
    expect_sha256_proof(UPDRAFT_DIGEST_MD5,
                        "55bfbd949a3782c63ba90460a44867c1f4f397802f568e4e08f4d7f187bb1ba0",
                        "b328756f7edcc60ea4defff0103abadd03f75edb963edc5d4215295fd60b9580");
}

static void md5_proofs_are_the_known_ones_for_each_length_of_the_nonce(void **state)
{
    char secret[UPDRAFT_ESPOTA_DIGITS_CAP], out[UPDRAFT_ESPOTA_DIGITS_CAP];

    (void)state;
    updraft_espota_wire_secret(UPDRAFT_DIGEST_MD5, "bms2024", secret);
    assert_string_equal(secret, "05b89ffa6e6b2f7de52f58711efe53dc");
    updraft_espota_wire_md5_proof(secret, NONCE, 32, &CNONCE[32], out);
    assert_string_equal(out, "1fec61acce6979e9e96307b1e86f54fb");
    updraft_espota_wire_md5_proof(secret, NONCE, 64, &CNONCE[32], out);
    assert_string_equal(out, "297cbdf61db9a68a76a620209e6508f0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pbkdf2_gives_the_known_keys),
        cmocka_unit_test(pbkdf2_gives_the_same_key_in_steps_of_any_length),
        cmocka_unit_test(a_password_longer_than_a_block_is_hashed_first),
        cmocka_unit_test(sha256_proofs_are_the_known_ones_for_both_stored_secrets),
        cmocka_unit_test(md5_proofs_are_the_known_ones_for_each_length_of_the_nonce),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
