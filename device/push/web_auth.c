#include "device/push/web_auth.h"

#include "format/keyed.h"
#include "format/text.h"

#include <string.h>

#define REALM           "Login Required" /* the stock servers' */
#define CREDENTIALS_CAP 192u
#define NONCE_MAC_LEN   16u
#define NONCE_BYTES_LEN (UPDRAFT_WEB_NONCE_LEN / 2)

_Static_assert(NONCE_BYTES_LEN == 2 * sizeof(uint32_t) + NONCE_MAC_LEN,
               "serial number, time and MAC");

void updraft_web_auth_init(struct updraft_web_auth *auth, const uint8_t *secret)
{
    memset(auth, 0, sizeof *auth);
    memcpy(auth->secret, secret, sizeof auth->secret);
}

/* ---- Basic -------------------------------------------------------------------------------------
 */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Length of lower_case when text begins with it in any case, else 0. */
static size_t skip_word(const char *text, const char *lower_case)
{
    size_t i = 0;

    while (lower_case[i] != '\0') {
        if (lower(text[i]) != lower_case[i])
            return 0;
        i++;
    }
    return i;
}

/* -1 for what is no digit of base64. */
static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+')
        return 62;
    return c == '/' ? 63 : -1;
}

bool updraft_web_decode_base64(const char *text, uint8_t *out, size_t cap, size_t *len)
{
    uint32_t bits = 0;
    unsigned bit_count = 0;

    *len = 0;
    for (; *text != '\0' && *text != '=' && *text != ' '; text++) {
        int digit = base64_digit(*text);

        if (digit < 0)
            return false;
        bits = (bits << 6 | (uint32_t)digit) & 0xFFFFu;
        bit_count += 6;
        if (bit_count < 8)
            continue;
        bit_count -= 8;
        if (*len == cap)
            return false;
        out[(*len)++] = (uint8_t)(bits >> bit_count);
    }
    return true;
}

static bool is_right_basic(const char *authorization, const char *password)
{
    uint8_t credentials[CREDENTIALS_CAP];
    size_t len, password_len = strlen(password), scheme_len = skip_word(authorization, "basic ");

    if (scheme_len == 0)
        return false;
    authorization += scheme_len;
    while (*authorization == ' ')
        authorization++;
    if (!updraft_web_decode_base64(authorization, credentials, sizeof credentials, &len))
        return false;
    const uint8_t *colon = memchr(credentials, ':', len);
    if (colon == NULL)
        return false;
    size_t given_len = len - (size_t)(colon + 1 - credentials);
    return given_len == password_len &&
           updraft_text_equal_constant_time(colon + 1, password, password_len);
}

/* ---- Nonces ------------------------------------------------------------------------------------
 */

static void put_be32(uint8_t *out, uint32_t v)
{
    for (size_t i = 0; i < 4; i++)
        out[i] = (uint8_t)(v >> (24 - 8 * i));
}

static uint32_t get_be32(const uint8_t *in)
{
    return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
}

/* Over the serial number and the time, which stand in front. */
static void make_mac(const struct updraft_web_auth *auth, const uint8_t *nonce, uint8_t *mac)
{
    uint8_t full[UPDRAFT_SHA256_LEN];
    struct updraft_hmac hmac;

    updraft_hmac_start(&hmac, auth->secret, sizeof auth->secret);
    updraft_hmac_update(&hmac, nonce, 2 * sizeof(uint32_t));
    updraft_hmac_finish(&hmac, full);
    memcpy(mac, full, NONCE_MAC_LEN);
}

void updraft_web_auth_issue(struct updraft_web_auth *auth, uint64_t now_ms, char *nonce)
{
    uint8_t bytes[NONCE_BYTES_LEN];
    struct updraft_text text;

    put_be32(bytes, ++auth->issued);
    put_be32(bytes + 4, (uint32_t)(now_ms / 1000));
    make_mac(auth, bytes, bytes + 8);
    updraft_text_init(&text, nonce, UPDRAFT_WEB_NONCE_LEN + 1);
    updraft_text_hex(&text, bytes, sizeof bytes);
}

/* The place of this serial number; a new one takes that of the oldest. NULL when it was there
 * before and had to give way: nobody knows its count any more. */
static struct updraft_web_nonce *find_place(struct updraft_web_auth *auth, uint32_t serial)
{
    struct updraft_web_nonce *oldest = &auth->used[0];

    for (size_t i = 0; i < UPDRAFT_WEB_NONCE_CAP; i++) {
        if (auth->used[i].serial == serial)
            return &auth->used[i];
        if (auth->used[i].serial < oldest->serial)
            oldest = &auth->used[i];
    }
    if (serial <= auth->forgotten || serial < oldest->serial)
        return NULL;
    if (oldest->serial > auth->forgotten)
        auth->forgotten = oldest->serial;
    *oldest = (struct updraft_web_nonce){.serial = serial};
    return oldest;
}

/* False when the nonce is not ours, too old, or was used with this count before. */
static bool use_nonce(struct updraft_web_auth *auth, const struct updraft_web_digest_answer *answer,
                      uint64_t now_ms)
{
    uint8_t bytes[NONCE_BYTES_LEN], mac[NONCE_MAC_LEN];
    struct updraft_web_nonce *place;
    uint32_t serial;

    if (!updraft_text_unhex(answer->nonce, strlen(answer->nonce), bytes, sizeof bytes))
        return false;
    make_mac(auth, bytes, mac);
    if (!updraft_text_equal_constant_time(mac, bytes + 8, sizeof mac))
        return false;
    if ((uint32_t)(now_ms / 1000) - get_be32(bytes + 4) > UPDRAFT_WEB_NONCE_LIFE_S)
        return false;
    serial = get_be32(bytes);
    place = find_place(auth, serial);
    if (place == NULL || answer->count <= place->count)
        return false;
    place->count = answer->count;
    return true;
}

/* ---- Both --------------------------------------------------------------------------------------
 */

enum updraft_web_verdict updraft_web_auth_check(struct updraft_web_auth *auth,
                                                const struct updraft_web_credentials *credentials)
{
    struct updraft_web_digest_question question = {
        .authorization = credentials->authorization,
        .method = credentials->method,
        .target = credentials->target,
        .realm = REALM,
        .password = credentials->password,
    };
    struct updraft_web_digest_answer answer;

    if (credentials->authorization == NULL)
        return UPDRAFT_WEB_ABSENT;
    if (!updraft_web_digest_is_one(credentials->authorization))
        return is_right_basic(credentials->authorization, credentials->password)
                   ? UPDRAFT_WEB_RIGHT
                   : UPDRAFT_WEB_WRONG;
    if (!updraft_web_digest_is_right(&question, &answer))
        return UPDRAFT_WEB_WRONG;
    return use_nonce(auth, &answer, credentials->now_ms) ? UPDRAFT_WEB_RIGHT : UPDRAFT_WEB_STALE;
}

bool updraft_web_auth_challenge(unsigned idx, const char *nonce, bool is_stale, char *out,
                                size_t out_cap)
{
    static const char *const algorithms[] = {"SHA-256", "MD5"};
    struct updraft_text text;

    updraft_text_init(&text, out, out_cap);
    if (idx == sizeof algorithms / sizeof algorithms[0]) {
        updraft_text_str(&text, "Basic realm=\"" REALM "\"");
        return true;
    }
    if (idx > sizeof algorithms / sizeof algorithms[0])
        return false;
    updraft_text_str(&text, "Digest realm=\"" REALM "\", qop=\"auth\", algorithm=");
    updraft_text_str(&text, algorithms[idx]);
    updraft_text_str(&text, ", nonce=\"");
    updraft_text_str(&text, nonce);
    updraft_text_str(&text, is_stale ? "\", stale=true" : "\"");
    return true;
}
