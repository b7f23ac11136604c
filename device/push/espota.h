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
 * for a password; while an update runs another one gets "ERR: ..." and the first is not disturbed,
 * but the same one, sent again because our answer was lost, gets its OK again.
 *
 * The transaction begins before the OK, in both dialects: the stock ESP32 says OK first and leaves
 * its host with "No response from device" when the image cannot be taken, though both stock hosts
 * show any other answer to the user. The final OK travels alone: a second after the last count, and
 * the connection stays open a second longer, because stock hosts read it in one recv.
 *
 * How a failure in the stream is told, so that each stock host ends, and ends with exit code 1:
 *   ESP8266  the rest of the image is counted and thrown away, then the line comes alone. Hosts from
 *            2.7.0 on look for an E and show it. Those before take any O for success, hence "Error"
 *            and no upper-case O, and would read the closed connection for ever, hence a last byte
 *            that is no UTF-8, at which they give up.
 *   ESP32    at once, in place of the count, led by that same byte. The current host calls whatever
 *            it reads behind the last count a success, so it must stumble before.
 *
 * Memory: the struct, no pointers into itself. In flash: what the transaction keeps, nothing more.
 * Source: ArduinoOTA.cpp and espota.py of the ESP8266 and ESP32 cores. */
#ifndef UPDRAFT_DEVICE_PUSH_ESPOTA_H
#define UPDRAFT_DEVICE_PUSH_ESPOTA_H

#include "device/push/sign_in.h"
#include "device/push/stock.h"
#include "device/update/update.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UPDRAFT_ESPOTA_PORT_ESP8266 8266u
#define UPDRAFT_ESPOTA_PORT_ESP32   3232u
#define UPDRAFT_ESPOTA_DATAGRAM_CAP 256u
#define UPDRAFT_ESPOTA_IDLE_MS      30000u /* without a byte the update is given up */
#define UPDRAFT_ESPOTA_CONNECT_MS   12000u /* stock hosts wait 10 s for the connection */
#define UPDRAFT_ESPOTA_SETTLE_MS    1000u  /* before and after the final OK */
#define UPDRAFT_ESPOTA_NONCE_CAP    33u    /* 32 hex digits and NUL */

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
    const char *password;       /* NULL or "": none. Alive as long as the engine. */
    const char *data_partition; /* label that command 100 (file system) writes; NULL: refused */
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
    struct updraft_peer accepted; /* where the OK went: with a password not always the same port */
    struct updraft_peer reply_to;
    struct updraft_failure failure; /* why the running update failed */
    uint16_t port;
    uint32_t size;
    uint8_t command;
    enum updraft_sign_in sign_in;
    bool chosen;  /* the update succeeded: restart when the connection is closed */
    bool restart; /* ... which it is */
    uint8_t md5[UPDRAFT_MD5_LEN];
    char nonce[UPDRAFT_ESPOTA_NONCE_CAP];
    uint32_t received;
    uint32_t count;       /* bytes to be acknowledged for which `out` had no room */
    uint64_t deadline_ms; /* when the state ends by itself */
    uint64_t give_up_ms;  /* when the host is not waited for any longer, whatever it does */
    uint16_t reply_len;   /* datagram waiting to be sent */
    uint16_t out_len;     /* stream bytes waiting to be sent */
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

/* Stream bytes came; takes all of them. Each call queues one count to be drained; what comes behind
 * the announced size is ignored, as by stock devices. Blocks while the finished slot is read back.
 */
void updraft_espota_feed(struct updraft_espota *espota, const uint8_t *data, size_t len,
                         uint64_t now_ms);
/* Stream bytes to send: how many were given. */
size_t updraft_espota_drain(struct updraft_espota *espota, uint8_t *out, size_t out_cap);

/* The connection is gone, closed by either side. */
void updraft_espota_closed(struct updraft_espota *espota, uint64_t now_ms);

/* Time passes: timeouts, the pauses around the final OK. Call at least every 100 ms while busy. */
void updraft_espota_tick(struct updraft_espota *espota, uint64_t now_ms);

/* The stream crawls: as if nothing had come for too long. */
void updraft_espota_timed_out(struct updraft_espota *espota, uint64_t now_ms);

/* What came of the newest password, once. */
enum updraft_sign_in updraft_espota_take_sign_in(struct updraft_espota *espota);

/* True once after a successful update whose connection is closed: restart now. */
bool updraft_espota_take_restart(struct updraft_espota *espota);

/* The MD5 scheme's answer: MD5hex(MD5hex(password) + ":" + nonce + ":" + cnonce). */
void updraft_espota_response(const char *password, const char *nonce, const char *cnonce,
                             char out[UPDRAFT_ESPOTA_NONCE_CAP]);

#endif
