/* What devices of ours say of themselves in JSON: who they are and what they run, and how an update goes.
 * Used by reports and check-ins, so that both mean the same.
 *
 * Pure. Texts point into the parsed JSON and are good as long as that; NULL where nothing was said. What is
 * told has been checked. */
#ifndef UPDRAFT_SERVER_DEVICE_API_TOLD_H
#define UPDRAFT_SERVER_DEVICE_API_TOLD_H

#include "server/device_api/sighting.h"

#include <cjson/cJSON.h>

struct updraft_told {
    char id[UPDRAFT_DEVICE_ID_CAP];
    const char *name;
    const char *product;
    const char *channel;
    const char *version;
    const char *slot;
    const char *board;
    const char *layout;
    uint16_t chip;
};

/* Each gives NULL, or what is wrong. device, product and version are needed. */
const char *updraft_told_read(const cJSON *json, struct updraft_told *told);

/* How an update goes, or how the running image stands. */
struct updraft_tale {
    enum updraft_attempt_event event;
    const char *target;
    enum updraft_via via;
    int8_t progress;
    uint32_t error_code;
    const char *error_name;
    const char *error_text;
    const char *log;
};

/* "state", "target", "via", "progress", "error" and "log". The state is needed. */
const char *updraft_tale_read(const cJSON *json, struct updraft_tale *tale);
/* "code", "name" and "text" of an object. */
const char *updraft_tale_read_error(const cJSON *error, struct updraft_tale *tale);
/* On trial, or confirmed. */
bool updraft_tale_is_of_running(const struct updraft_tale *tale);

/* Whole number of 0 to most; absent leaves *out alone. False when it is something else. */
bool updraft_told_number(const cJSON *object, const char *key, double most, double *out);

/* The parsed body, to be deleted; NULL, with *wrong, when it is no JSON or more than that. */
cJSON *updraft_told_parse(const struct updraft_request *request, const char **wrong);

#endif
