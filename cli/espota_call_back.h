/* Why the device's call back did not come through, and what opens the way: espota makes the device
 * connect to this computer, which firewalls, NAT and containers stop.
 *
 * Owns: the words, and finding out which firewall this computer has. Looks at files only; runs and
 * changes nothing. */
#ifndef UPDRAFT_CLI_ESPOTA_CALL_BACK_H
#define UPDRAFT_CLI_ESPOTA_CALL_BACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct updraft_call_back {
    const char *device; /* numeric addresses */
    const char *local;  /* where the device saw us: what it connects to */
    uint16_t port;
    bool is_fixed;    /* the port was asked for with --host-port */
    const char *root; /* of the file system to look at; "" but in tests */
};

/* Writes the remedy: the command that opens the port, or what else to do. */
void updraft_call_back_remedy(const struct updraft_call_back *call_back, char *out, size_t out_cap);

#endif
