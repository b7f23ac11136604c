/* updraft push FILE HOST */
#include "cli/address.h"
#include "cli/out.h"
#include "cli/push.h"
#include "format/chip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HTTP_PORT        80u
#define PROBE_MS         3000u
#define PROBE_ESPOTA_MS  1500u /* espota needs no HTTP: a short look is enough */
#define DEFAULT_WAIT_S   120u
#define DEFAULT_ANSWER_S 10u

static const struct updraft_option options[] = {
    {"via", 0, "WAY", "auto (default), direct, raw, form, espota or esphome"},
    {"password", 'p', "TEXT", "the device's password (else UPDRAFT_PASSWORD)"},
    {"user", 0, "NAME", "user name for HTTP (default updraft; most devices take any)"},
    {"port", 0, "PORT", "the device's port, as HOST:PORT"},
    {"http-port", 0, "PORT", "its HTTP port (default 80, or --port)"},
    {"ota-port", 0, "PORT", "its espota or ESPHome port (default 3232, ESP8266: 8266, or --port)"},
    {"direct-port", 0, "PORT", "its port of Updraft's own way in (default: as it says, else 3233)"},
    {"host-port", 0, "PORT", "espota: the port of this computer that the device connects to"},
    {"no-chip-check", 0, NULL, "send also when the image is for another chip"},
    {"timeout", 0, "S", "how long to wait for one answer (default 10)"},
    {"wait", 0, "S", "how long to wait for the new version to run (default 120)"},
    {"no-wait", 0, NULL, "done when the device has taken the image"},
    {0},
};

static enum updraft_exit port_option(struct updraft_cli *cli, const char *name, uint16_t *port)
{
    uint32_t value = *port;
    enum updraft_exit exit = updraft_args_u32(cli, name, 1, 65535, &value);

    *port = (uint16_t)value;
    return exit;
}

/* HOST or HOST:PORT; --port says the same, the special ports go first. */
static enum updraft_exit read_address(struct updraft_push *push)
{
    struct updraft_cli *cli = push->cli;
    enum updraft_exit exit =
        updraft_address_read(cli->args.positional[1], push->host, &push->given_port, &cli->fail);

    if (exit != UPDRAFT_EXIT_OK)
        return exit;
    exit = port_option(cli, "port", &push->given_port);
    push->http_port = push->given_port ? push->given_port : HTTP_PORT;
    if (exit == UPDRAFT_EXIT_OK)
        exit = port_option(cli, "http-port", &push->http_port);
    if (exit == UPDRAFT_EXIT_OK)
        exit = port_option(cli, "ota-port", &push->ota_port);
    if (exit == UPDRAFT_EXIT_OK)
        exit = port_option(cli, "direct-port", &push->direct_port);
    if (exit == UPDRAFT_EXIT_OK)
        exit = port_option(cli, "host-port", &push->host_port);
    return exit;
}

static enum updraft_exit read_way(struct updraft_push *push)
{
    static const struct {
        const char *name;
        enum updraft_push_way way;
    } ways[] = {
        {"auto", UPDRAFT_PUSH_AUTO},     {"raw", UPDRAFT_PUSH_RAW},
        {"form", UPDRAFT_PUSH_FORM},     {"espota", UPDRAFT_PUSH_ESPOTA},
        {"direct", UPDRAFT_PUSH_DIRECT}, {"esphome", UPDRAFT_PUSH_ESPHOME},
    };
    const char *name = updraft_args_value(&push->cli->args, "via");

    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        if (!name || !strcmp(name, ways[i].name)) {
            push->way = ways[i].way;
            return UPDRAFT_EXIT_OK;
        }
    }
    return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_USAGE, "usage",
                            "Use --via auto, direct, raw, form, espota or esphome.",
                            "there is no way in '%s'", name);
}

static enum updraft_exit read_options(struct updraft_push *push)
{
    const struct updraft_args *args = &push->cli->args;
    const char *user = updraft_args_value(args, "user");
    enum updraft_exit exit = read_address(push);

    push->user = user ? user : "updraft";
    push->password = updraft_args_value(args, "password");
    if (!push->password)
        push->password = getenv("UPDRAFT_PASSWORD");
    if (push->password && !push->password[0])
        push->password = NULL;
    push->timeout_s = DEFAULT_ANSWER_S;
    push->wait_s = DEFAULT_WAIT_S;
    if (exit == UPDRAFT_EXIT_OK)
        exit = read_way(push);
    if (exit == UPDRAFT_EXIT_OK)
        exit = updraft_args_u32(push->cli, "timeout", 1, 600, &push->timeout_s);
    if (exit == UPDRAFT_EXIT_OK)
        exit = updraft_args_u32(push->cli, "wait", 0, 86400, &push->wait_s);
    if (updraft_args_has(args, "no-wait"))
        push->wait_s = 0;
    return exit;
}

/* What can be known to fail is refused before a byte is sent. */
static enum updraft_exit check_fit(struct updraft_push *push)
{
    const struct updraft_push_device *device = &push->device;
    const struct updraft_chip *chip = updraft_chip_by_name(device->chip);
    uint16_t image_chip_id = push->image.info.chip_id;
    struct updraft_failure failure;

    if (chip && chip->id != image_chip_id && !updraft_args_has(&push->cli->args, "no-chip-check"))
        return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_REFUSED, "wrong_chip",
                                "Send the image that was built for this chip.",
                                "the image is for %s, the device is an %s",
                                updraft_chip_name(image_chip_id), chip->name);
    if (device->capacity && push->image.info.image_len > device->capacity) {
        updraft_failure_set(&failure, UPDRAFT_E_TOO_LARGE, push->image.info.image_len,
                            device->capacity, NULL);
        return updraft_fail_from(&push->cli->fail, UPDRAFT_EXIT_REFUSED, &failure);
    }
    if (device->kind == UPDRAFT_PUSH_UPDRAFT && device->wants_password && !push->password)
        return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_AUTH, "wrong_password",
                                "Give it with --password, or in UPDRAFT_PASSWORD.",
                                "the device wants a password");
    return UPDRAFT_EXIT_OK;
}

/* The port that was given is espota's, so it answers no question: a device of ours may do so on port
 * 80. That it names the espota port shows that it is the same device. */
static void ask_beside_espota(struct updraft_push *push)
{
    uint16_t ota_port = push->ota_port ? push->ota_port : push->given_port;
    uint16_t http_port = push->http_port;
    struct updraft_push_device device;

    if (push->way != UPDRAFT_PUSH_ESPOTA || push->device.kind != UPDRAFT_PUSH_UNKNOWN ||
        http_port == HTTP_PORT || updraft_args_has(&push->cli->args, "http-port"))
        return;
    push->http_port = HTTP_PORT;
    updraft_push_ask(push, &device, PROBE_ESPOTA_MS);
    if (device.kind == UPDRAFT_PUSH_UPDRAFT && device.ota_port == ota_port)
        push->device = device;
    else
        push->http_port = http_port;
}

static void meet(struct updraft_push *push, cJSON *result)
{
    const struct updraft_push_device *device = &push->device;
    const struct updraft_chip *chip;
    bool needs_http = push->way != UPDRAFT_PUSH_ESPOTA && push->way != UPDRAFT_PUSH_ESPHOME &&
                      push->way != UPDRAFT_PUSH_DIRECT;

    updraft_progress_step(&push->progress, "asking %s what it is", push->host);
    updraft_push_ask(push, &push->device, needs_http ? PROBE_MS : PROBE_ESPOTA_MS);
    updraft_push_choose(push);
    ask_beside_espota(push);
    if (device->kind != UPDRAFT_PUSH_UNKNOWN) {
        chip = updraft_chip_by_name(device->chip);
        updraft_progress_step(&push->progress, "%s, %s, runs %s%s%s",
                              device->name[0] ? device->name : push->host,
                              chip ? chip->name : "unknown chip", device->version,
                              device->slot[0] ? " in " : "", device->slot);
        cJSON_AddStringToObject(result, "device", device->name[0] ? device->name : push->host);
        cJSON_AddStringToObject(result, "from", device->version);
    }
    cJSON_AddStringToObject(result, "via", updraft_push_way_name(push->way));
}

/* Can the device be asked afterwards, and would its answer tell the two versions apart? */
static bool can_wait(const struct updraft_push *push)
{
    if (push->wait_s == 0 || push->device.kind == UPDRAFT_PUSH_UNKNOWN)
        return false;
    return push->device.kind == UPDRAFT_PUSH_UPDRAFT ||
           strcmp(push->device.version, push->image.info.appdesc.version) != 0;
}

static enum updraft_exit transfer(struct updraft_push *push, cJSON *result)
{
    uint64_t start_ms = updraft_progress_now_ms();
    enum updraft_exit exit;

    meet(push, result);
    exit = check_fit(push);
    if (exit != UPDRAFT_EXIT_OK)
        return exit;
    if (push->way == UPDRAFT_PUSH_ESPOTA)
        exit = updraft_push_espota(push);
    else if (push->way == UPDRAFT_PUSH_DIRECT)
        exit = updraft_push_direct(push);
    else if (push->way == UPDRAFT_PUSH_ESPHOME)
        exit = updraft_push_esphome(push);
    else
        exit = updraft_push_http(push);
    cJSON_AddNumberToObject(result, "sent", push->sent_len);
    if (exit == UPDRAFT_EXIT_OK && can_wait(push)) {
        exit = updraft_push_wait(push, result);
    } else if (exit == UPDRAFT_EXIT_OK) {
        cJSON_AddStringToObject(result, "state", "written");
    }
    cJSON_AddNumberToObject(result, "seconds",
                            (double)(updraft_progress_now_ms() - start_ms) / 1000.0);
    return exit;
}

static enum updraft_exit run(struct updraft_cli *cli, cJSON *result)
{
    struct updraft_push push = {.cli = cli, .path = cli->args.positional[0]};
    enum updraft_exit exit;

    updraft_progress_init(&push.progress, cli->quiet);
    exit = read_options(&push);
    if (exit == UPDRAFT_EXIT_OK)
        exit = updraft_inspect_file(push.path, &push.wire, &push.image, &cli->fail);
    if (exit != UPDRAFT_EXIT_OK)
        return exit;
    cJSON_AddStringToObject(result, "file", push.path);
    cJSON_AddStringToObject(result, "host", push.host);
    cJSON_AddNumberToObject(result, "size", (double)push.wire.len);
    cJSON_AddStringToObject(result, "to",
                            push.image.info.has_appdesc ? push.image.info.appdesc.version : "-");
    exit = transfer(&push, result);
    updraft_file_free(&push.wire);
    return exit == UPDRAFT_EXIT_OK ? exit
                                   : updraft_fail_wrap(&cli->fail, exit, "cannot push %s to %s",
                                                       updraft_file_name(push.path), push.host);
}

static void show(const struct updraft_cli *cli, const cJSON *result)
{
    const char *state = updraft_json_text(result, "state");

    if (cli->quiet)
        return;
    if (!strcmp(state, "written"))
        printf(
            "%s has taken %s by %s and restarts; it cannot be asked which version it runs then.\n",
            updraft_json_text(result, "host"), updraft_json_text(result, "to"),
            updraft_json_text(result, "via"));
    else if (!strcmp(state, "confirmed") || !strcmp(state, "running"))
        printf("%s runs %s now (%s), by %s in %.1f s.\n", updraft_json_text(result, "host"),
               updraft_json_text(result, "running"), state, updraft_json_text(result, "via"),
               updraft_json_number(result, "seconds"));
}

const struct updraft_command updraft_command_push = {
    .name = "push",
    .summary = "send an image to a device over the network, and see it run",
    .usage = "FILE HOST[:PORT] [--password TEXT] [--via WAY]",
    .about =
        "Checks the image, asks the device what it is, and chooses the way in: raw HTTP for\n"
        "Updraft's own devices and esp32-evse, the browser form for Arduino's update page, "
        "ESPHome's\n"
        "own protocol where it answers, else espota (the Arduino network port). An image for "
        "another\n"
        "chip, or too large, is refused before a byte is sent. Then waits until the device runs "
        "the\n"
        "new version and has confirmed it, or says that it was rolled back. A device that answers "
        "no\n"
        "questions is not waited for (state \"written\").\n"
        "\n"
        "espota: the device connects back to this computer. Behind a firewall, fix the port with\n"
        "--host-port and let TCP in there.\n"
        "\n"
        "JSON: file, host, size, via, device, from, to, running, slot, sent, seconds, and state:\n"
        "confirmed, running, written, trial, rolled_back or failed.\n",
    .examples = "  updraft push build/garage.bin 192.168.1.50 --password secret\n"
                "  updraft push garage.bin esp8266-1a2b3c.local --via espota --host-port 40000\n",
    .options = options,
    .positional_min = 2,
    .positional_max = 2,
    .run = run,
    .show = show,
};
