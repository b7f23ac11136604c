/* One look at a claim to know the password: the host's answer to our nonce.
 *
 * The MD5 scheme is decided at once, the SHA-256 scheme in steps, because its key derivation takes a
 * small chip a second or more. The nonce has 64 digits. An MD5 answer may have been made with all of
 * them or with the first 32; a SHA-256 answer with the SHA-256 of the password, or, as hosts do for
 * old devices, with its MD5.
 *
 * Owns: the claim. Memory: the struct, no pointers. Nothing in flash. */
#ifndef UPDRAFT_DEVICE_PUSH_ESPOTA_CLAIM_H
#define UPDRAFT_DEVICE_PUSH_ESPOTA_CLAIM_H

#include "device/push/espota_message.h"

/* What a device knows of its password. */
struct updraft_espota_password {
    const char *text; /* NULL or "": not known, or none */
    const char *hash; /* instead: SHA-256 or MD5 of it, 64 or 32 lower-case hex digits; or NULL */
    bool refuse_md5;  /* take the SHA-256 scheme, with the SHA-256 of the password or `hash` */
};

enum updraft_espota_claim_result {
    UPDRAFT_ESPOTA_CLAIM_OPEN, /* run it on */
    UPDRAFT_ESPOTA_CLAIM_RIGHT,
    UPDRAFT_ESPOTA_CLAIM_WRONG,
    UPDRAFT_ESPOTA_CLAIM_REFUSED, /* not looked at: MD5 is refused, or cannot be checked */
};

struct updraft_espota_claim {
    struct updraft_espota_answer answer;
    struct updraft_pbkdf2 key;
    bool is_with_md5; /* the try with the MD5 of the password */
};

bool updraft_espota_password_is_set(const struct updraft_espota_password *password);
/* The MD5 scheme can be checked, and may be. */
bool updraft_espota_password_takes_md5(const struct updraft_espota_password *password);

enum updraft_espota_claim_result
updraft_espota_claim_start(struct updraft_espota_claim *claim,
                           const struct updraft_espota_password *password, const char *nonce,
                           const struct updraft_espota_answer *answer);

/* Goes on by so many iterations. */
enum updraft_espota_claim_result
updraft_espota_claim_run(struct updraft_espota_claim *claim,
                         const struct updraft_espota_password *password, const char *nonce,
                         uint32_t iterations);

#endif
