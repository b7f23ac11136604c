/* One push of an image to a device: shared by the ways in.
 *
 * Owns: what is known of the device, and the words for what went wrong at which step. */
#ifndef UPDRAFT_CLI_PUSH_H
#define UPDRAFT_CLI_PUSH_H

#include "cli/command.h"
#include "cli/inspect.h"
#include "cli/progress.h"

enum updraft_push_way {
    UPDRAFT_PUSH_AUTO,
    UPDRAFT_PUSH_RAW,  /* POST /update with the image as body: Updraft's own devices */
    UPDRAFT_PUSH_EVSE, /* POST /api/v1/firmware/upload: esp32-evse */
    UPDRAFT_PUSH_FORM, /* POST /update as a browser form: Arduino's update servers */
    UPDRAFT_PUSH_ESPOTA,
    UPDRAFT_PUSH_DIRECT,  /* Updraft's own: format/direct.h */
    UPDRAFT_PUSH_ESPHOME, /* ESPHome's native protocol */
};

enum updraft_push_kind {
    UPDRAFT_PUSH_UNKNOWN, /* it could not be asked */
    UPDRAFT_PUSH_UPDRAFT, /* answers GET /status */
    UPDRAFT_PUSH_IS_EVSE, /* answers GET /api/v1/info */
};

/* What a device says of itself; empty texts and zeros where it does not. */
struct updraft_push_device {
    enum updraft_push_kind kind;
    char name[64];
    char chip[32];
    char product[64];
    char project[33]; /* of the running image */
    char version[64];
    char slot[16];
    char next[16];
    char state[16];       /* "confirmed", "trial" */
    char last_result[16]; /* of its last update: "updated", "rolled_back", "failed", "none" */
    char last_error[256];
    char last_remedy[256];
    uint32_t capacity; /* bytes the next slot holds */
    uint16_t ota_port;
    uint16_t esphome_port;
    uint16_t direct_port;
    bool wants_password;
    bool is_updating;     /* another update runs */
    bool has_one_place;   /* it stages the new image behind the running one */
    bool answers_http;    /* something answered on its HTTP port */
    bool has_update_page; /* GET /update */
    uint32_t boot_id;     /* another one after every boot; 0: not told */
    uint64_t uptime_ms;
    uint64_t asked_ms;
};

struct updraft_push {
    struct updraft_cli *cli;
    const char *path;
    struct updraft_file wire; /* the bytes to send */
    struct updraft_inspection image;
    bool filesystem; /* for the device's file system: no application, image knows nothing of it */
    enum updraft_push_way way;
    char host[256];
    uint16_t http_port;
    uint16_t ota_port; /* from --ota-port; 0: what the device says, given_port, the dialect's own */
    uint16_t given_port;  /* from HOST:PORT or --port: may be the one or the other */
    uint16_t direct_port; /* --direct-port; 0: what the device says, else 3233 */
    uint16_t host_port;   /* where espota's device connects back to; 0: any */
    const char *user;
    const char *password; /* NULL: none */
    uint32_t timeout_s;   /* for one answer */
    uint32_t wait_s;      /* for the new version to run; 0: do not wait */
    struct updraft_push_device device;
    struct updraft_progress progress;
    uint32_t sent_len;
    uint32_t resumed_off; /* where it went on from an attempt before; 0: from the start */
};

/* push_probe.c: asks the device what it is. Never fails: an unknown device is one. */
void updraft_push_ask(const struct updraft_push *push, struct updraft_push_device *device,
                      uint32_t timeout_ms);
/* Chooses the way when it is open; E_CONNECT and friends are found by the way itself. */
void updraft_push_choose(struct updraft_push *push);
const char *updraft_push_way_name(enum updraft_push_way way);

/* push_check.c: is there a reason to send nothing? */
UPDRAFT_MUST_CHECK enum updraft_exit updraft_push_check(struct updraft_push *push,
                                                        const struct updraft_push_device *device);

/* push_one.c: asks, checks, sends, waits. Adds "device", "from", "via", "sent", "seconds", "state"
 * and what updraft_push_wait() adds. */
UPDRAFT_MUST_CHECK enum updraft_exit updraft_push_one(struct updraft_push *push, cJSON *result);

/* push_http.c, push_espota.c, push_esphome.c, push_direct.c: the transfer. */
UPDRAFT_MUST_CHECK enum updraft_exit updraft_push_http(struct updraft_push *push);
UPDRAFT_MUST_CHECK enum updraft_exit updraft_push_espota(struct updraft_push *push);
UPDRAFT_MUST_CHECK enum updraft_exit updraft_push_direct(struct updraft_push *push);
UPDRAFT_MUST_CHECK enum updraft_exit updraft_push_esphome(struct updraft_push *push);
/* Does the device answer the first bytes of ESPHome's protocol? */
bool updraft_push_esphome_answers(const struct updraft_push *push, uint32_t timeout_ms);

/* push_wait.c: until the new version runs and is confirmed, or does not. Adds "running", "slot",
 * "state" to result. */
UPDRAFT_MUST_CHECK enum updraft_exit updraft_push_wait(struct updraft_push *push, cJSON *result);

/* Writes "http://HOST[:PORT]" and path. */
void updraft_push_url(const struct updraft_push *push, const char *path, char *out, size_t out_cap);

#endif
