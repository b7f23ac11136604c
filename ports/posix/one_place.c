#include "ports/posix/one_place.h"

#include "format/chip.h"
#include "ports/posix/eboot.h"
#include "ports/posix/life.h"
#include "ports/posix/provision.h"

#include <stdlib.h>
#include <string.h>

#define SECTOR_LEN UPDRAFT_STAGED_SECTOR_LEN

/* Behind the file system: EEPROM, RF calibration, parameters of the SDK. */
static const struct updraft_one_place_map maps[] = {
    {"1m", 1u << 20, 0xFB000, 0},           {"1m64k", 1u << 20, 0xEB000, 0x10000},
    {"2m1m", 2u << 20, 0x100000, 0xFA000},  {"4m2m", 4u << 20, 0x200000, 0x1FA000},
    {"4m3m", 4u << 20, 0x100000, 0x2FA000},
};

const struct updraft_one_place_map *updraft_one_place_by_name(const char *name)
{
    for (size_t i = 0; i < sizeof maps / sizeof maps[0]; i++) {
        if (strcmp(maps[i].name, name) == 0)
            return &maps[i];
    }
    return NULL;
}

static enum updraft_error store_command(void *ctx, const uint8_t command[UPDRAFT_EBOOT_LEN])
{
    memcpy(ctx, command, UPDRAFT_EBOOT_LEN);
    return UPDRAFT_OK;
}

void updraft_one_place_init(struct updraft_one_place *place, const struct updraft_options *options)
{
    const struct updraft_one_place_map *map = options->one_place;
    *place = (struct updraft_one_place){.map = map};
    if (!map)
        return;
    place->eboot = (struct updraft_staged_eboot){.ctx = place->rtc, .store = store_command};
    place->layout = (struct updraft_staged_layout){
        .kind = UPDRAFT_STAGED_ARDUINO,
        .end_addr = options->stock_boot ? map->fs_addr : map->fs_addr - 2 * SECTOR_LEN,
        .journal_addr = map->fs_addr - SECTOR_LEN,
        .log_addr = options->stock_boot ? 0 : map->fs_addr - 2 * SECTOR_LEN,
        .takes_gzip = true,
        .fs_addr = map->fs_addr,
        .fs_len = map->fs_len,
        .eboot = options->stock_boot ? &place->eboot : NULL,
    };
}

/* ---- a new flash ---- */

static bool check_sketch(const struct updraft_one_place *place, const char *path,
                         const uint8_t *bytes, size_t len)
{
    struct updraft_staged_image image;
    updraft_staged_image_init(&image, place->layout.kind);
    enum updraft_error error = updraft_staged_image_feed(&image, bytes, (uint32_t)len);
    if (error == UPDRAFT_OK)
        error = updraft_staged_image_verdict(&image, UPDRAFT_CHIP_ESP8266);
    if (error == UPDRAFT_OK && len <= place->layout.end_addr)
        return true;
    if (error == UPDRAFT_OK)
        updraft_log_warn("%s has %zu bytes, but --layout %s leaves %u for it", path, len,
                         place->map->name, (unsigned)place->layout.end_addr);
    else
        updraft_log_warn("%s is no whole sketch of the ESP8266 Arduino core: %s", path,
                         updraft_error_entry(error)->sentence);
    return false;
}

bool updraft_one_place_make(const struct updraft_one_place *place, const char *flash_path,
                            const char *app_path)
{
    size_t len = 0;
    uint8_t *app = updraft_provision_read(app_path, UPDRAFT_IMAGE_LEN_CAP, &len);
    if (!app)
        return false;
    uint8_t *flash = malloc(place->map->flash_len);
    bool good = flash && check_sketch(place, app_path, app, len);
    if (good) {
        memset(flash, 0xFF, place->map->flash_len);
        memcpy(flash, app, len);
        good = updraft_provision_write(flash_path, flash, place->map->flash_len);
    } else if (!flash) {
        updraft_log_warn("not enough memory for a flash of %u bytes",
                         (unsigned)place->map->flash_len);
    }
    free(flash);
    free(app);
    return good;
}

/* ---- the boot stage ---- */

static bool has_pending(const struct updraft_machine *machine,
                        struct updraft_staged_journal *journal)
{
    return updraft_staged_journal_read(&machine->nor.flash, &machine->one_place.layout, journal) ==
               UPDRAFT_OK &&
           journal->state == UPDRAFT_STAGED_PENDING;
}

/* False: nothing starts. */
static bool run_ours(struct updraft_machine *machine, const char **why)
{
    struct updraft_one_place *place = &machine->one_place;
    uint8_t sector[SECTOR_LEN];
    uint8_t arena[UPDRAFT_GUNZIP_ARENA_LEN];
    struct updraft_boot_staged_config config = {
        .flash = &machine->nor.flash,
        .layout = place->layout,
        .chip_id = UPDRAFT_CHIP_ESP8266,
        .buf = sector,
        .gunzip_arena = arena,
    };
    struct updraft_boot_staged_result result;
    struct updraft_staged_journal journal;
    if (has_pending(machine, &journal))
        updraft_log_event(&machine->log, "copy %s from=0x%x bytes=%u encoding=%s",
                          journal.begun ? "goes on" : "start", (unsigned)journal.source_addr,
                          (unsigned)journal.staged_len,
                          journal.encoding == UPDRAFT_STAGED_GZIP ? "gzip" : "raw");
    enum updraft_error error = updraft_boot_staged_run(&config, &result);
    if (error == UPDRAFT_OK && !result.bootable)
        error = result.error;
    if (error != UPDRAFT_OK) {
        updraft_log_warn("nothing boots: %s", updraft_error_entry(error)->sentence);
        return false;
    }
    place->was_copied = result.why == UPDRAFT_BOOT_STAGED_COPIED;
    place->refused = result.why == UPDRAFT_BOOT_STAGED_REFUSED ? result.error : UPDRAFT_OK;
    *why = updraft_boot_staged_why_text(result.why);
    return true;
}

/* Stock: the copy, then whatever stands there is started. The chip would run into it; here it is
 * looked at, to say so. */
static bool run_stock(struct updraft_machine *machine, const char **why)
{
    struct updraft_one_place *place = &machine->one_place;
    const struct updraft_flash *flash = &machine->nor.flash;
    struct updraft_staged_image image;
    uint8_t sector[SECTOR_LEN];
    place->was_copied = updraft_eboot_run(flash, place->rtc, &machine->log) == UPDRAFT_EBOOT_COPIED;
    enum updraft_error error =
        updraft_staged_read_in_place(flash, &place->layout, sector, sizeof sector, &image);
    if (error == UPDRAFT_OK)
        error = updraft_staged_image_runs(&image, UPDRAFT_CHIP_ESP8266);
    if (error != UPDRAFT_OK)
        updraft_log_warn("nothing boots: %s; the stock boot stage has no way back",
                         updraft_error_entry(error)->sentence);
    *why = place->was_copied ? "the stock boot stage copied it into place"
                             : "the stock boot stage had nothing to copy";
    return error == UPDRAFT_OK;
}

bool updraft_one_place_boot(struct updraft_machine *machine, const char **why)
{
    return machine->one_place.layout.eboot ? run_stock(machine, why) : run_ours(machine, why);
}
