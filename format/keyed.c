#include "format/keyed.h"

#include <string.h>

#define INNER 0x36u
#define OUTER 0x5Cu

void updraft_hmac_start(struct updraft_hmac *hmac, const void *key, size_t key_len)
{
    memset(hmac->pad, 0, sizeof hmac->pad);
    if (key_len > sizeof hmac->pad) {
        updraft_digest_start(&hmac->digest, UPDRAFT_DIGEST_SHA256);
        updraft_digest_update(&hmac->digest, key, key_len);
        updraft_digest_finish(&hmac->digest, hmac->pad);
    } else {
        memcpy(hmac->pad, key, key_len);
    }
    for (size_t i = 0; i < sizeof hmac->pad; i++)
        hmac->pad[i] ^= INNER;
    updraft_digest_start(&hmac->digest, UPDRAFT_DIGEST_SHA256);
    updraft_digest_update(&hmac->digest, hmac->pad, sizeof hmac->pad);
}

void updraft_hmac_update(struct updraft_hmac *hmac, const void *data, size_t len)
{
    updraft_digest_update(&hmac->digest, data, len);
}

void updraft_hmac_finish(struct updraft_hmac *hmac, uint8_t out[UPDRAFT_SHA256_LEN])
{
    uint8_t inner[UPDRAFT_SHA256_LEN];

    updraft_digest_finish(&hmac->digest, inner);
    for (size_t i = 0; i < sizeof hmac->pad; i++)
        hmac->pad[i] ^= INNER ^ OUTER;
    updraft_digest_start(&hmac->digest, UPDRAFT_DIGEST_SHA256);
    updraft_digest_update(&hmac->digest, hmac->pad, sizeof hmac->pad);
    updraft_digest_update(&hmac->digest, inner, sizeof inner);
    updraft_digest_finish(&hmac->digest, out);
}

void updraft_pbkdf2(const char *password, const void *salt, size_t salt_len, uint32_t iterations,
                    uint8_t out[UPDRAFT_SHA256_LEN])
{
    static const uint8_t first_block[4] = {0, 0, 0, 1};
    size_t password_len = strlen(password);
    uint8_t round[UPDRAFT_SHA256_LEN];
    struct updraft_hmac hmac;

    updraft_hmac_start(&hmac, password, password_len);
    updraft_hmac_update(&hmac, salt, salt_len);
    updraft_hmac_update(&hmac, first_block, sizeof first_block);
    updraft_hmac_finish(&hmac, round);
    memcpy(out, round, sizeof round);
    for (uint32_t i = 1; i < iterations; i++) {
        updraft_hmac_start(&hmac, password, password_len);
        updraft_hmac_update(&hmac, round, sizeof round);
        updraft_hmac_finish(&hmac, round);
        for (size_t j = 0; j < sizeof round; j++)
            out[j] ^= round[j];
    }
}
