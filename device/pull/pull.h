/* Pulling an update over HTTP: what to ask for, what the answer means. No sockets: the engine names
 * the request, the platform's HTTP client performs it and gives status, headers and body.
 *
 *   PLAIN     GET url, the body is the image
 *   HEADERS   GET url with the x-ESP8266- or x-ESP32- headers: 304 nothing new, 200 the image, x-MD5
 *   CHANNEL   GET descriptor url, compare its version with ours, then GET the path it names
 *   CHECK     POST what runs here to url, then GET what the answer offers (device/pull/pull_check.c)
 *
 * When to ask is left to device/pull/patience.h. 429 and 503 are E_SERVER_BUSY, and Retry-After is
 * kept; any other 4xx but 404 is not tried again before the longest wait. An image that the device
 * already runs is "up to date", not a failure. From https a channel never leads to http.
 *
 * An image that was broken off is gone on with: when the answer names the same bytes as before (the same
 * strong ETag, length and address, or the same x-MD5), its body is cut off, and the rest is asked for
 * with Range and If-Range. A server that sends all of it instead is taken at its word, from the start.
 *
 * Does not own: redirects, TLS, time-outs of the transport, the restart. Memory: the struct. In
 * flash: what the transaction keeps, nothing more; after a power loss the next check goes on with what
 * that knows.
 * Sources: ESP8266httpUpdate.cpp, HTTPUpdate.cpp, ota.c of esp32-evse. */
#ifndef UPDRAFT_DEVICE_PULL_PULL_H
#define UPDRAFT_DEVICE_PULL_PULL_H

#include "device/pull/patience.h"
#include "device/update/update.h"
#include "format/check.h"
#include "format/descriptor.h"

enum updraft_pull_way {
    UPDRAFT_PULL_PLAIN,
    UPDRAFT_PULL_HEADERS_ESP8266,
    UPDRAFT_PULL_HEADERS_ESP32,
    UPDRAFT_PULL_CHANNEL,
    UPDRAFT_PULL_CHECK,
};

/* What the headers say of this device. All text alive as long as the engine. */
struct updraft_pull_identity {
    const char *mac;     /* "AA:BB:CC:DD:EE:FF"; goes out as that of the access point, too */
    const char *version; /* running; "" leaves the header out */
    const char *sdk_version;
    uint32_t chip_serial; /* ESP8266 chip id */
    uint32_t free_space;  /* bytes an image may have */
    uint32_t sketch_len;
    uint32_t flash_len;
    const char *sketch_md5;    /* 32 hex or NULL */
    const char *sketch_sha256; /* 64 hex or NULL */
};

/* Updraft's own check-in. Optional: who does not name it links none of it. */
extern const struct updraft_pull_check_in updraft_pull_check_in;

struct updraft_pull_config {
    struct updraft_update *update;
    enum updraft_pull_way way;
    const char *url;
    struct updraft_pull_identity identity; /* HEADERS; CHANNEL needs the version */
    /* CHECK: &updraft_pull_check_in, and what there is to say. That may change between checks; its end and
     * postponed are the engine's. */
    const struct updraft_pull_check_in *check_in;
    const struct updraft_check_ask *ask;
    uint32_t interval_s; /* between checks; 0: only when asked. CHECK: until the server says one */
    uint32_t backoff_cap_s; /* failures double the wait up to this; 0: 3600 */
    void (*random)(void *ctx, uint8_t *out, size_t len); /* for jitter */
    void *random_ctx;
};

#define UPDRAFT_PULL_URL_CAP     256u
#define UPDRAFT_PULL_HEADERS_CAP 768u
#define UPDRAFT_PULL_ETAG_CAP    96u

/* A request to perform. */
struct updraft_pull_fetch {
    char url[UPDRAFT_PULL_URL_CAP];
    char headers[UPDRAFT_PULL_HEADERS_CAP]; /* lines "Name: value\n"; may be empty */
    const char *body; /* POST this JSON, valid until the answer begins; NULL: GET */
    size_t body_len;
    bool http_1_0;
};

enum updraft_pull_outcome {
    UPDRAFT_PULL_NONE,       /* nothing ended since last asked */
    UPDRAFT_PULL_UP_TO_DATE, /* the server has nothing newer */
    UPDRAFT_PULL_UPDATED,    /* the new image is chosen: restart */
    UPDRAFT_PULL_FAILED,     /* see failure */
    /* There is an update, and the application does not allow it now: see failure. The server was told
     * or will be with the next check. CHECK alone. */
    UPDRAFT_PULL_POSTPONED,
};

struct updraft_pull {
    struct updraft_pull_config config;
    uint8_t state;
    struct updraft_patience patience;
    uint32_t fresh_s; /* the answer to this check holds so long; 0: not said */
    uint32_t wait_s;  /* the next check comes then; 0: not said */
    enum updraft_pull_outcome outcome;
    struct updraft_failure failure;
    uint64_t next_ms;
    union {
        struct updraft_descriptor descriptor; /* CHANNEL: offered version and path */
        struct updraft_check_answer answer;   /* CHECK: of this check */
    };
    struct updraft_check_end end;     /* CHECK: to be told; target "": nothing */
    struct updraft_failure postponed; /* CHECK: why nothing may begin now; OK: it may */
    uint16_t json_len;
    bool begun; /* this check holds the transaction */
    uint8_t md5[UPDRAFT_MD5_LEN];
    bool has_md5;
    bool asks_range;                  /* the request that is due or out asks for the rest only */
    bool from_zero;                   /* in this check the server could not go on */
    uint32_t image_len;               /* of the image that was begun */
    char etag[UPDRAFT_PULL_ETAG_CAP]; /* with its quotes; "": none that could be gone on with */
    char json[UPDRAFT_DESCRIPTOR_LEN_CAP];
};

_Static_assert(UPDRAFT_CHECK_LEN_CAP <= UPDRAFT_DESCRIPTOR_LEN_CAP, "both fit json");

struct updraft_pull_check_in {
    /* Fills the body. False: it does not fit. */
    bool (*ask)(struct updraft_pull *pull, struct updraft_pull_fetch *fetch);
    /* Reads the answer. NONE: the image is to be fetched. */
    enum updraft_pull_outcome (*answer)(struct updraft_pull *pull);
    /* The outcome of the check is known. */
    void (*conclude)(struct updraft_pull *pull);
};

/* CHECK: how an update ended of which the engine does not know, as a roll back that the boot stage made.
 * It goes along with the next check that is answered. */
void updraft_pull_tell_end(struct updraft_pull *pull, const struct updraft_check_end *end);

/* The first check is due at once. */
void updraft_pull_init(struct updraft_pull *pull, const struct updraft_pull_config *config,
                       uint64_t now_ms);

/* The next check is due at now_ms. */
void updraft_pull_now(struct updraft_pull *pull, uint64_t now_ms);
/* When updraft_pull_wants() is worth asking: when the next check is due; 0 when a check that runs
 * has its next request ready; UINT64_MAX while it waits for an answer or none is scheduled. */
uint64_t updraft_pull_due_ms(const struct updraft_pull *pull);

/* A channel or a check-in named another image, whose request is wanted next. */
bool updraft_pull_has_offer(const struct updraft_pull *pull);

/* The transaction has begun and waits for a request that is due: not a new check, so nothing that holds
 * checks back applies. */
bool updraft_pull_goes_on(const struct updraft_pull *pull);

/* True when a request is to be performed now; fills *fetch. Every true must be answered with
 * updraft_pull_response() or updraft_pull_end(). */
bool updraft_pull_wants(struct updraft_pull *pull, uint64_t now_ms,
                        struct updraft_pull_fetch *fetch);

/* Status and headers of an answer. A header that did not come is NULL. */
struct updraft_pull_answer {
    uint16_t status;
    int64_t content_len;       /* -1: not given */
    const char *md5;           /* x-MD5; honoured in every way of pulling */
    const char *etag;          /* ETag */
    const char *content_range; /* Content-Range */
    const char *cache_control; /* Cache-Control; max-age is honoured as an interval */
    uint32_t retry_after_s;    /* Retry-After, a date already made into seconds; 0: not given */
};

/* Begins the transaction. False: no body is wanted, cut it off (then still call updraft_pull_end). */
bool updraft_pull_response(struct updraft_pull *pull, const struct updraft_pull_answer *answer);

/* Body bytes. False: stop, cut the connection, call updraft_pull_end. */
bool updraft_pull_body(struct updraft_pull *pull, const uint8_t *data, size_t len);

/* The request is over. transport: UPDRAFT_OK, or E_CONNECT, E_DISCONNECTED, E_TIMEOUT, E_ABORTED, E_PROTOCOL;
 * it does not count when the engine itself said stop. Ends the transaction, which blocks while the
 * slot is read back. For CHANNEL and CHECK another request may be wanted now. */
void updraft_pull_end(struct updraft_pull *pull, enum updraft_error transport, uint64_t now_ms);

/* The same where the client knows more of what went wrong than a code says. */
void updraft_pull_break(struct updraft_pull *pull, const struct updraft_failure *why,
                        uint64_t now_ms);

/* The outcome of the last check, once. */
enum updraft_pull_outcome updraft_pull_take_outcome(struct updraft_pull *pull);

#endif
