#include "cli/inspect.h"

#include "cli/out.h"
#include "format/bytes.h"
#include "format/chip.h"

#include <stdio.h>
#include <string.h>

static void note_segment(void *ctx, uint8_t idx, uint32_t load_addr, uint32_t data_len,
                         uint32_t data_off)
{
    struct updraft_inspection *out = ctx;

    (void)idx;
    if (out->segment_count == UPDRAFT_INSPECT_SEGMENT_CAP)
        return;
    out->segments[out->segment_count].addr = load_addr;
    out->segments[out->segment_count].len = data_len;
    out->segments[out->segment_count].off = data_off;
    out->segment_count++;
}

/* Two images in one file; anything else whose first image ends within a sector is not taken for one. */
static bool looks_like_sketch(const uint8_t *bytes, size_t len,
                              const struct updraft_inspection *boot)
{
    return boot->ended && boot->info.kind == UPDRAFT_IMAGE_ESP8266_V1 &&
           boot->info.image_len <= UPDRAFT_ARDUINO8266_APP_OFF &&
           len > UPDRAFT_ARDUINO8266_APP_OFF &&
           bytes[UPDRAFT_ARDUINO8266_APP_OFF] == UPDRAFT_IMAGE_MAGIC;
}

static void list_sketch_segments(const uint8_t *bytes, size_t len, struct updraft_inspection *out)
{
    struct updraft_image_reader reader;

    updraft_image_reader_init(&reader);
    reader.on_segment = note_segment;
    reader.on_segment_ctx = out;
    out->segment_count = 0;
    (void)!updraft_image_reader_feed(&reader, bytes + UPDRAFT_ARDUINO8266_APP_OFF,
                                     len - UPDRAFT_ARDUINO8266_APP_OFF);
    for (size_t i = 0; i < out->segment_count; i++)
        out->segments[i].off += UPDRAFT_ARDUINO8266_APP_OFF;
}

static void inspect_sketch(const uint8_t *bytes, size_t len, struct updraft_inspection *out)
{
    struct updraft_arduino8266_reader reader;
    struct updraft_digest digest;

    updraft_arduino8266_init(&reader);
    out->verdict = updraft_arduino8266_feed(&reader, bytes, len);
    if (out->verdict == UPDRAFT_OK)
        out->verdict = updraft_arduino8266_verdict(&reader);
    list_sketch_segments(bytes, len, out);
    out->is_sketch = true;
    out->sketch = reader.info;
    out->info = reader.part.info;
    out->info.image_len = reader.info.sketch_len;
    out->ended = reader.info.sketch_len != 0;
    out->trailing_len = out->ended ? (uint32_t)(len - reader.info.sketch_len) : 0;
    updraft_digest_start(&digest, UPDRAFT_DIGEST_MD5);
    updraft_digest_update(&digest, bytes, reader.info.sketch_len);
    updraft_digest_finish(&digest, out->sketch_md5);
}

static void inspect_plain(const uint8_t *bytes, size_t len, struct updraft_inspection *out)
{
    struct updraft_image_reader reader;

    memset(out, 0, sizeof *out);
    updraft_image_reader_init(&reader);
    reader.on_segment = note_segment;
    reader.on_segment_ctx = out;
    out->verdict = updraft_image_reader_feed(&reader, bytes, len);
    out->ended = out->verdict == UPDRAFT_OK &&
                 updraft_image_reader_progress(&reader) == UPDRAFT_IMAGE_COMPLETE;
    if (out->verdict == UPDRAFT_OK)
        out->verdict = updraft_image_reader_verdict(&reader);
    out->info = reader.info;
    if (!out->ended)
        return;
    out->trailing_len = (uint32_t)(len - reader.info.image_len);
    if (updraft_signature_find(bytes, len, reader.info.image_len, &out->signature) != UPDRAFT_OK)
        memset(&out->signature, 0, sizeof out->signature);
}

void updraft_inspect_image(const uint8_t *bytes, size_t len, struct updraft_inspection *out)
{
    inspect_plain(bytes, len, out);
    if (looks_like_sketch(bytes, len, out))
        inspect_sketch(bytes, len, out);
}

/* A sketch's part is read as an image that should have one. */
static bool has_hash(const struct updraft_inspection *inspection)
{
    return !inspection->is_sketch &&
           (inspection->info.hash_appended || inspection->info.kind == UPDRAFT_IMAGE_ESP8266_V3);
}

bool updraft_inspect_is_image(const struct updraft_inspection *inspection)
{
    return inspection->info.kind != UPDRAFT_IMAGE_UNKNOWN;
}

const char *updraft_inspect_checksum(const struct updraft_inspection *inspection)
{
    const struct updraft_image_info *info = &inspection->info;

    if (!inspection->ended)
        return "-";
    if (inspection->is_sketch) {
        const struct updraft_arduino8266_info *sketch = &inspection->sketch;

        return sketch->boot_checksum_stored == sketch->boot_checksum_computed &&
                       sketch->app_checksum_stored == sketch->app_checksum_computed
                   ? "ok"
                   : "bad";
    }
    return info->checksum_stored == info->checksum_computed ? "ok" : "bad";
}

const char *updraft_inspect_hash(const struct updraft_inspection *inspection)
{
    const struct updraft_image_info *info = &inspection->info;

    if (!inspection->ended || !has_hash(inspection))
        return "-";
    return memcmp(info->hash_stored, info->hash_computed, UPDRAFT_SHA256_LEN) ? "bad" : "ok";
}

static const char *format_name(enum updraft_image_kind kind)
{
    switch (kind) {
    case UPDRAFT_IMAGE_ESP32:
        return "esp32";
    case UPDRAFT_IMAGE_ESP8266_V1:
        return "esp8266-v1";
    case UPDRAFT_IMAGE_ESP8266_V2:
        return "esp8266-v2";
    case UPDRAFT_IMAGE_ESP8266_V3:
        return "esp8266-v3";
    case UPDRAFT_IMAGE_UNKNOWN:
        break;
    }
    return "-";
}

static const char *mode_name(uint8_t mode)
{
    static const char *const names[] = {"qio", "qout", "dio", "dout", "fast_read", "slow_read"};

    return mode < sizeof names / sizeof names[0] ? names[mode] : "-";
}

static void add_sketch(const struct updraft_inspection *inspection, cJSON *object)
{
    const struct updraft_arduino8266_info *sketch = &inspection->sketch;
    const char *crc = "-";

    if (sketch->has_crc)
        crc = sketch->crc_stored == sketch->crc_computed ? "ok" : "bad";
    cJSON_AddStringToObject(object, "sketch_crc", crc);
    if (inspection->ended)
        updraft_json_hex(object, "sketch_md5", inspection->sketch_md5,
                         sizeof inspection->sketch_md5);
}

static void add_segments(const struct updraft_inspection *inspection, cJSON *object)
{
    cJSON *list = cJSON_AddArrayToObject(object, "segments");

    for (size_t i = 0; i < inspection->segment_count; i++) {
        cJSON *row = cJSON_CreateObject();

        cJSON_AddNumberToObject(row, "address", inspection->segments[i].addr);
        cJSON_AddNumberToObject(row, "size", inspection->segments[i].len);
        cJSON_AddNumberToObject(row, "offset", inspection->segments[i].off);
        cJSON_AddItemToArray(list, row);
    }
}

static void add_signatures(const struct updraft_signature *signature, cJSON *object)
{
    cJSON *list = cJSON_AddArrayToObject(object, "signatures");

    for (size_t i = 0; i < signature->block_count; i++) {
        const struct updraft_signature_block *block = &signature->blocks[i];
        cJSON *row = cJSON_CreateObject();

        cJSON_AddStringToObject(row, "kind", updraft_signature_kind_name(block->kind));
        cJSON_AddNumberToObject(row, "offset", block->off);
        cJSON_AddBoolToObject(row, "crc_ok", block->crc_ok);
        if (block->digest_len)
            updraft_json_hex(row, "digest", block->digest, block->digest_len);
        if (block->kind != UPDRAFT_SIGNATURE_V1_ECDSA)
            updraft_json_hex(row, "key_digest", block->key_digest, sizeof block->key_digest);
        cJSON_AddItemToArray(list, row);
    }
}

static void add_text(cJSON *object, const char *key, const char *text)
{
    cJSON_AddStringToObject(object, key, text[0] ? text : "-");
}

void updraft_inspect_to_json(const struct updraft_inspection *inspection, cJSON *object)
{
    const struct updraft_image_info *info = &inspection->info;
    const struct updraft_appdesc *desc = &info->appdesc;
    struct updraft_failure failure;
    char text[256];

    snprintf(text, sizeof text, "%s%s%s", desc->date, desc->date[0] && desc->time[0] ? " " : "",
             desc->time);
    cJSON_AddStringToObject(object, "chip", updraft_chip_name(info->chip_id));
    add_text(object, "project", desc->project);
    add_text(object, "version", desc->version);
    add_text(object, "idf_version", desc->idf_version);
    add_text(object, "date", text);
    cJSON_AddNumberToObject(object, "image_len", info->image_len);
    cJSON_AddNumberToObject(object, "trailing_bytes", inspection->trailing_len);
    cJSON_AddStringToObject(object, "checksum", updraft_inspect_checksum(inspection));
    cJSON_AddStringToObject(object, "hash", updraft_inspect_hash(inspection));
    cJSON_AddStringToObject(object, "verdict", updraft_error_entry(inspection->verdict)->name);
    if (inspection->verdict != UPDRAFT_OK) {
        updraft_failure_set(&failure, inspection->verdict, 0, 0, NULL);
        updraft_failure_sentence(&failure, text, sizeof text);
        cJSON_AddStringToObject(object, "problem", text);
    }
    cJSON_AddStringToObject(object, "image_format",
                            inspection->is_sketch ? "esp8266-arduino" : format_name(info->kind));
    cJSON_AddStringToObject(object, "flash_mode", mode_name(info->spi_mode));
    if (inspection->is_sketch)
        add_sketch(inspection, object);
    cJSON_AddNumberToObject(object, "entry", info->entry_addr);
    cJSON_AddBoolToObject(object, "hash_appended", has_hash(inspection));
    if (info->has_appdesc)
        updraft_json_hex(object, "elf_sha256", desc->elf_sha256, sizeof desc->elf_sha256);
    add_segments(inspection, object);
    add_signatures(&inspection->signature, object);
}

/* The core of an STM32 family, by the letters behind "STM32". */
static const char *stm32_core(const char *family)
{
    static const struct {
        char family[3];
        const char *core;
    } cores[] = {
        {"C0", "Cortex-M0+"}, {"F0", "Cortex-M0"},  {"F1", "Cortex-M3"},  {"F2", "Cortex-M3"},
        {"F3", "Cortex-M4"},  {"F4", "Cortex-M4"},  {"F7", "Cortex-M7"},  {"G0", "Cortex-M0+"},
        {"G4", "Cortex-M4"},  {"H5", "Cortex-M33"}, {"H7", "Cortex-M7"},  {"L0", "Cortex-M0+"},
        {"L1", "Cortex-M3"},  {"L4", "Cortex-M4"},  {"L5", "Cortex-M33"}, {"U5", "Cortex-M33"},
        {"WB", "Cortex-M4"},  {"WL", "Cortex-M4"},
    };

    for (size_t i = 0; i < sizeof cores / sizeof cores[0]; i++)
        if (!memcmp(cores[i].family, family, 2))
            return cores[i].core;
    return NULL;
}

static bool is_part_letter(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
}

/* Word 0: initial stack pointer, in RAM and aligned; words 1 to 3: reset, NMI and hard fault
 * handlers, Thumb code in one flash. */
static bool has_vector_table(const uint8_t *bytes, size_t len)
{
    uint32_t stack = updraft_get_le32(bytes);
    uint32_t reset = updraft_get_le32(bytes + 4);

    if ((stack >> 20 != 0x200 && stack >> 20 != 0x100) || stack & 3 || reset >= 0x10000000u ||
        (reset & 0x00FFFFFFu) >= len + 0x100000u)
        return false;
    for (size_t i = 1; i < 4; i++) {
        uint32_t handler = updraft_get_le32(bytes + 4 * i);

        if (!(handler & 1) || handler >> 24 != reset >> 24)
            return false;
    }
    return true;
}

/* Some builds come in pieces, the vector table in another one. Thumb code betrays itself by its
 * returns (BX LR): a function is hardly longer than 2 KB on average. */
static bool is_thumb_code(const uint8_t *bytes, size_t len)
{
    size_t returns = 0;

    for (size_t i = 0; i + 2 <= len; i += 2)
        returns += bytes[i] == 0x70 && bytes[i + 1] == 0x47;
    return returns >= 8 && returns >= len / 2048;
}

/* The part's name in the image's texts, as SDKs and runtimes leave it there. */
static const char *find_part(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i + 9 <= len; i++) {
        const char *text = (const char *)bytes + i;

        if (bytes[i] == 'S' && !memcmp(text, "STM32", 5) && stm32_core(text + 5) &&
            is_part_letter(bytes[i + 7]) && is_part_letter(bytes[i + 8]))
            return text;
    }
    return NULL;
}

bool updraft_inspect_cortex_m(const uint8_t *bytes, size_t len, char *chip, size_t chip_cap)
{
    const char *part;
    bool has_table;

    if (len < 64)
        return false;
    part = find_part(bytes, len);
    has_table = has_vector_table(bytes, len);
    if (!has_table && !(part && is_thumb_code(bytes, len)))
        return false;
    if (part)
        snprintf(chip, chip_cap, "%.9s (%s)", part, stm32_core(part + 5));
    else
        snprintf(chip, chip_cap, "Cortex-M");
    return true;
}

enum updraft_exit updraft_inspect_file(const char *path, struct updraft_file *wire,
                                       struct updraft_inspection *out, struct updraft_fail *fail)
{
    enum updraft_exit exit = updraft_file_read(path, wire, fail);

    return exit == UPDRAFT_EXIT_OK ? updraft_inspect_wire(path, wire, out, fail) : exit;
}

enum updraft_exit updraft_inspect_wire(const char *path, struct updraft_file *wire,
                                       struct updraft_inspection *out, struct updraft_fail *fail)
{
    struct updraft_file plain = {0};
    enum updraft_exit exit = UPDRAFT_EXIT_OK;

    if (updraft_file_is_gzip(wire)) {
        exit = updraft_file_gunzip(wire, &plain, fail);
        if (exit == UPDRAFT_EXIT_OK)
            updraft_inspect_image(plain.data, plain.len, out);
        updraft_file_free(&plain);
    } else {
        updraft_inspect_image(wire->data, wire->len, out);
    }
    if (exit == UPDRAFT_EXIT_OK && out->verdict != UPDRAFT_OK)
        exit = updraft_fail_code(fail, UPDRAFT_EXIT_INPUT, out->verdict);
    if (exit != UPDRAFT_EXIT_OK) {
        updraft_file_free(wire);
        return updraft_fail_wrap(fail, exit, "%s", path);
    }
    return UPDRAFT_EXIT_OK;
}
