/* A virtual ESP8266 with one place for its image (device/slots/staged.h): what such a flash looks
 * like, the boot stage that copies, and what is told of it.
 *
 * The flash is laid out as the ESP8266 Arduino core does it, by the memory map that a board's menu
 * entry names: sketch from address 0, staging up to the file system. Two boot stages: ours, which
 * keeps its journal in the last sector before the file system and the progress log in the one before
 * that, and the stock one, which has its
 * command in RTC memory. That memory holds over a reset, and is empty when the program starts: the
 * power was off.
 *
 * Owns: the layouts' numbers, making such a flash, the boot stage's turn. Source of the numbers: the
 * core's eagle.flash.*.ld; of the stock boot stage: its eboot.c. */
#ifndef UPDRAFT_PORTS_POSIX_ONE_PLACE_H
#define UPDRAFT_PORTS_POSIX_ONE_PLACE_H

#include "boot/staged.h"
#include "ports/posix/options.h"

#include <stdbool.h>
#include <stdint.h>

struct updraft_machine;

struct updraft_one_place_map {
    const char *name;
    uint32_t flash_len;
    uint32_t fs_addr; /* where staging ends, file system or not */
    uint32_t fs_len;  /* 0: none */
};

/* "1m64k", "4m2m": the name of a memory map; NULL for anything else. */
const struct updraft_one_place_map *updraft_one_place_by_name(const char *name);

/* What a machine with one place keeps over a reset. */
struct updraft_one_place {
    const struct updraft_one_place_map *map; /* NULL: this device has slots */
    struct updraft_staged_layout layout;
    struct updraft_staged_eboot eboot;
    uint8_t rtc[UPDRAFT_EBOOT_LEN];
    enum updraft_error refused; /* by the last boot: the staged image; UPDRAFT_OK: none was */
    bool was_copied;            /* by the last boot */
};

/* Sets up *place for the options' layout and boot stage; it must not move afterwards. */
void updraft_one_place_init(struct updraft_one_place *place, const struct updraft_options *options);

/* Makes a flash with the image at app_path in place. False after a printed sentence. */
bool updraft_one_place_make(const struct updraft_one_place *place, const char *flash_path,
                            const char *app_path);

/* The boot stage's turn. False when nothing starts, after a printed sentence; else *why says how it
 * came to start. */
bool updraft_one_place_boot(struct updraft_machine *machine, const char **why);

#endif
