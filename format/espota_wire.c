#include "format/espota_wire.h"

#include "format/text.h"

#include <string.h>

static void finish_hex(struct updraft_digest *digest, enum updraft_digest_kind kind,
                       char out[UPDRAFT_ESPOTA_DIGITS_CAP])
{
    uint8_t bytes[UPDRAFT_SHA256_LEN];
    struct updraft_text text;

    updraft_digest_finish(digest, bytes);
    updraft_text_init(&text, out, UPDRAFT_ESPOTA_DIGITS_CAP);
    updraft_text_hex(&text, bytes,
                     kind == UPDRAFT_DIGEST_MD5 ? UPDRAFT_MD5_LEN : UPDRAFT_SHA256_LEN);
}

void updraft_espota_wire_secret(enum updraft_digest_kind kind, const char *password,
                                char out[UPDRAFT_ESPOTA_DIGITS_CAP])
{
    struct updraft_digest digest;

    updraft_digest_start(&digest, kind);
    updraft_digest_update(&digest, password, strlen(password));
    finish_hex(&digest, kind, out);
}

static void hash_joined(enum updraft_digest_kind kind, const char *head, const char *nonce,
                        size_t nonce_len, const char *cnonce, char out[UPDRAFT_ESPOTA_DIGITS_CAP])
{
    struct updraft_digest digest;

    updraft_digest_start(&digest, kind);
    updraft_digest_update(&digest, head, strlen(head));
    updraft_digest_update(&digest, ":", 1);
    updraft_digest_update(&digest, nonce, nonce_len);
    updraft_digest_update(&digest, ":", 1);
    updraft_digest_update(&digest, cnonce, strlen(cnonce));
    finish_hex(&digest, kind, out);
}

void updraft_espota_wire_md5_proof(const char *secret, const char *nonce, size_t nonce_len,
                                   const char *cnonce, char out[UPDRAFT_ESPOTA_DIGITS_CAP])
{
    hash_joined(UPDRAFT_DIGEST_MD5, secret, nonce, nonce_len, cnonce, out);
}

void updraft_espota_wire_start(struct updraft_pbkdf2 *pbkdf2, const char *secret, const char *nonce,
                               const char *cnonce)
{
    char salt[2 * UPDRAFT_ESPOTA_DIGITS_CAP]; /* nonce, colon, cnonce, NUL */
    struct updraft_text text;

    updraft_text_init(&text, salt, sizeof salt);
    updraft_text_str(&text, nonce);
    updraft_text_str(&text, ":");
    updraft_text_str(&text, cnonce);
    updraft_pbkdf2_start(pbkdf2, secret, salt, text.len, UPDRAFT_ESPOTA_ITERATIONS);
}

void updraft_espota_wire_sha256_proof(const struct updraft_pbkdf2 *pbkdf2, const char *nonce,
                                      const char *cnonce, char out[UPDRAFT_ESPOTA_DIGITS_CAP])
{
    char key[UPDRAFT_ESPOTA_DIGITS_CAP];
    struct updraft_text text;

    updraft_text_init(&text, key, sizeof key);
    updraft_text_hex(&text, pbkdf2->key, sizeof pbkdf2->key);
    hash_joined(UPDRAFT_DIGEST_SHA256, key, nonce, strlen(nonce), cnonce, out);
}
