/* ESPHome's native update protocol, the host's side, without sockets: what to send, what an answer
 * means, when to give up. The sequence is drawn in device/push/esphome.h.
 *
 * Owns: the protocol's state and the password's arithmetic. Does not own: the socket, the image (it
 * stays the caller's and must outlive the engine), the words for a failure, the restart.
 *
 * Both versions of the protocol, both password schemes. One block is on its way at a time: a device
 * that refuses in the middle closes over unread bytes, and its reason would be lost with them. */
#ifndef UPDRAFT_CLI_ESPHOME_HOST_H
#define UPDRAFT_CLI_ESPHOME_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UPDRAFT_ESPHOME_HOST_WORDS_CAP 200u

enum updraft_esphome_host_state {
    UPDRAFT_ESPHOME_HOST_GREETING,   /* the magic is out */
    UPDRAFT_ESPHOME_HOST_OFFERING,   /* ... and what we can */
    UPDRAFT_ESPHOME_HOST_ASKING,     /* does it want a password? */
    UPDRAFT_ESPHOME_HOST_CHALLENGED, /* it does: the nonce comes */
    UPDRAFT_ESPHOME_HOST_PROVING,
    UPDRAFT_ESPHOME_HOST_PREPARING,  /* it knows the size */
    UPDRAFT_ESPHOME_HOST_ANNOUNCING, /* ... and the MD5 */
    UPDRAFT_ESPHOME_HOST_STREAMING,
    UPDRAFT_ESPHOME_HOST_FINISHING,   /* all was sent: does it have all? */
    UPDRAFT_ESPHOME_HOST_VERIFYING,   /* it does: is it good? */
    UPDRAFT_ESPHOME_HOST_COMPLAINING, /* it said no: its words follow, or not */
    UPDRAFT_ESPHOME_HOST_DONE,
    UPDRAFT_ESPHOME_HOST_FAILED,
};

enum updraft_esphome_host_failure {
    UPDRAFT_ESPHOME_HOST_NO_FAILURE,
    UPDRAFT_ESPHOME_HOST_SILENT,         /* not a byte came */
    UPDRAFT_ESPHOME_HOST_ODD_ANSWER,     /* `byte` is none of this protocol's answers here */
    UPDRAFT_ESPHOME_HOST_ODD_VERSION,    /* `byte` is a version we do not know */
    UPDRAFT_ESPHOME_HOST_NEEDS_PASSWORD, /* it asks for one, none is given */
    UPDRAFT_ESPHOME_HOST_REFUSED,        /* `byte`, and perhaps `words` */
    UPDRAFT_ESPHOME_HOST_CLOSED,         /* connection ended before all was sent */
    UPDRAFT_ESPHOME_HOST_STALLED,        /* it stopped answering */
    UPDRAFT_ESPHOME_HOST_NO_VERDICT,     /* all sent, but neither yes nor no */
};

struct updraft_esphome_host_config {
    const uint8_t *image;
    uint32_t image_len;
    const uint8_t *packed; /* the same by gzip, for devices that ask for it; NULL: not offered */
    uint32_t packed_len;
    const char *password;  /* NULL or "": none */
    const uint8_t *random; /* 32 unpredictable bytes; with a password only */
    uint32_t answer_ms;    /* patience for an answer of the handshake; 0: 20 s */
    uint32_t stream_ms;    /* for one block, and for preparing the flash; 0: 90 s */
    uint32_t verdict_ms;   /* 0: 90 s */
};

struct updraft_esphome_host {
    struct updraft_esphome_host_config config;
    enum updraft_esphome_host_state state;
    enum updraft_esphome_host_state refused_in;
    enum updraft_esphome_host_failure failure;
    uint8_t byte;
    char words[UPDRAFT_ESPHOME_HOST_WORDS_CAP];
    uint8_t words_len;
    uint8_t version; /* of the protocol, 0: not known yet */
    bool is_packed;
    bool may_send;
    uint32_t sending_len; /* of image or packed */
    uint32_t sent_len;    /* handed out */
    uint32_t acked_len;   /* of it, with version 1 the same */
    char nonce[65];
    uint8_t nonce_len; /* of them come */
    uint8_t digits;    /* 32 or 64 */
    uint8_t out[176];  /* all that is ever sent but the image: 171 bytes */
    uint8_t out_len;
    uint64_t deadline_ms;
};

/* The connection is open. */
void updraft_esphome_host_init(struct updraft_esphome_host *host,
                               const struct updraft_esphome_host_config *config, uint64_t now_ms);

/* The next bytes to send: how many, from *data on; 0 when none may go out now. They stay where they
 * are until the next call. */
size_t updraft_esphome_host_take(struct updraft_esphome_host *host, const uint8_t **data,
                                 uint64_t now_ms);
void updraft_esphome_host_feed(struct updraft_esphome_host *host, const uint8_t *data, size_t len,
                               uint64_t now_ms);
void updraft_esphome_host_closed(struct updraft_esphome_host *host);
/* Time passes. Call at least every 100 ms. */
void updraft_esphome_host_tick(struct updraft_esphome_host *host, uint64_t now_ms);

#endif
