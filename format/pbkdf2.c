#include "format/pbkdf2.h"

#include "format/assert.h"

#include <string.h>

#define INNER 0x36u
#define OUTER 0x5Cu

/* HMAC's two hashes, both started with the password: copied for each message, so that the password
 * is not hashed again and again. */
struct started {
    struct updraft_digest inner;
    struct updraft_digest outer;
};

static void start_padded(struct updraft_digest *digest, const struct updraft_pbkdf2 *pbkdf2,
                         uint8_t pad)
{
    uint8_t block[UPDRAFT_KEYED_BLOCK_LEN];

    for (size_t i = 0; i < sizeof block; i++)
        block[i] = pbkdf2->password[i] ^ pad;
    updraft_digest_start(digest, UPDRAFT_DIGEST_SHA256);
    updraft_digest_update(digest, block, sizeof block);
}

static void iterate(const struct started *started, struct updraft_pbkdf2 *pbkdf2)
{
    struct updraft_digest digest = started->inner;

    updraft_digest_update(&digest, pbkdf2->newest, sizeof pbkdf2->newest);
    updraft_digest_finish(&digest, pbkdf2->newest);
    digest = started->outer;
    updraft_digest_update(&digest, pbkdf2->newest, sizeof pbkdf2->newest);
    updraft_digest_finish(&digest, pbkdf2->newest);
    for (size_t i = 0; i < sizeof pbkdf2->key; i++)
        pbkdf2->key[i] ^= pbkdf2->newest[i];
    pbkdf2->left--;
}

static void keep_password(struct updraft_pbkdf2 *pbkdf2, const char *password, size_t len)
{
    struct updraft_digest digest;

    if (len <= sizeof pbkdf2->password) {
        memcpy(pbkdf2->password, password, len);
        return;
    }
    updraft_digest_start(&digest, UPDRAFT_DIGEST_SHA256);
    updraft_digest_update(&digest, password, len);
    updraft_digest_finish(&digest, pbkdf2->password);
}

void updraft_pbkdf2_start(struct updraft_pbkdf2 *pbkdf2, const char *password, const void *salt,
                          size_t salt_len, uint32_t iterations)
{
    static const uint8_t first_block[] = {0, 0, 0, 1};
    struct updraft_hmac hmac;

    UPDRAFT_ASSERT(iterations > 0);
    memset(pbkdf2, 0, sizeof *pbkdf2);
    keep_password(pbkdf2, password, strlen(password));
    updraft_hmac_start(&hmac, pbkdf2->password, sizeof pbkdf2->password);
    updraft_hmac_update(&hmac, salt, salt_len);
    updraft_hmac_update(&hmac, first_block, sizeof first_block);
    updraft_hmac_finish(&hmac, pbkdf2->newest);
    memcpy(pbkdf2->key, pbkdf2->newest, sizeof pbkdf2->key);
    pbkdf2->left = iterations - 1;
}

bool updraft_pbkdf2_run(struct updraft_pbkdf2 *pbkdf2, uint32_t iterations)
{
    struct started started;

    if (pbkdf2->left == 0)
        return true;
    start_padded(&started.inner, pbkdf2, INNER);
    start_padded(&started.outer, pbkdf2, OUTER);
    for (; iterations > 0 && pbkdf2->left > 0; iterations--)
        iterate(&started, pbkdf2);
    return pbkdf2->left == 0;
}

void updraft_pbkdf2(const char *password, const void *salt, size_t salt_len, uint32_t iterations,
                    uint8_t out[UPDRAFT_SHA256_LEN])
{
    struct updraft_pbkdf2 pbkdf2;

    updraft_pbkdf2_start(&pbkdf2, password, salt, salt_len, iterations);
    (void)updraft_pbkdf2_run(&pbkdf2, iterations);
    memcpy(out, pbkdf2.key, sizeof pbkdf2.key);
}
