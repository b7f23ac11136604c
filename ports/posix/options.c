#include "ports/posix/options.h"

#include "format/ptable.h"
#include "ports/posix/log.h"
#include "ports/posix/old_sdk.h"
#include "updraft_version.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum option_id {
    OPT_FLASH = 256,
    OPT_TABLE,
    OPT_APP,
    OPT_FLASH_SIZE,
    OPT_TABLE_OFFSET,
    OPT_OLD_SDK,
    OPT_OLD_UPDATE,
    OPT_KEEP_RF,
    OPT_BOARD,
    OPT_BEHAVIOUR,
    OPT_CUT_AT,
    OPT_CUT,
    OPT_TIMING,
    OPT_LISTEN,
    OPT_RESTART_MS,
    OPT_HEALTH_S,
    OPT_STALL_S,
    OPT_ATTEMPTS,
    OPT_GUARD,
    OPT_DISABLE_UPDATES,
    OPT_QUIET,
    OPT_HELP,
    OPT_VERSION,
};

static const struct option known_options[] = {
    {"flash", required_argument, NULL, OPT_FLASH},
    {"table", required_argument, NULL, OPT_TABLE},
    {"app", required_argument, NULL, OPT_APP},
    {"flash-size", required_argument, NULL, OPT_FLASH_SIZE},
    {"table-offset", required_argument, NULL, OPT_TABLE_OFFSET},
    {"old-sdk", required_argument, NULL, OPT_OLD_SDK},
    {"old-update", required_argument, NULL, OPT_OLD_UPDATE},
    {"keep-rf", no_argument, NULL, OPT_KEEP_RF},
    {"board", required_argument, NULL, OPT_BOARD},
    {"behaviour", required_argument, NULL, OPT_BEHAVIOUR},
    {"cut-at", required_argument, NULL, OPT_CUT_AT},
    {"cut", required_argument, NULL, OPT_CUT},
    {"timing", required_argument, NULL, OPT_TIMING},
    {"listen", required_argument, NULL, OPT_LISTEN},
    {"restart-ms", required_argument, NULL, OPT_RESTART_MS},
    {"health-s", required_argument, NULL, OPT_HEALTH_S},
    {"stall-s", required_argument, NULL, OPT_STALL_S},
    {"attempts", required_argument, NULL, OPT_ATTEMPTS},
    {"guard", required_argument, NULL, OPT_GUARD},
    {"disable-updates", no_argument, NULL, OPT_DISABLE_UPDATES},
    {"quiet", no_argument, NULL, OPT_QUIET},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {NULL, 0, NULL, 0},
};

static const char help_text[] =
    "updraft-device: a virtual ESP32 or ESP8266 with a real flash layout and real sockets\n"
    "\n"
    "It boots the image that its boot record names, behaves as that version, and takes updates\n"
    "over espota, over HTTP, and from a server. The flash is a file; a dump of a real device's\n"
    "flash works as well.\n"
    "\n"
    "Usage: updraft-device --flash FILE --board FILE [options]\n"
    "\n"
    "  --flash FILE          the flash; made from --table and --app when it does not exist\n"
    "  --table CSV           partition table of a new flash\n"
    "  --app IMAGE           first image of a new flash: factory slot, else ota_0\n"
    "  --flash-size SIZE     of a new flash: 1MB to 16MB (default 4MB)\n"
    "  --table-offset ADDR   flash address of the partition table (default 0x8000)\n"
    "  --old-sdk SIZE        a new flash holds an ESP8266's system from before SDK 3.0 instead:\n"
    "                        512KB, 1MB, 2MB, 4MB, 2MB-c1, 4MB-c1, 8MB, 16MB\n"
    "  --old-update URL      the combined image ('updraft image combine') that its updater "
    "fetches\n"
    "  --keep-rf             the new system keeps the old one's RF parameters\n"
    "  --board FILE          what device this is (board.yaml, see below)\n"
    "  --behaviour HOW       what an image on trial does: healthy (default), crash, hang, offline\n"
    "  --timing none|w25q    take as long as a W25Q flash chip does (default none)\n"
    "  --cut-at N            cut the power at the N-th program or erase; the program ends with 42\n"
    "  --cut before|torn|after\n"
    "                        how much of that operation still happens (default torn)\n"
    "  --listen ADDR         address to listen on (default 127.0.0.1)\n"
    "  --restart-ms MS       from the answer to the restart after an update (default 1000)\n"
    "  --health-s S          an image on trial must confirm itself by then (default 10)\n"
    "  --stall-s S           give up a transfer that stays below 1 kB/s for so long (default 30)\n"
    "  --attempts N          crashes a new image may have before it is rolled back, 1 to 16\n"
    "                        (default 3)\n"
    "  --guard REASON        refuse updates with this reason; SIGUSR1 lifts and sets it again\n"
    "  --disable-updates     start with updates switched off; SIGUSR2 switches\n"
    "  --quiet               print no events\n"
    "  --help, --version\n"
    "\n"
    "board.yaml:\n"
    "  name: garage              # names the device; its MAC address follows from it\n"
    "  chip: esp32               # esp32, esp32s2, esp32s3, esp32c3, esp8266, ...\n"
    "  product: demo             # default: the image's project, else the name\n"
    "  password: secret          # of pushed updates; default none\n"
    "  ports:\n"
    "    http: 8080              # update page at /update; 0: any free port\n"
    "    ota: 3232               # espota, UDP; 0: any free port\n"
    "    esphome: 3232           # ESPHome's native protocol, TCP; 0: any free port; default off\n"
    "  server: http://127.0.0.1:8032   # reports there, and asks it for updates\n"
    "  poll_s: 60                # how often it asks; 0: never by itself\n"
    "  ota:\n"
    "    channels:               # 1 to 3, the first one is used\n"
    "      - name: stable\n"
    "        path: http://127.0.0.1:8032/d/channel/demo/stable/esp32.json\n"
    "\n"
    "Example, from nothing to an updated device:\n"
    "  printf "
    "'otadata,data,ota,0xd000,0x2000\\nota_0,app,ota_0,0x10000,1M\\nota_1,app,ota_1,,1M\\n'"
    " > table.csv\n"
    "  printf 'name: garage\\nchip: esp32\\nports: {http: 8080, ota: 3232}\\n' > board.yaml\n"
    "  updraft image make -o old.bin --chip esp32 --project demo --version 1.0.0 --size 512K\n"
    "  updraft image make -o new.bin --chip esp32 --project demo --version 1.1.0 --size 512K\n"
    "  updraft-device --flash garage.flash --table table.csv --app old.bin --board board.yaml &\n"
    "  curl --retry 5 --retry-connrefused -F firmware=@new.bin http://127.0.0.1:8080/update\n"
    "\n"
    "Exit status: 0 ended by SIGTERM or SIGINT, 1 failed, 2 wrong usage, 3 nothing bootable in\n"
    "flash, 42 power cut.\n";

struct choice {
    const char *name;
    int value;
};

static const struct choice behaviours[] = {
    {"healthy", UPDRAFT_BEHAVIOUR_HEALTHY},
    {"crash", UPDRAFT_BEHAVIOUR_CRASH},
    {"hang", UPDRAFT_BEHAVIOUR_HANG},
    {"offline", UPDRAFT_BEHAVIOUR_OFFLINE},
    {NULL, 0},
};
static const struct choice cuts[] = {
    {"before", UPDRAFT_NOR_CUT_BEFORE},
    {"torn", UPDRAFT_NOR_CUT_RANDOM},
    {"after", UPDRAFT_NOR_CUT_AFTER},
    {NULL, 0},
};
static const struct choice timings[] = {
    {"none", UPDRAFT_NOR_INSTANT},
    {"w25q", UPDRAFT_NOR_W25Q},
    {NULL, 0},
};

static bool find_choice(const struct choice *choices, const char *name, int *value)
{
    for (; choices->name; choices++) {
        if (strcmp(choices->name, name) == 0) {
            *value = choices->value;
            return true;
        }
    }
    return false;
}

bool updraft_behaviour_by_name(const char *name, enum updraft_behaviour *behaviour)
{
    int value;
    if (!find_choice(behaviours, name, &value))
        return false;
    *behaviour = (enum updraft_behaviour)value;
    return true;
}

static bool take_choice(const char *option, const char *text, const struct choice *choices,
                        int *value)
{
    if (find_choice(choices, text, value))
        return true;
    char known[80] = "";
    for (const struct choice *choice = choices; choice->name; choice++) {
        strcat(known, choice == choices ? "" : ", ");
        strcat(known, choice->name);
    }
    updraft_log_warn("%s '%s' is not known; it is one of: %s", option, text, known);
    return false;
}

static bool take_number(const char *option, const char *text, uint32_t min, uint32_t max,
                        uint32_t *value)
{
    char *end;
    unsigned long long number = strtoull(text, &end, 10);
    if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && number >= min && number <= max) {
        *value = (uint32_t)number;
        return true;
    }
    updraft_log_warn("%s takes a number from %u to %u, not '%s'", option, (unsigned)min,
                     (unsigned)max, text);
    return false;
}

/* "4MB", "4M", or bytes; a flash is a power of two from 1 MB to 16 MB. */
static bool take_flash_size(const char *text, uint32_t *size)
{
    char *end;
    unsigned long long number = strtoull(text, &end, 0);
    if (strcmp(end, "MB") == 0 || strcmp(end, "M") == 0) {
        number = number <= 16 ? number << 20 : 0;
        end += strlen(end);
    }
    bool is_power_of_two = number && !(number & (number - 1));
    if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && is_power_of_two && number >= 1u << 20 &&
        number <= 16u << 20) {
        *size = (uint32_t)number;
        return true;
    }
    updraft_log_warn("--flash-size takes 1MB, 2MB, 4MB, 8MB or 16MB, not '%s'", text);
    return false;
}

static bool take_table_offset(const char *text, uint32_t *table_off)
{
    char *end;
    unsigned long long number = strtoull(text, &end, 0);
    if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && number >= 0x2000 &&
        number <= 0x100000 && number % 0x1000 == 0) {
        *table_off = (uint32_t)number;
        return true;
    }
    updraft_log_warn("--table-offset takes a multiple of 0x1000 from 0x2000 on, not '%s'", text);
    return false;
}

static bool take_old_sdk(const char *text, struct updraft_options *options)
{
    options->old_sdk = updraft_old_sdk_by_name(text, &options->old_sdk_nibble);
    if (!options->old_sdk)
        updraft_log_warn("--old-sdk takes 512KB, 1MB, 2MB, 4MB, 2MB-c1, 4MB-c1, 8MB or 16MB, not "
                         "'%s'",
                         text);
    return options->old_sdk;
}

static bool take_text(const char *option, const char *text, const char **out)
{
    *out = text;
    if (text[0])
        return true;
    updraft_log_warn("%s needs a text that is not empty", option);
    return false;
}

/* The options that take numbers or one of several words. */
static bool take_value(int id, const char *text, struct updraft_options *options)
{
    int choice = 0;
    uint32_t number = 0;
    bool good;
    switch (id) {
    case OPT_FLASH_SIZE:
        return take_flash_size(text, &options->flash_size);
    case OPT_BEHAVIOUR:
        good = take_choice("--behaviour", text, behaviours, &choice);
        options->behaviour = (enum updraft_behaviour)choice;
        return good;
    case OPT_CUT:
        good = take_choice("--cut", text, cuts, &choice);
        options->cut = (enum updraft_nor_cut)choice;
        return good;
    case OPT_TIMING:
        good = take_choice("--timing", text, timings, &choice);
        options->timing = (enum updraft_nor_timing)choice;
        return good;
    case OPT_CUT_AT:
        return take_number("--cut-at", text, 1, UINT32_MAX, &options->cut_at);
    case OPT_RESTART_MS:
        return take_number("--restart-ms", text, 0, 3600000, &options->restart_ms);
    case OPT_HEALTH_S:
        return take_number("--health-s", text, 1, 86400, &options->health_s);
    case OPT_STALL_S:
        return take_number("--stall-s", text, 1, 3600, &options->stall_s);
    default:
        good = take_number("--attempts", text, 1, 16, &number);
        options->attempts = (uint8_t)number;
        return good;
    }
}

static bool take_option(int id, const char *text, struct updraft_options *options)
{
    switch (id) {
    case OPT_FLASH:
        return take_text("--flash", text, &options->flash_path);
    case OPT_TABLE:
        return take_text("--table", text, &options->table_path);
    case OPT_APP:
        return take_text("--app", text, &options->app_path);
    case OPT_BOARD:
        return take_text("--board", text, &options->board_path);
    case OPT_LISTEN:
        return take_text("--listen", text, &options->listen);
    case OPT_GUARD:
        return take_text("--guard", text, &options->guard);
    case OPT_TABLE_OFFSET:
        return take_table_offset(text, &options->table_off);
    case OPT_OLD_SDK:
        return take_old_sdk(text, options);
    case OPT_OLD_UPDATE:
        return take_text("--old-update", text, &options->old_update);
    case OPT_KEEP_RF:
        options->keep_rf = true;
        return true;
    case OPT_DISABLE_UPDATES:
        options->disabled = true;
        return true;
    case OPT_QUIET:
        options->quiet = true;
        return true;
    default:
        return take_value(id, text, options);
    }
}

static enum updraft_options_next wrong(void)
{
    fputs("Try 'updraft-device --help': it shows a complete example.\n", stderr);
    return UPDRAFT_OPTIONS_WRONG;
}

static enum updraft_options_next check_complete(int argc, char **argv,
                                                const struct updraft_options *options)
{
    if (optind < argc) {
        updraft_log_warn("'%s' is no option", argv[optind]);
        return wrong();
    }
    if (!options->flash_path || !options->board_path) {
        updraft_log_warn("%s is missing", options->flash_path ? "--board FILE" : "--flash FILE");
        return wrong();
    }
    return UPDRAFT_OPTIONS_RUN;
}

enum updraft_options_next updraft_options_parse(int argc, char **argv,
                                                struct updraft_options *options)
{
    *options = (struct updraft_options){
        .listen = "127.0.0.1",
        .table_off = UPDRAFT_PTABLE_DEFAULT_OFF,
        .cut = UPDRAFT_NOR_CUT_RANDOM,
        .restart_ms = 1000,
        .health_s = 10,
        .stall_s = 30,
        .attempts = 3,
    };
    opterr = 0;
    for (;;) {
        int id = getopt_long(argc, argv, ":", known_options, NULL);
        if (id < 0)
            return check_complete(argc, argv, options);
        if (id == OPT_HELP || id == OPT_VERSION) {
            fputs(id == OPT_HELP ? help_text : "updraft-device " UPDRAFT_VERSION "\n", stdout);
            return UPDRAFT_OPTIONS_SHOWN;
        }
        if (id == ':' || id == '?') {
            updraft_log_warn(id == ':' ? "%s needs a value" : "there is no option '%s'",
                             argv[optind - 1]);
            return wrong();
        }
        if (!take_option(id, optarg, options))
            return wrong();
    }
}
