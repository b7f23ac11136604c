#include "ports/posix/board.h"

#include "device/push/espota.h"
#include "format/digest.h"
#include "format/direct.h"
#include "ports/posix/log.h"

#include <cyaml/cyaml.h>

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define HTTP_PORT_DEFAULT 8080u
#define POLL_S_DEFAULT    60u

/* The file as the schema maps it. Numbers are pointers so that absent and 0 differ. */
struct board_ports {
    uint16_t *ota;
    uint16_t *http;
    uint16_t *esphome;
    uint16_t *console;
    uint16_t *direct;
};

struct board_ota {
    struct updraft_board_channel *channels;
    unsigned channels_count;
};

struct board_tls {
    char *ca;
    char **pins;
    unsigned pins_count;
};

struct board_file {
    char *name;
    char *chip;
    char *product;
    char *password;
    bool refuse_md5;
    char *server;
    bool check_in;
    char *kind;
    char *layout;
    char *channel;
    struct board_tls tls;
    struct board_ports ports;
    uint32_t *poll_s;
    struct board_ota ota;
};

static const cyaml_schema_field_t channel_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct updraft_board_channel, name, 1, 15),
    CYAML_FIELD_STRING_PTR("path", CYAML_FLAG_POINTER, struct updraft_board_channel, path, 8, 255),
    CYAML_FIELD_END};

static const cyaml_schema_value_t channel_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct updraft_board_channel, channel_fields)};

static const cyaml_schema_field_t ota_fields[] = {
    CYAML_FIELD_SEQUENCE("channels", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct board_ota,
                         channels, &channel_schema, 1, UPDRAFT_BOARD_CHANNEL_CAP),
    CYAML_FIELD_END};

static const cyaml_schema_value_t pin_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, UPDRAFT_TLS_PIN_HEX_LEN, UPDRAFT_TLS_PIN_HEX_LEN)};

static const cyaml_schema_field_t tls_fields[] = {
    CYAML_FIELD_STRING_PTR("ca", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct board_tls, ca, 1,
                           255),
    CYAML_FIELD_SEQUENCE("pins", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct board_tls, pins,
                         &pin_schema, 1, UPDRAFT_TLS_PIN_COUNT_CAP),
    CYAML_FIELD_END};

static const cyaml_schema_field_t port_fields[] = {
    CYAML_FIELD_UINT_PTR("ota", CYAML_FLAG_OPTIONAL, struct board_ports, ota),
    CYAML_FIELD_UINT_PTR("http", CYAML_FLAG_OPTIONAL, struct board_ports, http),
    CYAML_FIELD_UINT_PTR("console", CYAML_FLAG_OPTIONAL, struct board_ports, console),
    CYAML_FIELD_UINT_PTR("esphome", CYAML_FLAG_OPTIONAL, struct board_ports, esphome),
    CYAML_FIELD_UINT_PTR("direct", CYAML_FLAG_OPTIONAL, struct board_ports, direct),
    CYAML_FIELD_END};

static const cyaml_schema_field_t board_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct board_file, name, 1, 63),
    CYAML_FIELD_STRING_PTR("chip", CYAML_FLAG_POINTER, struct board_file, chip, 1, 31),
    CYAML_FIELD_STRING_PTR("product", CYAML_FLAG_OPTIONAL, struct board_file, product, 1, 63),
    CYAML_FIELD_STRING_PTR("password", CYAML_FLAG_OPTIONAL, struct board_file, password, 0, 63),
    CYAML_FIELD_BOOL("refuse_md5", CYAML_FLAG_OPTIONAL, struct board_file, refuse_md5),
    CYAML_FIELD_STRING_PTR("server", CYAML_FLAG_OPTIONAL, struct board_file, server, 8, 160),
    CYAML_FIELD_BOOL("check_in", CYAML_FLAG_OPTIONAL, struct board_file, check_in),
    CYAML_FIELD_STRING_PTR("board", CYAML_FLAG_OPTIONAL, struct board_file, kind, 1, 63),
    CYAML_FIELD_STRING_PTR("layout", CYAML_FLAG_OPTIONAL, struct board_file, layout, 1, 63),
    CYAML_FIELD_STRING_PTR("channel", CYAML_FLAG_OPTIONAL, struct board_file, channel, 1, 63),
    CYAML_FIELD_MAPPING("tls", CYAML_FLAG_OPTIONAL, struct board_file, tls, tls_fields),
    CYAML_FIELD_MAPPING("ports", CYAML_FLAG_OPTIONAL, struct board_file, ports, port_fields),
    CYAML_FIELD_UINT_PTR("poll_s", CYAML_FLAG_OPTIONAL, struct board_file, poll_s),
    CYAML_FIELD_MAPPING("ota", CYAML_FLAG_OPTIONAL, struct board_file, ota, ota_fields),
    CYAML_FIELD_END};

static const cyaml_schema_value_t board_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct board_file, board_fields)};

/* What the YAML library says while it reads: the first reason, the line of the innermost place, and
 * the keys that it passed over. */
struct yaml_talk {
    char reason[120];
    char place[64];
    unsigned line;
    char ignored[160];
};

static void note_ignored_key(struct yaml_talk *talk, const char *key)
{
    size_t used = strlen(talk->ignored);
    snprintf(talk->ignored + used, sizeof talk->ignored - used, "%s%s", used ? ", " : "", key);
}

static void hear_yaml(cyaml_log_t level, void *ctx, const char *format, va_list values)
{
    struct yaml_talk *talk = ctx;
    char text[200];
    vsnprintf(text, sizeof text, format, values);
    text[strcspn(text, "\n")] = '\0';

    static const char ignoring[] = "Load: Ignoring key: ";
    if (strncmp(text, ignoring, sizeof ignoring - 1) == 0) {
        note_ignored_key(talk, text + sizeof ignoring - 1);
        return;
    }
    if (level < CYAML_LOG_ERROR)
        return;
    const char *line = strstr(text, "(line: ");
    if (line) {
        if (talk->line == 0)
            (void)sscanf(line, "(line: %u", &talk->line);
        if (!talk->place[0])
            (void)sscanf(text, "  in mapping field '%63[^']'", talk->place);
    } else if (!talk->reason[0] && strncmp(text, "Load: ", 6) == 0) {
        snprintf(talk->reason, sizeof talk->reason, "%.*s", (int)sizeof talk->reason - 1, text + 6);
    }
}

/* The library's words for a schema that it does not show, in words for the one who wrote the file.
 */
static void reword(const char *reason, char *out, size_t out_cap)
{
    char word[100] = "";
    unsigned number = 0;
    if (sscanf(reason, "Missing required mapping field: %99s", word) == 1)
        snprintf(out, out_cap, "the key '%s' is missing", word);
    else if (sscanf(reason, "Mapping field already seen: %99s", word) == 1)
        snprintf(out, out_cap, "the key '%s' stands there twice", word);
    else if (sscanf(reason, "Invalid UINT value: '%99[^']", word) == 1 ||
             sscanf(reason, "Invalid uint64_t value: '%99[^']", word) == 1)
        snprintf(out, out_cap, "'%s' is no number that is allowed here", word);
    else if (sscanf(reason, "STRING length > %u: %99s", &number, word) == 2)
        snprintf(out, out_cap, "'%s' is longer than %u characters", word, number);
    else if (sscanf(reason, "STRING length < %u: %99s", &number, word) >= 1)
        snprintf(out, out_cap, "'%s' is shorter than %u characters", word, number);
    else if (sscanf(reason, "Excessive entries (%u max)", &number) == 1)
        snprintf(out, out_cap, "the list has more than %u entries", number);
    else if (strncmp(reason, "Insufficient entries", 20) == 0)
        snprintf(out, out_cap, "the list is empty");
    else if (strncmp(reason, "Expecting ", 10) == 0)
        snprintf(out, out_cap, "%s is expected here",
                 strstr(reason, "Expecting MAPPING")    ? "a group of keys"
                 : strstr(reason, "Expecting SEQUENCE") ? "a list"
                                                        : "a single value");
    else
        snprintf(out, out_cap, "%s", strncmp(reason, "libyaml: ", 9) ? reason : reason + 9);
}

static void say_yaml_error(const char *path, cyaml_err_t error, const struct yaml_talk *talk)
{
    char reason[160];
    reword(talk->reason[0] ? talk->reason : cyaml_strerror(error), reason, sizeof reason);
    /* For a missing key the library names the key before it. */
    bool has_place = talk->place[0] && strncmp(talk->reason, "Missing", 7) != 0;
    if (error == CYAML_ERR_FILE_OPEN)
        updraft_log_warn("cannot open %s", path);
    else if (talk->line && has_place)
        updraft_log_warn("%s, line %u, '%s': %s", path, talk->line, talk->place, reason);
    else if (talk->line)
        updraft_log_warn("%s, line %u: %s", path, talk->line, reason);
    else
        updraft_log_warn("%s: %s", path, reason);
}

static const cyaml_config_t *yaml_config(cyaml_config_t *config, struct yaml_talk *talk)
{
    *config = (cyaml_config_t){
        .log_fn = hear_yaml,
        .log_ctx = talk,
        .mem_fn = cyaml_mem,
        .log_level = CYAML_LOG_DEBUG,
        .flags = CYAML_CFG_IGNORE_UNKNOWN_KEYS,
    };
    return config;
}

/* Line of a key at the outermost level, for what the schema cannot check; 0 when not found. */
static unsigned find_key_line(const char *path, const char *key)
{
    FILE *file = fopen(path, "r");
    if (!file)
        return 0;
    char text[256];
    size_t key_len = strlen(key);
    unsigned line = 0;
    unsigned found = 0;
    while (!found && fgets(text, sizeof text, file)) {
        line++;
        if (strncmp(text, key, key_len) == 0 && text[key_len] == ':')
            found = line;
    }
    fclose(file);
    return found;
}

static bool is_http_url(const char *text)
{
    return strncmp(text, "http://", 7) == 0 || strncmp(text, "https://", 8) == 0;
}

static bool has_https(const struct board_file *file)
{
    bool has = file->server && strncmp(file->server, "https://", 8) == 0;
    for (unsigned i = 0; i < file->ota.channels_count; i++)
        has = has || strncmp(file->ota.channels[i].path, "https://", 8) == 0;
    return has;
}

/* What is meant to protect must not be left out in silence. */
static bool take_tls(const char *path, const struct board_file *file, struct updraft_tls *tls)
{
    unsigned line = find_key_line(path, "tls");
    *tls = (struct updraft_tls){.ca = file->tls.ca};
    for (unsigned i = 0; i < file->tls.pins_count; i++) {
        if (!updraft_tls_add_pin(tls, file->tls.pins[i])) {
            updraft_log_warn("%s, line %u, 'tls': the pin '%s' is not 64 hex digits", path, line,
                             file->tls.pins[i]);
            return false;
        }
    }
    FILE *ca = tls->ca ? fopen(tls->ca, "r") : NULL;
    if (tls->ca && !ca) {
        updraft_log_warn("%s, line %u, 'tls': cannot open the CA file %s", path, line, tls->ca);
        return false;
    }
    if (ca)
        fclose(ca);
    if ((tls->ca || tls->pins[0]) && !has_https(file)) {
        updraft_log_warn("%s, line %u, 'tls': no address in this file begins with https://", path,
                         line);
        return false;
    }
    return true;
}

static bool check_values(const char *path, const struct board_file *file)
{
    if (!updraft_chip_by_name(file->chip)) {
        updraft_log_warn(
            "%s, line %u, 'chip': there is no chip '%s'; try esp32, esp32s3 or esp8266", path,
            find_key_line(path, "chip"), file->chip);
        return false;
    }
    if (file->server && !is_http_url(file->server)) {
        updraft_log_warn("%s, line %u, 'server': '%s' does not begin with http:// or https://",
                         path, find_key_line(path, "server"), file->server);
        return false;
    }
    for (unsigned i = 0; i < file->ota.channels_count; i++) {
        if (!is_http_url(file->ota.channels[i].path)) {
            updraft_log_warn("%s: the path of channel '%s' does not begin with http:// or https://",
                             path, file->ota.channels[i].name);
            return false;
        }
    }
    return true;
}

static void make_mac(const char *name, char mac[UPDRAFT_MAC_CAP])
{
    struct updraft_digest digest;
    uint8_t hash[UPDRAFT_SHA256_LEN];
    updraft_digest_start(&digest, UPDRAFT_DIGEST_SHA256);
    updraft_digest_update(&digest, name, strlen(name));
    updraft_digest_finish(&digest, hash);
    snprintf(mac, UPDRAFT_MAC_CAP, "02:%02X:%02X:%02X:%02X:%02X", hash[0], hash[1], hash[2],
             hash[3], hash[4]);
}

/* Who takes any free port for the other ways has more than one device on this machine. */
static uint16_t direct_port(const struct board_ports *ports)
{
    if (ports->direct)
        return *ports->direct;
    return ports->http && *ports->http == 0 ? 0 : UPDRAFT_DIRECT_PORT;
}

static void fill_board(struct board_file *file, struct updraft_board *board)
{
    const struct updraft_chip *chip = updraft_chip_by_name(file->chip);
    bool is_esp8266 = chip->id == UPDRAFT_CHIP_ESP8266;
    uint16_t ota_default = is_esp8266 ? UPDRAFT_ESPOTA_PORT_ESP8266 : UPDRAFT_ESPOTA_PORT_ESP32;
    if (file->server) {
        size_t len = strlen(file->server);
        while (len && file->server[len - 1] == '/')
            file->server[--len] = '\0';
    }
    *board = (struct updraft_board){
        .chip = chip,
        .name = file->name,
        .product = file->product,
        .password = file->password && file->password[0] ? file->password : NULL,
        .refuse_md5 = file->refuse_md5,
        .server = file->server,
        .checks_in = file->check_in,
        .kind = file->kind,
        .layout = file->layout,
        .channel = file->channel,
        .ota_port = file->ports.ota ? *file->ports.ota : ota_default,
        .http_port = file->ports.http ? *file->ports.http : HTTP_PORT_DEFAULT,
        .direct_port = direct_port(&file->ports),
        .has_console = file->ports.console != NULL,
        .console_port = file->ports.console ? *file->ports.console : 0,
        .speaks_esphome = file->ports.esphome != NULL,
        .esphome_port = file->ports.esphome ? *file->ports.esphome : 0,
        .poll_s = file->poll_s ? *file->poll_s : POLL_S_DEFAULT,
        .channels = file->ota.channels,
        .channel_count = file->ota.channels_count,
        .file = file,
    };
    make_mac(file->name, board->mac);
}

bool updraft_board_load(const char *path, struct updraft_board *board)
{
    struct yaml_talk talk = {.line = 0};
    cyaml_config_t config;
    struct board_file *file = NULL;
    cyaml_err_t error = cyaml_load_file(path, yaml_config(&config, &talk), &board_schema,
                                        (cyaml_data_t **)&file, NULL);
    if (error != CYAML_OK) {
        say_yaml_error(path, error, &talk);
        return false;
    }
    if (!file) {
        updraft_log_warn("%s is empty; it needs at least 'name' and 'chip'", path);
        return false;
    }
    if (talk.ignored[0])
        updraft_log_warn("%s: keys that this program does not use: %s", path, talk.ignored);
    struct updraft_tls tls;
    if (!check_values(path, file) || !take_tls(path, file, &tls)) {
        cyaml_free(&config, &board_schema, file, 0);
        return false;
    }
    fill_board(file, board);
    board->tls = tls;
    return true;
}

void updraft_board_free(struct updraft_board *board)
{
    struct yaml_talk talk;
    cyaml_config_t config;
    cyaml_free(yaml_config(&config, &talk), &board_schema, board->file, 0);
    board->file = NULL;
}
