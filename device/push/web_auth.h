/* Who may send an upload: the password, by Basic or Digest authentication.
 *
 * Basic shows the password to everyone on the wire, Digest does not; a refusal offers both, the
 * better one first. A nonce costs no memory until someone proves with it that he knows the
 * password: it carries its serial number, its time and a MAC over both. From then on its count must
 * grow, so nothing that was overheard works again; and it is young for five minutes.
 *
 * Owns: the secret of the MAC and the nonces in use. Memory: the struct. Nothing in flash: after a
 * restart every nonce is an old one, and clients ask again by themselves.
 * Sources: RFC 7617, RFC 7616. */
#ifndef UPDRAFT_DEVICE_PUSH_WEB_AUTH_H
#define UPDRAFT_DEVICE_PUSH_WEB_AUTH_H

#include "device/push/web_digest.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UPDRAFT_WEB_SECRET_LEN    16u
#define UPDRAFT_WEB_NONCE_CAP     4u /* clients that are signed in by Digest at a time */
#define UPDRAFT_WEB_NONCE_LIFE_S  300u
#define UPDRAFT_WEB_CHALLENGE_CAP 144u

enum updraft_web_verdict {
    UPDRAFT_WEB_ABSENT, /* no attempt was made */
    UPDRAFT_WEB_WRONG,
    UPDRAFT_WEB_STALE, /* who knows the password, with a nonce that is used up */
    UPDRAFT_WEB_RIGHT,
};

struct updraft_web_nonce {
    uint32_t serial; /* 0: a free place */
    uint32_t count;  /* the highest one taken */
};

struct updraft_web_auth {
    uint8_t secret[UPDRAFT_WEB_SECRET_LEN];
    uint32_t issued;    /* the newest serial number */
    uint32_t forgotten; /* up to here only those in `used` */
    struct updraft_web_nonce used[UPDRAFT_WEB_NONCE_CAP];
};

struct updraft_web_credentials {
    const char *authorization; /* the header's value; NULL: absent */
    const char *method;
    const char *target; /* of the request line, with its query */
    const char *password;
    uint64_t now_ms;
};

/* secret: UPDRAFT_WEB_SECRET_LEN unpredictable bytes, other ones at each start. */
void updraft_web_auth_init(struct updraft_web_auth *auth, const uint8_t *secret);

/* Any user name will do. A password may hold colons; in Basic the user name may not. */
enum updraft_web_verdict updraft_web_auth_check(struct updraft_web_auth *auth,
                                                const struct updraft_web_credentials *credentials);

/* Writes a new nonce: UPDRAFT_WEB_NONCE_LEN characters and NUL. */
void updraft_web_auth_issue(struct updraft_web_auth *auth, uint64_t now_ms, char *nonce);

/* The idx-th WWW-Authenticate that goes with a 401: Digest with SHA-256, with MD5, Basic. False
 * behind the last. All have one realm and one nonce: some clients mix them up. */
bool updraft_web_auth_challenge(unsigned idx, const char *nonce, bool is_stale, char *out,
                                size_t out_cap);

/* Decodes base64 up to its padding, white space, or end. False on another byte or too much. */
bool updraft_web_decode_base64(const char *text, uint8_t *out, size_t cap, size_t *len);

#endif
