/* Updates over HTTP, the device's side: browser forms and the raw body. The platform's HTTP server
 * parses the request line and headers and gives bodies in pieces; this engine routes, checks, feeds
 * the transaction and words the answer.
 *
 *   POST /update                  multipart form (field firmware or filesystem), or the raw image
 *   GET  /update/identity         ElegantOTA 2: {"id": "...", "hardware": "ESP32"}
 *   GET  /update/resume           how much of an image is there: device/push/web_resume.h
 *   GET  /update/update           ElegantOTA's PlatformIO helper asks there whether a password is
 *                                 needed: 401 without it, otherwise not ours
 *   GET  /ota/start               ElegantOTA 3, first half: device/push/web_start.h
 *   POST /ota/upload              its second half: a form with one file
 *   POST /api/v1/firmware/upload  raw image, as esp32-evse: 200 OK, 521, 522, 523
 *   POST /api/v1/firmware/forget  takes back what the device refuses because it failed before
 *   GET  /status                  what the device is and does, JSON
 *
 * GET /update is the page; the platform serves it. Nothing here changes state on a GET.
 *
 * Guards, before anything is begun: Host and Origin (device/push/web_origin.h), and the password
 * when there is one (device/push/web_auth.h).
 *
 * The answer fits who asks. A form gets the words of ESP8266HTTPUpdateServer: always 200, the body
 * says "Update Success!" or "Update error: ...". A form with a field MD5, which only ElegantOTA
 * sends, gets its words: 200 OK, or 400 and the error; and the digest is checked. A raw body gets a
 * status of its own and JSON:
 *   200  chosen, the device restarts        409  another update runs, the running image is on trial,
 *   400  bad image, wrong chip, digest           or it is this very one
 *        or length                          411  no Content-Length
 *   401  wrong password                     413  too large
 *   403  updates are off, another origin,   415  that type is no image
 *        or a foreign name                  416  the device has less of it than was told
 *   405  wrong method                       500  flash
 *                                           503  the guard says no
 *   {"ok":true,"version":"1.1.0","slot":"ota_1"} or
 *   {"error":{"code":54,"name":"too_large","text":"...","remedy":"..."}}
 * Where it is known when what was refused may be taken, every answer has Retry-After, and the JSON
 * "retry_after_s".
 *
 * Owns: the conversation about one upload at a time. Memory: the struct. In flash: what the
 * transaction keeps, nothing more.
 * Sources: ESP8266HTTPUpdateServer-impl.h, HTTPUpdateServer.h, ElegantOTA.cpp 2.2.9 and 3.1.7,
 * http_rest.c of esp32-evse. */
#ifndef UPDRAFT_DEVICE_PUSH_WEB_H
#define UPDRAFT_DEVICE_PUSH_WEB_H

#include "device/push/multipart.h"
#include "device/push/sign_in.h"
#include "device/push/web_auth.h"
#include "device/push/web_start.h"
#include "device/update/update.h"

struct updraft_web_config {
    struct updraft_update *update;
    const char *password;       /* NULL or "": none */
    const char *data_partition; /* label that a file system goes to; NULL: refused */
    const char *name;     /* under which the device may be called beside *.local; NULL: none */
    const char *id;       /* for /update/identity; NULL: the name */
    const char *hardware; /* "ESP8266" or "ESP32"; NULL: the latter */
    /* Writes the JSON of GET /status, NUL-terminated, cut to cap. The engine calls it last. */
    void (*status_json)(void *ctx, char *out, size_t cap);
    void (*random)(void *ctx, uint8_t *out, size_t len); /* unpredictable; needed with a password */
    /* Takes back what the device refuses (device/slots/refused.h); NULL: that cannot be asked for. */
    enum updraft_error (*forget)(void *ctx);
    void *ctx;
};

/* Strings may be NULL when the header is absent; they live until the call returns. */
struct updraft_web_request {
    const char *method;
    const char *path;   /* decoded, without query */
    const char *target; /* as it came, with the query; NULL: the path */
    const char *client; /* the peer's address as text, without port; NULL: not known */
    const char *content_type;
    const char *content_length; /* as text */
    const char *content_range;
    const char *repr_digest;
    const char *authorization;
    const char *origin;
    const char *referer;
    const char *host;
    uint64_t now_ms; /* of any clock that goes forward */
};

struct updraft_web_response {
    uint16_t status;
    const char *reason; /* status text where it is not the standard one, else NULL */
    const char *content_type;
    uint32_t retry_after_s;                /* 0: none */
    char nonce[UPDRAFT_WEB_NONCE_LEN + 1]; /* "" but with 401: see updraft_web_challenge() */
    bool is_stale;
    bool restart; /* the new image is chosen: restart a moment after this was sent */
    size_t body_len;
    char body[1536];
};

enum updraft_web_next {
    UPDRAFT_WEB_RESPOND,   /* the answer is ready; a body, if any, is not wanted */
    UPDRAFT_WEB_TAKE_BODY, /* feed the body, then finish */
    UPDRAFT_WEB_NOT_MINE,  /* no route of this engine */
};

/* What the headers say of an upload. */
struct updraft_web_upload {
    uint8_t words; /* enum updraft_web_words: how it is answered */
    bool is_form;
    bool has_start; /* by ElegantOTA 3's route */
};

struct updraft_web {
    struct updraft_web_config config;
    struct updraft_multipart multipart;
    struct updraft_web_auth auth;
    struct updraft_web_start start;
    struct updraft_web_response response;
    struct updraft_failure failure;
    char client[UPDRAFT_WEB_CLIENT_CAP]; /* whose upload this is */
    uint64_t now_ms;                     /* when it came */
    uint32_t form_len;                   /* of the whole form; 0: not announced */
    uint32_t pass_len;                   /* bytes of the body that are there already */
    struct updraft_web_upload upload;    /* that holds the engine, or held it last */
    uint8_t state;
    enum updraft_sign_in sign_in;
    bool begun; /* the upload holds the transaction */
};

void updraft_web_init(struct updraft_web *web, const struct updraft_web_config *config);

/* A request's headers are complete. Starts the transaction for a raw body; for a form when its file
 * begins. One request at a time: while one holds the engine another upload gets E_BUSY in *other,
 * which is the response to send for it (other is used only then, and for GETs meanwhile). With
 * RESPOND and not *use_other the answer stands in web->response until the next call. */
enum updraft_web_next updraft_web_request(struct updraft_web *web,
                                          const struct updraft_web_request *request,
                                          struct updraft_web_response *other, bool *use_other);

/* The idx-th WWW-Authenticate of a response, up to UPDRAFT_WEB_CHALLENGE_CAP bytes. False behind
 * the last; a response that is no 401 has none. */
bool updraft_web_challenge(const struct updraft_web_response *response, unsigned idx, char *out,
                           size_t out_cap);

/* Body bytes; takes all. After a failure the rest is swallowed, the answer says why. */
void updraft_web_body(struct updraft_web *web, const uint8_t *data, size_t len);

/* The body is complete: the response is ready in web->response. */
void updraft_web_finish(struct updraft_web *web);

/* The body stands still or crawls: gives up the transaction with E_TIMEOUT. What still comes is
 * swallowed; updraft_web_finish() or updraft_web_dropped() has to follow. */
void updraft_web_timed_out(struct updraft_web *web);

/* What came of the newest password, once. */
enum updraft_sign_in updraft_web_take_sign_in(struct updraft_web *web);

/* The connection was lost before the answer: gives up the transaction. */
void updraft_web_dropped(struct updraft_web *web);

#endif
