#include "ports/posix/life_ways.h"

#include "ports/posix/sockets.h"
#include "ports/posix/status.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BIND_PATIENCE_MS 3000u /* for a port that someone holds for a moment */

/* A port may be held for a moment by someone's outgoing connection; a device cannot choose another.
 */
static int bind_port(struct updraft_machine *machine, int type, uint16_t *port, const char *name)
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
static bool open_esphome(struct updraft_life *life)
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
        config.listen_fd = bind_port(machine, SOCK_STREAM, &machine->esphome_port, "esphome");
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
static bool open_direct(struct updraft_life *life)
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
        .listen_fd = bind_port(machine, SOCK_STREAM, &machine->direct_port, "direct"),
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

static void write_status(void *ctx, char *out, size_t cap)
{
    updraft_status_json(ctx, out, cap);
}

/* The file system's partition; NULL: there is none. */
static const char *data_partition(const struct updraft_machine *machine)
{
    return machine->data_partition[0] ? machine->data_partition : NULL;
}

/* espota. */
static bool open_espota(struct updraft_life *life)
{
    struct updraft_machine *machine = life->machine;
    struct updraft_espota_config espota = {
        .update = &life->update,
        .dialect = machine->board->chip->id == UPDRAFT_CHIP_ESP8266 ? UPDRAFT_ESPOTA_ESP8266
                                                                    : UPDRAFT_ESPOTA_ESP32,
        .password = {.text = machine->board->password, .refuse_md5 = machine->board->refuse_md5},
        .data_partition = data_partition(machine),
        .random = updraft_life_random,
    };
    struct updraft_push_socket_config config = {
        .udp_fd = bind_port(machine, SOCK_DGRAM, &machine->ota_port, "ota"),
        .stall_s = machine->options->stall_s,
        .brake = &life->brake,
        .espota = &espota,
    };
    if (config.udp_fd < 0)
        return false;
    updraft_push_socket_open(&life->push, &config);
    return true;
}

/* The update page, forms and raw bodies. */
static bool open_http(struct updraft_life *life)
{
    struct updraft_machine *machine = life->machine;
    struct updraft_web_config web = {
        .update = &life->update,
        .password = machine->board->password,
        .data_partition = data_partition(machine),
        .name = machine->board->name,
        .id = machine->board->mac,
        .hardware = machine->board->chip->id == UPDRAFT_CHIP_ESP8266 ? "ESP8266" : "ESP32",
        .status_json = write_status,
        .forget = updraft_life_forget,
        .random = updraft_life_random,
        .ctx = life,
    };
    struct updraft_httpd_config config = {
        .listen_fd = bind_port(machine, SOCK_STREAM, &machine->http_port, "http"),
        .stall_s = machine->options->stall_s,
        .via = &life->via,
        .brake = &life->brake,
        .web = &web,
    };
    return config.listen_fd >= 0 && updraft_httpd_open(&life->httpd, &config);
}

bool updraft_life_open_push(struct updraft_life *life)
{
    updraft_brake_init(&life->brake, &life->machine->log);
    if (!open_esphome(life))
        return false;
    if (open_direct(life)) {
        if (open_espota(life)) {
            if (open_http(life))
                return true;
            updraft_push_socket_close(&life->push);
        }
        updraft_direct_socket_close(&life->direct);
    }
    updraft_esphome_socket_close(&life->esphome);
    return false;
}

void updraft_life_close_push(struct updraft_life *life)
{
    updraft_direct_socket_close(&life->direct);
    updraft_esphome_socket_close(&life->esphome);
    updraft_push_socket_close(&life->push);
    updraft_httpd_close(&life->httpd);
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
        config.listen_fd = bind_port(machine, SOCK_STREAM, &machine->console_port, "console");
        if (config.listen_fd < 0)
            return false;
    }
    if (updraft_console_open(&life->console, &config))
        return true;
    if (config.listen_fd >= 0)
        close(config.listen_fd);
    return false;
}
