/* updraft push FILE HOST... */
#include "cli/found.h"
#include "cli/out.h"
#include "cli/push_crew.h"
#include "format/chip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HTTP_PORT        80u
#define DEFAULT_WAIT_S   120u
#define DEFAULT_ANSWER_S 10u
#define DEFAULT_JOBS     4u
#define JOB_CAP          256u
#define RETRY_CAP        100u

static const struct updraft_option options[] = {
    {"via", 0, "WAY", "auto (default), direct, raw, form, espota or esphome"},
    {"password", 'p', "TEXT", "the device's password (else UPDRAFT_PASSWORD)"},
    {"user", 0, "NAME", "user name for HTTP (default updraft; most devices take any)"},
    {"list", 0, "FILE", "push to the devices in it: ADDRESS [password=TEXT], one a line"},
    {"discover", 0, NULL, "push to the devices that announce themselves and run this image's chip"},
    UPDRAFT_FOUND_FILTER_OPTIONS,
    {"jobs", 'j', "N", "how many devices at a time (default 4)"},
    {"retry", 0, "N", "try again up to N times where that may help, after 1, 2, 4, ... 30 s"},
    {"only-newer", 0, NULL, "leave devices alone that run this version or a later one"},
    {"dry-run", 0, NULL, "ask and check, but send nothing"},
    {"port", 0, "PORT", "the device's port, as HOST:PORT"},
    {"http-port", 0, "PORT", "its HTTP port (default 80, or --port)"},
    {"ota-port", 0, "PORT", "its espota or ESPHome port (default 3232, ESP8266: 8266, or --port)"},
    {"direct-port", 0, "PORT", "its port of Updraft's own way in (default: as it says, else 3233)"},
    {"host-port", 0, "PORT", "espota: the port of this computer that the device connects to"},
    {"filesystem", 0, NULL, "FILE is an image of the device's file system, not firmware (espota)"},
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

/* --port says what HOST:PORT does, the special ports go first. */
static enum updraft_exit read_ports(struct updraft_push *push)
{
    enum updraft_exit exit = port_option(push->cli, "port", &push->given_port);

    push->http_port = push->given_port ? push->given_port : HTTP_PORT;
    if (exit == UPDRAFT_EXIT_OK)
        exit = port_option(push->cli, "http-port", &push->http_port);
    if (exit == UPDRAFT_EXIT_OK)
        exit = port_option(push->cli, "ota-port", &push->ota_port);
    if (exit == UPDRAFT_EXIT_OK)
        exit = port_option(push->cli, "direct-port", &push->direct_port);
    if (exit == UPDRAFT_EXIT_OK)
        exit = port_option(push->cli, "host-port", &push->host_port);
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

static enum updraft_exit read_options(struct updraft_push *push, struct updraft_push_crew *crew)
{
    const struct updraft_args *args = &push->cli->args;
    const char *user = updraft_args_value(args, "user");
    enum updraft_exit exit = read_ports(push);

    push->user = user ? user : "updraft";
    push->password = updraft_args_value(args, "password");
    if (!push->password)
        push->password = getenv("UPDRAFT_PASSWORD");
    if (push->password && !push->password[0])
        push->password = NULL;
    push->timeout_s = DEFAULT_ANSWER_S;
    push->wait_s = DEFAULT_WAIT_S;
    crew->jobs = DEFAULT_JOBS;
    if (exit == UPDRAFT_EXIT_OK)
        exit = read_way(push);
    if (exit == UPDRAFT_EXIT_OK)
        exit = updraft_args_u32(push->cli, "timeout", 1, 600, &push->timeout_s);
    if (exit == UPDRAFT_EXIT_OK)
        exit = updraft_args_u32(push->cli, "wait", 0, 86400, &push->wait_s);
    if (exit == UPDRAFT_EXIT_OK)
        exit = updraft_args_u32(push->cli, "jobs", 1, JOB_CAP, &crew->jobs);
    if (exit == UPDRAFT_EXIT_OK)
        exit = updraft_args_u32(push->cli, "retry", 0, RETRY_CAP, &crew->retries);
    if (updraft_args_has(args, "no-wait"))
        push->wait_s = 0;
    return exit;
}

/* A file system may hold anything, and only espota says on the wire that it is one. */
static enum updraft_exit read_file(struct updraft_push *push)
{
    struct updraft_fail *fail = &push->cli->fail;

    push->filesystem = updraft_args_has(&push->cli->args, "filesystem");
    if (!push->filesystem)
        return updraft_inspect_file(push->path, &push->wire, &push->image, fail);
    if (push->way != UPDRAFT_PUSH_AUTO && push->way != UPDRAFT_PUSH_ESPOTA)
        return updraft_fail_set(fail, UPDRAFT_EXIT_USAGE, "usage", "Leave --via away.",
                                "--filesystem goes by espota only");
    push->way = UPDRAFT_PUSH_ESPOTA;
    push->image.info.chip_id = UPDRAFT_CHIP_UNKNOWN;
    return updraft_file_read(push->path, &push->wire, fail);
}

/* espota's device finds this computer by one port, and only one push can listen there. */
static enum updraft_exit check_host_port(const struct updraft_push *push,
                                         const struct updraft_push_crew *crew)
{
    if (!push->host_port || crew->targets->count == 1 || crew->jobs == 1)
        return UPDRAFT_EXIT_OK;
    return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_USAGE, "usage", "Add --jobs 1.",
                            "--host-port serves one device at a time");
}

/* ---- what became of it ---- */

static enum updraft_exit exit_of(const cJSON *device)
{
    return (enum updraft_exit)updraft_json_number(device, "exit");
}

/* The result of the only device is that of the command. */
static enum updraft_exit conclude_one(struct updraft_push *push, cJSON *devices, cJSON *result)
{
    cJSON *device = cJSON_DetachItemFromArray(devices, 0);
    enum updraft_exit exit = exit_of(device);
    cJSON *error = cJSON_DetachItemFromObjectCaseSensitive(device, "error");
    const char *host;

    cJSON_DeleteItemFromObjectCaseSensitive(device, "exit");
    cJSON_DeleteItemFromObjectCaseSensitive(device, "label");
    updraft_json_move(device, result);
    cJSON_Delete(device);
    if (error)
        (void)updraft_fail_set(&push->cli->fail, exit, updraft_json_text(error, "code"),
                               updraft_json_text(error, "remedy"), "%s",
                               updraft_json_text(error, "message"));
    cJSON_Delete(error);
    host = updraft_json_text(result, "host");
    return exit == UPDRAFT_EXIT_OK
               ? exit
               : updraft_fail_wrap(&push->cli->fail, exit, "cannot push %s to %s",
                                   updraft_file_name(push->path), host);
}

/* Devices that failed for the same reason stand together: one remedy helps all of them. */
static void add_cause(cJSON *causes, const cJSON *device)
{
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(device, "error");
    const char *code = updraft_json_text(error, "code");
    cJSON *found = NULL;
    cJSON *cause;

    cJSON_ArrayForEach(cause, causes) if (!strcmp(updraft_json_text(cause, "code"), code)) found =
        cause;
    if (!found) {
        found = cJSON_CreateObject();
        cJSON_AddStringToObject(found, "code", code);
        cJSON_AddStringToObject(found, "message", updraft_json_text(error, "message"));
        cJSON_AddStringToObject(found, "remedy", updraft_json_text(error, "remedy"));
        cJSON_AddArrayToObject(found, "devices");
        cJSON_AddItemToArray(causes, found);
    }
    cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(found, "devices"),
                         cJSON_CreateString(updraft_json_text(device, "label")));
}

static enum updraft_exit conclude_many(struct updraft_cli *cli, cJSON *devices, cJSON *result)
{
    cJSON *causes = cJSON_CreateArray();
    enum updraft_exit exit = UPDRAFT_EXIT_OK;
    unsigned failed = 0;
    unsigned skipped = 0;
    cJSON *device;

    cJSON_ArrayForEach(device, devices)
    {
        skipped += !strcmp(updraft_json_text(device, "state"), "skipped");
        if (exit_of(device) == UPDRAFT_EXIT_OK)
            continue;
        /* One exit code where all agree. */
        exit = failed == 0 || exit == exit_of(device) ? exit_of(device) : UPDRAFT_EXIT_FAILED;
        failed++;
        add_cause(causes, device);
    }
    cJSON_AddNumberToObject(result, "succeeded",
                            cJSON_GetArraySize(devices) - (double)(failed + skipped));
    cJSON_AddNumberToObject(result, "skipped", skipped);
    cJSON_AddNumberToObject(result, "failed", failed);
    cJSON_AddItemToObject(result, "causes", causes);
    if (failed == 0)
        return exit;
    return updraft_fail_set(
        &cli->fail, exit,
        cJSON_GetArraySize(causes) == 1 ? updraft_json_text(causes->child, "code") : "several",
        "The list above names each cause with its remedy. Push again to those; --only-newer leaves "
        "the others alone.",
        "%u of %d devices failed", failed, cJSON_GetArraySize(devices));
}

static enum updraft_exit push_all(struct updraft_push *push, struct updraft_push_crew *crew,
                                  cJSON *result)
{
    cJSON *devices = cJSON_CreateArray();
    enum updraft_exit exit;

    cJSON_AddStringToObject(result, "file", push->path);
    cJSON_AddNumberToObject(result, "size", (double)push->wire.len);
    cJSON_AddStringToObject(result, "to",
                            push->filesystem               ? "filesystem"
                            : push->image.info.has_appdesc ? push->image.info.appdesc.version
                                                           : "-");
    updraft_push_crew_run(crew, devices);
    if (crew->targets->count == 1 && cJSON_GetArraySize(devices) == 1) {
        exit = conclude_one(push, devices, result);
        cJSON_Delete(devices);
    } else {
        cJSON_AddItemToObject(result, "devices", devices);
        exit = conclude_many(push->cli, devices, result);
    }
    return exit;
}

static enum updraft_exit run(struct updraft_cli *cli, cJSON *result)
{
    struct updraft_push push = {.cli = cli, .path = cli->args.positional[0]};
    struct updraft_push_targets targets = {0};
    struct updraft_push_crew crew = {.model = &push, .targets = &targets};
    enum updraft_exit exit;

    updraft_progress_init(&push.progress, cli->quiet);
    exit = read_options(&push, &crew);
    if (exit == UPDRAFT_EXIT_OK)
        exit = updraft_push_targets_read(cli, &targets);
    if (exit == UPDRAFT_EXIT_OK)
        exit = read_file(&push);
    if (exit == UPDRAFT_EXIT_OK)
        exit = updraft_push_targets_discover(cli, &push.image.info, &targets);
    if (exit == UPDRAFT_EXIT_OK)
        exit = check_host_port(&push, &crew);
    if (exit == UPDRAFT_EXIT_OK)
        exit = push_all(&push, &crew, result);
    updraft_push_targets_free(&targets);
    updraft_file_free(&push.wire);
    return exit;
}

/* ---- for people ---- */

static void show_one(const cJSON *result)
{
    const char *state = updraft_json_text(result, "state");
    const char *host = updraft_json_text(result, "host");

    if (!strcmp(state, "written") && !strcmp(updraft_json_text(result, "to"), "filesystem"))
        printf("%s has taken the file system and restarts.\n", host);
    else if (!strcmp(state, "written"))
        printf("%s has taken %s by %s and restarts; what it runs then was not asked.\n", host,
               updraft_json_text(result, "to"), updraft_json_text(result, "via"));
    else if (!strcmp(state, "confirmed") || !strcmp(state, "running"))
        printf("%s runs %s now (%s), by %s in %.1f s.\n", host,
               updraft_json_text(result, "running"), state, updraft_json_text(result, "via"),
               updraft_json_number(result, "seconds"));
    else if (!strcmp(state, "ready"))
        printf("%s would take %s by %s; nothing was sent.\n", host, updraft_json_text(result, "to"),
               updraft_json_text(result, "via"));
    else if (!strcmp(state, "skipped"))
        printf("%s runs %s already; nothing was sent.\n", host, updraft_json_text(result, "from"));
}

static void show_many(const cJSON *result, const cJSON *devices)
{
    static const struct updraft_out_column columns[] = {
        {"DEVICE", "label", UPDRAFT_OUT_PLAIN},
        {"FROM", "from", UPDRAFT_OUT_PLAIN},
        {"RUNS", "running", UPDRAFT_OUT_PLAIN},
        {"STATE", "state", UPDRAFT_OUT_PLAIN},
        {"BY", "via", UPDRAFT_OUT_PLAIN},
        {"ERROR", "error.code", UPDRAFT_OUT_PLAIN},
        {0},
    };
    const cJSON *causes = cJSON_GetObjectItemCaseSensitive(result, "causes");
    const cJSON *cause;
    const cJSON *name;

    updraft_out_table(devices, columns, "");
    cJSON_ArrayForEach(cause, causes)
    {
        const cJSON *names = cJSON_GetObjectItemCaseSensitive(cause, "devices");

        putchar('\n');
        printf("%s: %d of %d\n", updraft_json_text(cause, "code"), cJSON_GetArraySize(names),
               cJSON_GetArraySize(devices));
        updraft_out_field("  for example", updraft_json_text(cause, "message"));
        updraft_out_field("  remedy", updraft_json_text(cause, "remedy"));
        cJSON_ArrayForEach(name, names) updraft_out_field("  device", name->valuestring);
    }
    printf("\n%.0f succeeded, %.0f failed, %.0f skipped\n",
           updraft_json_number(result, "succeeded"), updraft_json_number(result, "failed"),
           updraft_json_number(result, "skipped"));
}

static void show(const struct updraft_cli *cli, const cJSON *result)
{
    const cJSON *devices = cJSON_GetObjectItemCaseSensitive(result, "devices");

    if (cli->quiet)
        return;
    if (devices)
        show_many(result, devices);
    else
        show_one(result);
}

const struct updraft_command updraft_command_push = {
    .name = "push",
    .summary = "send an image to devices over the network, and see it run",
    .usage = "FILE [HOST[:PORT]...] [--list FILE] [--discover] [--password TEXT]",
    .about =
        "Checks the image, asks the device what it is, and chooses the way in: Updraft's own where "
        "the\n"
        "device has it, else raw HTTP for Updraft's devices and esp32-evse, the browser form for\n"
        "Arduino's update page, ESPHome's own protocol where it answers, else espota (the Arduino\n"
        "network port). An image for another chip, of another project, or too large, is refused "
        "before\n"
        "a byte is sent. Then waits until the device runs the new version and has confirmed it, "
        "or\n"
        "says that it was rolled back. A device that answers no questions is not waited for "
        "(state\n"
        "\"written\").\n"
        "\n"
        "Several devices are pushed to at a time (--jobs); at the end failures are listed by "
        "cause,\n"
        "each with its remedy. --discover takes devices that announce themselves and have the\n"
        "image's chip, of Arduino's own only those that --name means. Ctrl-C ends all pushes and\n"
        "says for each device what it runs.\n"
        "\n"
        "espota: the device connects back to this computer. Behind a firewall, fix the port with\n"
        "--host-port and let TCP in there. 'updraft doctor' finds out whether that works.\n"
        "\n"
        "Exit code: 0 when all went well; when devices failed, theirs if it is the same for all,\n"
        "else 1. A skipped device has not failed.\n"
        "\n"
        "JSON: file, size, to; of one device host, via, device, from, running, slot, sent, "
        "seconds,\n"
        "tries, and state: confirmed, running, written, trial, rolled_back, failed, ready (dry "
        "run),\n"
        "skipped. Of several these as devices[], with exit and error; succeeded, skipped, failed\n"
        "and causes[].\n",
    .examples = "  updraft push build/garage.bin 192.168.1.50 --password secret\n"
                "  updraft push garage.bin esp8266-1a2b3c.local --via espota --host-port 40000\n"
                "  updraft push garage.bin --discover --product garage --only-newer --dry-run\n"
                "  updraft push garage.bin --list devices.txt --jobs 8 --retry 3 --json\n",
    .options = options,
    .positional_min = 1,
    .positional_max = UPDRAFT_ARGS_POSITIONAL_ANY,
    .run = run,
    .show = show,
};
