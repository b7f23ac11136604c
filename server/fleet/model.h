/* The rows the server keeps, as plain values, and the changes made to them. A change is a row in its
 * new form: applying it twice gives the same as once, and a stored row is loaded as the change that
 * wrote it. Memory (fleet.h) and disk (store/store.h) both understand nothing else.
 *
 * Texts are NUL-terminated and were checked by names.h before they got here. */
#ifndef UPDRAFT_SERVER_FLEET_MODEL_H
#define UPDRAFT_SERVER_FLEET_MODEL_H

#include "format/digest.h"
#include "server/decide/attempt.h"
#include "server/decide/filter.h"
#include "server/decide/place.h"
#include "server/decide/rollout.h"
#include "server/decide/stages.h"
#include "server/decide/window.h"
#include "server/names.h"

#include <stdbool.h>
#include <stdint.h>

#define UPDRAFT_NOTES_CAP      1024u
#define UPDRAFT_ERROR_NAME_CAP 32u
#define UPDRAFT_ERROR_TEXT_CAP 160u
#define UPDRAFT_LOG_CAP        1025u
#define UPDRAFT_NO_PROGRESS    (-1)
#define UPDRAFT_CVES_CAP       256u
#define UPDRAFT_TAGS_CAP       256u
#define UPDRAFT_ATTRIBUTES_CAP 512u

/* How an image reaches a device. The numbers are stored: append only. */
enum updraft_via {
    UPDRAFT_VIA_UNKNOWN = 0,
    UPDRAFT_VIA_CHANNEL = 1,
    UPDRAFT_VIA_HEADERS = 2,
    UPDRAFT_VIA_PLAIN = 3,
    UPDRAFT_VIA_ESPOTA = 4,
    UPDRAFT_VIA_FORM = 5,
    UPDRAFT_VIA_RAW = 6,
    UPDRAFT_VIA_ESPHOME = 7,
    UPDRAFT_VIA_DIRECT = 8,
    UPDRAFT_VIA_CONSOLE = 9,
    UPDRAFT_VIA_DDI = 10,
    UPDRAFT_VIA_CHECK = 11,
};
#define UPDRAFT_VIA_LAST UPDRAFT_VIA_CHECK

const char *updraft_via_name(enum updraft_via via);
/* UNKNOWN for any other text: a later device may know more ways. */
enum updraft_via updraft_via_parse(const char *name);

struct updraft_product_row {
    int64_t id;
    char name[UPDRAFT_NAME_CAP];
    int64_t created_ms;
};

struct updraft_release_row {
    int64_t id;
    int64_t product_id;
    char version[UPDRAFT_VERSION_CAP]; /* unique within the product */
    char notes[UPDRAFT_NOTES_CAP];
    int64_t created_ms;
    bool security;                      /* it closes a hole */
    char cves[UPDRAFT_CVES_CAP];        /* "CVE-2026-1234 CVE-2026-5678", or "" */
    char min_from[UPDRAFT_VERSION_CAP]; /* offered to devices that run this or later; "": to any */
};

struct updraft_image_row {
    int64_t release_id;
    uint16_t chip; /* or the kind of a package (format/package.h) */
    char board
        [UPDRAFT_NAME_CAP]; /* "": any board of the chip. With the chip unique in the release */
    uint8_t sha256[UPDRAFT_SHA256_LEN];
    uint8_t md5[UPDRAFT_MD5_LEN];
    uint8_t sha1[UPDRAFT_SHA1_LEN]; /* zeros: published before it was kept */
    uint32_t size;
    char project[33];
    char idf[33];
    int64_t withdrawn_ms; /* its file is not kept any more; 0: it is */
};

struct updraft_channel_row {
    int64_t product_id;
    char name[UPDRAFT_NAME_CAP]; /* unique within the product */
    int64_t release_id;
};

/* Hardware of a product, as its owner tells one kind from another. */
struct updraft_board_row {
    int64_t product_id;
    char name[UPDRAFT_NAME_CAP];    /* unique within the product */
    uint16_t chip;                  /* UPDRAFT_CHIP_UNKNOWN: not said */
    char layout[UPDRAFT_LABEL_CAP]; /* of the flash, that its releases are built for; "": any */
};

#define UPDRAFT_ROLLOUT_BOUNDS_CAP (UPDRAFT_STAGES_MOST * 11u)

/* A channel on its way from one release to another. */
struct updraft_rollout_row {
    int64_t id; /* ascending; at most UINT32_MAX */
    int64_t product_id;
    char channel[UPDRAFT_NAME_CAP];
    int64_t release_id;
    int64_t from_release_id; /* the channel's, when it was made */
    char filter[UPDRAFT_FILTER_TEXT_CAP];
    char stages[UPDRAFT_STAGES_TEXT_CAP];
    char bounds[UPDRAFT_ROLLOUT_BOUNDS_CAP]; /* of the stages that have begun, parted by blanks */
    struct updraft_gates gates;
    struct updraft_window window;
    int64_t start_ms;
    uint32_t rate_per_min; /* 0: any */
    bool pause_on_success;
    enum updraft_rollout_state state;
    enum updraft_rollout_cause cause;
    uint8_t stage; /* from 0 */
    int64_t stage_started_ms;
    int64_t gate_met_ms; /* 0: it is not */
    int64_t retry_ms;    /* what failed before this does not count; 0: all counts */
    char reason[UPDRAFT_ROLLOUT_REASON_CAP];
    char by[UPDRAFT_NAME_CAP]; /* the token that made it */
    int64_t created_ms;
    int64_t updated_ms;
};

struct updraft_device_row {
    char id[UPDRAFT_DEVICE_ID_CAP];
    char name[UPDRAFT_LABEL_CAP];
    char product[UPDRAFT_NAME_CAP];    /* "": not told; need not be one of ours */
    char channel[UPDRAFT_NAME_CAP];    /* "": never asked by channel */
    char version[UPDRAFT_VERSION_CAP]; /* running; "": not told */
    char slot[UPDRAFT_SLOT_CAP];
    char address[UPDRAFT_ADDRESS_CAP];
    char board[UPDRAFT_NAME_CAP];   /* "": not told */
    char layout[UPDRAFT_LABEL_CAP]; /* of its flash; "": not told */
    uint16_t chip;                  /* UPDRAFT_CHIP_UNKNOWN: not told */
    bool reports;                   /* it has sent reports or our own headers */
    bool confirmed;                 /* the running image is confirmed */
    bool trial;                     /* the running image is on trial */
    int64_t last_seen_ms;
};

/* What operators say of a device; it says nothing of these itself. */
struct updraft_labels_row {
    char device[UPDRAFT_DEVICE_ID_CAP];
    char name[UPDRAFT_LABEL_CAP]; /* shown instead of the device's own; "": that */
    char group[UPDRAFT_NAME_CAP];
    char tags[UPDRAFT_TAGS_CAP];             /* sorted, parted by blanks */
    char attributes[UPDRAFT_ATTRIBUTES_CAP]; /* lines "name=value", sorted by name */
    char channel[UPDRAFT_NAME_CAP];          /* that it is to be on; "": the one it asks for */
    int64_t retry_ms; /* what ended badly before this is not held against a release; 0: all is */
};

struct updraft_attempt_row {
    int64_t id; /* ascending in time */
    char device[UPDRAFT_DEVICE_ID_CAP];
    char product[UPDRAFT_NAME_CAP];
    char from[UPDRAFT_VERSION_CAP]; /* "": not known */
    char to[UPDRAFT_VERSION_CAP];
    enum updraft_via via;
    enum updraft_attempt_state state;
    int8_t progress;     /* percent of the download, UPDRAFT_NO_PROGRESS when not told */
    uint32_t error_code; /* 0: none */
    char error_name[UPDRAFT_ERROR_NAME_CAP];
    char error_text[UPDRAFT_ERROR_TEXT_CAP];
    int64_t started_ms;
    int64_t updated_ms;
    uint32_t rollout_id; /* that it is a part of; 0: none */
};

/* What is written behind: true a moment later, and nothing depends on it. */
struct updraft_touch_row {
    char device[UPDRAFT_DEVICE_ID_CAP];
    char address[UPDRAFT_ADDRESS_CAP];
    int64_t last_seen_ms;
    int64_t attempt_id; /* 0: no progress to note */
    int64_t attempt_updated_ms;
    int8_t progress;
};

/* What the image of a failed attempt printed last. */
struct updraft_log_row {
    int64_t attempt_id;
    char text[UPDRAFT_LOG_CAP]; /* lines, each but the last ended by a line feed */
};

/* What a token may do; each role may do what those before it may. The numbers are stored: append only. */
enum updraft_role {
    UPDRAFT_ROLE_NONE = 0,
    UPDRAFT_ROLE_VIEW = 1,    /* look at everything but tokens and the audit log */
    UPDRAFT_ROLE_PUBLISH = 2, /* bring new releases, also onto a channel */
    UPDRAFT_ROLE_OPERATE = 3, /* decide what the fleet is to run */
    UPDRAFT_ROLE_ADMIN = 4,   /* decide who may do all this */
};

const char *updraft_role_name(enum updraft_role role);
/* NONE for any other text. */
enum updraft_role updraft_role_parse(const char *name);

#define UPDRAFT_TOKEN_FIRST_ID 1 /* the one whose text is in the data directory */

struct updraft_token_row {
    int64_t id;
    uint8_t hash[UPDRAFT_SHA256_LEN]; /* SHA-256 of the token's text */
    char name[UPDRAFT_NAME_CAP];      /* unique */
    int64_t created_ms;
    enum updraft_role role;
    int64_t expires_ms; /* 0: never */
};

#define UPDRAFT_ENDPOINT_CAP 128u
#define UPDRAFT_OBJECT_CAP   160u
#define UPDRAFT_AUDIT_CAP    10000 /* the newest rows that are kept */

/* One request of an operator that was meant to change something. */
struct updraft_audit_row {
    int64_t id; /* ascending by one */
    int64_t at_ms;
    char operator_name[UPDRAFT_NAME_CAP]; /* of the token */
    char endpoint[UPDRAFT_ENDPOINT_CAP];  /* "PUT /api/v1/channels/demo/stable" */
    char object[UPDRAFT_OBJECT_CAP];      /* what it was about; "" when it did not get that far */
    char address[UPDRAFT_ADDRESS_CAP];
    uint16_t status; /* of the answer */
};

/* How many devices of a product ran a version at a full hour. */
struct updraft_history_row {
    int64_t at_ms;
    char product[UPDRAFT_NAME_CAP];
    char version[UPDRAFT_VERSION_CAP];
    uint32_t devices;
};

#define UPDRAFT_URL_CAP    512u
#define UPDRAFT_EVENTS_CAP 256u
#define UPDRAFT_SECRET_CAP 65u

/* An address that is told what happens. */
struct updraft_webhook_row {
    int64_t id;
    char name[UPDRAFT_NAME_CAP];     /* unique */
    char url[UPDRAFT_URL_CAP];       /* may hold a secret of its own */
    char events[UPDRAFT_EVENTS_CAP]; /* words parted by blanks (hooks/message.h) */
    char secret[UPDRAFT_SECRET_CAP]; /* what is told is signed with it: needed as it is */
    char by[UPDRAFT_NAME_CAP];       /* the token that made it */
    int64_t created_ms;
    int64_t tested_ms; /* 0: never */
};

enum updraft_change_kind {
    UPDRAFT_CHANGE_PRODUCT,
    UPDRAFT_CHANGE_RELEASE,
    UPDRAFT_CHANGE_IMAGE,
    UPDRAFT_CHANGE_CHANNEL,
    UPDRAFT_CHANGE_DEVICE,
    UPDRAFT_CHANGE_ATTEMPT,
    UPDRAFT_CHANGE_TOUCH,
    UPDRAFT_CHANGE_TOKEN,
    UPDRAFT_CHANGE_LOG,
    UPDRAFT_CHANGE_TOKEN_END, /* revoked: of the row only the id counts */
    UPDRAFT_CHANGE_AUDIT,
    UPDRAFT_CHANGE_ATTEMPT_END, /* not kept any more: of the row only id and device count */
    UPDRAFT_CHANGE_ROLLOUT,
    UPDRAFT_CHANGE_HISTORY,
    UPDRAFT_CHANGE_HISTORY_END, /* not kept any more: of the row all but the number counts */
    UPDRAFT_CHANGE_WEBHOOK,
    UPDRAFT_CHANGE_WEBHOOK_END, /* removed: of the row only the id counts */
    UPDRAFT_CHANGE_BOARD,
    UPDRAFT_CHANGE_LABELS,
};

struct updraft_change {
    enum updraft_change_kind kind;
    union {
        struct updraft_product_row product;
        struct updraft_release_row release;
        struct updraft_image_row image;
        struct updraft_channel_row channel;
        struct updraft_rollout_row rollout;
        struct updraft_board_row board;
        struct updraft_labels_row labels;
        struct updraft_device_row device;
        struct updraft_attempt_row attempt;
        struct updraft_touch_row touch;
        struct updraft_token_row token;
        struct updraft_log_row log;
        struct updraft_audit_row audit;
        struct updraft_history_row history;
        struct updraft_webhook_row webhook;
    } row;
};

#endif
