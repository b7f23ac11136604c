/* espota, the host's side, without sockets: what to send, what an answer means, when to give up.
 * The sequence is drawn in device/push/espota.h.
 *
 * Owns: the protocol's state and which way it failed.
 * Does not own: sockets, the file (it stays the caller's and must outlive the engine), the restart.
 *
 * Written for weak and for odd devices: one UDP socket for both datagrams (some answer to the port
 * of the first); invitations repeated, as UDP loses them; counts are not parsed (they split, glue and
 * repeat); OK is looked for in the gathered text, so that one glued to the last count is found.
 *
 * Faster than the stock hosts, which wait for the count of each chunk: AHEAD_LEN bytes may be under
 * way since the device last said anything. TCP's window is the flow control; this bound, four
 * segments as the window of small TCP stacks, is for devices that drain all that has come before they
 * count it: theirs must run dry now and then, or their application hears of no progress. */
#ifndef UPDRAFT_CLI_ESPOTA_HOST_H
#define UPDRAFT_CLI_ESPOTA_HOST_H

#include "format/espota_wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UPDRAFT_ESPOTA_HOST_CHUNK_LEN    1460u
#define UPDRAFT_ESPOTA_HOST_AHEAD_LEN    (4u * UPDRAFT_ESPOTA_HOST_CHUNK_LEN)
#define UPDRAFT_ESPOTA_HOST_DATAGRAM_CAP 192u
#define UPDRAFT_ESPOTA_HOST_INVITATIONS  10u
#define UPDRAFT_ESPOTA_HOST_REPEAT_MS    1000u

enum updraft_espota_host_state {
    UPDRAFT_ESPOTA_HOST_INVITING,  /* invitation sent, no answer yet */
    UPDRAFT_ESPOTA_HOST_PROVING,   /* the answer to the nonce is sent */
    UPDRAFT_ESPOTA_HOST_AWAITING,  /* accepted: the device is to connect */
    UPDRAFT_ESPOTA_HOST_STREAMING, /* the image goes out */
    UPDRAFT_ESPOTA_HOST_FINISHING, /* all sent, the verdict is awaited */
    UPDRAFT_ESPOTA_HOST_DONE,
    UPDRAFT_ESPOTA_HOST_FAILED,
};

enum updraft_espota_host_failure {
    UPDRAFT_ESPOTA_HOST_NO_FAILURE,
    UPDRAFT_ESPOTA_HOST_NO_ANSWER,      /* to any invitation */
    UPDRAFT_ESPOTA_HOST_NEEDS_PASSWORD, /* it asks for one, none is given */
    UPDRAFT_ESPOTA_HOST_WRONG_PASSWORD,
    UPDRAFT_ESPOTA_HOST_NO_PROOF_ANSWER, /* silence after the password */
    UPDRAFT_ESPOTA_HOST_ODD_ANSWER,      /* text: not this protocol */
    UPDRAFT_ESPOTA_HOST_REFUSED,         /* text: before the transfer */
    UPDRAFT_ESPOTA_HOST_NO_CALL_BACK,    /* accepted, but it did not connect; text: or could not */
    UPDRAFT_ESPOTA_HOST_CLOSED,          /* connection ended before all was sent */
    UPDRAFT_ESPOTA_HOST_STALLED,         /* it stopped answering */
    UPDRAFT_ESPOTA_HOST_ERROR_TEXT,      /* text: the device's own words */
    UPDRAFT_ESPOTA_HOST_NO_VERDICT,      /* all sent, but neither OK nor a reason */
};

struct updraft_espota_host_config {
    const uint8_t *image;
    uint32_t image_len;
    bool filesystem;      /* for the device's file system, not its application */
    uint16_t tcp_port;    /* where the host listens, already */
    const char *password; /* NULL or "": none */
    const char *name;     /* file name and device address as given: only mixed into the cnonce */
    const char *address;
    uint32_t invitations; /* 0: 10, one a second */
    uint32_t answer_ms;   /* patience for the password's answer and for the call back; 0: 10 s */
    uint32_t stream_ms;   /* for one chunk's answer; 0: 30 s */
    uint32_t verdict_ms;  /* for the verdict; 0: 60 s */
};

struct updraft_espota_host {
    struct updraft_espota_host_config config;
    enum updraft_espota_host_state state;
    enum updraft_espota_host_failure failure;
    char text[161];    /* what the device said, for failures that have words */
    uint32_t sent_len; /* image bytes handed out */
    char md5[33];
    char nonce[UPDRAFT_ESPOTA_DIGITS_CAP];
    char datagram[UPDRAFT_ESPOTA_HOST_DATAGRAM_CAP];
    uint8_t datagram_len; /* waiting to be sent; 0: none */
    uint8_t invitations;  /* sent so far */
    bool legacy_secret;   /* second attempt of the 64-digit scheme: MD5 of the password */
    uint32_t ahead_len;   /* handed out since the device last said anything */
    uint8_t text_len;     /* device words gathered behind the counts */
    uint64_t repeat_ms;
    uint64_t deadline_ms;
    uint64_t quiet_ms; /* words are complete when nothing follows until then; 0: no words yet */
};

void updraft_espota_host_init(struct updraft_espota_host *host,
                              const struct updraft_espota_host_config *config, uint64_t now_ms);

/* The datagram to send now: its length, 0 when there is none. */
size_t updraft_espota_host_take_datagram(struct updraft_espota_host *host, uint8_t *out,
                                         size_t out_cap);
/* A datagram of the device came. */
void updraft_espota_host_datagram(struct updraft_espota_host *host, const uint8_t *data, size_t len,
                                  uint64_t now_ms);

/* The device connected. Taken in any state before: its OK may have been lost. */
void updraft_espota_host_connected(struct updraft_espota_host *host, uint64_t now_ms);
/* The next image bytes to send: how many, from *data on; 0 when none may go out now. */
size_t updraft_espota_host_take_chunk(struct updraft_espota_host *host, const uint8_t **data,
                                      uint64_t now_ms);
/* Bytes came on the connection; it ended. */
void updraft_espota_host_feed(struct updraft_espota_host *host, const uint8_t *data, size_t len,
                              uint64_t now_ms);
void updraft_espota_host_closed(struct updraft_espota_host *host);

/* Time passes: repeats and time-outs. Call at least every 100 ms. */
void updraft_espota_host_tick(struct updraft_espota_host *host, uint64_t now_ms);

#endif
