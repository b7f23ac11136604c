/* Everything a firmware needs to update itself, in one include.
 *
 *   device/flash/flash.h        what you provide: four functions on your flash
 *   format/digest.h             what you provide: SHA-256 and MD5 (ports/psa has both on Mbed TLS)
 *   device/slots/slots.h        which slot runs; confirm and reject the running image
 *   device/slots/trial_watch.h  the health deadline of a new image
 *   device/slots/last_lines.h   what a failed image printed last
 *   device/slots/refused.h      what failed is not taken again
 *   device/slots/slot_place.h   where updates go: slots with a boot record
 *   device/slots/staged.h       where updates go: staged behind the running image (ESP8266)
 *   device/update/update.h      the transaction: begin, feed, finish
 *   device/update/permission.h  when: hours, a button, a safe state before the restart
 *   device/push, device/pull    ways in, as engines without sockets; use those you want
 *   device/push/announce.h      the mDNS texts by which tools find the device
 *
 * examples/firmware.c shows all of it in one page; docs/PORTING.md brings up a new chip. The boot
 * stage is a program of its own and includes boot/boot.h. */
#ifndef UPDRAFT_DEVICE_UPDRAFT_H
#define UPDRAFT_DEVICE_UPDRAFT_H

#include "device/pull/pull.h"
#include "device/push/announce.h"
#include "device/push/espota.h"
#include "device/push/web.h"
#include "device/slots/last_lines.h"
#include "device/slots/refused.h"
#include "device/slots/slot_data.h"
#include "device/slots/slot_place.h"
#include "device/slots/slots.h"
#include "device/slots/staged.h"
#include "device/slots/trial_watch.h"
#include "device/update/permission.h"
#include "device/update/update.h"
#include "format/error.h"

#endif
