/* What a device tells of itself by mDNS (DNS-SD): the TXT strings of two services.
 *
 *   _arduino._tcp   as stock devices announce it, port = espota's UDP port. Arduino's IDE lists it
 *                   as a network port, and asks for a password when auth_upload is yes.
 *   _updraft._tcp   ours, port = HTTP port: what a tool must know to choose devices.
 *
 * One string a call, "key=value": the form in which lwIP's responder takes them, which Avahi's list
 * takes, which splits at '=' for ESP-IDF's and LEAmDNS, and which needs only its length in front to
 * stand in a DNS record. A pure function: no sockets, no state, no memory of its own, nothing in
 * flash. The values are those of this boot: announce again after a restart.
 *
 * Source of the stock keys and their order: LEAmDNS.cpp and ArduinoOTA.cpp of the ESP8266 core
 * (after 3.1.2), ESPmDNS.cpp of the ESP32 core. */
#ifndef UPDRAFT_DEVICE_PUSH_ANNOUNCE_H
#define UPDRAFT_DEVICE_PUSH_ANNOUNCE_H

#include "format/chip.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UPDRAFT_ANNOUNCE_ARDUINO    "_arduino._tcp"
#define UPDRAFT_ANNOUNCE_UPDRAFT    "_updraft._tcp"
#define UPDRAFT_ANNOUNCE_STRING_CAP 256u /* DNS: at most 255 bytes; and NUL */

enum updraft_announce_service {
    UPDRAFT_ANNOUNCES_ARDUINO,
    UPDRAFT_ANNOUNCES_UPDRAFT,
};

struct updraft_announce {
    const char *name;    /* of the device */
    const char *product; /* "" or NULL: left out, as any text here but the name */
    const char *version; /* of the running image */
    const char *board;   /* the IDE's board id; NULL: "generic" for an ESP8266, else the chip */
    const char *ways;    /* ways in, by commas: "direct,raw,form,espota" */
    const struct updraft_chip *chip;
    uint16_t ota_port;     /* espota's; 0: no such way in, as with the next two */
    uint16_t direct_port;  /* of Updraft's own way in */
    uint16_t esphome_port; /* of ESPHome's native protocol */
    bool has_password;
};

/* Writes the idx-th string of the service; gives its length, 0 past the last one. A text that is too
 * long for its string is cut. */
size_t updraft_announce_string(const struct updraft_announce *announce,
                               enum updraft_announce_service service, size_t idx,
                               char out[UPDRAFT_ANNOUNCE_STRING_CAP]);

#endif
