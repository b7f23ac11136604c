#include "ports/posix/old_sdk.h"

#include "device/slots/inspect.h"
#include "format/bytes.h"
#include "format/chip.h"
#include "format/crc.h"
#include "format/image.h"
#include "ports/posix/life.h"
#include "ports/posix/provision.h"

#include <curl/curl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define SECTOR_LEN     UPDRAFT_OLDSDK_SECTOR_LEN
#define BOOT_SEGMENTS  3u
#define BOOT_SEGMENT   0x300u /* bytes of each */
#define IROM_LEN       0x30000u
#define IRAM_LEN       0x2000u
#define IRAM_8266_ADDR 0x40100000u
#define CRC_LEN        4u
#define FETCH_AGAIN_MS 1000
#define STALL_S        10L
#define BOOT_VERSION   6u

static const struct {
    const char *name;
    uint8_t size_nibble;
} layouts[] = {
    {"512KB", 0},  {"1MB", 2},    {"2MB", 3}, {"4MB", 4},
    {"2MB-c1", 5}, {"4MB-c1", 6}, {"8MB", 8}, {"16MB", 9},
};

bool updraft_old_sdk_by_name(const char *name, uint8_t *size_nibble)
{
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
        if (strcmp(layouts[i].name, name) == 0) {
            *size_nibble = layouts[i].size_nibble;
            return true;
        }
    }
    return false;
}

/* ---- a flash as the factory left it ---- */

static void put_boot(uint8_t *flash, uint8_t size_nibble)
{
    uint32_t at = 8;
    flash[0] = UPDRAFT_IMAGE_MAGIC;
    flash[1] = BOOT_SEGMENTS;
    flash[2] = 0;
    flash[3] = (uint8_t)(size_nibble << 4);
    updraft_put_le32(flash + 4, IRAM_8266_ADDR + 4);
    for (uint32_t i = 0; i < BOOT_SEGMENTS; i++) {
        updraft_put_le32(flash + at, IRAM_8266_ADDR + i * BOOT_SEGMENT);
        updraft_put_le32(flash + at + 4, BOOT_SEGMENT);
        memset(flash + at + 8, 0x5A, BOOT_SEGMENT);
        at += 8 + BOOT_SEGMENT;
    }
}

static bool put_user_image(uint8_t *at, uint8_t size_nibble, size_t cap)
{
    uint8_t *code = malloc(IROM_LEN + IRAM_LEN);
    if (!code)
        return false;
    for (uint32_t i = 0; i < IROM_LEN + IRAM_LEN; i++)
        code[i] = (uint8_t)(i * 2654435761u >> 24);
    struct updraft_image_segment iram = {IRAM_8266_ADDR, code + IROM_LEN, IRAM_LEN};
    struct updraft_image_spec spec = {
        .spi_size_speed = (uint8_t)(size_nibble << 4),
        .entry_addr = IRAM_8266_ADDR + 4,
        .segments = &iram,
        .segment_count = 1,
    };
    size_t len;
    bool good = updraft_image_encode_8266_v2(&spec, code, IROM_LEN, at, cap, &len) == UPDRAFT_OK;
    free(code);
    return good;
}

static void put_config(uint8_t *flash, const struct updraft_oldsdk_map *map)
{
    struct updraft_oldsdk_params params = {.usr_bin = 1, .version = BOOT_VERSION};
    struct updraft_oldsdk_aps aps = {
        .count = 1, .list = {{.ssid = "old-home", .ssid_len = 8, .password = "correct horse"}}};
    uint8_t *rf = flash + updraft_oldsdk_rf_addr(map);
    for (uint8_t flag = 0; flag < 2; flag++) {
        uint8_t *sector = flash + updraft_oldsdk_params_addr(map, flag);
        memset(sector, 0, UPDRAFT_OLDSDK_PARAMS_LEN);
        updraft_oldsdk_params_encode(&params, sector);
        updraft_oldsdk_aps_encode(&aps, sector);
    }
    flash[updraft_oldsdk_flag_addr(map)] = 0;
    for (uint8_t i = 0; i < UPDRAFT_OLDSDK_RF_LEN; i++)
        rf[i] = (uint8_t)(5 + 3 * i);
}

bool updraft_old_sdk_make(const char *flash_path, uint8_t size_nibble)
{
    struct updraft_oldsdk_map map;
    if (!updraft_oldsdk_map_find(size_nibble, &map))
        return false;
    uint8_t *flash = malloc(map.flash_len);
    bool good = flash != NULL;
    if (good) {
        memset(flash, 0xFF, map.flash_len);
        put_boot(flash, size_nibble);
        put_config(flash, &map);
        good = put_user_image(flash + UPDRAFT_OLDSDK_USER1_ADDR, size_nibble,
                              updraft_oldsdk_shift(&map) - SECTOR_LEN);
    }
    if (!good)
        updraft_log_warn("not enough memory for a flash of %u bytes", (unsigned)map.flash_len);
    good = good && updraft_provision_write(flash_path, flash, map.flash_len);
    free(flash);
    return good;
}

/* ---- what the old boot loader starts ---- */

static uint32_t room_of(const struct updraft_oldsdk_map *map, enum updraft_oldsdk_user user)
{
    uint32_t end =
        user == UPDRAFT_OLDSDK_USER1 ? updraft_oldsdk_shift(map) : updraft_oldsdk_rf_addr(map);
    return end - updraft_oldsdk_user_addr(map, user);
}

enum updraft_old_sdk_start updraft_old_sdk_start(struct updraft_machine *machine)
{
    const struct updraft_flash *flash = &machine->nor.flash;
    struct updraft_old_system old;
    struct updraft_image_reader reader;
    uint8_t buf[SECTOR_LEN];
    if (machine->board->chip->id != UPDRAFT_CHIP_ESP8266 ||
        updraft_old_system_read(flash, &old) != UPDRAFT_OK || !old.has_map)
        return UPDRAFT_OLD_SDK_ABSENT;
    machine->old_sdk.present = true;
    struct updraft_extent place = {updraft_oldsdk_user_addr(&old.map, old.user),
                                   room_of(&old.map, old.user)};
    enum updraft_error error =
        updraft_slot_inspect(flash, place, UPDRAFT_CHIP_ESP8266, buf, sizeof buf, &reader);
    if (error == UPDRAFT_OK && reader.info.kind == UPDRAFT_IMAGE_ESP8266_V2)
        return UPDRAFT_OLD_SDK_OLD;
    /* A boot loader is not looked into further: of the new one only the first byte is ours to know. */
    bool is_boot =
        flash->read(flash->ctx, place.addr, buf, 1) == UPDRAFT_OK && buf[0] == UPDRAFT_IMAGE_MAGIC;
    if (is_boot)
        return UPDRAFT_OLD_SDK_NEW;
    updraft_log_warn("nothing boots: the old boot loader finds no image at 0x%x",
                     (unsigned)place.addr);
    return UPDRAFT_OLD_SDK_NOTHING;
}

/* ---- the old application ---- */

/* A download on its way into the other user image. */
struct fetch {
    const struct updraft_flash *flash;
    uint32_t addr;
    uint32_t room;
    uint32_t len;
    uint32_t sector_len; /* bytes gathered in sector */
    uint8_t sector[SECTOR_LEN];
    const char *fault; /* why it was broken off */
};

static bool flush(struct fetch *fetch)
{
    uint32_t addr = fetch->addr + fetch->len - fetch->sector_len;
    const struct updraft_flash *flash = fetch->flash;
    if (fetch->sector_len == 0)
        return true;
    if (flash->erase(flash->ctx, addr, SECTOR_LEN) != UPDRAFT_OK ||
        flash->prog(flash->ctx, addr, fetch->sector, fetch->sector_len) != UPDRAFT_OK) {
        fetch->fault = "the flash cannot be written";
        return false;
    }
    fetch->sector_len = 0;
    return true;
}

static size_t take_body(char *data, size_t size, size_t count, void *ctx)
{
    struct fetch *fetch = ctx;
    size_t len = size * count;
    if (len > fetch->room - fetch->len) {
        fetch->fault = "the image is larger than the place for a user image";
        return 0;
    }
    for (size_t i = 0; i < len; i++) {
        fetch->sector[fetch->sector_len++] = (uint8_t)data[i];
        fetch->len++;
        if (fetch->sector_len == SECTOR_LEN && !flush(fetch))
            return 0;
    }
    return len;
}

/* The old updater's own test: the first byte, and the CRC at the end. */
static bool is_whole(struct fetch *fetch)
{
    const struct updraft_flash *flash = fetch->flash;
    uint32_t crc = 0;
    uint8_t first = 0;
    uint8_t stored[CRC_LEN] = {0};
    fetch->fault = "what came is no image with a CRC at its end";
    if (fetch->len <= CRC_LEN)
        return false;
    uint32_t len = fetch->len - CRC_LEN;
    for (uint32_t off = 0; off < len;) {
        uint32_t step = len - off < SECTOR_LEN ? len - off : SECTOR_LEN;
        if (flash->read(flash->ctx, fetch->addr + off, fetch->sector, step) != UPDRAFT_OK)
            return false;
        if (off == 0)
            first = fetch->sector[0];
        crc = updraft_crc32(crc, fetch->sector, step);
        off += step;
    }
    return flash->read(flash->ctx, fetch->addr + len, stored, sizeof stored) == UPDRAFT_OK &&
           (first == UPDRAFT_IMAGE_MAGIC || first == UPDRAFT_IMAGE_MAGIC_8266_V2) &&
           updraft_get_le32(stored) == updraft_crc_sdk(crc);
}

static bool write_sector(const struct updraft_flash *flash, uint32_t addr, const uint8_t *data,
                         uint32_t len)
{
    return flash->erase(flash->ctx, addr, SECTOR_LEN) == UPDRAFT_OK &&
           flash->prog(flash->ctx, addr, data, len) == UPDRAFT_OK;
}

/* As the old SDK's system_upgrade_reboot() does: new parameters into the sector that is not in use,
 * then the flag. */
static bool start_other_image(const struct updraft_flash *flash,
                              const struct updraft_old_system *old)
{
    uint8_t bytes[UPDRAFT_OLDSDK_PARAMS_LEN];
    uint8_t flag[UPDRAFT_OLDSDK_FLAG_LEN];
    struct updraft_oldsdk_params params = old->params;
    updraft_oldsdk_switch(&params);
    if (updraft_oldsdk_running(&params) == old->user ||
        flash->read(flash->ctx, updraft_oldsdk_params_addr(&old->map, old->flag), bytes,
                    sizeof bytes) != UPDRAFT_OK ||
        flash->read(flash->ctx, updraft_oldsdk_flag_addr(&old->map), flag, sizeof flag) !=
            UPDRAFT_OK)
        return false;
    updraft_oldsdk_params_encode(&params, bytes);
    flag[0] = updraft_oldsdk_other_flag(old->flag);
    return write_sector(flash, updraft_oldsdk_other_params_addr(&old->map, old->flag), bytes,
                        sizeof bytes) &&
           write_sector(flash, updraft_oldsdk_flag_addr(&old->map), flag, sizeof flag);
}

/* GET over HTTP/1.0, the body as it comes. */
static bool fetch_file(const char *url, struct fetch *fetch)
{
    CURL *transfer = curl_easy_init();
    if (!transfer) {
        fetch->fault = "not enough memory";
        return false;
    }
    curl_easy_setopt(transfer, CURLOPT_URL, url);
    curl_easy_setopt(transfer, CURLOPT_PROXY, "");
    curl_easy_setopt(transfer, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(transfer, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(transfer, CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(transfer, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_0);
    curl_easy_setopt(transfer, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(transfer, CURLOPT_LOW_SPEED_TIME, STALL_S);
    curl_easy_setopt(transfer, CURLOPT_CONNECTTIMEOUT, STALL_S);
    curl_easy_setopt(transfer, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(transfer, CURLOPT_WRITEDATA, fetch);
    CURLcode code = curl_easy_perform(transfer);
    curl_easy_cleanup(transfer);
    if (code != CURLE_OK && !fetch->fault)
        fetch->fault = curl_easy_strerror(code);
    return code == CURLE_OK && flush(fetch);
}

static bool update(struct updraft_machine *machine, const struct updraft_old_system *old,
                   const char **fault)
{
    enum updraft_oldsdk_user other =
        old->user == UPDRAFT_OLDSDK_USER1 ? UPDRAFT_OLDSDK_USER2 : UPDRAFT_OLDSDK_USER1;
    struct fetch fetch = {
        .flash = &machine->nor.flash,
        .addr = updraft_oldsdk_user_addr(&old->map, other),
        .room = room_of(&old->map, other),
    };
    bool good = fetch_file(machine->options->old_update, &fetch) && is_whole(&fetch);
    if (good && !start_other_image(fetch.flash, old)) {
        good = false;
        fetch.fault = "the boot parameters cannot be written";
    }
    *fault = fetch.fault;
    if (good)
        updraft_log_event(&machine->log, "old update done user=%d bytes=%u",
                          other == UPDRAFT_OLDSDK_USER1 ? 1 : 2, (unsigned)fetch.len);
    return good;
}

/* True when the program is to end. */
static bool wait_for_end(const struct updraft_machine *machine, int timeout_ms)
{
    struct pollfd fd = {.fd = machine->signal_fd, .events = POLLIN};
    struct signalfd_siginfo info;
    (void)poll(&fd, 1, timeout_ms);
    while (read(machine->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
            return true;
    }
    return false;
}

enum updraft_old_sdk_end updraft_old_sdk_run(struct updraft_machine *machine)
{
    struct updraft_old_system old;
    const char *told = NULL;
    if (updraft_old_system_read(&machine->nor.flash, &old) != UPDRAFT_OK || !old.has_map)
        return UPDRAFT_OLD_SDK_BROKEN;
    updraft_log_event(&machine->log, "old boot user=%d flash=%u",
                      old.user == UPDRAFT_OLDSDK_USER1 ? 1 : 2, (unsigned)old.map.flash_len);
    for (;;) {
        /* What was refused once would only be refused again. */
        bool is_idle = !machine->options->old_update || machine->old_sdk.update_was_refused;
        const char *fault = NULL;
        if (wait_for_end(machine, is_idle ? -1 : told ? FETCH_AGAIN_MS : 0))
            return UPDRAFT_OLD_SDK_STOPPED;
        if (is_idle)
            continue;
        if (update(machine, &old, &fault))
            return UPDRAFT_OLD_SDK_RESTART;
        if (!told || strcmp(told, fault) != 0)
            updraft_log_event(&machine->log, "old update failed text=\"%s\"", fault);
        told = fault;
    }
}

/* ---- the new boot loader's first thing ---- */

static struct updraft_migrate_config configure(struct updraft_machine *machine, uint8_t *buf)
{
    return (struct updraft_migrate_config){
        .flash = &machine->nor.flash,
        .table_addr = machine->options->table_off,
        .keep_rf = machine->options->keep_rf,
        .buf = buf,
    };
}

static void find_ap(struct updraft_machine *machine)
{
    struct updraft_old_sdk *old_sdk = &machine->old_sdk;
    struct updraft_old_system old;
    struct updraft_oldsdk_aps aps;
    uint8_t buf[UPDRAFT_OLDSDK_PARAMS_LEN];
    bool found = false;
    if (updraft_old_system_read(&machine->nor.flash, &old) == UPDRAFT_OK &&
        updraft_old_system_aps(&machine->nor.flash, &old, buf, &aps, &found) == UPDRAFT_OK && found)
        old_sdk->ap = aps.list[aps.current];
    old_sdk->has_ap = found;
}

static void tell(struct updraft_machine *machine)
{
    struct updraft_old_sdk *old_sdk = &machine->old_sdk;
    const struct updraft_migrate_result *result = &old_sdk->migration;
    if (result->why != UPDRAFT_MIGRATE_WHY_NOT)
        updraft_log_event(&machine->log, "unpack refused why=\"%s\" old_system=%s",
                          updraft_migrate_why_text(result->why),
                          result->state == UPDRAFT_MIGRATE_RETURNED ? "starts_again" : "lost");
    if (result->state == UPDRAFT_MIGRATE_DONE)
        updraft_log_event(&machine->log, "unpacked bytes=%u sectors=%u",
                          (unsigned)result->packed_len, (unsigned)result->sectors_copied);
    if (result->rf == UPDRAFT_MIGRATE_RF_STORED)
        updraft_log_event(&machine->log, "rf parameters stored");
    old_sdk->was_unpacked = old_sdk->was_unpacked || result->state == UPDRAFT_MIGRATE_DONE;
    old_sdk->rf_was_stored = old_sdk->rf_was_stored || result->rf != UPDRAFT_MIGRATE_RF_NONE;
    old_sdk->update_was_refused =
        old_sdk->update_was_refused || result->state == UPDRAFT_MIGRATE_RETURNED;
}

enum updraft_old_sdk_next updraft_old_sdk_migrate(struct updraft_machine *machine)
{
    uint8_t buf[SECTOR_LEN];
    struct updraft_migrate_config config = configure(machine, buf);
    enum updraft_error error = updraft_migrate_run(&config, &machine->old_sdk.migration);
    if (error != UPDRAFT_OK) {
        updraft_log_warn("the new system cannot be unpacked: %s",
                         updraft_error_entry(error)->sentence);
        return UPDRAFT_OLD_SDK_FAULT;
    }
    tell(machine);
    find_ap(machine);
    return machine->old_sdk.migration.state == UPDRAFT_MIGRATE_RETURNED ? UPDRAFT_OLD_SDK_RESET
                                                                        : UPDRAFT_OLD_SDK_GO_ON;
}

bool updraft_old_sdk_return(struct updraft_machine *machine)
{
    uint8_t buf[SECTOR_LEN];
    struct updraft_migrate_config config = configure(machine, buf);
    struct updraft_migrate_result *result = &machine->old_sdk.migration;
    if (!machine->old_sdk.present || updraft_migrate_return(&config, result) != UPDRAFT_OK ||
        result->state != UPDRAFT_MIGRATE_RETURNED)
        return false;
    tell(machine);
    return true;
}
