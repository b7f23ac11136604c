/* Updraft's own way in, the device's side: format/direct.h shows the conversation.
 *
 * Owns: the protocol's state of one connection. No sockets: the platform tells when a host dialled
 * in, gives stream bytes with the time, takes what is to be sent, and closes when that is wanted.
 * It reads from the socket only as fast as updraft_direct_feed() returns; that is the flow control.
 * While one host is connected another one is turned away with E_BUSY.
 *
 * Memory: the struct. The key is computed once, from the password, by updraft_direct_key(), or kept
 * in its place. In flash: what the transaction keeps; after a drop, a restart or a power loss the
 * host dials in again and the transfer goes on behind the last byte that is known to be good. */
#ifndef UPDRAFT_DEVICE_PUSH_DIRECT_H
#define UPDRAFT_DEVICE_PUSH_DIRECT_H

#include "device/push/sign_in.h"
#include "device/update/update.h"
#include "format/direct.h"

#define UPDRAFT_DIRECT_GREETING_MS 20000u /* for BEGIN: a host may need a while for the key */
#define UPDRAFT_DIRECT_IDLE_MS     30000u /* without a byte the update is given up */
#define UPDRAFT_DIRECT_LINGER_MS   5000u  /* for the host to read the last word and close */

/* A greeting, a GO and the longest last word, for a host that talks before it reads. */
#define UPDRAFT_DIRECT_OUT_CAP (UPDRAFT_DIRECT_MESSAGE_CAP + 160u)

struct updraft_direct_config {
    struct updraft_update *update;
    bool has_password;
    uint8_t key[UPDRAFT_SHA256_LEN]; /* updraft_direct_key(); of no password where there is none */
    uint8_t salt[UPDRAFT_DIRECT_NONCE_LEN]; /* of the key; different on every device */
    uint32_t iterations;
    uint16_t chip_id;
    uint32_t capacity;   /* bytes the next slot holds; 0: not known */
    const char *name;    /* these three live as long as the engine */
    const char *product; /* "": not known */
    const char *version;
    void (*random)(void *ctx, uint8_t *out, size_t len); /* unpredictable; for nonces */
    void *random_ctx;
};

struct updraft_direct {
    struct updraft_direct_config config;
    struct updraft_direct_reader reader;
    struct updraft_direct_session session;
    uint8_t state;
    enum updraft_sign_in sign_in;
    bool chosen;           /* the update succeeded: restart when the connection is closed */
    bool restart;          /* ... which it is */
    uint32_t len;          /* bytes of the whole transfer */
    uint32_t received;     /* of them, those from before included */
    uint32_t told_written; /* what the last WRITTEN said */
    uint64_t deadline_ms;
    uint16_t out_len;
    uint16_t out_off;
    uint8_t out[UPDRAFT_DIRECT_OUT_CAP];
};

/* config is copied. */
void updraft_direct_init(struct updraft_direct *direct, const struct updraft_direct_config *config);

/* A host dialled in while none is connected; it is greeted. */
void updraft_direct_opened(struct updraft_direct *direct, uint64_t now_ms);
/* What to send to a host that dials in while another one is connected; then its connection is
 * closed. Returns the length. */
size_t updraft_direct_turn_away(uint8_t out[UPDRAFT_DIRECT_MESSAGE_CAP]);

/* Stream bytes came; takes all of them. Blocks for the flash: for one erase at most, at the end
 * while the slot is read back, and at the start of a transfer that goes on while what is there is
 * checked. */
void updraft_direct_feed(struct updraft_direct *direct, const uint8_t *data, size_t len,
                         uint64_t now_ms);
/* Stream bytes to send: how many were given. */
size_t updraft_direct_drain(struct updraft_direct *direct, uint8_t *out, size_t out_cap);
/* True when the platform is to close the connection, after draining. */
bool updraft_direct_wants_close(const struct updraft_direct *direct);

/* The connection is gone, closed by either side. */
void updraft_direct_closed(struct updraft_direct *direct);

/* Time passes. Call at least every 100 ms while a host is connected. */
void updraft_direct_tick(struct updraft_direct *direct, uint64_t now_ms);
/* The stream crawls: as if nothing had come for too long. */
void updraft_direct_timed_out(struct updraft_direct *direct, uint64_t now_ms);

/* What came of the newest proof, once. */
enum updraft_sign_in updraft_direct_take_sign_in(struct updraft_direct *direct);
/* True once after a successful update whose connection is closed: restart now. */
bool updraft_direct_take_restart(struct updraft_direct *direct);

#endif
