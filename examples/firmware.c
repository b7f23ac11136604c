/* The smallest firmware that updates itself: a flash, a boot stage, a transaction, a confirmation.
 *
 *   firmware TABLE.bin OLD.bin NEW.bin [crash]
 *
 * Starts with OLD in the first slot, takes NEW as if it came over the air in small pieces, restarts,
 * confirms itself, and prints what runs. With "crash" NEW panics instead, and OLD comes
 * back and says why. The flash is an array here; on a chip its four functions
 * call the driver, and restart() resets the chip. Everything between is the same. */
#include "boot/boot.h"
#include "device/updraft.h"
#include "format/chip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLASH_LEN   (4u * 1024u * 1024u)
#define SECTOR_LEN  4096u
#define FIRST_SLOT  0x10000u
#define TRIAL_BOOTS 3

/* --- the port: what a chip provides -------------------------------------------------------------- */

static uint8_t chip[FLASH_LEN];

static enum updraft_error chip_read(void *ctx, uint32_t addr, void *buf, uint32_t len)
{
    (void)ctx;
    memcpy(buf, chip + addr, len);
    return UPDRAFT_OK;
}

static enum updraft_error chip_prog(void *ctx, uint32_t addr, const void *buf, uint32_t len)
{
    const uint8_t *data = buf;

    (void)ctx;
    for (uint32_t i = 0; i < len; i++)
        chip[addr + i] &= data[i]; /* programming only clears bits */
    return UPDRAFT_OK;
}

static enum updraft_error chip_erase(void *ctx, uint32_t addr, uint32_t len)
{
    (void)ctx;
    memset(chip + addr, 0xFF, len);
    return UPDRAFT_OK;
}

static const struct updraft_flash flash = {
    .read = chip_read,
    .prog = chip_prog,
    .erase = chip_erase,
    .size = FLASH_LEN,
    .sector_len = SECTOR_LEN,
    .block_len = 65536,
    .prog_len = 1,
};

/* --- the boot stage: a program of its own on a chip ---------------------------------------------- */

static uint32_t boot(enum updraft_reset_cause cause)
{
    static uint8_t scratch[SECTOR_LEN];
    struct updraft_boot_result result;
    struct updraft_boot_config config = {
        .flash = &flash,
        .table_addr = UPDRAFT_PTABLE_DEFAULT_OFF,
        .chip_id = UPDRAFT_CHIP_ESP32,
        .verify = updraft_slot_verify,
        .rules = &updraft_boot_rules_updraft,
        .cause = cause,
        .buf = scratch,
        .buf_cap = sizeof scratch,
    };

    if (updraft_boot_run(&config, &result) != UPDRAFT_OK || result.slot == UPDRAFT_SLOT_NONE) {
        puts("nothing to boot");
        exit(1);
    }
    printf("boots %s: %s\n", updraft_slot_name(result.slot), updraft_boot_why_text(result.why));
    return result.addr; /* a chip jumps there */
}

/* --- the application ------------------------------------------------------------------------------ */

#define HEALTH_MS 30000 /* from the start of a new image to its confirmation, or the way back */

static struct updraft_slots slots;
static struct updraft_update update;
static struct updraft_trial_watch watch;
static struct updraft_last_lines lines;

/* What the firmware prints goes here too: the panic handler saves the newest of it. */
static void say(const char *line)
{
    puts(line);
    updraft_last_lines_add(&lines, line);
}

/* Called from the chip's panic and watchdog handlers, right before the reset. */
static void on_panic(const char *what)
{
    updraft_last_lines_add(&lines, what);
    (void)!updraft_last_lines_save(&lines, &slots);
}

/* In the main loop. True: the trial is lost, and the chip is to be reset. */
static bool health_is_lost(uint64_t now_ms)
{
    return updraft_trial_watch_tick(&watch, now_ms) == UPDRAFT_TRIAL_WATCH_RESTART;
}

/* Why this image runs again, and what the failed one printed last. */
static void tell_roll_back(void)
{
    struct updraft_slot_record failed;
    char text[512];
    uint32_t len;

    if (updraft_slots_find_failed(&slots, &failed) != UPDRAFT_OK ||
        failed.slot == UPDRAFT_SLOT_NONE)
        return;
    printf("%s was rolled back, reason %d, after %d crashes\n", updraft_slot_name(failed.slot),
           (int)failed.entry.trial.reason, (int)failed.entry.trial.attempts_used);
    for (uint8_t attempt = 0; attempt <= failed.entry.trial.attempts_allowed; attempt++) {
        if (updraft_last_lines_read(&slots, attempt, text, sizeof text, &len) == UPDRAFT_OK)
            printf("%.*s", (int)len, text);
    }
}

static void say_progress(void *ctx, uint32_t written, uint32_t expected_len)
{
    (void)ctx;
    if (written == expected_len)
        printf("%u bytes in flash\n", written);
}

static void say_error(void *ctx, const struct updraft_failure *failure)
{
    char sentence[160];

    (void)ctx;
    updraft_failure_sentence(failure, sentence, sizeof sentence);
    printf("refused: %s. %s\n", sentence, updraft_error_entry(failure->code)->remedy);
}

static struct updraft_permission permission;

/* Asked before the restart, until it says yes or its time is up. */
static bool reach_safe_state(void *ctx)
{
    (void)ctx;
    puts("outputs are off");
    return true;
}

static bool may_update(void *ctx, enum updraft_guard_point point, struct updraft_refusal *refusal)
{
    (void)ctx;
    updraft_permission_tick(&permission, 0, (struct updraft_wall_time){0}); /* the chip's clocks */
    return updraft_permission_ask(&permission, point, refusal);
}

static const struct updraft_update_hooks hooks = {
    .progress = say_progress,
    .error = say_error,
    .guard = may_update,
};

static void start_application(uint32_t running_addr)
{
    static uint8_t sector[SECTOR_LEN];
    static uint8_t arena[UPDRAFT_GUNZIP_ARENA_LEN]; /* leave it out where gzip is not wanted */
    struct updraft_update_config config = {
        .chip_id = UPDRAFT_CHIP_ESP32,
        .attempts = TRIAL_BOOTS,
        .buf = sector,
        .decoder = &updraft_update_gzip,
        .gunzip_arena = arena,
        .hooks = &hooks,
    };
    struct updraft_trial_watch_config health = {
        .slots = &slots, .lines = &lines, .health_ms = HEALTH_MS};
    static char ring[512];

    updraft_last_lines_init(&lines, ring, sizeof ring);
    if (updraft_slots_open(&slots, &flash, UPDRAFT_PTABLE_DEFAULT_OFF, running_addr) !=
            UPDRAFT_OK ||
        updraft_trial_watch_start(&watch, &health, 0) != UPDRAFT_OK)
        exit(1);
    updraft_slots_remember(&slots); /* a program that failed here is not taken again */
    tell_roll_back();
    config.place = updraft_slot_place(&slots);
    updraft_permission_init(
        &permission, &(struct updraft_permission_config){.reach_safe_state = reach_safe_state,
                                                         .safe_deadline_s = 10});
    updraft_update_init(&update, &config);
    say("the application has started");
}

/* Here the application proves that it works: the network is up, the sensors answer. Then: */
static void prove_health(void)
{
    if (health_is_lost(HEALTH_MS - 1u) || updraft_trial_watch_confirm(&watch) != UPDRAFT_OK)
        exit(1);
}

/* Bytes from anywhere: a socket, a UART, a file. The push and pull engines do just this. */
static bool take_update(FILE *wire, uint32_t wire_len)
{
    struct updraft_update_request request = {.wire_len = wire_len};
    uint8_t piece[1460];
    size_t len;

    if (updraft_update_begin(&update, &request, NULL) != UPDRAFT_OK)
        return false;
    while ((len = fread(piece, 1, sizeof piece, wire)) > 0) {
        if (updraft_update_feed(&update, piece, (uint32_t)len) != UPDRAFT_OK)
            return false;
    }
    return updraft_update_finish(&update) == UPDRAFT_OK;
}

static uint32_t load(const char *path, uint32_t addr, uint32_t cap)
{
    FILE *file = fopen(path, "rb");
    size_t len;

    if (file == NULL) {
        perror(path);
        exit(1);
    }
    len = fread(chip + addr, 1, cap, file);
    fclose(file);
    return (uint32_t)len;
}

int main(int argc, char **argv)
{
    struct updraft_refusal refusal;
    FILE *wire;
    long wire_len;
    bool is_updated;

    if (argc != 4 && !(argc == 5 && strcmp(argv[4], "crash") == 0)) {
        fputs("usage: firmware TABLE.bin OLD.bin NEW.bin [crash]\n", stderr);
        return 2;
    }
    memset(chip, 0xFF, sizeof chip);
    load(argv[1], UPDRAFT_PTABLE_DEFAULT_OFF, UPDRAFT_PTABLE_LEN);
    load(argv[2], FIRST_SLOT, FLASH_LEN - FIRST_SLOT);
    start_application(boot(UPDRAFT_RESET_POWER_ON));
    prove_health();

    wire = fopen(argv[3], "rb");
    if (wire == NULL || fseek(wire, 0, SEEK_END) != 0 || (wire_len = ftell(wire)) < 0) {
        perror(argv[3]);
        return 1;
    }
    rewind(wire);
    is_updated = take_update(wire, (uint32_t)wire_len);
    fclose(wire);
    if (!is_updated || !updraft_update_may_restart(&update, &refusal))
        return 1;
    start_application(boot(UPDRAFT_RESET_SOFTWARE));
    while (argc == 5 && watch.is_on_trial) {
        on_panic("LoadProhibited");
        start_application(boot(UPDRAFT_RESET_CRASH));
    }
    prove_health();
    boot(UPDRAFT_RESET_POWER_ON); /* for good: no longer on trial */
    return 0;
}
