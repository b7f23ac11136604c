/* espota's two password schemes: pure arithmetic. */
#include "cli/espota_host.h"

#include "format/digest.h"
#include "format/text.h"

#include <string.h>

#define BLOCK_LEN         64u /* of SHA-256 */
#define PBKDF2_ITERATIONS 10000u

/* Hex digest of up to three texts joined by colons; NULL ends the list early. */
static void hash_texts(enum updraft_digest_kind kind, const char *a, const char *b, const char *c,
                       char *out)
{
    struct updraft_digest digest;
    struct updraft_text text;
    uint8_t bytes[UPDRAFT_SHA256_LEN];
    size_t len = kind == UPDRAFT_DIGEST_MD5 ? UPDRAFT_MD5_LEN : UPDRAFT_SHA256_LEN;

    updraft_digest_start(&digest, kind);
    updraft_digest_update(&digest, a, strlen(a));
    if (b) {
        updraft_digest_update(&digest, ":", 1);
        updraft_digest_update(&digest, b, strlen(b));
        updraft_digest_update(&digest, ":", 1);
        updraft_digest_update(&digest, c, strlen(c));
    }
    updraft_digest_finish(&digest, bytes);
    updraft_text_init(&text, out, 2 * len + 1);
    updraft_text_hex(&text, bytes, len);
}

/* HMAC-SHA256 of data under a key of at most one block, given as its two padded forms. */
static void hmac(const uint8_t inner[BLOCK_LEN], const uint8_t outer[BLOCK_LEN], const void *data,
                 size_t len, uint8_t out[UPDRAFT_SHA256_LEN])
{
    struct updraft_digest digest;

    updraft_digest_start(&digest, UPDRAFT_DIGEST_SHA256);
    updraft_digest_update(&digest, inner, BLOCK_LEN);
    updraft_digest_update(&digest, data, len);
    updraft_digest_finish(&digest, out);
    updraft_digest_start(&digest, UPDRAFT_DIGEST_SHA256);
    updraft_digest_update(&digest, outer, BLOCK_LEN);
    updraft_digest_update(&digest, out, UPDRAFT_SHA256_LEN);
    updraft_digest_finish(&digest, out);
}

void updraft_espota_host_pbkdf2(const char *password, const char *salt, uint32_t iterations,
                                uint8_t out[32])
{
    uint8_t inner[BLOCK_LEN];
    uint8_t outer[BLOCK_LEN];
    uint8_t first[192]; /* salt and block number */
    uint8_t u[UPDRAFT_SHA256_LEN];
    size_t key_len = strlen(password) < BLOCK_LEN ? strlen(password) : BLOCK_LEN;
    size_t salt_len = strlen(salt) < sizeof first - 4 ? strlen(salt) : sizeof first - 4;

    memset(inner, 0x36, sizeof inner);
    memset(outer, 0x5C, sizeof outer);
    for (size_t i = 0; i < key_len; i++) {
        inner[i] ^= (uint8_t)password[i];
        outer[i] ^= (uint8_t)password[i];
    }
    memcpy(first, salt, salt_len);
    memcpy(first + salt_len, (const uint8_t[]){0, 0, 0, 1}, 4);
    hmac(inner, outer, first, salt_len + 4, u);
    memcpy(out, u, sizeof u);
    for (uint32_t i = 1; i < iterations; i++) {
        hmac(inner, outer, u, sizeof u, u);
        for (size_t j = 0; j < sizeof u; j++)
            out[j] ^= u[j];
    }
}

void updraft_espota_host_proof(const char *password, bool legacy_secret, const char *nonce,
                               const char *cnonce, char *out)
{
    char secret[65];
    char salt[130];
    char key_hex[65];
    uint8_t key[UPDRAFT_SHA256_LEN];
    struct updraft_text text;

    if (strlen(nonce) == 32) {
        hash_texts(UPDRAFT_DIGEST_MD5, password, NULL, NULL, secret);
        hash_texts(UPDRAFT_DIGEST_MD5, secret, nonce, cnonce, out);
        return;
    }
    hash_texts(legacy_secret ? UPDRAFT_DIGEST_MD5 : UPDRAFT_DIGEST_SHA256, password, NULL, NULL,
               secret);
    updraft_text_init(&text, salt, sizeof salt);
    updraft_text_str(&text, nonce);
    updraft_text_str(&text, ":");
    updraft_text_str(&text, cnonce);
    updraft_espota_host_pbkdf2(secret, salt, PBKDF2_ITERATIONS, key);
    updraft_text_init(&text, key_hex, sizeof key_hex);
    updraft_text_hex(&text, key, sizeof key);
    hash_texts(UPDRAFT_DIGEST_SHA256, key_hex, nonce, cnonce, out);
}
