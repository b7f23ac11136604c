/* updraft doctor: what stands between this computer and an update of one device, step by step.
 *
 * Each step adds a finding; a finding that an update would fail on sets the failure of the command,
 * the first one stays. Nothing on the device is changed: see each step.
 *
 * Owns: the findings. Memory: the caller's struct; the findings are JSON. */
#ifndef UPDRAFT_CLI_DOCTOR_H
#define UPDRAFT_CLI_DOCTOR_H

#include "cli/push.h"
#include "cli/push_board.h"

#include <netinet/in.h>

enum updraft_doctor_state {
    UPDRAFT_DOCTOR_OK,
    UPDRAFT_DOCTOR_NOTE, /* worth knowing; an update may do without */
    UPDRAFT_DOCTOR_FAILED,
    UPDRAFT_DOCTOR_SKIPPED,
};

struct updraft_doctor {
    struct updraft_push push; /* whom, by which ports, with which password and image */
    struct updraft_push_board board;
    cJSON *findings;
    enum updraft_exit exit; /* of the first failed step; its words in `first` */
    struct updraft_fail first;
    uint32_t timeout_ms;
    struct in_addr address;
    char local[INET_ADDRSTRLEN]; /* what the device sees of this computer */
    bool has_image;
    bool calls_back;   /* the call back is to be tried */
    bool is_there;     /* something answered: the device's computer is on */
    bool takes_http;   /* raw or form */
    bool takes_direct; /* Updraft's own way in */
    bool takes_esphome;
    bool takes_espota;
    bool wants_password;
    bool password_is_right; /* it was tried over HTTP */
    uint16_t espota_port;
};

/* "It is being tested", then what was found. */
void updraft_doctor_begin(struct updraft_doctor *doctor, const char *step);
__attribute__((format(printf, 4, 5))) void updraft_doctor_find(struct updraft_doctor *doctor,
                                                               const char *step,
                                                               enum updraft_doctor_state state,
                                                               const char *format, ...);
/* The remedy of the finding that was added last. */
void updraft_doctor_advise(struct updraft_doctor *doctor, const char *remedy);
/* A failed step, as push->cli->fail holds it. */
void updraft_doctor_fail(struct updraft_doctor *doctor, const char *step, enum updraft_exit exit);

/* True when an update can come in without espota's call back. */
bool updraft_doctor_has_other_way(const struct updraft_doctor *doctor);

/* doctor_net.c: false when there is no use in going on. */
bool updraft_doctor_address(struct updraft_doctor *doctor);
bool updraft_doctor_route(struct updraft_doctor *doctor);

/* doctor_ways.c: only questions that change nothing. */
void updraft_doctor_http(struct updraft_doctor *doctor);
void updraft_doctor_direct(struct updraft_doctor *doctor);
void updraft_doctor_espota(struct updraft_doctor *doctor);
void updraft_doctor_esphome(struct updraft_doctor *doctor);
/* An upload of no bytes: it is refused, but by another sentence when the password is right. */
void updraft_doctor_password(struct updraft_doctor *doctor);

/* doctor_call_back.c: invites the device by espota, lets it connect, and hangs up before a byte: it
 * gives up an update that it has not begun to write. */
void updraft_doctor_call_back(struct updraft_doctor *doctor);

enum updraft_doctor_port {
    UPDRAFT_DOCTOR_PORT_OPEN,
    UPDRAFT_DOCTOR_PORT_CLOSED, /* the computer is there, and says so */
    UPDRAFT_DOCTOR_PORT_SILENT,
};
/* The connection in *fd when it is open and fd is not NULL. */
enum updraft_doctor_port updraft_doctor_dial(struct updraft_doctor *doctor, uint16_t port, int *fd);

#endif
