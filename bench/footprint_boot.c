/* What a boot stage calls of the library, and nothing else: linked by footprint.py to be measured. */
#include "boot/boot.h"

extern const struct updraft_boot_config footprint_boot_config;

int main(void)
{
    struct updraft_boot_result result;

    if (updraft_boot_run(&footprint_boot_config, &result) != UPDRAFT_OK)
        return UPDRAFT_SLOT_NONE;
    return result.slot;
}
