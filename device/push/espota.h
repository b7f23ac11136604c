/* espota, the device's side: a UDP invitation, a TCP connection back to the host, raw bytes.
 *
 *   host                                     device
 *    | UDP  0 45678 3072 <md5>\n ------------> |
 *    | <------------------- AUTH <nonce>  UDP  |  when a password is set
 *    | UDP  200 <cnonce> <response>\n -------> |
 *    | <------------------------- OK      UDP  |  after the transaction began (or ERR: ...)
 *    | <============== TCP connect =========== |
 *    | image bytes ==========================> |  every read answered with its count in decimal
 *    | <================ "OK" or Error[n]: ... |
 *
 * Owns: the protocol's state. No sockets: datagrams and stream bytes come in with the time, and the
 * engine says what it wants next. One update at a time; both dialects of the stock devices.
 * Every reply goes to the address its datagram came from. A new invitation is taken while waiting
 * for a password, unless another host has been asked for one just now; while an update runs another
 * one gets "ERR: ..." and the first is not disturbed, but the same one, sent again because our
 * answer was lost, gets its OK again.
 *
 * Passwords: one nonce serves every host. It has 64 digits, which asks for the SHA-256 scheme; hosts
 * that know only MD5 use all of them (ESP8266) or the first 32 (ESP32), and both are taken unless
 * MD5 is refused. A host that sends its invitation again gets the first 32 alone: an old ESP32 host
 * on Windows cannot read a datagram longer than it expects. The key derivation of the SHA-256 scheme
 * goes on in steps, in updraft_espota_tick(). Responses are compared in constant time, and a nonce
 * is good for one attempt.
 *
 * The transaction begins before the OK, in both dialects: the stock ESP32 says OK first and leaves
 * its host with "No response from device" when the image cannot be taken, though both stock hosts
 * show any other answer to the user.
 *
 * Counts do not wait for the flash: updraft_espota_acknowledge() what was taken off the connection,
 * send the count, then feed the bytes. While the flash is busy the next ones travel, and wait where
 * TCP keeps them; its window is the flow control. Only the last chunk is different, because the
 * verdict must find its host in the right place:
 *   ESP8266  the last count goes out at once. OK follows it by UPDRAFT_ESPOTA_SETTLE_MS, because
 *            hosts from 2.7.0 on overlook an OK in the same read as a count.
 *   ESP32    hosts take an OK in place of the last count, and so get it there. The current one calls
 *            whatever it reads behind the last count a success, so it must not get that count first:
 *            counts within its last chunk of UPDRAFT_ESPOTA_ESP32_CHUNK_LEN are held back.
 * The last word, OK or why not, is said again every UPDRAFT_ESPOTA_AGAIN_MS until the host closes:
 * one that has overlooked it, however the network glued it together, finds the next. Stock hosts
 * close as soon as they know.
 *
 * How a failure in the stream is told, so that each stock host ends, and ends with exit code 1:
 *   ESP8266  the rest of the image is counted and thrown away, then the line comes alone. Hosts from
 *            2.7.0 on look for an E and show it. Those before take any O for success, hence "Error"
 *            and no upper-case O, and would read the closed connection for ever, hence a last byte
 *            that is no UTF-8, at which they give up.
 *   ESP32    at once, in place of the count, led by that same byte, at which the host gives up.
 *
 * Memory: the struct, no pointers into itself. In flash: what the transaction keeps, nothing more.
 * Source: ArduinoOTA.cpp and espota.py of the ESP8266 and ESP32 cores. */
#ifndef UPDRAFT_DEVICE_PUSH_ESPOTA_H
#define UPDRAFT_DEVICE_PUSH_ESPOTA_H

#include "device/push/espota_claim.h"
#include "device/push/sign_in.h"
#include "device/push/stock.h"
#include "device/update/update.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UPDRAFT_ESPOTA_DATAGRAM_CAP    256u
#define UPDRAFT_ESPOTA_IDLE_MS         30000u /* without a byte the update is given up */
#define UPDRAFT_ESPOTA_CONNECT_MS      12000u /* stock hosts wait 10 s for the connection */
#define UPDRAFT_ESPOTA_TURN_MS         3000u  /* for one host to answer before another may ask */
#define UPDRAFT_ESPOTA_SETTLE_MS       50u    /* between the last count and the last word */
#define UPDRAFT_ESPOTA_AGAIN_MS        500u   /* until the last word is said again */
#define UPDRAFT_ESPOTA_LINGER_MS       2500u  /* for the host to close after it */
#define UPDRAFT_ESPOTA_NUDGE_MS        200u   /* a held count goes out when nothing more comes */
#define UPDRAFT_ESPOTA_ESP32_CHUNK_LEN 1024u  /* what its stock hosts send before they wait */
#define UPDRAFT_ESPOTA_STEP            500u   /* iterations of the key derivation in one tick */

/* Which stock device the texts of failures are those of. */
enum updraft_espota_dialect {
    UPDRAFT_ESPOTA_ESP8266 = UPDRAFT_STOCK_ESP8266,
    UPDRAFT_ESPOTA_ESP32 = UPDRAFT_STOCK_ESP32,
};

/* Who sent a datagram; opaque to the engine (address and port as the platform keeps them). */
struct updraft_peer {
    uint8_t bytes[28];
    uint8_t len;
};

struct updraft_espota_config {
    struct updraft_update *update;
    enum updraft_espota_dialect dialect;
    struct updraft_espota_password password; /* what it points to: alive as long as the engine */
    const char *data_partition; /* label that command 100 (file system) writes; NULL: refused */
    void (*random)(void *ctx, uint8_t *out, size_t len); /* unpredictable; for nonces */
    void *random_ctx;
};

/* What the caller is to do with the TCP side; ask after every call. */
enum updraft_espota_wants {
    UPDRAFT_ESPOTA_WANTS_NOTHING,
    UPDRAFT_ESPOTA_WANTS_TICK,    /* there is work: call updraft_espota_tick() again soon */
    UPDRAFT_ESPOTA_WANTS_CONNECT, /* open TCP to peer's address, updraft_espota_port() */
    UPDRAFT_ESPOTA_WANTS_STREAM,  /* connection open: feed, drain */
    UPDRAFT_ESPOTA_WANTS_CLOSE,   /* drain, then close and call updraft_espota_closed() */
};

struct updraft_espota {
    struct updraft_espota_config config;
    uint8_t state;
    struct updraft_peer invited_by; /* the host to connect to */
    struct updraft_peer accepted; /* where the OK went: with a password not always the same port */
    struct updraft_peer reply_to;
    struct updraft_failure failure; /* why the running update failed */
    struct updraft_espota_invitation invitation;
    struct updraft_espota_claim claim;
    enum updraft_sign_in sign_in;
    bool chosen;  /* the update succeeded: restart when the connection is closed */
    bool restart; /* ... which it is */
    char nonce[UPDRAFT_ESPOTA_DIGITS_CAP];
    uint32_t received;     /* bytes fed */
    uint32_t acknowledged; /* bytes counted: those, and what is being fed */
    uint32_t count;        /* ... whose count is not in `out` yet: held back, or no room */
    uint64_t deadline_ms;  /* when the state ends by itself; 0: not known yet */
    uint64_t next_ms;      /* when a held count goes out, the last word is said again, or another
                              host may ask */
    uint64_t give_up_ms;   /* when the host is not waited for any longer, whatever it does */
    uint16_t reply_len;    /* datagram waiting to be sent */
    uint16_t out_len;      /* stream bytes waiting to be sent */
    uint16_t out_off;
    char reply[160];
    char out[224];
};

/* config is copied; what it points to must live as long as the engine. random is needed with a
 * password only. */
void updraft_espota_init(struct updraft_espota *espota, const struct updraft_espota_config *config);

/* A datagram came. What is no message of this protocol is ignored without an answer. */
void updraft_espota_datagram(struct updraft_espota *espota, const struct updraft_peer *from,
                             const uint8_t *data, size_t len, uint64_t now_ms);

/* Gives the datagram to send, if there is one: its length (at most out_cap), 0 when none. */
size_t updraft_espota_reply(struct updraft_espota *espota, struct updraft_peer *to, uint8_t *out,
                            size_t out_cap);

enum updraft_espota_wants updraft_espota_wants(const struct updraft_espota *espota);
/* The TCP port of the host; valid while a connection is wanted. */
uint16_t updraft_espota_port(const struct updraft_espota *espota);

/* One of the two, once for each connection that was wanted. A connection that comes too late is
 * taken over to be closed. */
void updraft_espota_connected(struct updraft_espota *espota, uint64_t now_ms);
void updraft_espota_connect_failed(struct updraft_espota *espota);

/* So many stream bytes were taken off the connection: queues their count. Drain and send it, then
 * feed them. Without this call feeding them does it. */
void updraft_espota_acknowledge(struct updraft_espota *espota, size_t len, uint64_t now_ms);
/* Takes the bytes, all of them; what comes behind the announced size is ignored, as by stock
 * devices. Blocks for the flash, and at the end for reading the finished slot back. */
void updraft_espota_feed(struct updraft_espota *espota, const uint8_t *data, size_t len,
                         uint64_t now_ms);
/* Stream bytes to send: how many were given. */
size_t updraft_espota_drain(struct updraft_espota *espota, uint8_t *out, size_t out_cap);

/* The connection is gone, closed by either side. */
void updraft_espota_closed(struct updraft_espota *espota, uint64_t now_ms);

/* Time passes: timeouts, the pauses around the last word, a step of the key derivation. Call at least
 * every 100 ms while busy. */
void updraft_espota_tick(struct updraft_espota *espota, uint64_t now_ms);

/* The stream crawls: as if nothing had come for too long. */
void updraft_espota_timed_out(struct updraft_espota *espota, uint64_t now_ms);

/* What came of the newest password, once. */
enum updraft_sign_in updraft_espota_take_sign_in(struct updraft_espota *espota);

/* True once after a successful update whose connection is closed: restart now. */
bool updraft_espota_take_restart(struct updraft_espota *espota);

#endif
