/* updraft-device: a virtual ESP32 or ESP8266. See life.h for what it does between two resets. */
#include "boot/boot.h"
#include "format/chip.h"
#include "ports/posix/board.h"
#include "ports/posix/life.h"
#include "ports/posix/options.h"
#include "ports/posix/provision.h"
#include "ports/posix/sockets.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define DEFAULT_FLASH_SIZE (4u << 20)

/* Without power no answer leaves the device and nothing is closed in order: the process ends on the
 * spot. The flash file is a shared mapping and keeps what the cut left. */
static void power_is_cut(void *ctx)
{
    const struct updraft_machine *machine = ctx;
    updraft_log_event(&machine->log, "power cut at flash operation %u",
                      (unsigned)machine->options->cut_at);
    _exit(UPDRAFT_EXIT_POWER_CUT);
}

/* They say what a new flash holds; silence would look like consent. */
static void warn_of_unused_options(const struct updraft_options *options)
{
    if (options->table_path || options->app_path || options->flash_size)
        updraft_log_warn("%s exists and is used as it is; not used:%s%s%s", options->flash_path,
                         options->table_path ? " --table" : "", options->app_path ? " --app" : "",
                         options->flash_size ? " --flash-size" : "");
}

static bool make_one_place(const struct updraft_machine *machine)
{
    const struct updraft_options *options = machine->options;
    if (options->app_path)
        return updraft_one_place_make(&machine->one_place, options->flash_path, options->app_path);
    updraft_log_warn("%s does not exist; to make it, give --app SKETCH", options->flash_path);
    return false;
}

/* A dump of another chip would be cut off, or read beyond its end. */
static bool check_flash(const struct updraft_machine *machine)
{
    const struct updraft_one_place_map *map = machine->one_place.map;
    if (!map || machine->nor.flash.size == map->flash_len)
        return true;
    updraft_log_warn("%s has %u bytes, but --layout esp8266-%s is for a flash of %u",
                     machine->options->flash_path, (unsigned)machine->nor.flash.size, map->name,
                     (unsigned)map->flash_len);
    return false;
}

static bool open_flash(struct updraft_machine *machine)
{
    const struct updraft_options *options = machine->options;
    if (access(options->flash_path, F_OK) == 0) {
        warn_of_unused_options(options);
    } else if (options->one_place) {
        if (!make_one_place(machine))
            return false;
    } else if (options->old_sdk) {
        if (!updraft_old_sdk_make(options->flash_path, options->old_sdk_nibble))
            return false;
    } else {
        struct updraft_provision provision = {
            .flash_path = options->flash_path,
            .table_path = options->table_path,
            .app_path = options->app_path,
            .flash_size = options->flash_size ? options->flash_size : DEFAULT_FLASH_SIZE,
            .table_off = options->table_off,
            .chip = machine->board->chip,
        };
        if (!updraft_provision_flash(&provision))
            return false;
    }
    struct updraft_nor_options nor_options = {
        .timing = options->timing,
        .sleep = options->timing != UPDRAFT_NOR_INSTANT,
        .cut_at = options->cut_at,
        .cut = options->cut,
        .seed = options->cut_at,
        .on_cut = power_is_cut,
        .on_cut_ctx = machine,
    };
    char why[200];
    if (updraft_nor_open(&machine->nor, options->flash_path, &nor_options, why, sizeof why))
        return check_flash(machine);
    updraft_log_warn("%s", why);
    return false;
}

/* The HTTP port stays ours while the device is down, or someone's outgoing connection might take it
 * between two lives: a socket that is bound and never listens refuses connections and keeps the
 * port. */
static bool reserve_http_port(struct updraft_machine *machine)
{
    machine->http_port = machine->board->http_port;
    machine->ota_port = machine->board->ota_port;
    machine->direct_port = machine->board->direct_port;
    machine->esphome_port = machine->board->esphome_port;
    machine->console_port = machine->board->console_port;
    if (!updraft_sockets_parse(machine->options->listen, &machine->listen)) {
        updraft_log_warn("--listen takes a numeric address such as 127.0.0.1 or ::1, not '%s'",
                         machine->options->listen);
        return false;
    }
    machine->http_reserve_fd =
        updraft_sockets_bind(&machine->listen, SOCK_STREAM, &machine->http_port);
    if (machine->http_reserve_fd < 0)
        updraft_log_warn("cannot use %s port %u: %s. Set ports.http in board.yaml; 0 takes any",
                         machine->options->listen, (unsigned)machine->http_port, strerror(errno));
    return machine->http_reserve_fd >= 0;
}

static bool catch_signals(struct updraft_machine *machine)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    sigaddset(&set, SIGRTMIN);
    signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, NULL) == 0)
        machine->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (machine->signal_fd < 0)
        updraft_log_warn("cannot receive signals: %s", strerror(errno));
    return machine->signal_fd >= 0;
}

static bool boot_slot(struct updraft_machine *machine, enum updraft_reset_cause cause,
                      struct updraft_start *start)
{
    struct updraft_boot_result result;
    uint8_t buf[UPDRAFT_SECTOR_LEN];
    struct updraft_boot_config config = {
        .flash = &machine->nor.flash,
        .table_addr = machine->options->table_off,
        .chip_id = machine->board->chip->id,
        .verify = updraft_slot_verify_any,
        .rules = &updraft_boot_rules_updraft,
        .cause = cause,
        .buf = buf,
        .buf_cap = sizeof buf,
    };
    enum updraft_error error = updraft_boot_run(&config, &result);
    if (error != UPDRAFT_OK) {
        updraft_log_warn("nothing boots: %s", updraft_error_entry(error)->sentence);
        return false;
    }
    *start = (struct updraft_start){result.slot, result.addr, updraft_boot_why_text(result.why)};
    if (result.slot == UPDRAFT_SLOT_NONE)
        updraft_log_warn("nothing boots: no slot holds a complete image for the %s",
                         machine->board->chip->name);
    return result.slot != UPDRAFT_SLOT_NONE;
}

static bool boot(struct updraft_machine *machine, enum updraft_reset_cause cause,
                 struct updraft_start *start)
{
    updraft_seat_find_data(machine);
    if (!machine->one_place.map)
        return boot_slot(machine, cause, start);
    *start = (struct updraft_start){UPDRAFT_SLOT_NONE, machine->one_place.layout.app_addr, NULL};
    return updraft_one_place_boot(machine, &start->why);
}

/* Where an old SDK's boot loader stands in front, it comes first. */
enum front {
    FRONT_PASSED, /* our boot stage's turn */
    FRONT_RESET,  /* start over */
    FRONT_ENDED,  /* *status says how */
};

static enum front run_front(struct updraft_machine *machine, enum updraft_exit *status)
{
    if (machine->one_place.map)
        return FRONT_PASSED;
    switch (updraft_old_sdk_start(machine)) {
    case UPDRAFT_OLD_SDK_ABSENT:
        return FRONT_PASSED;
    case UPDRAFT_OLD_SDK_NOTHING:
        *status = UPDRAFT_EXIT_NOT_BOOTABLE;
        return FRONT_ENDED;
    case UPDRAFT_OLD_SDK_NEW:
        *status = UPDRAFT_EXIT_FAILED;
        switch (updraft_old_sdk_migrate(machine)) {
        case UPDRAFT_OLD_SDK_GO_ON:
            return FRONT_PASSED;
        case UPDRAFT_OLD_SDK_RESET:
            return FRONT_RESET;
        case UPDRAFT_OLD_SDK_FAULT:
            return FRONT_ENDED;
        }
        return FRONT_ENDED;
    case UPDRAFT_OLD_SDK_OLD:
        break;
    }
    enum updraft_old_sdk_end end = updraft_old_sdk_run(machine);
    *status = end == UPDRAFT_OLD_SDK_STOPPED ? UPDRAFT_EXIT_OK : UPDRAFT_EXIT_FAILED;
    return end == UPDRAFT_OLD_SDK_RESTART ? FRONT_RESET : FRONT_ENDED;
}

/* One life after the other, as a chip's reset vector has it. */
static enum updraft_exit live(struct updraft_machine *machine)
{
    enum updraft_reset_cause cause = UPDRAFT_RESET_POWER_ON;
    for (;;) {
        struct updraft_start start;
        enum updraft_exit status = UPDRAFT_EXIT_FAILED;
        enum front front = run_front(machine, &status);
        if (front == FRONT_ENDED)
            return status;
        if (front == FRONT_PASSED && !boot(machine, cause, &start)) {
            if (!updraft_old_sdk_return(machine))
                return UPDRAFT_EXIT_NOT_BOOTABLE;
            front = FRONT_RESET;
        }
        if (front == FRONT_RESET) {
            cause = UPDRAFT_RESET_SOFTWARE;
            continue;
        }
        switch (updraft_life_run(machine, &start)) {
        case UPDRAFT_LIFE_STOPPED:
            return UPDRAFT_EXIT_OK;
        case UPDRAFT_LIFE_RESTART:
            cause = UPDRAFT_RESET_SOFTWARE;
            break;
        case UPDRAFT_LIFE_CRASH:
            cause = UPDRAFT_RESET_CRASH;
            break;
        case UPDRAFT_LIFE_GOES_ON:
        case UPDRAFT_LIFE_BROKEN:
            return UPDRAFT_EXIT_FAILED;
        }
    }
}

static enum updraft_exit run(const struct updraft_options *options,
                             const struct updraft_board *board)
{
    struct updraft_machine machine = {
        .log = {.quiet = options->quiet},
        .options = options,
        .board = board,
        .http_reserve_fd = -1,
        .signal_fd = -1,
        .guard_is_up = options->guard != NULL,
        .is_disabled = options->disabled,
    };
    updraft_one_place_init(&machine.one_place, options);
    if (!reserve_http_port(&machine) || !catch_signals(&machine) || !open_flash(&machine))
        return UPDRAFT_EXIT_FAILED;
    enum updraft_exit status = live(&machine);
    if (machine.nor.violation[0]) {
        updraft_log_warn("the flash was misused: %s", machine.nor.violation);
        status = UPDRAFT_EXIT_FAILED;
    }
    updraft_nor_close(&machine.nor);
    close(machine.http_reserve_fd);
    close(machine.signal_fd);
    return status;
}

int main(int argc, char **argv)
{
    struct updraft_options options;
    struct updraft_board board;
    switch (updraft_options_parse(argc, argv, &options)) {
    case UPDRAFT_OPTIONS_SHOWN:
        return UPDRAFT_EXIT_OK;
    case UPDRAFT_OPTIONS_WRONG:
        return UPDRAFT_EXIT_USAGE;
    case UPDRAFT_OPTIONS_RUN:
        break;
    }
    if (!updraft_board_load(options.board_path, &board))
        return UPDRAFT_EXIT_FAILED;
    if (options.server) {
        board.server = options.server;
        board.checks_in = true;
    }
    if (options.one_place && board.chip->id != UPDRAFT_CHIP_ESP8266) {
        updraft_log_warn("--layout esp8266-%s is for an esp8266, but board.yaml says %s",
                         options.one_place->name, board.chip->slug);
        updraft_board_free(&board);
        return UPDRAFT_EXIT_FAILED;
    }
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        updraft_log_warn("libcurl cannot be started");
        return UPDRAFT_EXIT_FAILED;
    }
    enum updraft_exit status = run(&options, &board);
    curl_global_cleanup();
    updraft_board_free(&board);
    return (int)status;
}
