#include "server/options.h"

#include "server/store/postgres.h"
#include "updraft_version.h"

#include <cyaml/cyaml.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MOST 1023

static const char usage[] =
    "updraftd: serves firmware to a fleet of ESP devices and keeps book of what they run\n"
    "\n"
    "  updraftd --data DIR [--database URL] [--artifacts DIR] [--listen ADDR:PORT]\n"
    "           [--base-url URL] [--front ADDR [--x-accel PREFIX]] [--log text|json]\n"
    "\n"
    "  --data DIR           where everything is kept; created when it is absent\n"
    "  --database URL       keep the fleet in PostgreSQL, postgresql://USER@HOST/NAME, instead of\n"
    "                       a file in DIR; several servers with the same one serve one fleet\n"
    "  --artifacts DIR      where the images are (default: DIR/artifacts); servers that share a\n"
    "                       database share this directory, too\n"
    "  --listen ADDR:PORT   address to listen on (default 127.0.0.1:8080). Port 0 takes any\n"
    "                       free one; 0.0.0.0 or [::] listens on all addresses\n"
    "  --base-url URL       how devices reach this server, for the addresses of images in\n"
    "                       channel descriptors (default: the host the device asked)\n"
    "  --front ADDR         address of a proxy that is believed: X-Real-IP is who asks, and\n"
    "                       X-Updraft-Device-Certified whose certificate it was; see\n"
    "                       docs/OPERATING.md\n"
    "  --x-accel PREFIX     it sends the images itself: nginx's internal location for them\n"
    "  --check-interval S   how often devices of Updraft's own check-in are to ask (default 300)\n"
    "  --log text|json      a line on stderr for each request of an operator and each that was\n"
    "                       refused; json: everything on stderr as JSON, an object a line\n"
    "  --config FILE        a file of the same settings (YAML): data, database, artifacts, "
    "listen,\n"
    "                       base_url, front, x_accel, log, check_interval; the command line wins\n"
    "  --check              say what is in force and from where, and do no more\n"
    "  --help, --version\n"
    "\n"
    "Once it runs, it prints its address. The first start makes a token, the key to everything\n"
    "but what devices ask, and prints the dashboard's address with it; it stays in DIR/token.\n"
    "\n"
    "First steps:\n"
    "  updraftd --data ./fleet --listen 0.0.0.0:8080\n"
    "  updraft publish firmware.bin --channel stable     puts an image on a channel\n"
    "\n"
    "  updraftd backup --data DIR --to COPY               a copy, also while it runs\n"
    "  updraftd restore --from COPY --data DIR            and back\n"
    "  updraftd verify --data DIR [--database URL]        is everything whole?\n"
    "\n"
    "Where devices ask:\n"
    "  /d/channel/PRODUCT/CHANNEL/CHIP.json   channel descriptor, as esp32-evse reads it\n"
    "  /d/check                               Updraft's own check-in\n"
    "  /d/esp-update/PRODUCT?channel=NAME     ESPhttpUpdate and HTTPUpdate of the Arduino cores\n"
    "  /d/manifest/PRODUCT/CHANNEL/manifest.json   update manifest of ESPHome\n"
    "  /d/ddi, tenant PRODUCT                 hawkBit's interface, for SWUpdate and RAUC\n"
    "  /d/image/SHA256                        an image, with ranges\n"
    "\n"
    "SIGTERM or SIGINT ends it cleanly. Exit codes: 0 ended, 1 cannot start\n"
    "or go on, 2 wrong usage.\n";

#define FIELD(key)                                                                                 \
    CYAML_FIELD_STRING_PTR(#key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,                         \
                           struct updraft_settings, key, 0, TEXT_MOST)
static const cyaml_schema_field_t fields[] = {
    FIELD(data),  FIELD(database), FIELD(artifacts), FIELD(listen),         FIELD(base_url),
    FIELD(front), FIELD(x_accel),  FIELD(log),       FIELD(check_interval), CYAML_FIELD_END};
static const cyaml_schema_value_t schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct updraft_settings, fields)};

static const struct setting {
    const char *option; /* --option */
    const char *key;    /* in the file */
    size_t off;         /* in struct updraft_settings */
    const char *built_in;
} table[] = {
    {"data", "data", offsetof(struct updraft_settings, data), ""},
    {"database", "database", offsetof(struct updraft_settings, database), ""},
    {"artifacts", "artifacts", offsetof(struct updraft_settings, artifacts), ""},
    {"listen", "listen", offsetof(struct updraft_settings, listen), "127.0.0.1:8080"},
    {"base-url", "base_url", offsetof(struct updraft_settings, base_url), ""},
    {"front", "front", offsetof(struct updraft_settings, front), ""},
    {"x-accel", "x_accel", offsetof(struct updraft_settings, x_accel), ""},
    {"log", "log", offsetof(struct updraft_settings, log), ""},
    {"check-interval", "check_interval", offsetof(struct updraft_settings, check_interval), "300"},
};
#define COUNT (sizeof table / sizeof *table)

static char **place(struct updraft_settings *settings, const struct setting *setting)
{
    return (char **)(void *)((char *)settings + setting->off);
}

static const char *in_force(struct updraft_options *options, const struct setting *setting,
                            const char **from)
{
    const char *given = *place(&options->given, setting);
    const char *filed = options->file == NULL ? NULL : *place(options->file, setting);

    *from = given != NULL ? "command line" : filed != NULL ? options->path : "built in";
    return given != NULL ? given : filed != NULL ? filed : setting->built_in;
}

static const char *value_of(struct updraft_options *options, const char *option)
{
    const char *from;

    for (size_t i = 0; i < COUNT; i++) {
        if (strcmp(table[i].option, option) == 0)
            return in_force(options, &table[i], &from);
    }
    return "";
}

/* --- the file --- */

/* What the YAML library says while it reads: the first reason, and where. */
struct talk {
    char reason[160];
    char place[64];
    unsigned line;
};

static void hear(cyaml_log_t level, void *ctx, const char *format, va_list values)
{
    struct talk *talk = ctx;
    char text[240];

    vsnprintf(text, sizeof text, format, values);
    text[strcspn(text, "\n")] = '\0';
    const char *line = strstr(text, "(line: ");
    if (level < CYAML_LOG_ERROR)
        return;
    if (line != NULL) {
        if (talk->line == 0)
            (void)sscanf(line, "(line: %u", &talk->line);
        if (talk->place[0] == '\0')
            (void)sscanf(text, "  in mapping field '%63[^']'", talk->place);
    } else if (talk->reason[0] == '\0' && strncmp(text, "Load: ", 6) == 0) {
        snprintf(talk->reason, sizeof talk->reason, "%.*s", (int)sizeof talk->reason - 1, text + 6);
    }
}

/* In words for the one who wrote the file. */
static void reword(const struct talk *talk, cyaml_err_t error, char *out, size_t cap)
{
    const char *reason = talk->reason;
    char word[100] = "";

    if (sscanf(reason, "Unexpected key: %99s", word) == 1)
        snprintf(out, cap, "there is no setting '%s'", word);
    else if (sscanf(reason, "Mapping field already seen: %99s", word) == 1)
        snprintf(out, cap, "'%s' stands there twice", word);
    else if (strncmp(reason, "STRING length >", 15) == 0)
        snprintf(out, cap, "'%s' is longer than %d characters", talk->place, TEXT_MOST);
    else if (strncmp(reason, "Expecting ", 10) == 0)
        snprintf(out, cap, "%s",
                 strstr(reason, "MAPPING") != NULL ? "settings are expected, as in 'listen: ...'"
                                                   : "one value is expected here");
    else if (strncmp(reason, "libyaml: ", 9) == 0)
        snprintf(out, cap, "%s", reason + 9);
    else
        snprintf(out, cap, "%s", reason[0] != '\0' ? reason : cyaml_strerror(error));
}

/* Line in which a key stands last, for what the library places elsewhere; 0 when it is not found. */
static unsigned line_of(const char *path, const char *key)
{
    FILE *file = fopen(path, "re");
    char text[TEXT_MOST + 100];
    size_t len = strlen(key);
    unsigned line = 0, found = 0;

    while (file != NULL && fgets(text, sizeof text, file) != NULL) {
        line++;
        if (strncmp(text, key, len) == 0 && strchr(": \t", text[len]) != NULL)
            found = line;
    }
    if (file != NULL)
        fclose(file);
    return found;
}

/* The library has a key that it does not like on the line of the one before. */
static unsigned line_of_problem(const char *path, const struct talk *talk)
{
    char word[100];

    if (sscanf(talk->reason, "Unexpected key: %99s", word) == 1 ||
        sscanf(talk->reason, "Mapping field already seen: %99s", word) == 1)
        return line_of(path, word);
    return talk->line;
}

static int refuse_file(const char *path, unsigned line, const char *what)
{
    if (line != 0)
        fprintf(stderr, "updraftd: %s, line %u: %s\n", path, line, what);
    else
        fprintf(stderr, "updraftd: %s: %s\n", path, what);
    fprintf(stderr, "Its settings are ");
    for (size_t i = 0; i < COUNT; i++)
        fprintf(stderr, "%s%s", i > 0 ? ", " : "", table[i].key);
    fprintf(stderr, ": the options of the command line, see 'updraftd --help'.\n");
    return UPDRAFT_EXIT_WRONG_USAGE;
}

static int read_file(struct updraft_options *options)
{
    struct talk talk = {.line = 0};
    const cyaml_config_t config = {
        .log_fn = hear, .log_ctx = &talk, .mem_fn = cyaml_mem, .log_level = CYAML_LOG_DEBUG};
    char reason[240];
    cyaml_err_t error =
        cyaml_load_file(options->path, &config, &schema, (cyaml_data_t **)&options->file, NULL);

    if (error == CYAML_OK)
        return -1; /* an empty one: nothing is set */
    if (error == CYAML_ERR_FILE_OPEN)
        snprintf(reason, sizeof reason, "the file cannot be opened");
    else
        reword(&talk, error, reason, sizeof reason);
    return refuse_file(options->path, line_of_problem(options->path, &talk), reason);
}

/* --- what is wrong with a value, said where it was written --- */

static int refuse_usage(const char *what)
{
    fprintf(stderr, "updraftd: %s\nTry 'updraftd --help'.\n", what);
    return UPDRAFT_EXIT_WRONG_USAGE;
}

static int refuse_value(struct updraft_options *options, const char *option, const char *what)
{
    char text[200];

    for (size_t i = 0; i < COUNT; i++) {
        if (strcmp(table[i].option, option) != 0)
            continue;
        if (*place(&options->given, &table[i]) == NULL && options->file != NULL &&
            *place(options->file, &table[i]) != NULL) {
            snprintf(text, sizeof text, "%s %s", table[i].key, what);
            return refuse_file(options->path, line_of(options->path, table[i].key), text);
        }
    }
    snprintf(text, sizeof text, "--%s %s", option, what);
    return refuse_usage(text);
}

static bool is_url(const char *text)
{
    return strncmp(text, "http://", 7) == 0 || strncmp(text, "https://", 8) == 0;
}

static bool parse_seconds(const char *text, uint32_t *seconds)
{
    size_t digits = strspn(text, "0123456789");

    if (digits == 0 || digits > 5 || text[digits] != '\0')
        return false;
    *seconds = (uint32_t)strtoul(text, NULL, 10);
    return *seconds >= 1 && *seconds <= 86400;
}

static int take_values(struct updraft_options *options)
{
    const char *log = value_of(options, "log"), *front = value_of(options, "front");
    struct updraft_server_options *server = &options->server;

    server->data_dir = value_of(options, "data");
    server->database = value_of(options, "database");
    server->artifacts_dir = value_of(options, "artifacts");
    server->base_url = value_of(options, "base-url");
    server->log_form = log[0] == '\0'  ? UPDRAFT_LOG_EVENTS
                       : log[0] == 'j' ? UPDRAFT_LOG_JSON
                                       : UPDRAFT_LOG_TEXT;
    options->listen = value_of(options, "listen");
    if (server->data_dir[0] == '\0')
        return refuse_usage("--data DIR is needed");
    if (server->database[0] != '\0' && !updraft_postgres_named(server->database))
        return refuse_value(options, "database", "must begin with postgresql://");
    if (server->base_url[0] != '\0' && !is_url(server->base_url))
        return refuse_value(options, "base-url", "must begin with http:// or https://");
    if (log[0] != '\0' && strcmp(log, "text") != 0 && strcmp(log, "json") != 0)
        return refuse_value(options, "log", "is text or json");
    if (!parse_seconds(value_of(options, "check-interval"), &server->check_interval_s))
        return refuse_value(options, "check-interval", "takes 1 to 86400 seconds");
    if (!updraft_front_init(&options->front, front, ""))
        return refuse_value(options, "front", "is an address, without a port");
    if (!updraft_front_init(&options->front, front, value_of(options, "x-accel")))
        return refuse_value(options, "x-accel",
                            "is a path of at most 36 characters without a slash at its end, and "
                            "needs a front");
    return -1;
}

/* --- what is in force --- */

/* A password does not belong on a screen. */
static void show_value(const char *value)
{
    const char *host = strstr(value, "://"), *at = host == NULL ? NULL : strrchr(host, '@');
    const char *colon = at == NULL ? NULL : memchr(host + 3, ':', (size_t)(at - host - 3));

    putchar('"');
    for (const char *c = value; *c != '\0'; c++) {
        if (colon != NULL && c == colon + 1) {
            fputs("...", stdout);
            c = at;
        }
        if (*c == '"' || *c == '\\')
            putchar('\\');
        putchar(*c);
    }
    putchar('"');
}

static int show(struct updraft_options *options)
{
    const char *from;

    for (size_t i = 0; i < COUNT; i++) {
        const char *value = in_force(options, &table[i], &from);
        printf("%s: ", table[i].key);
        show_value(value);
        printf(" # %s\n", from);
    }
    return UPDRAFT_EXIT_ENDED;
}

/* --- the command line --- */

static int parse(int argc, char **argv, struct updraft_options *options)
{
    struct option known[COUNT + 5] = {{0}};
    int option;

    for (size_t i = 0; i < COUNT; i++)
        known[i] = (struct option){table[i].option, required_argument, NULL, (int)i};
    known[COUNT] = (struct option){"config", required_argument, NULL, 'c'};
    known[COUNT + 1] = (struct option){"check", no_argument, NULL, 'k'};
    known[COUNT + 2] = (struct option){"help", no_argument, NULL, 'h'};
    known[COUNT + 3] = (struct option){"version", no_argument, NULL, 'v'};
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option >= 0 && option < (int)COUNT) {
            *place(&options->given, &table[option]) = optarg;
        } else if (option == 'c') {
            options->path = optarg;
        } else if (option == 'k') {
            options->check = true;
        } else if (option == 'h') {
            fputs(usage, stdout);
            return UPDRAFT_EXIT_ENDED;
        } else if (option == 'v') {
            puts("updraftd " UPDRAFT_VERSION);
            return UPDRAFT_EXIT_ENDED;
        } else { /* getopt has said what is wrong */
            fputs("Try 'updraftd --help'.\n", stderr);
            return UPDRAFT_EXIT_WRONG_USAGE;
        }
    }
    return optind < argc ? refuse_usage("unexpected argument; everything is given by options") : -1;
}

void updraft_options_free(struct updraft_options *options)
{
    if (options->file != NULL)
        cyaml_free(&(cyaml_config_t){.mem_fn = cyaml_mem}, &schema, options->file, 0);
    options->file = NULL;
}

int updraft_options_take(struct updraft_options *options, int argc, char **argv)
{
    memset(options, 0, sizeof *options);
    int code = parse(argc, argv, options);
    if (code < 0 && options->path != NULL)
        code = read_file(options);
    if (code < 0)
        code = take_values(options);
    if (code < 0 && options->check)
        code = show(options);
    if (code >= 0)
        updraft_options_free(options);
    return code;
}
