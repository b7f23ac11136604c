/* Updates over HTTP, the device's side: the browser form and the raw body. The platform's HTTP
 * server parses the request line and headers and gives bodies in pieces; this engine routes,
 * checks, feeds the transaction and words the answer.
 *
 *   POST /update                  multipart form (field firmware or filesystem), or the raw image;
 *                                 to a form it answers like ESP8266HTTPUpdateServer: always 200, the
 *                                 body says "Update Success!" or "Update error: ..."; to a raw body
 *                                 with a status of its own and JSON
 *   POST /api/v1/firmware/upload  raw image, as esp32-evse: 200 OK, 521, 522, 523
 *   GET  /status                  what the device is and does, JSON
 *
 * GET /update is the page; the platform serves it. Nothing here changes state on a GET.
 * Guards: Basic authentication when a password is set (any user name); a request with an Origin
 * that is not the Host it was sent to is refused. Status and text of a refusal fit the route: a
 * form gets 200 and words, but 401 without the password.
 *
 * Statuses of a raw body:
 *   200  chosen, the device restarts        409  another update runs, the running image is on trial,
 *   400  bad image, wrong chip, digest           or it is this very one
 *        or length                          411  no Content-Length
 *   401  wrong password                     413  too large
 *   403  updates are off, or another origin 500  flash
 *   405  not a POST                         503  the guard says no
 * Its JSON: {"ok":true,"version":"1.1.0","slot":"ota_1"} or
 * {"error":{"code":54,"name":"too_large","text":"...","remedy":"..."}}.
 *
 * Owns: the conversation about one upload at a time. Memory: the struct. In flash: what the
 * transaction keeps, nothing more.
 * Sources: ESP8266HTTPUpdateServer-impl.h, HTTPUpdateServer.h, http_rest.c of esp32-evse. */
#ifndef UPDRAFT_DEVICE_PUSH_WEB_H
#define UPDRAFT_DEVICE_PUSH_WEB_H

#include "device/push/multipart.h"
#include "device/push/sign_in.h"
#include "device/update/update.h"

struct updraft_web_config {
    struct updraft_update *update;
    const char *password;       /* NULL or "": none */
    const char *data_partition; /* label that the form field "filesystem" writes; NULL: refused */
    /* Writes the JSON of GET /status, NUL-terminated, cut to cap. The engine calls it last. */
    void (*status_json)(void *ctx, char *out, size_t cap);
    void *ctx;
};

/* Strings may be NULL when the header is absent; they live until the request is finished. */
struct updraft_web_request {
    const char *method;
    const char *path; /* without query */
    const char *content_type;
    const char *content_length; /* as text */
    const char *authorization;
    const char *origin;
    const char *host;
};

struct updraft_web_response {
    uint16_t status;
    const char *reason; /* status text where it is not the standard one, else NULL */
    const char *content_type;
    const char *authenticate; /* WWW-Authenticate, or NULL */
    bool restart;             /* the new image is chosen: restart a moment after this was sent */
    size_t body_len;
    char body[1536];
};

enum updraft_web_next {
    UPDRAFT_WEB_RESPOND,   /* the answer is ready; a body, if any, is not wanted */
    UPDRAFT_WEB_TAKE_BODY, /* feed the body, then finish */
    UPDRAFT_WEB_NOT_MINE,  /* no route of this engine */
};

struct updraft_web {
    struct updraft_web_config config;
    struct updraft_multipart multipart;
    struct updraft_web_response response;
    struct updraft_failure failure;
    uint32_t form_len; /* of the whole form; 0: not announced */
    uint8_t route;
    uint8_t state;
    enum updraft_sign_in sign_in;
    bool is_form; /* the upload that holds the engine is one, or was */
    bool begun;   /* it holds the transaction */
};

void updraft_web_init(struct updraft_web *web, const struct updraft_web_config *config);

/* A request's headers are complete. Starts the transaction for a raw body; for a form when its file
 * begins. One request at a time: while one holds the engine another upload gets E_BUSY in *other,
 * which is the response to send for it (other is used only then, and for GETs meanwhile). With
 * RESPOND and not *use_other the answer stands in web->response until the next call. */
enum updraft_web_next updraft_web_request(struct updraft_web *web,
                                          const struct updraft_web_request *request,
                                          struct updraft_web_response *other, bool *use_other);

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
