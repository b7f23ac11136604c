/* An ESP8266 that still has an SDK from before 3.0: what its boot loader starts, what its own updater
 * does, and the first boot of the system that comes after it.
 *
 * The old application is not ours and offers nothing but this: with --old-update it fetches a combined
 * image, writes it over its other user image as it comes, checks the CRC at its end, names that image
 * in the boot parameters and restarts. What then starts is the new system's boot loader: boot/migrate.h.
 *
 * Owns: making such a flash, the life of the old application, telling what was migrated. */
#ifndef UPDRAFT_PORTS_POSIX_OLD_SDK_H
#define UPDRAFT_PORTS_POSIX_OLD_SDK_H

#include "boot/migrate.h"

#include <stdbool.h>
#include <stdint.h>

struct updraft_machine;

/* What a machine with an old boot loader keeps over a reset. */
struct updraft_old_sdk {
    bool present; /* an old boot loader stands in front of all */
    bool update_was_refused;
    struct updraft_migrate_result migration; /* of the last boot of the new system */
    bool was_unpacked;                       /* since the program began */
    bool rf_was_stored;
    bool has_ap;
    struct updraft_oldsdk_ap ap; /* the stored access point in use */
};

/* "1MB", "2MB-c1": the name of a size nibble; false for no such layout. */
bool updraft_old_sdk_by_name(const char *name, uint8_t *size_nibble);

/* Makes a flash as an old SDK leaves it: boot loader, user image 1 (it runs), RF parameters, and the
 * access point "old-home" with a password. False after a printed sentence. */
bool updraft_old_sdk_make(const char *flash_path, uint8_t size_nibble);

enum updraft_old_sdk_start {
    UPDRAFT_OLD_SDK_ABSENT,  /* no old boot loader: the new one stands at address 0 */
    UPDRAFT_OLD_SDK_OLD,     /* the old application starts */
    UPDRAFT_OLD_SDK_NEW,     /* the new system's boot loader starts */
    UPDRAFT_OLD_SDK_NOTHING, /* no whole image stands where the old boot loader jumps to */
};

enum updraft_old_sdk_start updraft_old_sdk_start(struct updraft_machine *machine);

enum updraft_old_sdk_end {
    UPDRAFT_OLD_SDK_RESTART, /* after its update */
    UPDRAFT_OLD_SDK_STOPPED, /* SIGTERM, SIGINT */
    UPDRAFT_OLD_SDK_BROKEN,  /* the flash failed */
};

/* The old application, until it ends. */
enum updraft_old_sdk_end updraft_old_sdk_run(struct updraft_machine *machine);

enum updraft_old_sdk_next {
    UPDRAFT_OLD_SDK_GO_ON, /* choose a slot and boot it */
    UPDRAFT_OLD_SDK_RESET, /* the old system is to start again */
    UPDRAFT_OLD_SDK_FAULT, /* the flash failed; a sentence was printed */
};

/* First thing of the new boot loader. */
enum updraft_old_sdk_next updraft_old_sdk_migrate(struct updraft_machine *machine);
/* When no slot boots: true when the old system was put back and a reset will start it. */
bool updraft_old_sdk_return(struct updraft_machine *machine);

#endif
