/* GET /status: what the device is and does, as JSON. */
#ifndef UPDRAFT_PORTS_POSIX_STATUS_H
#define UPDRAFT_PORTS_POSIX_STATUS_H

#include "ports/posix/life.h"

/* NUL-terminated; when it does not fit, the list of slots is left out, then the remedies. */
void updraft_status_json(struct updraft_life *life, char *out, size_t out_cap);

#endif
