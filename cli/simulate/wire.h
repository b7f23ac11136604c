/* How a simulated device's requests look on the wire, and what an answer says to it.
 *
 * Owns: addresses, headers and bodies of each kind, as its real client sends them. Does not own:
 * sending them (traffic.h). No memory: the caller's structs; no I/O.
 * Source: ESP8266httpUpdate of the ESP8266 core, components/protocols/src/ota.c of esp32-evse,
 * components/ovms_ota of OVMS v3, suricatta of SWUpdate, docs/SPEC.md for our own. */
#ifndef UPDRAFT_CLI_SIMULATE_WIRE_H
#define UPDRAFT_CLI_SIMULATE_WIRE_H

#include "cli/simulate/device.h"

enum updraft_sim_what { UPDRAFT_SIM_WHAT_ASK, UPDRAFT_SIM_WHAT_REPORT, UPDRAFT_SIM_WHAT_IMAGE };
#define UPDRAFT_SIM_WHAT_COUNT 3

extern const char *const updraft_sim_what_names[UPDRAFT_SIM_WHAT_COUNT];

struct updraft_sim_request {
    enum updraft_sim_what what;
    bool is_http_1_0;
    bool is_by_digest; /* the address names the bytes: a part of them can be asked for */
    bool may_bring_image;
    const char *agent;
    const char *method; /* NULL: POST with a body, GET without */
    size_t body_len;
    char url[640];
    char headers[768]; /* lines, each ended by a line feed */
    char body[1024];
};

/* What an answer says; the texts are what the device's answer points to. */
struct updraft_sim_offer {
    enum updraft_sim_work work;
    uint32_t action;
    char version[UPDRAFT_SIM_VERSION_CAP];
    char url[UPDRAFT_SIM_URL_CAP];
};

/* The request of the step the device is in; never for RESTART and LOST. server is an address without
 * a slash at its end. */
void updraft_sim_wire_request(const struct updraft_sim_device *device,
                              const struct updraft_sim_world *world, const char *server,
                              struct updraft_sim_request *request);

/* Reads the offer out of the answer to an ASK or LOOK with status 200. text is its body where that is
 * text, version its x-version header ("" when absent). The offer is empty when there is none. */
void updraft_sim_wire_offer(const struct updraft_sim_request *request,
                            const struct updraft_sim_device *device, const char *text,
                            const char *version, struct updraft_sim_offer *offer);

#endif
