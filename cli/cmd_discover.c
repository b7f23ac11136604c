/* updraft discover */
#include "cli/browse.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_BROWSE_S 3u
#define DEFAULT_ANSWER_S 1u

static const struct updraft_option options[] = {
    {"timeout", 0, "S", "how long to look (default 3), or to wait for each answer (default 1)"},
    {"subnet", 0, "CIDR", "ask every address of it: 192.168.1.0/24"},
    {"http-port", 0, "PORT", "of addresses without one (default 80)"},
    {"ota-port", 0, "PORT", "their espota port (default 3232 and 8266)"},
    UPDRAFT_FOUND_FILTER_OPTIONS,
    {0},
};

struct discover {
    struct updraft_cli *cli;
    struct updraft_found_list list;
    struct updraft_found_filter filter;
    uint32_t timeout_s; /* 0: the default of the way */
    uint32_t subnet_first;
    uint32_t subnet_count; /* 0: none given */
    uint32_t http_port;
    uint32_t ota_port;
};

static enum updraft_exit read_options(struct discover *discover)
{
    struct updraft_cli *cli = discover->cli;
    const char *subnet = updraft_args_value(&cli->args, "subnet");
    enum updraft_exit exit = updraft_found_read_filter(cli, &discover->filter);

    if (exit == UPDRAFT_EXIT_OK)
        exit = updraft_args_u32(cli, "timeout", 1, 600, &discover->timeout_s);
    if (exit == UPDRAFT_EXIT_OK)
        exit = updraft_args_u32(cli, "http-port", 1, 65535, &discover->http_port);
    if (exit == UPDRAFT_EXIT_OK)
        exit = updraft_args_u32(cli, "ota-port", 1, 65535, &discover->ota_port);
    if (exit == UPDRAFT_EXIT_OK && subnet)
        exit = updraft_address_subnet(subnet, &discover->subnet_first, &discover->subnet_count,
                                      &cli->fail);
    return exit;
}

static enum updraft_exit browse(struct discover *discover)
{
    uint32_t timeout_s = discover->timeout_s ? discover->timeout_s : DEFAULT_BROWSE_S;
    const char *reason;
    char subnets[100];
    char remedy[300];

    if (updraft_browse(&discover->list, timeout_s * 1000, &reason))
        return UPDRAFT_EXIT_OK;
    updraft_address_own_subnets(subnets, sizeof subnets);
    snprintf(remedy, sizeof remedy,
             "Start avahi-daemon, or name addresses, or a subnet that is to be asked: --subnet %s.",
             subnets[0] ? subnets : "192.168.1.0/24");
    return updraft_fail_set(&discover->cli->fail, UPDRAFT_EXIT_NETWORK, "no_mdns", remedy,
                            "this computer cannot look for devices by mDNS: %s", reason);
}

static enum updraft_exit ask(struct discover *discover)
{
    const struct updraft_args *args = &discover->cli->args;
    size_t cap = args->positional_count + discover->subnet_count;
    struct updraft_scan_target *targets = calloc(cap, sizeof *targets);
    struct updraft_scan scan = {
        .targets = targets,
        .http_port = (uint16_t)discover->http_port,
        .ota_port = (uint16_t)discover->ota_port,
        .timeout_ms = (discover->timeout_s ? discover->timeout_s : DEFAULT_ANSWER_S) * 1000,
    };
    enum updraft_exit exit = UPDRAFT_EXIT_OK;

    if (!targets)
        return updraft_fail_set(&discover->cli->fail, UPDRAFT_EXIT_FAILED, "no_memory", "",
                                "out of memory");
    for (size_t i = 0; i < args->positional_count && exit == UPDRAFT_EXIT_OK; i++) {
        struct updraft_scan_target *target = &targets[scan.count++];

        exit = updraft_address_read(args->positional[i], target->host, &target->port,
                                    &discover->cli->fail);
    }
    for (uint32_t i = 0; i < discover->subnet_count; i++)
        updraft_address_text(discover->subnet_first + i, targets[scan.count++].host);
    if (exit == UPDRAFT_EXIT_OK)
        updraft_scan_run(&scan, &discover->list);
    free(targets);
    return exit;
}

static void add_devices(struct discover *discover, cJSON *result)
{
    cJSON *devices = cJSON_AddArrayToObject(result, "devices");

    updraft_found_sort(&discover->list);
    for (size_t i = 0; i < discover->list.count; i++) {
        const struct updraft_found *found = &discover->list.items[i];

        if (updraft_found_matches(found, &discover->filter)) {
            cJSON *object = cJSON_CreateObject();

            updraft_found_to_json(found, object);
            cJSON_AddItemToArray(devices, object);
        }
    }
}

static enum updraft_exit run(struct updraft_cli *cli, cJSON *result)
{
    struct discover discover = {.cli = cli};
    bool by_address;
    enum updraft_exit exit = read_options(&discover);

    by_address = cli->args.positional_count > 0 || discover.subnet_count > 0;
    if (exit == UPDRAFT_EXIT_OK)
        exit = by_address ? ask(&discover) : browse(&discover);
    if (exit == UPDRAFT_EXIT_OK) {
        cJSON_AddStringToObject(result, "by", by_address ? "address" : "mdns");
        add_devices(&discover, result);
    }
    updraft_found_free(&discover.list);
    return exit;
}

/* For people: where to push to, in one column. */
static void add_shown(cJSON *device)
{
    char text[128];
    const char *address = updraft_json_text(device, "address");
    unsigned http_port = (unsigned)updraft_json_number(device, "http_port");
    unsigned ota_port = (unsigned)updraft_json_number(device, "ota_port");
    const cJSON *password = cJSON_GetObjectItemCaseSensitive(device, "password");

    if (http_port == 80)
        snprintf(text, sizeof text, "%s", address);
    else
        snprintf(text, sizeof text, "%s:%u", address, http_port ? http_port : ota_port);
    cJSON_AddStringToObject(device, "at", text);
    if (cJSON_IsBool(password))
        cJSON_AddStringToObject(device, "locked", cJSON_IsTrue(password) ? "yes" : "no");
    if (!strcmp(updraft_json_text(device, "chip"), "-"))
        cJSON_AddStringToObject(device, "what", updraft_json_text(device, "board"));
    else
        cJSON_AddStringToObject(device, "what", updraft_json_text(device, "chip"));
}

static void show(const struct updraft_cli *cli, const cJSON *result)
{
    static const struct updraft_out_column columns[] = {
        {"NAME", "name", UPDRAFT_OUT_PLAIN},       {"ADDRESS", "at", UPDRAFT_OUT_PLAIN},
        {"CHIP", "what", UPDRAFT_OUT_PLAIN},       {"PRODUCT", "product", UPDRAFT_OUT_PLAIN},
        {"VERSION", "version", UPDRAFT_OUT_PLAIN}, {"PASSWORD", "locked", UPDRAFT_OUT_PLAIN},
        {"WAYS IN", "ways", UPDRAFT_OUT_LIST},     {0},
    };
    const cJSON *devices = cJSON_GetObjectItemCaseSensitive(result, "devices");
    cJSON *rows = cJSON_Duplicate(devices, true);
    cJSON *row;

    (void)cli;
    if (!devices)
        return;
    cJSON_ArrayForEach(row, rows) add_shown(row);
    updraft_out_table(rows, columns,
                      strcmp(updraft_json_text(result, "by"), "mdns")
                          ? "No device has answered there."
                          : "No device has answered. Those that do not announce themselves are "
                            "found by their address: --subnet CIDR.");
    cJSON_Delete(rows);
}

const struct updraft_command updraft_command_discover = {
    .name = "discover",
    .summary = "list the devices in this network that take updates",
    .usage = "[--timeout S] [--subnet CIDR | ADDRESS...]",
    .about =
        "Looks by mDNS for Updraft's devices (_updraft._tcp) and for Arduino's network ports\n"
        "(_arduino._tcp), and shows each device once. That needs the Avahi daemon on this "
        "computer\n"
        "and multicast between it and the devices.\n"
        "\n"
        "Where there is none, or for devices that do not announce themselves, name addresses or a\n"
        "subnet of up to 4096: each one is asked over HTTP and with an espota invitation to an\n"
        "empty image, which devices refuse before they touch their flash.\n"
        "\n"
        "JSON: by (mdns, address) and devices: name, address, host, http_port, ota_port, chip,\n"
        "board, product, version, password, ways, services. What is not known is null.\n",
    .examples = "  updraft discover\n"
                "  updraft discover --chip esp32 --older-than 1.4.0 --json\n"
                "  updraft discover --subnet 192.168.1.0/24\n"
                "  updraft discover 192.168.1.50 192.168.1.51:8080\n",
    .options = options,
    .positional_min = 0,
    .positional_max = UPDRAFT_ARGS_POSITIONAL_ANY,
    .run = run,
    .show = show,
};
