/* Does espota listen there, and does it want a password? Asked with an invitation to an image of no
 * bytes, which every device refuses before it touches its flash: stock ones, too.
 *
 * A device that keeps silent may be there all the same: UDP tells only of a closed port, and only
 * where no firewall swallows that. */
#ifndef UPDRAFT_CLI_ESPOTA_ASK_H
#define UPDRAFT_CLI_ESPOTA_ASK_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#define UPDRAFT_ESPOTA_PORT_OF_ESP8266 8266u
#define UPDRAFT_ESPOTA_PORT_OF_ESP32   3232u

enum updraft_espota_says {
    UPDRAFT_ESPOTA_SAYS_NOTHING,
    UPDRAFT_ESPOTA_SAYS_CLOSED,   /* the computer is there, the port is not open */
    UPDRAFT_ESPOTA_SAYS_OPEN,     /* no password */
    UPDRAFT_ESPOTA_SAYS_PASSWORD, /* wants one */
    UPDRAFT_ESPOTA_SAYS_ODD,      /* an answer that is not espota's */
};

enum updraft_espota_says updraft_espota_ask(struct in_addr address, uint16_t port,
                                            uint32_t timeout_ms);

#endif
