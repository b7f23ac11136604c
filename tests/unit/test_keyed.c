/* HMAC-SHA256 against RFC 4231, PBKDF2-HMAC-SHA256 against published vectors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/keyed.h"
#include "format/pbkdf2.h"
#include "format/text.h"

#include <string.h>

static void expect_hmac(const void *key, size_t key_len, const void *data, size_t len,
                        const char *hex)
{
    for (size_t split = 0; split <= len; split++) {
        struct updraft_hmac hmac;
        uint8_t out[UPDRAFT_SHA256_LEN];
        uint8_t expected[UPDRAFT_SHA256_LEN];

        updraft_hmac_start(&hmac, key, key_len);
        updraft_hmac_update(&hmac, data, split);
        updraft_hmac_update(&hmac, (const uint8_t *)data + split, len - split);
        updraft_hmac_finish(&hmac, out);
        assert_true(updraft_text_unhex(hex, strlen(hex), expected, sizeof expected));
        assert_memory_equal(out, expected, sizeof out);
    }
}

static void hmac_agrees_with_rfc_4231(void **state)
{
    uint8_t key[131];
    uint8_t data[50];

    (void)state;
    memset(key, 0x0B, 20);
    expect_hmac(key, 20, "Hi There", 8,
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    expect_hmac("Jefe", 4, "what do ya want for nothing?", 28,
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xAA, 20);
    memset(data, 0xDD, 50);
    expect_hmac(key, 20, data, 50,
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
}

static void hmac_hashes_a_key_longer_than_a_block(void **state)
{
    uint8_t key[131];
    const char *text = "Test Using Larger Than Block-Size Key - Hash Key First";

    (void)state;
    memset(key, 0xAA, sizeof key);
    expect_hmac(key, sizeof key, text, strlen(text),
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void pbkdf2_agrees_with_published_vectors(void **state)
{
    static const struct {
        uint32_t iterations;
        const char *hex;
    } rows[] = {
        {1, "120fb6cffcf8b32c43e7225256c4f837a86548c92ccc35480805987cb70be17b"},
        {2, "ae4d0c95af6b46d32d0adff928f06dd02a303f8ef3c251dfd6e2d85a95474c43"},
        {4096, "c5e478d59288c841aa530db6845c4c8d962893a001ce4e11a4963873aa98134a"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t out[UPDRAFT_SHA256_LEN];
        uint8_t expected[UPDRAFT_SHA256_LEN];

        updraft_pbkdf2("password", "salt", 4, rows[i].iterations, out);
        assert_true(updraft_text_unhex(rows[i].hex, 64, expected, sizeof expected));
        assert_memory_equal(out, expected, sizeof out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hmac_agrees_with_rfc_4231),
        cmocka_unit_test(hmac_hashes_a_key_longer_than_a_block),
        cmocka_unit_test(pbkdf2_agrees_with_published_vectors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
