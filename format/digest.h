/* The hashes the formats and protocols need. Declared here, provided by a port: Mbed TLS through
 * PSA on hosts and ESP-IDF (ports/psa/), a ROM or an accelerator elsewhere.
 *
 * The caller owns the context; it holds no pointers, so an unfinished one may simply be dropped, and
 * a copy goes on by itself from where the copied one was. A port asserts that its own state fits. */
#ifndef UPDRAFT_FORMAT_DIGEST_H
#define UPDRAFT_FORMAT_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define UPDRAFT_SHA256_LEN 32u
#define UPDRAFT_MD5_LEN    16u
#define UPDRAFT_SHA1_LEN   20u

struct updraft_digest {
    _Alignas(8) uint8_t port[256];
};

/* SHA-1 is asked for by the server alone, whose installers of Linux packages know no other digest: a
 * port for devices need not have it. */
enum updraft_digest_kind { UPDRAFT_DIGEST_SHA256, UPDRAFT_DIGEST_MD5, UPDRAFT_DIGEST_SHA1 };

void updraft_digest_start(struct updraft_digest *digest, enum updraft_digest_kind kind);
void updraft_digest_update(struct updraft_digest *digest, const void *data, size_t len);
/* Writes 32, 16 or 20 bytes. The context must be started again before the next use. */
void updraft_digest_finish(struct updraft_digest *digest, uint8_t *out);

#endif
