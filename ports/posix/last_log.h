/* The last lines of a failed image as one text for status, console and reports: "[2] crash" is a line
 * of its second attempt. Only printable ASCII; anything else becomes '?'. */
#ifndef UPDRAFT_PORTS_POSIX_LAST_LOG_H
#define UPDRAFT_PORTS_POSIX_LAST_LOG_H

#include "device/slots/last_lines.h"

#include <stddef.h>

/* Lines end with a line feed. Of more than fits the newest whole lines are kept; "" when there are
 * none. */
void updraft_last_log_read(const struct updraft_slots *slots, uint8_t attempts_allowed, char *out,
                           size_t out_cap);

#endif
