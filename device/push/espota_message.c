#include "device/push/espota_message.h"

#include "format/text.h"

#include <string.h>

#define NUMBER_DIGITS 15u
#define MD5_HEX_LEN   (2u * UPDRAFT_MD5_LEN)

_Static_assert(UPDRAFT_ESPOTA_NONCE_CAP == MD5_HEX_LEN + 1u, "a nonce is the hex of an MD5");

struct scanner {
    const uint8_t *data;
    size_t len;
    size_t off;
};

/* Spaces, then 1 to 15 digits. What is larger than 32 bits becomes the largest number: such a size
 * is refused with a reason, which tells the host more than silence. */
static bool scan_number(struct scanner *scanner, uint32_t *number)
{
    uint64_t value = 0;
    size_t digits = 0;

    while (scanner->off < scanner->len && scanner->data[scanner->off] == ' ')
        scanner->off++;
    while (scanner->off < scanner->len && scanner->data[scanner->off] >= '0' &&
           scanner->data[scanner->off] <= '9') {
        if (++digits > NUMBER_DIGITS)
            return false;
        value = value * 10 + (uint64_t)(scanner->data[scanner->off++] - '0');
    }
    *number = value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
    return digits > 0;
}

static void skip_byte(struct scanner *scanner)
{
    if (scanner->off < scanner->len)
        scanner->off++;
}

/* The bytes up to `end`, NUL or the end of the datagram; the end byte is skipped. */
static size_t scan_until(struct scanner *scanner, char end, const char **text)
{
    size_t start = scanner->off;

    while (scanner->off < scanner->len && scanner->data[scanner->off] != '\0' &&
           scanner->data[scanner->off] != (uint8_t)end)
        scanner->off++;
    size_t len = scanner->off - start;
    *text = (const char *)scanner->data + start;
    skip_byte(scanner);
    return len;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bool updraft_espota_read_invitation(const uint8_t *data, size_t len,
                                    struct updraft_espota_invitation *invitation)
{
    struct scanner scanner = {data, len, 0};
    uint32_t command, port;
    const char *md5;

    if (!scan_number(&scanner, &command) ||
        (command != UPDRAFT_ESPOTA_COMMAND_FLASH && command != UPDRAFT_ESPOTA_COMMAND_FS) ||
        !scan_number(&scanner, &port) || port == 0 || port > UINT16_MAX ||
        !scan_number(&scanner, &invitation->size))
        return false;
    skip_byte(&scanner);
    size_t md5_len = scan_until(&scanner, '\n', &md5);
    for (; md5_len > 0 && is_space(md5[0]); md5_len--)
        md5++;
    while (md5_len > 0 && is_space(md5[md5_len - 1]))
        md5_len--;
    invitation->command = (uint8_t)command;
    invitation->port = (uint16_t)port;
    return updraft_text_unhex(md5, md5_len, invitation->md5, UPDRAFT_MD5_LEN);
}

/* Not trimmed, as in stock: a response with a trailing CR is none. */
bool updraft_espota_read_answer(const uint8_t *data, size_t len,
                                struct updraft_espota_answer *answer)
{
    struct scanner scanner = {data, len, 0};
    uint32_t command;
    const char *cnonce, *response;

    if (!scan_number(&scanner, &command) || command != UPDRAFT_ESPOTA_COMMAND_AUTH)
        return false;
    skip_byte(&scanner);
    if (scan_until(&scanner, ' ', &cnonce) != MD5_HEX_LEN ||
        scan_until(&scanner, '\n', &response) != MD5_HEX_LEN)
        return false;
    memcpy(answer->cnonce, cnonce, MD5_HEX_LEN);
    answer->cnonce[MD5_HEX_LEN] = '\0';
    memcpy(answer->response, response, MD5_HEX_LEN);
    answer->response[MD5_HEX_LEN] = '\0';
    return true;
}

static void md5_hex(const char *data, size_t len, char out[UPDRAFT_ESPOTA_NONCE_CAP])
{
    struct updraft_digest digest;
    uint8_t md5[UPDRAFT_MD5_LEN];
    struct updraft_text hex;

    updraft_digest_start(&digest, UPDRAFT_DIGEST_MD5);
    updraft_digest_update(&digest, data, len);
    updraft_digest_finish(&digest, md5);
    updraft_text_init(&hex, out, UPDRAFT_ESPOTA_NONCE_CAP);
    updraft_text_hex(&hex, md5, sizeof md5);
}

void updraft_espota_response(const char *password, const char *nonce, const char *cnonce,
                             char out[UPDRAFT_ESPOTA_NONCE_CAP])
{
    char secret[UPDRAFT_ESPOTA_NONCE_CAP];
    char challenge[3 * UPDRAFT_ESPOTA_NONCE_CAP]; /* three digests, two colons, one NUL */
    struct updraft_text text;

    md5_hex(password, strlen(password), secret);
    updraft_text_init(&text, challenge, sizeof challenge);
    updraft_text_str(&text, secret);
    updraft_text_str(&text, ":");
    updraft_text_str(&text, nonce);
    updraft_text_str(&text, ":");
    updraft_text_str(&text, cnonce);
    md5_hex(challenge, text.len, out);
}
