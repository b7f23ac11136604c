/* Asks addresses one by one whether a device is there: GET /status and its like, and espota. */
#ifndef UPDRAFT_CLI_SCAN_H
#define UPDRAFT_CLI_SCAN_H

#include "cli/address.h"
#include "cli/found.h"

struct updraft_scan_target {
    char host[UPDRAFT_ADDRESS_CAP];
    uint16_t port; /* HTTP or espota; 0: none given */
};

struct updraft_scan {
    const struct updraft_scan_target *targets;
    size_t count;
    uint16_t http_port;  /* 0: 80 */
    uint16_t ota_port;   /* 0: 3232 and 8266 */
    uint32_t timeout_ms; /* for each of the two questions */
};

/* Many at a time, each for at most a few seconds. Adds who answered like a device. */
void updraft_scan_run(const struct updraft_scan *scan, struct updraft_found_list *list);

#endif
