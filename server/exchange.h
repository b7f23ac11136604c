/* One question and its answer, without sockets: what device_api/ and operator_api/ take and yield.
 *
 * A handler looks at the fleet and the request, fills the response, and puts what has to change into
 * the plan. It changes nothing itself. With an empty plan the response goes out at once. Otherwise
 * the plan is committed first; the handler may be run a second time, on the store's thread, against
 * the fleet as it is then, so it depends on nothing but its arguments.
 *
 * Memory: what a request points to lives until its answer is sent; the response owns its body. */
#ifndef UPDRAFT_SERVER_EXCHANGE_H
#define UPDRAFT_SERVER_EXCHANGE_H

#include "format/image.h"
#include "format/package.h"
#include "server/artifacts/artifacts.h"
#include "server/fleet/fleet.h"
#include "server/json.h"

enum updraft_method {
    UPDRAFT_METHOD_GET,
    UPDRAFT_METHOD_HEAD,
    UPDRAFT_METHOD_POST,
    UPDRAFT_METHOD_PUT,
    UPDRAFT_METHOD_DELETE,
    UPDRAFT_METHOD_PATCH,
    UPDRAFT_METHOD_OTHER,
};

/* In capitals; "" for OTHER. */
const char *updraft_method_name(enum updraft_method method);

struct updraft_field {
    const char *name;
    const char *value;
};

#define UPDRAFT_SEGMENT_CAP 4u

/* An image or a package as it came in, complete. */
struct updraft_received_image {
    const struct updraft_upload *upload;
    enum updraft_error verdict;
    const struct updraft_image_info *info;
    const struct updraft_package *package; /* NULL: an image */
};

struct updraft_request {
    enum updraft_method method;
    const char *path;
    const char *segments[UPDRAFT_SEGMENT_CAP]; /* what the route's stars stand for */
    const struct updraft_field *headers;
    size_t header_count;
    const struct updraft_field *query;
    size_t query_count;
    const char *address;       /* of the peer, as text */
    const char *operator_name; /* of the token; NULL: none was asked for */
    const char *certified; /* the device that a client certificate was made for; NULL: none shown */
    bool by_front;         /* it came by the proxy that is believed (http/front.h) */
    const char *body;      /* NUL-terminated too */
    size_t body_len;
    const struct updraft_received_image *image; /* routes that take one */
};

/* NULL when absent. Header names match in any case, query names exactly. */
const char *updraft_request_header(const struct updraft_request *request, const char *name);
const char *updraft_request_query(const struct updraft_request *request, const char *name);

struct updraft_view {
    const struct updraft_fleet *fleet;
    const char *base_url; /* "" : take the request's Host */
    int64_t now_ms;
};

/* --- the plan --- */

struct updraft_plan {
    struct updraft_change *changes;
    size_t count;
    size_t cap;
    /* Plans of one batch must not know of each other: two with the same key never share one. */
    uint64_t key;
    int64_t next_attempt_id;
    bool keeps_upload; /* the uploaded image becomes an artifact with this commit */
    bool sighted;      /* the device below was seen, whether or not anything changes */
    struct updraft_sight sight;
    char sight_device[UPDRAFT_DEVICE_ID_CAP];
    char object[UPDRAFT_OBJECT_CAP]; /* of an operator's request, for the audit log */
};

#define UPDRAFT_PLAN_KEY_CATALOGUE 1u

void updraft_plan_init(struct updraft_plan *plan, int64_t next_attempt_id);
void updraft_plan_deinit(struct updraft_plan *plan);
/* The new, zeroed change. Valid until the next one is added. */
struct updraft_change *updraft_plan_add(struct updraft_plan *plan, enum updraft_change_kind kind);
uint64_t updraft_plan_device_key(const char *device);
/* What the request is about, in a few words for the audit log. */
__attribute__((format(printf, 2, 3))) void updraft_plan_about(struct updraft_plan *plan,
                                                              const char *format, ...);
/* The request and its answer so far as a row of the audit log, committed with the rest of the plan. */
void updraft_plan_audit(struct updraft_plan *plan, const struct updraft_view *view,
                        const struct updraft_request *request, unsigned status);

/* --- the response --- */

#define UPDRAFT_RESPONSE_HEADER_CAP 10u

struct updraft_response_header {
    const char *name;
    const char *constant; /* the value, or NULL: it stands in `value` */
    char value[104];
};

struct updraft_response {
    unsigned status;
    size_t header_count;
    char *body; /* owned */
    size_t body_len;
    const void *constant; /* instead of body: lives for ever */
    /* Instead of both: a piece of an artifact. */
    bool has_file;
    uint8_t file_sha256[UPDRAFT_SHA256_LEN];
    uint64_t file_off;
    uint64_t file_len;
    /* The device that has all of its target when the last byte of this is sent; "": nobody. */
    char sent_to[UPDRAFT_DEVICE_ID_CAP];
    /* Instead of all of them: what happens to the fleet, from the item of this number on (news.h; 0: from
     * now on). */
    bool has_stream;
    uint64_t stream_from;
    /* Fills the body from the fleet as it is after the commit; NULL: the body stands.
     * The status stands before: the audit log has it. */
    void (*after_commit)(const struct updraft_view *view, const struct updraft_request *request,
                         struct updraft_response *response);
    struct updraft_response_header headers[UPDRAFT_RESPONSE_HEADER_CAP]; /* the first are set */
};

typedef void (*updraft_handler)(const struct updraft_view *view,
                                const struct updraft_request *request, struct updraft_plan *plan,
                                struct updraft_response *response);

void updraft_response_init(struct updraft_response *response);
void updraft_response_deinit(struct updraft_response *response);
/* Copies the value; one that does not fit is a mistake of ours. */
void updraft_response_header(struct updraft_response *response, const char *name,
                             const char *value);
/* The value lives for ever. */
void updraft_response_header_constant(struct updraft_response *response, const char *name,
                                      const char *value);
/* Takes the text that the writer holds. */
void updraft_response_json(struct updraft_response *response, unsigned status,
                           struct updraft_json *json);
void updraft_response_text(struct updraft_response *response, unsigned status, const char *type,
                           const char *text);
/* One line of plain text, for devices. */
void updraft_response_line(struct updraft_response *response, unsigned status, const char *line);

/* {"error":{"code","message","remedy"}}, replacing whatever was there. */
struct updraft_refusal {
    unsigned status;
    const char *code;
    const char *remedy;
};
__attribute__((format(printf, 3, 4))) void
updraft_response_refuse(struct updraft_response *response, const struct updraft_refusal *refusal,
                        const char *message, ...);

#endif
