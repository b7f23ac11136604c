/* Updraft's own way in, the host's side, without sockets: what to send, what an answer means, when to
 * give up. The conversation is drawn in format/direct.h.
 *
 * Owns: one connection's state, and the proof that the device knows the password, too: a success that
 * anyone else reports is none. Does not own: sockets, dialling in again after a drop (the platform
 * starts the engine anew and the device says where to go on), the file, which must outlive it. */
#ifndef UPDRAFT_CLI_DIRECT_HOST_H
#define UPDRAFT_CLI_DIRECT_HOST_H

#include "format/direct.h"

enum updraft_direct_host_state {
    UPDRAFT_DIRECT_HOST_GREETING,  /* HELLO is awaited */
    UPDRAFT_DIRECT_HOST_ASKING,    /* BEGIN is said, GO is awaited */
    UPDRAFT_DIRECT_HOST_STREAMING, /* the image goes out */
    UPDRAFT_DIRECT_HOST_FINISHING, /* all sent, the verdict is awaited */
    UPDRAFT_DIRECT_HOST_DONE,
    UPDRAFT_DIRECT_HOST_FAILED,
};

enum updraft_direct_host_failure {
    UPDRAFT_DIRECT_HOST_NO_FAILURE,
    UPDRAFT_DIRECT_HOST_ODD_ANSWER,     /* not this protocol */
    UPDRAFT_DIRECT_HOST_NEEDS_PASSWORD, /* it asks for one, none is given */
    UPDRAFT_DIRECT_HOST_REFUSED,        /* see refused; code E_AUTH: wrong password */
    UPDRAFT_DIRECT_HOST_IMPOSTOR, /* its proof is wrong: not the device that has the password */
    UPDRAFT_DIRECT_HOST_CLOSED,   /* the connection ended before the verdict */
    UPDRAFT_DIRECT_HOST_STALLED,  /* nothing came for too long */
};

struct updraft_direct_host_config {
    const uint8_t *image;
    uint32_t image_len;
    const char *password;  /* NULL or "": none */
    const char *partition; /* data partition to write; NULL: an application */
    bool force;
    bool from_zero;      /* do not go on where an earlier transfer broke off */
    uint32_t answer_ms;  /* patience for HELLO and GO; 0: 15 s */
    uint32_t stall_ms;   /* without a byte taken or told while streaming; 0: 45 s */
    uint32_t verdict_ms; /* for the verdict; 0: 60 s */
    uint8_t nonce[UPDRAFT_DIRECT_NONCE_LEN]; /* unpredictable; new for each connection */
};

struct updraft_direct_host {
    struct updraft_direct_host_config config;
    enum updraft_direct_host_state state;
    enum updraft_direct_host_failure failure;
    struct updraft_direct_hello hello;     /* once it has come */
    struct updraft_direct_refused refused; /* of REFUSED */
    char slot[UPDRAFT_DIRECT_LABEL_CAP];   /* where the image went, of DONE */
    bool went;                             /* the device said GO */
    uint32_t resumed_off;                  /* where it said to go on */
    uint32_t sent_off;                     /* image bytes handed out so far, up to here */
    uint32_t written;                      /* of which the device says that they are in flash */
    struct updraft_direct_session session;
    struct updraft_direct_reader reader;
    uint64_t deadline_ms;
    uint16_t out_len;
    uint8_t out[UPDRAFT_DIRECT_MESSAGE_CAP];
};

/* config is copied. The connection is open. */
void updraft_direct_host_init(struct updraft_direct_host *host,
                              const struct updraft_direct_host_config *config, uint64_t now_ms);

/* What to send next: how many bytes, from *data on; 0 when nothing may go out now. The caller says
 * with updraft_direct_host_sent() how many the connection took. */
size_t updraft_direct_host_next(const struct updraft_direct_host *host, const uint8_t **data);
void updraft_direct_host_sent(struct updraft_direct_host *host, size_t len, uint64_t now_ms);

/* Bytes came. Computing the key of the password takes its time in here, once. */
void updraft_direct_host_feed(struct updraft_direct_host *host, const uint8_t *data, size_t len,
                              uint64_t now_ms);
/* The connection ended. */
void updraft_direct_host_closed(struct updraft_direct_host *host);
/* Time passes. Call at least every 100 ms. */
void updraft_direct_host_tick(struct updraft_direct_host *host, uint64_t now_ms);

#endif
