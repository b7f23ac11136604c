/* espota, the device's side: a UDP invitation, a TCP connection back to the host, raw bytes.
 *
 *   host                                     device
 *    | UDP  0 45678 3072 <md5>\n ------------> |
 *    | <------------------- AUTH <nonce>  UDP  |  when a password is set
 *    | UDP  200 <cnonce> <response>\n -------> |
 *    | <------------------------- OK      UDP  |  after the transaction began (or ERR: ...)
 *    | <============== TCP connect =========== |
 *    | image bytes ==========================> |  every read answered with its count in decimal
 *    | <================ "OK" or ERROR[n]: ... |
 *
 * Owns: the protocol's state. No sockets: datagrams and stream bytes come in with the time, and the
 * engine says what it wants next. One update at a time; both dialects of the stock devices.
 * Every reply goes to the address its datagram came from. A new invitation is taken while waiting
 * for a password. The final OK travels alone: a second after the last count, and the connection
 * stays open a second longer, because stock hosts read it in one recv.
 * Source: ArduinoOTA.cpp of the ESP8266 and ESP32 cores. */
#ifndef UPDRAFT_DEVICE_PUSH_ESPOTA_H
#define UPDRAFT_DEVICE_PUSH_ESPOTA_H

#include "device/update/update.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UPDRAFT_ESPOTA_PORT_ESP8266 8266u
#define UPDRAFT_ESPOTA_PORT_ESP32   3232u
#define UPDRAFT_ESPOTA_DATAGRAM_CAP 256u
#define UPDRAFT_ESPOTA_IDLE_MS      30000u /* without a byte the update is given up */
#define UPDRAFT_ESPOTA_SETTLE_MS    1000u  /* before and after the final OK */

enum updraft_espota_dialect { UPDRAFT_ESPOTA_ESP8266, UPDRAFT_ESPOTA_ESP32 };

/* Who sent a datagram; opaque to the engine (address and port as the platform keeps them). */
struct updraft_peer {
    uint8_t bytes[28];
    uint8_t len;
};

struct updraft_espota_config {
    struct updraft_update *update;
    enum updraft_espota_dialect dialect;
    const char *password;         /* NULL or "": none. Alive as long as the engine. */
    const char *data_partition;   /* label that command 100 (file system) writes; NULL: refused */
    void (*random)(void *ctx, uint8_t *out, size_t len); /* unpredictable; for nonces */
    void *random_ctx;
};

/* What the caller is to do with the TCP side; ask after every call. */
enum updraft_espota_wants {
    UPDRAFT_ESPOTA_WANTS_NOTHING,
    UPDRAFT_ESPOTA_WANTS_CONNECT, /* open TCP to peer's address, updraft_espota_port() */
    UPDRAFT_ESPOTA_WANTS_STREAM,  /* connection open: feed, drain */
    UPDRAFT_ESPOTA_WANTS_CLOSE,   /* drain, then close and call updraft_espota_closed() */
};

struct updraft_espota {
    struct updraft_espota_config config;
    uint8_t state;
    struct updraft_peer invited_by; /* the host to connect to */
    struct updraft_peer reply_to;
    uint16_t port;
    uint32_t size;
    uint8_t command;
    bool chosen; /* the update succeeded: restart when the connection is closed */
    uint8_t md5[UPDRAFT_MD5_LEN];
    char nonce[33];
    uint32_t received;
    uint32_t count; /* bytes to be acknowledged */
    uint64_t deadline_ms;
    uint16_t reply_len; /* datagram waiting to be sent */
    uint16_t out_len;   /* stream bytes waiting to be sent */
    uint16_t out_off;
    char reply[160];
    char out[224];
};

void updraft_espota_init(struct updraft_espota *espota, const struct updraft_espota_config *config);

/* A datagram came. What is no message of this protocol is ignored without an answer. */
void updraft_espota_datagram(struct updraft_espota *espota, const struct updraft_peer *from,
                             const uint8_t *data, size_t len, uint64_t now_ms);

/* Gives the datagram to send, if there is one: its length (at most out_cap), 0 when none. */
size_t updraft_espota_reply(struct updraft_espota *espota, struct updraft_peer *to, uint8_t *out,
                            size_t out_cap);

enum updraft_espota_wants updraft_espota_wants(const struct updraft_espota *espota);
uint16_t updraft_espota_port(const struct updraft_espota *espota);

void updraft_espota_connected(struct updraft_espota *espota, uint64_t now_ms);
void updraft_espota_connect_failed(struct updraft_espota *espota);

/* Stream bytes came; takes all of them. Each call queues one count to be drained. */
void updraft_espota_feed(struct updraft_espota *espota, const uint8_t *data, size_t len,
                         uint64_t now_ms);
/* Stream bytes to send: how many were given. */
size_t updraft_espota_drain(struct updraft_espota *espota, uint8_t *out, size_t out_cap);

/* The connection is gone, closed by either side. */
void updraft_espota_closed(struct updraft_espota *espota, uint64_t now_ms);

/* Time passes: timeouts, the pauses around the final OK. Call at least every 100 ms while busy. */
void updraft_espota_tick(struct updraft_espota *espota, uint64_t now_ms);

/* True once after a successful update whose connection is closed: restart now. */
bool updraft_espota_take_restart(struct updraft_espota *espota);

/* The MD5 scheme's answer: MD5hex(MD5hex(password) + ":" + nonce + ":" + cnonce). out: 33 bytes. */
void updraft_espota_response(const char *password, const char *nonce, const char *cnonce, char *out);

#endif
