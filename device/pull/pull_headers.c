#include "device/pull/pull_parts.h"

#include "format/text.h"

#define SHA256_HEX_LEN (2u * UPDRAFT_SHA256_LEN)

/* Headers of one chip family: all begin with "x-ESP8266-" or "x-ESP32-". */
struct header_writer {
    struct updraft_text text;
    const char *prefix;
};

static void put_name(struct header_writer *writer, const char *name)
{
    updraft_text_str(&writer->text, writer->prefix);
    updraft_text_str(&writer->text, name);
    updraft_text_str(&writer->text, ": ");
}

/* NULL leaves the header out: so do the stock devices with what they do not know. */
static void put_text(struct header_writer *writer, const char *name, const char *value)
{
    if (value == NULL)
        return;
    put_name(writer, name);
    updraft_text_str(&writer->text, value);
    updraft_text_str(&writer->text, "\n");
}

static void put_number(struct header_writer *writer, const char *name, uint32_t value)
{
    put_name(writer, name);
    updraft_text_u32(&writer->text, value);
    updraft_text_str(&writer->text, "\n");
}

/* The one header in upper-case hex: servers compare it as text. */
static void put_sha256(struct header_writer *writer, const char *hex)
{
    char upper[SHA256_HEX_LEN + 1] = {0};

    if (hex == NULL)
        return;
    for (size_t i = 0; i < SHA256_HEX_LEN && hex[i] != '\0'; i++)
        upper[i] = hex[i] >= 'a' && hex[i] <= 'f' ? (char)(hex[i] - 'a' + 'A') : hex[i];
    put_text(writer, "sketch-sha256", upper);
}

bool updraft_pull_write_headers(const struct updraft_pull *pull, char *out, size_t out_cap)
{
    const struct updraft_pull_identity *identity = &pull->config.identity;
    bool is_esp8266 = pull->config.way == UPDRAFT_PULL_HEADERS_ESP8266;
    struct header_writer writer = {.prefix = is_esp8266 ? "x-ESP8266-" : "x-ESP32-"};

    updraft_text_init(&writer.text, out, out_cap);
    updraft_text_str(&writer.text, is_esp8266 ? "User-Agent: ESP8266-http-Update\n"
                                                "Connection: close\n"
                                              : "User-Agent: ESP32-http-Update\n"
                                                "Connection: close\n"
                                                "Cache-Control: no-cache\n");
    if (is_esp8266)
        put_number(&writer, "Chip-ID", identity->chip_serial);
    put_text(&writer, "STA-MAC", identity->mac);
    put_text(&writer, "AP-MAC", identity->mac);
    put_number(&writer, "free-space", identity->free_space);
    put_number(&writer, "sketch-size", identity->sketch_len);
    put_text(&writer, "sketch-md5", identity->sketch_md5);
    if (!is_esp8266)
        put_sha256(&writer, identity->sketch_sha256);
    put_number(&writer, "chip-size", identity->flash_len);
    put_text(&writer, "sdk-version", identity->sdk_version);
    put_text(&writer, "mode", "sketch");
    put_text(&writer, "version", identity->version[0] != '\0' ? identity->version : NULL);
    return !writer.text.cut;
}
