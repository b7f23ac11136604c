#include "ports/posix/provision.h"

#include "format/image.h"
#include "format/ptable_csv.h"
#include "ports/posix/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CSV_LEN_CAP (64u << 10)

uint8_t *updraft_provision_read(const char *path, size_t len_cap, size_t *len)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        updraft_log_warn("cannot open %s: %s", path, strerror(errno));
        return NULL;
    }
    uint8_t *bytes = malloc(len_cap + 1);
    size_t got = bytes ? fread(bytes, 1, len_cap + 1, file) : 0;
    bool failed = !bytes || ferror(file);
    fclose(file);
    if (failed || got > len_cap) {
        updraft_log_warn("cannot read %s: %s", path, failed ? strerror(errno) : "it is too large");
        free(bytes);
        return NULL;
    }
    *len = got;
    return bytes;
}

static bool put_table(const struct updraft_provision *provision, uint8_t *flash,
                      struct updraft_ptable *table)
{
    size_t len = 0;
    uint8_t *text = updraft_provision_read(provision->table_path, CSV_LEN_CAP, &len);
    if (!text)
        return false;
    /* The RTOS SDK places apps at any sector, ESP-IDF on 64 KB. */
    bool is_esp8266 = provision->chip->id == UPDRAFT_CHIP_ESP8266;
    struct updraft_csv_options options = {
        .rules = is_esp8266 ? UPDRAFT_CSV_RTOS_SDK : UPDRAFT_CSV_IDF,
        .table_off = provision->table_off,
        .flash_size = provision->flash_size,
    };
    struct updraft_csv_result result;
    enum updraft_error error =
        updraft_ptable_from_csv((const char *)text, len, &options, table, &result);
    free(text);
    if (error != UPDRAFT_OK && result.line)
        updraft_log_warn("%s, line %u: %s", provision->table_path, (unsigned)result.line,
                         result.message);
    else if (error != UPDRAFT_OK)
        updraft_log_warn("%s: %s", provision->table_path, result.message);
    if (error != UPDRAFT_OK)
        return false;
    error = updraft_ptable_encode(table, flash + provision->table_off);
    if (error != UPDRAFT_OK)
        updraft_log_warn("%s: %s", provision->table_path, updraft_error_entry(error)->sentence);
    return error == UPDRAFT_OK;
}

static bool check_app(const struct updraft_provision *provision, const uint8_t *app, size_t len)
{
    struct updraft_image_reader reader;
    updraft_image_reader_init(&reader);
    enum updraft_error error = updraft_image_reader_feed(&reader, app, len);
    if (error == UPDRAFT_OK)
        error = updraft_image_reader_verdict(&reader);
    if (error != UPDRAFT_OK) {
        const struct updraft_error_entry *entry = updraft_error_entry(error);
        updraft_log_warn("%s: %s. %s", provision->app_path, entry->sentence, entry->remedy);
        return false;
    }
    if (reader.info.chip_id != provision->chip->id) {
        updraft_log_warn("%s is an image for %s, but board.yaml says %s", provision->app_path,
                         updraft_chip_name(reader.info.chip_id), provision->chip->name);
        return false;
    }
    return true;
}

static bool put_app(const struct updraft_provision *provision, const struct updraft_ptable *table,
                    uint8_t *flash)
{
    const struct updraft_partition *slot =
        updraft_ptable_find(table, UPDRAFT_PART_TYPE_APP, UPDRAFT_PART_APP_FACTORY);
    if (!slot)
        slot = updraft_ptable_find(table, UPDRAFT_PART_TYPE_APP, UPDRAFT_PART_APP_OTA_0);
    if (!slot) {
        updraft_log_warn("%s has neither a factory nor an ota_0 partition", provision->table_path);
        return false;
    }
    size_t len = 0;
    uint8_t *app = updraft_provision_read(provision->app_path, UPDRAFT_IMAGE_LEN_CAP, &len);
    if (!app)
        return false;
    bool good = check_app(provision, app, len);
    if (good && len > slot->size) {
        updraft_log_warn("%s has %zu bytes, but the partition '%s' holds %u", provision->app_path,
                         len, slot->label, (unsigned)slot->size);
        good = false;
    }
    if (good)
        memcpy(flash + slot->offset, app, len);
    free(app);
    return good;
}

bool updraft_provision_write(const char *path, const uint8_t *bytes, size_t len)
{
    char temporary[4096];
    if (snprintf(temporary, sizeof temporary, "%s.new", path) >= (int)sizeof temporary) {
        updraft_log_warn("the name %s is too long", path);
        return false;
    }
    FILE *file = fopen(temporary, "wb");
    bool good = file && fwrite(bytes, 1, len, file) == len;
    if (file)
        good = fclose(file) == 0 && good;
    good = good && rename(temporary, path) == 0;
    if (!good) {
        updraft_log_warn("cannot write %s: %s", path, strerror(errno));
        remove(temporary);
    }
    return good;
}

bool updraft_provision_flash(const struct updraft_provision *provision)
{
    if (!provision->table_path || !provision->app_path) {
        updraft_log_warn("%s does not exist; to make it, give --table CSV and --app IMAGE",
                         provision->flash_path);
        return false;
    }
    uint8_t *flash = malloc(provision->flash_size);
    struct updraft_ptable *table = malloc(sizeof *table);
    bool good = false;
    if (flash && table) {
        memset(flash, 0xFF, provision->flash_size);
        good = put_table(provision, flash, table) && put_app(provision, table, flash) &&
               updraft_provision_write(provision->flash_path, flash, provision->flash_size);
    } else {
        updraft_log_warn("not enough memory for a flash of %u bytes",
                         (unsigned)provision->flash_size);
    }
    free(table);
    free(flash);
    return good;
}
