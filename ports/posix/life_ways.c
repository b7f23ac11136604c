#include "ports/posix/life_ways.h"

#include "ports/posix/sockets.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BIND_PATIENCE_MS 3000u /* for a port that someone holds for a moment */

/* A port may be held for a moment by someone's outgoing connection; a device cannot choose another.
 */
int updraft_life_bind(struct updraft_machine *machine, int type, uint16_t *port, const char *name)
{
    uint64_t deadline_ms = updraft_clock_ms() + BIND_PATIENCE_MS;
    for (;;) {
        int fd = updraft_sockets_bind(&machine->listen, type, port);
        if (fd >= 0)
            return fd;
        if (errno != EADDRINUSE || updraft_clock_ms() >= deadline_ms)
            break;
        struct timespec pause = {.tv_nsec = 50000000};
        nanosleep(&pause, NULL);
    }
    updraft_log_warn("cannot listen on %s port %u: %s. Set ports.%s in board.yaml; 0 takes any",
                     machine->options->listen, (unsigned)*port, strerror(errno), name);
    return -1;
}

/* A device that does not speak it has the engines, too, and no socket. */
bool updraft_life_open_esphome(struct updraft_life *life)
{
    struct updraft_machine *machine = life->machine;
    bool is_esp8266 = machine->board->chip->id == UPDRAFT_CHIP_ESP8266;
    struct updraft_esphome_config esphome = {
        .update = &life->update,
        .password = machine->board->password,
        .version = 2,
        .is_esp8266 = is_esp8266,
        .takes_gzip = is_esp8266, /* as ESPHome's: an ESP32 has room for the plain image */
        .random = updraft_life_random,
    };
    struct updraft_esphome_socket_config config = {
        .listen_fd = -1,
        .stall_s = machine->options->stall_s,
        .brake = &life->brake,
        .esphome = &esphome,
    };
    if (machine->board->speaks_esphome) {
        config.listen_fd =
            updraft_life_bind(machine, SOCK_STREAM, &machine->esphome_port, "esphome");
        if (config.listen_fd < 0)
            return false;
    }
    if (updraft_esphome_socket_open(&life->esphome, &config))
        return true;
    updraft_log_warn("cannot listen on port %u: %s", (unsigned)machine->esphome_port,
                     strerror(errno));
    close(config.listen_fd);
    return false;
}

/* The salt follows from what no two devices share, so that a key found for one opens no other. */
bool updraft_life_open_direct(struct updraft_life *life)
{
    struct updraft_machine *machine = life->machine;
    struct updraft_direct_config direct = {
        .update = &life->update,
        .has_password = machine->board->password != NULL,
        .iterations = UPDRAFT_DIRECT_ITERATIONS,
        .chip_id = machine->board->chip->id,
        .capacity = updraft_seat_capacity(life),
        .name = machine->board->name,
        .product = updraft_life_product(life),
        .version = life->running.version,
        .random = updraft_life_random,
    };
    struct updraft_direct_socket_config config = {
        .listen_fd = updraft_life_bind(machine, SOCK_STREAM, &machine->direct_port, "direct"),
        .stall_s = machine->options->stall_s,
        .brake = &life->brake,
        .direct = &direct,
    };
    if (config.listen_fd < 0)
        return false;
    if (listen(config.listen_fd, SOMAXCONN) != 0) {
        updraft_log_warn("cannot listen on port %u: %s", (unsigned)machine->direct_port,
                         strerror(errno));
        close(config.listen_fd);
        return false;
    }
    memcpy(direct.salt, machine->board->mac, sizeof direct.salt);
    updraft_direct_key(machine->board->password, direct.salt, direct.iterations, direct.key);
    updraft_direct_socket_open(&life->direct, &config);
    return true;
}

/* OVMS modules are ESP32s: the console knows slots, and no staging. Tags are channels. */
bool updraft_life_open_console(struct updraft_life *life)
{
    struct updraft_machine *machine = life->machine;
    const struct updraft_options *options = machine->options;
    const struct updraft_board *board = machine->board;
    char version[160];
    char server[UPDRAFT_OVMS_SERVER_CAP] = "";
    snprintf(version, sizeof version, "%s/%s/main (build idf %s, product %s)",
             life->running.version, updraft_slot_name(life->slots.running), life->running.idf,
             updraft_life_product(life));
    if (board->server)
        snprintf(server, sizeof server, "%s/d/ovms", board->server);
    struct updraft_ovms_config ovms = {
        .update = &life->update,
        .slots = &life->slots,
        .dialect = options->console_words,
        .hardware = "OVMS WIFI cores=2 rev=ESP32/3",
        .version = version,
        .product = updraft_life_product(life),
        .password = board->password,
        .chip_id = board->chip->id,
    };
    struct updraft_console_config config = {
        .listen_fd = -1,
        .on_stdin = options->console,
        .may_look = board->server != NULL,
        .stall_s = options->stall_s,
        .brake = &life->brake,
        .log = &machine->log,
        .network = options->network,
        .name = board->name,
        .server = server,
        .ovms = &ovms,
    };
    bool is_esp8266 = board->chip->id == UPDRAFT_CHIP_ESP8266;
    if (is_esp8266 && (board->has_console || options->console))
        updraft_log_warn("an ESP8266 has no ota console; OVMS modules are ESP32s");
    config.on_stdin = config.on_stdin && !is_esp8266;
    if (board->has_console && !is_esp8266) {
        config.listen_fd =
            updraft_life_bind(machine, SOCK_STREAM, &machine->console_port, "console");
        if (config.listen_fd < 0)
            return false;
    }
    if (updraft_console_open(&life->console, &config))
        return true;
    if (config.listen_fd >= 0)
        close(config.listen_fd);
    return false;
}
