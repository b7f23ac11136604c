/* The messages of Updraft's own way in: the host dials in, one TCP connection, nothing but proofs of
 * the password on the wire, and the transfer goes on where an earlier one broke off.
 *
 *   host                                        device
 *    | ------------------------- TCP connect --> |  port 3233
 *    | <------------------------------- HELLO -- |  who it is, its nonce, the key's salt
 *    | -- BEGIN -------------------------------> |  host's nonce, length, SHA-256, proof
 *    | <---------------------------------- GO -- |  from which byte on, the device's proof
 *    | == the bytes from there, unframed ======> |  as fast as TCP lets: the window is the flash's
 *    | <----------------------------- WRITTEN -- |  bytes in flash; now and then
 *    | <-------------------------------- DONE -- |  verified and chosen, the device's proof
 *
 * In place of GO, WRITTEN or DONE comes REFUSED: a stable error code, its numbers, its text. Then the
 * device takes and forgets what still comes until the host closes, so that no reset overtakes it.
 *
 * A message is its type, a zero byte, the length of its body (2 bytes), the body. Little-endian.
 * Every type has one length.
 *
 *   HELLO 1    0 "UPD1"  4 flags: 1 password wanted, 2 another update runs  5 zeros
 *              8 device nonce, 16  24 salt, 16  40 iterations  44 chip id, 2  46 zeros
 *              48 bytes the next slot holds  52 name, 32  84 product, 32  116 version, 32
 *   BEGIN 2    0 host nonce, 16  16 length  20 flags: 1 force, 2 data partition, 4 from zero
 *              21 zeros  24 SHA-256 of all bytes  56 partition label, 16  72 proof, 32
 *   GO 3       0 offset  4 proof, 32
 *   WRITTEN 4  0 bytes
 *   DONE 5     0 slot name, 16  16 proof, 32
 *   REFUSED 6  0 code, 2  2 zeros  4 number a  8 number b  12 seconds until a retry makes sense
 *              16 text, 96
 *
 * Texts are filled up with zeros. The key is PBKDF2-HMAC-SHA256 of the password with salt and
 * iterations, or 32 zeros without a password. A proof is HMAC-SHA256 under the key over its label,
 * the device's nonce, the host's nonce and the body before the proof: "updraft begin", "updraft go",
 * "updraft done" with their NUL. So neither side believes another who does not know the password,
 * the announced length and digest cannot be changed on the way, and nothing can be replayed.
 *
 * Owns: bytes <-> structs, the limits, the proofs. Memory: the caller's. Same result for any split.
 * Source: Updraft's own. */
#ifndef UPDRAFT_FORMAT_DIRECT_H
#define UPDRAFT_FORMAT_DIRECT_H

#include "format/digest.h"
#include "format/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UPDRAFT_DIRECT_PORT           3233u
#define UPDRAFT_DIRECT_NONCE_LEN      16u
#define UPDRAFT_DIRECT_TEXT_CAP       33u /* of name, product, version; with NUL */
#define UPDRAFT_DIRECT_LABEL_CAP      17u
#define UPDRAFT_DIRECT_WORDS_CAP      97u
#define UPDRAFT_DIRECT_ITERATIONS     10000u  /* what a device should ask for */
#define UPDRAFT_DIRECT_ITERATIONS_CAP 200000u /* what a host may be made to compute */
#define UPDRAFT_DIRECT_HEADER_LEN     4u
#define UPDRAFT_DIRECT_BODY_CAP       148u
#define UPDRAFT_DIRECT_MESSAGE_CAP    (UPDRAFT_DIRECT_HEADER_LEN + UPDRAFT_DIRECT_BODY_CAP)

enum updraft_direct_type {
    UPDRAFT_DIRECT_HELLO = 1,
    UPDRAFT_DIRECT_BEGIN = 2,
    UPDRAFT_DIRECT_GO = 3,
    UPDRAFT_DIRECT_WRITTEN = 4,
    UPDRAFT_DIRECT_DONE = 5,
    UPDRAFT_DIRECT_REFUSED = 6,
};

struct updraft_direct_hello {
    bool wants_password;
    bool is_busy;
    uint8_t nonce[UPDRAFT_DIRECT_NONCE_LEN];
    uint8_t salt[UPDRAFT_DIRECT_NONCE_LEN];
    uint32_t iterations;
    uint16_t chip_id;
    uint32_t capacity; /* 0: not known */
    char name[UPDRAFT_DIRECT_TEXT_CAP];
    char product[UPDRAFT_DIRECT_TEXT_CAP];
    char version[UPDRAFT_DIRECT_TEXT_CAP];
};

struct updraft_direct_begin {
    uint8_t nonce[UPDRAFT_DIRECT_NONCE_LEN];
    uint32_t len;
    bool force;
    bool data_partition;
    bool from_zero;
    uint8_t sha256[UPDRAFT_SHA256_LEN];
    char partition[UPDRAFT_DIRECT_LABEL_CAP];
    uint8_t proof[UPDRAFT_SHA256_LEN];
};

struct updraft_direct_go {
    uint32_t off;
    uint8_t proof[UPDRAFT_SHA256_LEN];
};

struct updraft_direct_done {
    char slot[UPDRAFT_DIRECT_LABEL_CAP];
    uint8_t proof[UPDRAFT_SHA256_LEN];
};

struct updraft_direct_refused {
    uint16_t code;
    uint32_t a;
    uint32_t b;
    uint32_t retry_after_s;
    char words[UPDRAFT_DIRECT_WORDS_CAP];
};

/* Any message. */
struct updraft_direct_message {
    enum updraft_direct_type type;
    union {
        struct updraft_direct_hello hello;
        struct updraft_direct_begin begin;
        struct updraft_direct_go go;
        uint32_t written;
        struct updraft_direct_done done;
        struct updraft_direct_refused refused;
    } as;
};

/* Writes a message with its header: its length. Texts that are too long are cut at a character. */
size_t updraft_direct_encode(const struct updraft_direct_message *message,
                             uint8_t out[UPDRAFT_DIRECT_MESSAGE_CAP]);

/* Gathers one message after another. */
struct updraft_direct_reader {
    uint8_t len;
    uint8_t bytes[UPDRAFT_DIRECT_MESSAGE_CAP];
};

void updraft_direct_reader_init(struct updraft_direct_reader *reader);

/* Takes bytes up to the end of a message; *used says how many. *complete: message is filled in and
 * the reader is ready for the next. E_PROTOCOL at what is no message of this protocol, as early as
 * the bytes show it; then the connection is of no more use. */
UPDRAFT_MUST_CHECK enum updraft_error
updraft_direct_reader_feed(struct updraft_direct_reader *reader, const uint8_t *data, size_t len,
                           size_t *used, struct updraft_direct_message *message, bool *complete);

/* Key and nonces of one connection. */
struct updraft_direct_session {
    uint8_t key[UPDRAFT_SHA256_LEN];
    uint8_t device_nonce[UPDRAFT_DIRECT_NONCE_LEN];
    uint8_t host_nonce[UPDRAFT_DIRECT_NONCE_LEN];
};

/* The key of a password; NULL or "": of none. Takes as long as PBKDF2 does: once, not for each
 * connection. */
void updraft_direct_key(const char *password, const uint8_t salt[UPDRAFT_DIRECT_NONCE_LEN],
                        uint32_t iterations, uint8_t key[UPDRAFT_SHA256_LEN]);

/* Puts the proof into a BEGIN, GO or DONE whose other fields are set. */
void updraft_direct_sign(const struct updraft_direct_session *session,
                         struct updraft_direct_message *message);
/* True when its proof is right. In constant time. */
bool updraft_direct_is_signed(const struct updraft_direct_session *session,
                              const struct updraft_direct_message *message);

#endif
