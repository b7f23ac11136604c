/* The options of updraft-device, one row each, and the words around them in --help. */
#include "ports/posix/log.h"
#include "ports/posix/old_sdk.h"
#include "ports/posix/one_place.h"
#include "ports/posix/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MEMBER(name) offsetof(struct updraft_options, name)

const char updraft_options_intro[] =
    "updraft-device: a virtual ESP32 or ESP8266 with a real flash layout and real sockets\n"
    "\n"
    "It boots the image that its boot record names, behaves as that version, and takes updates\n"
    "over espota, over HTTP, and from a server. The flash is a file; a dump of a real device's\n"
    "flash works as well.\n"
    "\n"
    "Usage: updraft-device --flash FILE --board FILE [options]\n";

const char updraft_options_outro[] =
    "\n"
    "board.yaml:\n"
    "  name: garage              # names the device; its MAC address follows from it\n"
    "  chip: esp32               # esp32, esp32s2, esp32s3, esp32c3, esp8266, ...\n"
    "  product: demo             # default: the image's project, else the name\n"
    "  password: secret          # of pushed updates; default none\n"
    "  refuse_md5: true          # espota: only hosts that prove it with SHA-256; default false\n"
    "  ports:\n"
    "    http: 8080              # update page at /update; 0: any free port\n"
    "    ota: 3232               # espota, UDP; 0: any free port\n"
    "    direct: 3233            # Updraft's own way in, TCP; 0: any free port\n"
    "    esphome: 3232           # ESPHome's native protocol, TCP; 0: any free port; default off\n"
    "    console: 6667           # the ota console, TCP; 0: any free port; default off\n"
    "  server: http://127.0.0.1:8032   # reports there, and asks it for updates\n"
    "  check_in: true            # asks by Updraft's own check-in; default: by version headers, "
    "as\n"
    "                            # the Arduino cores do. The server says how often, then\n"
    "  channel: stable           # of the check-in\n"
    "  board: evse-v2            # hardware, as the server's boards name it\n"
    "  layout: 4m-two-slots      # of the flash, likewise\n"
    "  poll_s: 60                # how often it asks; 0: never by itself. A server's\n"
    "                            # Cache-Control: max-age or Retry-After can make it wait longer\n"
    "  tls:                      # of https:// addresses; default: the system's CA bundle\n"
    "    ca: my-ca.pem           # this CA instead of the bundle\n"
    "    pins: [e3b0c442...]     # 1 to 3; the server's key must be one of them, too: from\n"
    "                            # openssl x509 -in CERT -pubkey -noout |\n"
    "                            # openssl pkey -pubin -outform der | sha256sum\n"
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

const struct updraft_option_choice updraft_behaviour_choices[] = {
    {"healthy", UPDRAFT_BEHAVIOUR_HEALTHY},
    {"crash", UPDRAFT_BEHAVIOUR_CRASH},
    {"hang", UPDRAFT_BEHAVIOUR_HANG},
    {"offline", UPDRAFT_BEHAVIOUR_OFFLINE},
    {NULL, 0},
};
static const struct updraft_option_choice cuts[] = {
    {"before", UPDRAFT_NOR_CUT_BEFORE},
    {"torn", UPDRAFT_NOR_CUT_RANDOM},
    {"after", UPDRAFT_NOR_CUT_AFTER},
    {NULL, 0},
};
static const struct updraft_option_choice timings[] = {
    {"none", UPDRAFT_NOR_INSTANT},
    {"w25q", UPDRAFT_NOR_W25Q},
    {NULL, 0},
};

/* "4MB", "4M", or bytes; a flash is a power of two from 1 MB to 16 MB. */
static bool take_flash_size(const char *text, struct updraft_options *options)
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
        options->flash_size = (uint32_t)number;
        return true;
    }
    updraft_log_warn("--flash-size takes 1MB, 2MB, 4MB, 8MB or 16MB, not '%s'", text);
    return false;
}

static bool take_table_offset(const char *text, struct updraft_options *options)
{
    char *end;
    unsigned long long number = strtoull(text, &end, 0);
    if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && number >= 0x2000 &&
        number <= 0x100000 && number % 0x1000 == 0) {
        options->table_off = (uint32_t)number;
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

static const struct updraft_option_choice console_words[] = {
    {"current", UPDRAFT_OVMS_CURRENT},
    {"3.1.003", UPDRAFT_OVMS_3_1_003},
    {NULL, 0},
};

static const struct updraft_option_choice networks[] = {
    {"wifi", UPDRAFT_OVMS_NETWORK_WIFI},
    {"modem", UPDRAFT_OVMS_NETWORK_MODEM},
    {"none", UPDRAFT_OVMS_NETWORK_NONE},
    {NULL, 0},
};

static bool take_layout(const char *text, struct updraft_options *options)
{
    static const char prefix[] = "esp8266-";
    bool has_prefix = strncmp(text, prefix, sizeof prefix - 1) == 0;
    options->one_place = has_prefix ? updraft_one_place_by_name(text + sizeof prefix - 1) : NULL;
    if (options->one_place || strcmp(text, "slots") == 0)
        return true;
    updraft_log_warn("--layout takes slots, esp8266-1m, esp8266-1m64k, esp8266-2m1m, esp8266-4m2m "
                     "or esp8266-4m3m, not '%s'",
                     text);
    return false;
}

static const char *skip_spaces(const char *text)
{
    return text + strspn(text, " ");
}

/* "mon", and the text goes on behind it; -1 for anything else. */
static int take_day(const char **text)
{
    static const char days[7][4] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    for (int i = 0; i < 7; i++) {
        if (strncasecmp(*text, days[i], 3) == 0) {
            *text += 3;
            return i;
        }
    }
    return -1;
}

/* "mon-fri", "sat,sun", "fri-mon"; all of them where none is named. */
static bool take_days(const char **text, uint8_t *weekdays)
{
    *weekdays = 0;
    if (**text >= '0' && **text <= '9') {
        *weekdays = UPDRAFT_WEEKDAYS_ALL;
        return true;
    }
    for (;;) {
        int first = take_day(text);
        int last = first;
        if (first >= 0 && **text == '-') {
            (*text)++;
            last = take_day(text);
        }
        if (first < 0 || last < 0)
            return false;
        for (int day = first;; day = (day + 1) % 7) {
            *weekdays |= (uint8_t)(1u << day);
            if (day == last)
                break;
        }
        if (**text != ',')
            return **text == ' ';
        (*text)++;
    }
}

static bool take_minutes(const char **text, uint16_t *minutes)
{
    unsigned hour, minute;
    int len = 0;
    if (sscanf(*text, "%2u:%2u%n", &hour, &minute, &len) != 2 || len != 5 || hour > 23 ||
        minute > 59)
        return false;
    *text += len;
    *minutes = (uint16_t)(hour * 60 + minute);
    return true;
}

static bool take_schedule(const char *text, struct updraft_options *options)
{
    struct updraft_schedule *schedule = &options->schedule;
    const char *at = skip_spaces(text);
    bool good = take_days(&at, &schedule->weekdays);
    at = skip_spaces(at);
    good = good && take_minutes(&at, &schedule->from_min) && *at++ == '-' &&
           take_minutes(&at, &schedule->to_min) && *at == '\0';
    options->has_schedule = good;
    if (!good)
        updraft_log_warn("--schedule takes hours like 02:00-04:00, with days before them or not: "
                         "'mon-fri 22:30-04:00', not '%s'",
                         text);
    return good;
}

/* A table is read by its columns. */
/* clang-format off */
#define HEADING(text) {.kind = UPDRAFT_OPTION_HEADING, .help = text}
#define FLAG(option, to, text) \
    {.kind = UPDRAFT_OPTION_FLAG, .name = option, .help = text, .member = MEMBER(to)}
#define TEXT(option, value, to, text) \
    {.kind = UPDRAFT_OPTION_TEXT, .name = option, .arg = value, .help = text, .member = MEMBER(to)}
#define NUMBER(option, value, to, from, up_to, text) \
    {.kind = UPDRAFT_OPTION_NUMBER, .name = option, .arg = value, .help = text, \
     .member = MEMBER(to), .min = from, .max = up_to}
#define CHOICE(option, value, to, list, text) \
    {.kind = UPDRAFT_OPTION_CHOICE, .name = option, .arg = value, .help = text, \
     .member = MEMBER(to), .choices = list}
#define OTHER(option, value, function, text) \
    {.kind = UPDRAFT_OPTION_OTHER, .name = option, .arg = value, .help = text, .take = function}

const struct updraft_option_row updraft_option_rows[] = {
    HEADING("The device"),
    TEXT("flash", "FILE", flash_path, "the flash; made when it does not exist"),
    TEXT("board", "FILE", board_path, "what device this is (board.yaml, see below)"),
    TEXT("server", "URL", server,
         "check in there, and report there; instead of board.yaml's server"),
    TEXT("listen", "ADDR", listen, "address to listen on (default 127.0.0.1)"),
    OTHER("layout", "NAME", take_layout,
          "slots (default), or where an ESP8266 has one place for its\n"
          "image and stages the new one behind it: esp8266-1m,\n"
          "esp8266-1m64k, esp8266-2m1m, esp8266-4m2m, esp8266-4m3m:\n"
          "chip and file system as in the Arduino core's board menu"),
    FLAG("stock-boot", stock_boot,
         "the staged image is copied by the core's own boot stage,\n"
         "eboot, which a power cut can brick; default: by ours"),
    CHOICE("timing", "none|w25q", timing, timings,
           "take as long as a W25Q flash chip does (default none)"),
    FLAG("no-announce", is_secret, "do not tell the network by mDNS (through the Avahi daemon)"),
    FLAG("quiet", quiet, "print no events"),

    HEADING("The ota console of OVMS v3 (over TCP: ports.console in board.yaml)"),
    FLAG("console", console, "on standard input, too"),
    CHOICE("console-words", "WHOSE", console_words, console_words,
           "current (default), or 3.1.003: which firmware it sounds like"),
    CHOICE("network", "HOW", network, networks,
           "wifi (default), modem or none: it downloads by wifi only"),

    HEADING("A new flash"),
    TEXT("table", "CSV", table_path, "its partition table"),
    TEXT("app", "IMAGE", app_path, "its first image: factory slot, else ota_0; a sketch with\n"
         "--layout esp8266-..."),
    OTHER("flash-size", "SIZE", take_flash_size, "1MB to 16MB (default 4MB)"),
    OTHER("table-offset", "ADDR", take_table_offset,
          "flash address of the partition table (default 0x8000)"),
    OTHER("old-sdk", "SIZE", take_old_sdk,
          "an ESP8266's system from before SDK 3.0 instead:\n"
          "512KB, 1MB, 2MB, 4MB, 2MB-c1, 4MB-c1, 8MB, 16MB"),
    TEXT("old-update", "URL", old_update,
         "the combined image ('updraft image combine') that its\n"
         "updater fetches"),
    FLAG("keep-rf", keep_rf, "the new system keeps the old one's RF parameters"),

    HEADING("A new image on trial"),
    CHOICE("behaviour", "HOW", behaviour, updraft_behaviour_choices,
           "what it does: healthy (default), crash, hang, offline"),
    NUMBER("health-s", "S", health_s, 1, 86400, "it must confirm itself by then (default 10)"),
    NUMBER("attempts", "N", attempts, 1, 16,
           "crashes it may have before it is rolled back, 1 to 16\n"
           "(default 3)"),

    HEADING("When updates are taken"),
    FLAG("disable-updates", disabled, "start with updates switched off; SIGUSR2 switches"),
    FLAG("forget-failed", forget,
         "take images again that were rolled back here before;\n"
         "while it runs: POST /api/v1/firmware/forget"),
    TEXT("guard", "REASON", guard,
         "refuse updates with this reason; SIGUSR1 lifts and sets\n"
         "it again"),
    NUMBER("guard-retry-s", "S", guard_retry_s, 1, 604800,
           "it says that the reason passes in so long"),
    OTHER("schedule", "WHEN", take_schedule,
          "take updates only then, by local time: 02:00-04:00,\n"
          "'mon-fri 22:30-04:00', 'sat,sun 00:00-00:00' (whole days)"),
    NUMBER("button-window", "S", button_window_s, 1, 86400,
           "take updates only for so long after the button was\n"
           "pressed: kill -RTMIN presses it"),
    NUMBER("stall-s", "S", stall_s, 1, 3600,
           "give up a transfer that stays below 1 kB/s for so long\n"
           "(default 30)"),
    NUMBER("restart-ms", "MS", restart_ms, 0, 3600000,
           "from the answer to the restart after an update\n"
           "(default 1000)"),

    NUMBER("safe-deadline-s", "S", safe_deadline_s, 1, 86400,
           "before that restart the application is told to reach a\n"
           "safe state, and waited for so long"),
    NUMBER("safe-after-s", "S", safe_after_s, 0, 86400,
           "it is there after so long (default 0)"),
    NUMBER("safe-again-s", "S", safe_again_s, 1, 86400,
           "past the deadline: put the restart off for so long\n"
           "(default: restart anyway)"),

    HEADING("Power cuts"),
    NUMBER("cut-at", "N", cut_at, 1, UINT32_MAX,
           "at the N-th program or erase; the program ends with 42"),
    CHOICE("cut", "HOW", cut, cuts,
           "before, torn or after: how much of that operation still\n"
           "happens (default torn)"),
};
/* clang-format on */

const size_t updraft_option_row_count = sizeof updraft_option_rows / sizeof updraft_option_rows[0];
