/* What devices say in hawkBit's direct device integration, read and checked. Pure; the caller owns
 * everything.
 * Source: the published description of that interface (OpenAPI of hawkBit's DDI); the messages that
 * SWUpdate and rauc-hawkbit-updater send. */
#ifndef UPDRAFT_SERVER_DEVICE_API_DDI_MESSAGE_H
#define UPDRAFT_SERVER_DEVICE_API_DDI_MESSAGE_H

#include "server/fleet/model.h"

enum updraft_ddi_stage {
    UPDRAFT_DDI_NOTED,      /* scheduled: nothing has happened yet */
    UPDRAFT_DDI_PROCEEDING, /* proceeding, resumed, download, downloaded */
    UPDRAFT_DDI_SUCCESS,    /* closed, with success */
    UPDRAFT_DDI_FAILURE,    /* closed without success */
    UPDRAFT_DDI_CANCELED,
    UPDRAFT_DDI_REJECTED,
};

#define UPDRAFT_DDI_NO_ID (-1)

struct updraft_ddi_feedback {
    int64_t id; /* of the action; UPDRAFT_DDI_NO_ID: not told */
    enum updraft_ddi_stage stage;
    int8_t progress;                      /* percent, or UPDRAFT_NO_PROGRESS */
    char details[UPDRAFT_ERROR_TEXT_CAP]; /* as far as they fit, fit to be shown */
};

/* What is known of a device's attributes here; "": not told, or not fit to be kept. */
struct updraft_ddi_config {
    char version[UPDRAFT_VERSION_CAP];
    char name[UPDRAFT_LABEL_CAP];
};

/* NULL, or what is wrong with the message. body[len] is NUL. */
const char *updraft_ddi_feedback_read(const char *body, size_t len,
                                      struct updraft_ddi_feedback *out);
const char *updraft_ddi_config_read(const char *body, size_t len, struct updraft_ddi_config *out);

/* Decimal digits of at most 2^53; UPDRAFT_DDI_NO_ID for anything else. */
int64_t updraft_ddi_id_parse(const char *text);

#endif
