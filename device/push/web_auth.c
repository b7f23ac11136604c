#include "device/push/web_auth.h"

#include "format/text.h"

#include <string.h>

#define SCHEME_LEN      6u
#define CREDENTIALS_CAP 192u

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

/* Decodes up to the padding, white space or end. False on any other byte or too much text. */
static bool decode_base64(const char *text, uint8_t *out, size_t cap, size_t *len)
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

bool updraft_web_has_password(const char *authorization, const char *password)
{
    uint8_t credentials[CREDENTIALS_CAP];
    size_t len, password_len = strlen(password);

    if (authorization == NULL || skip_word(authorization, "basic ") != SCHEME_LEN)
        return false;
    authorization += SCHEME_LEN;
    while (*authorization == ' ')
        authorization++;
    if (!decode_base64(authorization, credentials, sizeof credentials, &len))
        return false;
    const uint8_t *colon = memchr(credentials, ':', len);
    if (colon == NULL)
        return false;
    size_t given_len = len - (size_t)(colon + 1 - credentials);
    return given_len == password_len &&
           updraft_text_equal_constant_time(colon + 1, password, password_len);
}

bool updraft_web_is_foreign(const char *origin, const char *host)
{
    if (origin == NULL)
        return false;
    if (host == NULL)
        return true;
    size_t scheme_len = skip_word(origin, "http://");
    if (scheme_len == 0)
        scheme_len = skip_word(origin, "https://");
    if (scheme_len == 0)
        return true;
    origin += scheme_len;
    while (*origin != '\0' && lower(*origin) == lower(*host)) {
        origin++;
        host++;
    }
    return *origin != '\0' || *host != '\0';
}
