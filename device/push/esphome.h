/* ESPHome's native update protocol, the device's side: one TCP connection that the host opens.
 *
 *   host                                device
 *    | 6C 26 F7 5C 45 ----------------> |
 *    | <------------------- 00 version  |  2; or 1, which knows no acknowledgements
 *    | what it can -------------------> |
 *    | <-------------- 40 (46: gzip)    |
 *    | <------ 01 or 02, a nonce in hex |  when a password is set; 01: MD5, 02: SHA-256
 *    | cnonce, proof, in hex ---------> |  proof: hash of password, nonce and cnonce, in a row
 *    | <---------------------------- 41 |
 *    | size, 4 bytes, big endian -----> |
 *    | <---------------------------- 42 |  the transaction has begun
 *    | MD5 of what follows, in hex ---> |
 *    | <---------------------------- 43 |
 *    | the image =====================> |
 *    | <--------------- 47 ... 47 44 45 |  a 47 for each 8192 bytes and for the rest; all came;
 *    | 00 ----------------------------> |  verified and chosen
 *
 * Owns: the state of one connection. No sockets: bytes come in with the time, bytes go out. A device
 * that wants to refuse a second host with a reason gives each connection an engine of its own: the
 * transaction takes one update at a time.
 *
 * Any failure is one byte from 0x80 on, the nearest of ESPHome's. Stock hosts read that byte and
 * hang up; behind it stand our number and our sentence ("55 the image is for ...", line end) for
 * hosts that read on. Then the device throws away what still comes until the host hangs up, as a
 * connection closed over unread bytes would take the answer with it.
 *
 * Every phase has its limit: 20 s from the connection to the password, 30 s for each later answer
 * and between any two pieces of the image.
 *
 * Memory: the struct, no pointers into itself. In flash: what the transaction keeps, nothing more.
 * Sources: see device/push/esphome_wire.h. */
#ifndef UPDRAFT_DEVICE_PUSH_ESPHOME_H
#define UPDRAFT_DEVICE_PUSH_ESPHOME_H

#include "device/push/esphome_wire.h"
#include "device/push/sign_in.h"
#include "device/update/update.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UPDRAFT_ESPHOME_HANDSHAKE_MS 20000u
#define UPDRAFT_ESPHOME_IDLE_MS      30000u
#define UPDRAFT_ESPHOME_LINGER_MS    2000u /* for the host to hang up */
#define UPDRAFT_ESPHOME_NONCE_CAP    (UPDRAFT_ESPHOME_SHA256_DIGITS + 1u)

struct updraft_esphome_config {
    struct updraft_update *update;
    const char *password; /* NULL or "": none. Alive as long as the engine. */
    uint8_t version;      /* of the protocol: 2, or 1 for hosts from before 2024 */
    bool is_esp8266;      /* its word for "too large" */
    bool takes_gzip;      /* ask the host to compress the image */
    bool sha256_only;     /* turn away hosts that know no better password scheme than MD5 */
    void (*random)(void *ctx, uint8_t *out, size_t len); /* unpredictable; for nonces */
    void *random_ctx;
};

enum updraft_esphome_wants {
    UPDRAFT_ESPHOME_WANTS_NOTHING, /* no connection */
    UPDRAFT_ESPHOME_WANTS_STREAM,  /* feed, drain */
    UPDRAFT_ESPHOME_WANTS_CLOSE,   /* drain, then close and call updraft_esphome_closed() */
};

struct updraft_esphome {
    struct updraft_esphome_config config;
    uint8_t state;
    uint8_t features; /* the host's */
    enum updraft_sign_in sign_in;
    bool chosen;  /* the update succeeded: restart when the connection is closed */
    bool restart; /* ... which it is */
    uint32_t size;
    uint32_t received;
    uint64_t deadline_ms; /* when the state ends by itself; 0: to be set by the next tick */
    char nonce[UPDRAFT_ESPHOME_NONCE_CAP];
    uint8_t in_len; /* of the message that is being gathered */
    uint8_t out_off;
    uint8_t out_len;
    uint8_t in[2 * UPDRAFT_ESPHOME_SHA256_DIGITS];
    uint8_t out[200];
};

/* config is copied; what it points to must live as long as the engine. random is needed with a
 * password only. */
void updraft_esphome_init(struct updraft_esphome *esphome,
                          const struct updraft_esphome_config *config);

/* A host connected; the engine must have none. */
void updraft_esphome_connected(struct updraft_esphome *esphome, uint64_t now_ms);

enum updraft_esphome_wants updraft_esphome_wants(const struct updraft_esphome *esphome);

/* Bytes came: how many were taken. None while there is something to drain: what follows an answer
 * is looked at when the answer is out. Blocks while the finished slot is read back. */
size_t updraft_esphome_feed(struct updraft_esphome *esphome, const uint8_t *data, size_t len,
                            uint64_t now_ms);
/* Bytes to send: how many were given. */
size_t updraft_esphome_drain(struct updraft_esphome *esphome, uint8_t *out, size_t out_cap);

/* The connection is gone, closed by either side. */
void updraft_esphome_closed(struct updraft_esphome *esphome);

/* Time passes. Call at least every second while connected. */
void updraft_esphome_tick(struct updraft_esphome *esphome, uint64_t now_ms);

/* The stream crawls: as if nothing had come for too long. */
void updraft_esphome_timed_out(struct updraft_esphome *esphome, uint64_t now_ms);

/* What came of the password, once. */
enum updraft_sign_in updraft_esphome_take_sign_in(struct updraft_esphome *esphome);

/* True once after a successful update whose connection is closed: restart now. */
bool updraft_esphome_take_restart(struct updraft_esphome *esphome);

/* The proof of a password, by MD5 or SHA-256 as the nonce has 32 or 64 digits; cnonce has as many.
 * Writes as many digits and NUL. */
void updraft_esphome_proof(const char *password, const char *nonce, const char *cnonce,
                           char out[UPDRAFT_ESPHOME_NONCE_CAP]);

#endif
