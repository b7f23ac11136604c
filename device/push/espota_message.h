/* The two datagrams an espota host sends, read as the stock devices read them.
 *
 *   invitation   <0|100> <tcp port> <size> <md5, 32 hex>\n
 *   answer       200 <cnonce> <response>\n   each of 32 hex, or each of 64
 *
 * Numbers may have spaces before them; exactly one byte stands behind the last one; a text ends at
 * its end byte, at a NUL or with the datagram. Stricter than stock where nothing stock sends is
 * lost: a number must have digits, a port must be one, the MD5 must be hex.
 *
 * Owns: these bytes. No state; the caller's structs; nothing in flash. */
#ifndef UPDRAFT_DEVICE_PUSH_ESPOTA_MESSAGE_H
#define UPDRAFT_DEVICE_PUSH_ESPOTA_MESSAGE_H

#include "format/espota_wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct updraft_espota_invitation {
    uint8_t command; /* FLASH or FS */
    uint16_t port;
    uint32_t size; /* UINT32_MAX for anything larger */
    uint8_t md5[UPDRAFT_MD5_LEN];
};

struct updraft_espota_answer {
    char cnonce[UPDRAFT_ESPOTA_DIGITS_CAP];
    char response[UPDRAFT_ESPOTA_DIGITS_CAP]; /* as it came: not checked to be hex */
    uint8_t digits;                           /* of each: which scheme it is */
};

/* False, with the struct undefined, when the datagram is no such message. */
bool updraft_espota_read_invitation(const uint8_t *data, size_t len,
                                    struct updraft_espota_invitation *invitation);
bool updraft_espota_read_answer(const uint8_t *data, size_t len,
                                struct updraft_espota_answer *answer);
/* A number and nothing behind it: by this hosts that only asked end a device's wait for a password. */
bool updraft_espota_is_withdrawal(const uint8_t *data, size_t len);

#endif
