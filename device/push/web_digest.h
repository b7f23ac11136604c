/* HTTP Digest authentication (RFC 7616), the arithmetic of it: reads an Authorization header and
 * says whether who wrote it knows the password. SHA-256 and MD5, qop=auth, any user name; nothing
 * of the older form without qop, of auth-int, of "-sess", or of hashed user names.
 *
 * No state, no memory of its own, nothing in flash. That a nonce is ours, young, and was not used
 * with this count before is device/push/web_auth.h's affair.
 * Source: RFC 7616, sections 3.4 and 3.9. */
#ifndef UPDRAFT_DEVICE_PUSH_WEB_DIGEST_H
#define UPDRAFT_DEVICE_PUSH_WEB_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UPDRAFT_WEB_NONCE_LEN 48u /* as web_auth makes them; a longer one is none of ours */

struct updraft_web_digest_question {
    const char *authorization; /* the header's value, not NULL */
    const char *method;
    const char *target; /* of the request line, with its query */
    const char *realm;
    const char *password;
};

struct updraft_web_digest_answer {
    char nonce[UPDRAFT_WEB_NONCE_LEN + 1];
    uint32_t count; /* nc: how often the client used that nonce */
};

/* True when the value begins with the scheme, whatever follows. */
bool updraft_web_digest_is_one(const char *authorization);

/* True when the proof is right for this very request; only then *answer is filled. Compares in
 * constant time. */
bool updraft_web_digest_is_right(const struct updraft_web_digest_question *question,
                                 struct updraft_web_digest_answer *answer);

#endif
