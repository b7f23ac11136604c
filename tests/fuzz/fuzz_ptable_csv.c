#include "format/ptable_csv.h"

#include <stdlib.h>
#include <string.h>

#define CSV_CAP 8192u

static const char *look_up(void *ctx, const char *name, size_t name_len)
{
    (void)ctx;
    if (name_len == 1 && name[0] == 'L')
        return "a,data,fat,,4K";
    return name_len == 1 && name[0] == 'S' ? "64K" : NULL;
}

static bool is_plain(const char *label)
{
    for (; *label != '\0'; label++) {
        if ((*label < 'a' || *label > 'z') && *label != '_')
            return false;
    }
    return true;
}

/* What was read comes back through its binary form and, printed, as text. */
static void check(const struct updraft_ptable *table, const struct updraft_csv_options *options,
                  bool was_warned)
{
    static char csv[CSV_CAP];
    struct updraft_csv_result result;
    struct updraft_ptable again;
    uint8_t bytes[UPDRAFT_PTABLE_LEN];
    enum updraft_error error;
    size_t len;

    if (updraft_ptable_encode(table, bytes) != UPDRAFT_OK ||
        updraft_ptable_decode(bytes, sizeof(bytes), options->flash_size, &again, NULL) !=
            UPDRAFT_OK ||
        memcmp(table->entries, again.entries, table->count * sizeof(table->entries[0])) != 0)
        abort();
    error = updraft_ptable_to_csv(table, csv, sizeof(csv), &len);
    if (error == UPDRAFT_E_NO_SPACE)
        abort();
    /* The RTOS SDK does not know all the words; cut names may be equal, odd ones lose spaces. */
    if (error != UPDRAFT_OK || was_warned || options->rules != UPDRAFT_CSV_IDF)
        return;
    for (size_t i = 0; i < table->count; i++) {
        if (!is_plain(table->entries[i].label))
            return;
    }
    if (updraft_ptable_from_csv(csv, len, options, &again, &result) != UPDRAFT_OK ||
        memcmp(table, &again, sizeof(again)) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* One byte of options, then the text. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct updraft_csv_options options = {0};
    struct updraft_csv_result result;
    struct updraft_ptable table;

    if (len < 1)
        return 0;
    options.rules = data[0] & 1 ? UPDRAFT_CSV_RTOS_SDK : UPDRAFT_CSV_IDF;
    options.table_off = data[0] & 2 ? 0x5000 : 0;
    options.flash_size = data[0] & 4 ? 0x400000 : 0;
    options.secure_v1 = (data[0] & 8) != 0;
    options.has_bootloader_off = options.has_recovery_off = (data[0] & 16) != 0;
    options.bootloader_off = 0x1000;
    options.recovery_off = 0x20000;
    options.variable = data[0] & 32 ? look_up : NULL;
    if (updraft_ptable_from_csv((const char *)data + 1, len - 1, &options, &table, &result) ==
        UPDRAFT_OK)
        check(&table, &options, result.warning_count > 0);
    else if (result.message[0] == '\0' || memchr(result.message, '\0', 160) == NULL)
        abort();
    return 0;
}
