/* The stock boot stage of the ESP8266 Arduino core, as far as a virtual device needs it: carries out the
 * command in RTC memory and clears it, whatever came of it. No journal and no check, so a power cut
 * in the copy leaves a mixture, and the command is gone.
 *
 * Source: eboot.c of the core. Memory: its own stack, some 50 KB. */
#ifndef UPDRAFT_PORTS_POSIX_EBOOT_H
#define UPDRAFT_PORTS_POSIX_EBOOT_H

#include "device/flash/flash.h"
#include "format/eboot.h"
#include "ports/posix/log.h"

enum updraft_eboot_end {
    UPDRAFT_EBOOT_IDLE, /* no command stood there, or one to start the application */
    UPDRAFT_EBOOT_COPIED,
    UPDRAFT_EBOOT_FAILED, /* after a reset it starts what is in place, whatever that is now */
};

/* Tells of a copy by one event at its start and one at its end, which has eboot's own number. */
enum updraft_eboot_end updraft_eboot_run(const struct updraft_flash *flash,
                                         uint8_t rtc[UPDRAFT_EBOOT_LEN],
                                         const struct updraft_log *log);

#endif
