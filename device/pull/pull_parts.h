/* Parts of the pull engine that stand in files of their own. */
#ifndef UPDRAFT_DEVICE_PULL_PULL_PARTS_H
#define UPDRAFT_DEVICE_PULL_PULL_PARTS_H

#include "device/pull/pull.h"

/* The headers of one chip family, in the order of the stock devices. False when they do not fit. */
bool updraft_pull_write_headers(const struct updraft_pull *pull, char *out, size_t out_cap);

#endif
