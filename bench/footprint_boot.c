/* What a boot stage calls of the library, and nothing else: linked by footprint.py to be measured. */
#include "boot/boot.h"
#include "format/chip.h"

extern const struct updraft_flash footprint_flash;
extern uint8_t footprint_buf[];

int main(void)
{
    const struct updraft_boot_config config = {
        .flash = &footprint_flash,
        .table_addr = UPDRAFT_PTABLE_DEFAULT_OFF,
        .chip_id = UPDRAFT_CHIP_ESP32,
        .verify = updraft_slot_verify,
        .rules = &updraft_boot_rules_updraft,
        .cause = UPDRAFT_RESET_CRASH,
        .buf = footprint_buf,
        .buf_cap = 256,
    };
    struct updraft_boot_result result;

    if (updraft_boot_run(&config, &result) != UPDRAFT_OK)
        return UPDRAFT_SLOT_NONE;
    return result.slot;
}
