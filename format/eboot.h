/* The command block of eboot, the boot loader of the ESP8266 Arduino core: 128 bytes at the
 * start of the user RTC memory, with which an updater asks the next boot for a copy within the
 * flash.
 *
 *   0    magic    0xEB001000; a reader compares the upper 20 bits only
 *   4    action   1: copy, FFFFFFFF: start the application
 *   8    source address in the flash
 *   12   destination address, 0 for an application
 *   16   bytes to copy, as they were transferred
 *   20   26 words that nobody reads; stock updaters leave what was on the stack
 *   124  CRC-32/MPEG-2 over the 124 bytes before it
 *
 * All words little-endian. The memory loses its contents with the power, so a copy asked for in
 * this way is lost when the power fails; our own boot stage keeps a journal instead
 * (format/staged.h).
 *
 * Owns: bytes <-> struct. Does not touch the RTC memory. Source: eboot_command.h and eboot.c of
 * the ESP8266 Arduino core. */
#ifndef UPDRAFT_FORMAT_EBOOT_H
#define UPDRAFT_FORMAT_EBOOT_H

#include <stdbool.h>
#include <stdint.h>

#define UPDRAFT_EBOOT_LEN        128u
#define UPDRAFT_EBOOT_MAGIC      0xEB001000u
#define UPDRAFT_EBOOT_MAGIC_MASK 0xFFFFF000u
#define UPDRAFT_EBOOT_COPY_RAW   1u
#define UPDRAFT_EBOOT_LOAD_APP   0xFFFFFFFFu

/* For LOAD_APP source_addr is where the application starts and the other two mean nothing. */
struct updraft_eboot_command {
    uint32_t action; /* UPDRAFT_EBOOT_COPY_RAW or UPDRAFT_EBOOT_LOAD_APP; eboot ignores others */
    uint32_t source_addr;
    uint32_t dest_addr;
    uint32_t len;
};

/* The unused words become zero. */
void updraft_eboot_encode(const struct updraft_eboot_command *command,
                          uint8_t out[UPDRAFT_EBOOT_LEN]);

/* True when a command stands there; false, and *command untouched, when magic or CRC do not fit:
 * then the boot loader starts the application at 0. */
bool updraft_eboot_decode(const uint8_t bytes[UPDRAFT_EBOOT_LEN],
                          struct updraft_eboot_command *command);

/* What eboot does once a command was carried out, or failed: magic and CRC become 0. */
void updraft_eboot_clear(uint8_t bytes[UPDRAFT_EBOOT_LEN]);

#endif
