#include "device/push/espota_claim.h"

#include "format/text.h"

#include <string.h>

bool updraft_espota_password_is_set(const struct updraft_espota_password *password)
{
    return password->hash != NULL || (password->text != NULL && password->text[0] != '\0');
}

/* The secret of a scheme; false when only another hash of the password is known. */
static bool find_secret(const struct updraft_espota_password *password,
                        enum updraft_digest_kind kind, char out[UPDRAFT_ESPOTA_DIGITS_CAP])
{
    size_t digits =
        kind == UPDRAFT_DIGEST_MD5 ? UPDRAFT_ESPOTA_MD5_DIGITS : UPDRAFT_ESPOTA_SHA256_DIGITS;

    if (password->hash == NULL) {
        updraft_espota_wire_secret(kind, password->text, out);
        return true;
    }
    if (strlen(password->hash) != digits)
        return false;
    memcpy(out, password->hash, digits + 1);
    return true;
}

bool updraft_espota_password_takes_md5(const struct updraft_espota_password *password)
{
    return !password->refuse_md5 &&
           (password->hash == NULL || strlen(password->hash) == UPDRAFT_ESPOTA_MD5_DIGITS);
}

static bool is_expected(const struct updraft_espota_answer *answer, const char *expected)
{
    return updraft_text_equal_constant_time(expected, answer->response, answer->digits + 1u);
}

/* Both forms are always computed: the time tells nothing. */
static enum updraft_espota_claim_result judge_md5(const struct updraft_espota_password *password,
                                                  const char *nonce,
                                                  const struct updraft_espota_answer *answer)
{
    char secret[UPDRAFT_ESPOTA_DIGITS_CAP];
    char with_all[UPDRAFT_ESPOTA_DIGITS_CAP];
    char with_half[UPDRAFT_ESPOTA_DIGITS_CAP];

    if (!updraft_espota_password_takes_md5(password) ||
        !find_secret(password, UPDRAFT_DIGEST_MD5, secret))
        return UPDRAFT_ESPOTA_CLAIM_REFUSED;
    updraft_espota_wire_md5_proof(secret, nonce, UPDRAFT_ESPOTA_SHA256_DIGITS, answer->cnonce,
                                  with_all);
    updraft_espota_wire_md5_proof(secret, nonce, UPDRAFT_ESPOTA_MD5_DIGITS, answer->cnonce,
                                  with_half);
    bool is_all = is_expected(answer, with_all);
    bool is_half = is_expected(answer, with_half);
    return is_all || is_half ? UPDRAFT_ESPOTA_CLAIM_RIGHT : UPDRAFT_ESPOTA_CLAIM_WRONG;
}

/* Begins the derivation from the password's hash of that kind; false when it is not known. */
static bool derive(struct updraft_espota_claim *claim,
                   const struct updraft_espota_password *password, const char *nonce,
                   enum updraft_digest_kind kind)
{
    char secret[UPDRAFT_ESPOTA_DIGITS_CAP];

    claim->is_with_md5 = kind == UPDRAFT_DIGEST_MD5;
    if (!find_secret(password, kind, secret))
        return false;
    updraft_espota_wire_start(&claim->key, secret, nonce, claim->answer.cnonce);
    return true;
}

enum updraft_espota_claim_result
updraft_espota_claim_start(struct updraft_espota_claim *claim,
                           const struct updraft_espota_password *password, const char *nonce,
                           const struct updraft_espota_answer *answer)
{
    claim->answer = *answer;
    if (answer->digits == UPDRAFT_ESPOTA_MD5_DIGITS)
        return judge_md5(password, nonce, answer);
    if (derive(claim, password, nonce, UPDRAFT_DIGEST_SHA256) ||
        derive(claim, password, nonce, UPDRAFT_DIGEST_MD5))
        return UPDRAFT_ESPOTA_CLAIM_OPEN;
    return UPDRAFT_ESPOTA_CLAIM_REFUSED; /* the configured hash is none */
}

enum updraft_espota_claim_result
updraft_espota_claim_run(struct updraft_espota_claim *claim,
                         const struct updraft_espota_password *password, const char *nonce,
                         uint32_t iterations)
{
    char expected[UPDRAFT_ESPOTA_DIGITS_CAP];

    if (!updraft_pbkdf2_run(&claim->key, iterations))
        return UPDRAFT_ESPOTA_CLAIM_OPEN;
    updraft_espota_wire_sha256_proof(&claim->key, nonce, claim->answer.cnonce, expected);
    if (is_expected(&claim->answer, expected))
        return UPDRAFT_ESPOTA_CLAIM_RIGHT;
    if (!claim->is_with_md5 && updraft_espota_password_takes_md5(password) &&
        derive(claim, password, nonce, UPDRAFT_DIGEST_MD5))
        return UPDRAFT_ESPOTA_CLAIM_OPEN;
    return UPDRAFT_ESPOTA_CLAIM_WRONG;
}
