/* The hashes of format/digest.h through the PSA Crypto API, as Mbed TLS 2.28 to 4.x offer it. */
#include "format/digest.h"

#include "format/assert.h"

#include <psa/crypto.h>
#include <string.h>

struct state {
    psa_hash_operation_t operation;
    size_t result_len;
};

_Static_assert(sizeof(struct state) <= sizeof(((struct updraft_digest *)0)->port),
               "a PSA hash operation fits the caller's context");

/* The context is bytes to its owner, so the state is copied in and out of it instead of laid over
 * it. Mbed TLS keeps a hash's whole state inside the operation: a copy is a snapshot. */
static void load(const struct updraft_digest *digest, struct state *state)
{
    memcpy(state, digest->port, sizeof(*state));
}

static void store(struct updraft_digest *digest, const struct state *state)
{
    memcpy(digest->port, state, sizeof(*state));
}

void updraft_digest_start(struct updraft_digest *digest, enum updraft_digest_kind kind)
{
    psa_algorithm_t algorithm = kind == UPDRAFT_DIGEST_MD5    ? PSA_ALG_MD5
                                : kind == UPDRAFT_DIGEST_SHA1 ? PSA_ALG_SHA_1
                                                              : PSA_ALG_SHA_256;
    struct state state;

    memset(&state, 0, sizeof(state));
    state.operation = psa_hash_operation_init();
    state.result_len = PSA_HASH_LENGTH(algorithm);
    /* Returns at once after the first time. */
    UPDRAFT_ASSERT(psa_crypto_init() == PSA_SUCCESS);
    UPDRAFT_ASSERT(psa_hash_setup(&state.operation, algorithm) == PSA_SUCCESS);
    store(digest, &state);
}

void updraft_digest_update(struct updraft_digest *digest, const void *data, size_t len)
{
    struct state state;

    load(digest, &state);
    UPDRAFT_ASSERT(psa_hash_update(&state.operation, data, len) == PSA_SUCCESS);
    store(digest, &state);
}

void updraft_digest_finish(struct updraft_digest *digest, uint8_t *out)
{
    struct state state;
    size_t len;

    load(digest, &state);
    UPDRAFT_ASSERT(psa_hash_finish(&state.operation, out, state.result_len, &len) == PSA_SUCCESS);
    store(digest, &state);
}
