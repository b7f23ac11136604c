#include "device/push/espota_message.h"

#include "format/text.h"

#include <string.h>

#define NUMBER_DIGITS 15u

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
    size_t digits = scan_until(&scanner, ' ', &cnonce);
    if ((digits != UPDRAFT_ESPOTA_MD5_DIGITS && digits != UPDRAFT_ESPOTA_SHA256_DIGITS) ||
        scan_until(&scanner, '\n', &response) != digits)
        return false;
    memcpy(answer->cnonce, cnonce, digits);
    answer->cnonce[digits] = '\0';
    memcpy(answer->response, response, digits);
    answer->response[digits] = '\0';
    answer->digits = (uint8_t)digits;
    return true;
}

bool updraft_espota_is_withdrawal(const uint8_t *data, size_t len)
{
    struct scanner scanner = {data, len, 0};
    uint32_t command;

    if (!scan_number(&scanner, &command))
        return false;
    while (scanner.off < len && is_space((char)data[scanner.off]))
        scanner.off++;
    return scanner.off == len;
}
