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
