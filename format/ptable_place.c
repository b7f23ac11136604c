#include "format/ptable_rows.h"

#include <string.h>

#define SECTOR            0x1000
#define APP_OFFSET_ALIGN  0x10000
#define SECURE_V1_ALIGN   0x10000
#define RTOS_DATA_ALIGN   4
#define OTADATA_SIZE      0x2000
#define NVS_WRITABLE_SIZE 0x3000

#define TABLE_END_MAX ((int64_t)UINT32_MAX) /* the binary form has no room for more */

/* A message with two addresses in it. */
struct detail {
    const char *before;
    int64_t a;
    const char *between;
    int64_t b;
};

static enum updraft_error fail_detail(struct updraft_csv_result *result, enum updraft_error error,
                                      uint32_t line, struct detail detail)
{
    struct updraft_text text;

    updraft_csv_begin_message(result, line, &text);
    updraft_text_str(&text, detail.before);
    updraft_csv_append_hex(&text, detail.a);
    updraft_text_str(&text, detail.between);
    updraft_csv_append_hex(&text, detail.b);
    return error;
}

bool updraft_csv_row_is_fixed(const struct updraft_csv_row *row, enum updraft_csv_rules rules)
{
    return rules == UPDRAFT_CSV_IDF &&
           ((row->type == UPDRAFT_PART_TYPE_BOOTLOADER &&
             row->subtype == UPDRAFT_PART_BOOTLOADER_PRIMARY) ||
            (row->type == UPDRAFT_PART_TYPE_TABLE && row->subtype == UPDRAFT_PART_TABLE_PRIMARY));
}

uint32_t updraft_csv_table_off(const struct updraft_csv_options *options)
{
    return options->table_off != 0 ? options->table_off : UPDRAFT_PTABLE_DEFAULT_OFF;
}

static int64_t partitions_start(const struct updraft_csv_options *options)
{
    return (int64_t)updraft_csv_table_off(options) + UPDRAFT_PTABLE_REGION_LEN;
}

static int64_t offset_align(const struct updraft_csv_row *row, enum updraft_csv_rules rules)
{
    bool is_app = row->type == UPDRAFT_PART_TYPE_APP;

    if (rules == UPDRAFT_CSV_RTOS_SDK)
        return is_app ? SECTOR : RTOS_DATA_ALIGN;
    return is_app ? APP_OFFSET_ALIGN : SECTOR;
}

static int64_t size_align(const struct updraft_csv_row *row,
                          const struct updraft_csv_options *options)
{
    if (options->rules == UPDRAFT_CSV_RTOS_SDK)
        return options->secure_v1 ? offset_align(row, options->rules) : 1;
    if (row->type != UPDRAFT_PART_TYPE_APP)
        return 1;
    return options->secure_v1 ? SECURE_V1_ALIGN : SECTOR;
}

static enum updraft_error place_row(struct updraft_csv_row *row, bool is_first, int64_t *cursor,
                                    const struct updraft_csv_options *options,
                                    struct updraft_csv_result *result)
{
    int64_t align = offset_align(row, options->rules);

    if (row->has_offset && row->offset < *cursor) {
        return fail_detail(result, UPDRAFT_E_TABLE_OVERLAP, row->line,
                           (struct detail){"the partition starts at ", row->offset,
                                           is_first ? ", but the table's own sector ends at "
                                                    : ", but the previous partition ends at ",
                                           *cursor});
    }
    if (!row->has_offset)
        row->offset = (*cursor + align - 1) / align * align;
    if (row->size < 0) {
        if (-row->size < row->offset) {
            return fail_detail(result, UPDRAFT_E_CSV, row->line,
                               (struct detail){"the partition would start at ", row->offset,
                                               ", but has to end at ", -row->size});
        }
        row->size = -row->size - row->offset;
    }
    if (row->size > TABLE_END_MAX - row->offset) {
        return fail_detail(result, UPDRAFT_E_CSV, row->line,
                           (struct detail){"the partition ends at ", row->offset + row->size,
                                           ", past the last address ", TABLE_END_MAX});
    }
    *cursor = row->offset + row->size;
    return UPDRAFT_OK;
}

enum updraft_error updraft_csv_place(struct updraft_csv_rows *rows,
                                     const struct updraft_csv_options *options,
                                     struct updraft_csv_result *result)
{
    int64_t cursor = partitions_start(options);

    for (size_t i = 0; i < rows->count; i++) {
        struct updraft_csv_row *row = &rows->rows[i];
        enum updraft_error error;

        if (updraft_csv_row_is_fixed(row, options->rules))
            continue;
        error = place_row(row, cursor == partitions_start(options), &cursor, options, result);
        if (error != UPDRAFT_OK)
            return error;
    }
    return UPDRAFT_OK;
}

/* False when there is room for no more. */
static bool begin_warning(struct updraft_csv_result *result, const struct updraft_csv_row *row,
                          struct updraft_text *text)
{
    if (result->warning_count == UPDRAFT_CSV_WARNING_CAP)
        return false;
    updraft_text_init(text, result->warnings[result->warning_count], UPDRAFT_CSV_MESSAGE_CAP);
    result->warning_count++;
    updraft_text_str(text, "line ");
    updraft_text_u32(text, row->line);
    updraft_text_str(text, ": ");
    return true;
}

static void warn_misleading(struct updraft_csv_result *result, const struct updraft_csv_row *row,
                            const char *keyword_of)
{
    struct updraft_text text;

    if (!begin_warning(result, row, &text))
        return;
    updraft_text_str(&text, "the partition is named ");
    updraft_csv_append_quoted(&text, row->name, strlen(row->name));
    updraft_text_str(&text, " like a ");
    updraft_text_str(&text, keyword_of);
    updraft_text_str(&text, ", but has type ");
    updraft_csv_append_hex(&text, row->type);
    updraft_text_str(&text, " and subtype ");
    updraft_csv_append_hex(&text, row->subtype);
}

static void warn_about_name(const struct updraft_csv_row *row, enum updraft_csv_rules rules,
                            struct updraft_csv_result *result)
{
    struct updraft_text text;
    uint8_t number;

    if (updraft_csv_type_of(rules, row->name, &number) && number != row->type)
        warn_misleading(result, row, "partition type");
    if (updraft_csv_is_subtype(rules, row->name) &&
        (!updraft_csv_subtype_of(rules, row->type, row->name, &number) || number != row->subtype))
        warn_misleading(result, row, "subtype");
    if (strlen(row->name) > UPDRAFT_LABEL_LEN && begin_warning(result, row, &text)) {
        updraft_text_str(&text, "the name ");
        updraft_csv_append_quoted(&text, row->name, strlen(row->name));
        updraft_text_str(&text, " is cut to 16 bytes");
    }
}

/* Rules of ESP-IDF that the RTOS SDK does not have. */
static enum updraft_error verify_data_row(const struct updraft_csv_row *row,
                                          struct updraft_csv_result *result)
{
    bool is_readonly = (row->flags & UPDRAFT_PART_FLAG_READONLY) != 0;
    bool is_ota = row->subtype == UPDRAFT_PART_DATA_OTA;
    bool is_tee_ota = row->subtype == UPDRAFT_PART_DATA_TEE_OTA;

    if (is_readonly && (is_ota || row->subtype == UPDRAFT_PART_DATA_COREDUMP))
        return updraft_csv_fail(result, UPDRAFT_E_CSV, row->line,
                                "otadata and coredump partitions are written to and cannot be "
                                "readonly");
    if (row->subtype == UPDRAFT_PART_DATA_NVS && row->size < NVS_WRITABLE_SIZE && !is_readonly) {
        return fail_detail(result, UPDRAFT_E_CSV, row->line,
                           (struct detail){"an nvs partition of ", row->size,
                                           " has to be readonly; a writable one needs at least ",
                                           NVS_WRITABLE_SIZE});
    }
    if ((is_ota || is_tee_ota) && row->size != OTADATA_SIZE) {
        return fail_detail(result, UPDRAFT_E_CSV, row->line,
                           (struct detail){is_ota ? "the otadata partition has the size "
                                                  : "the TEE otadata partition has the size ",
                                           row->size, " instead of ", OTADATA_SIZE});
    }
    return UPDRAFT_OK;
}

static enum updraft_error verify_row(const struct updraft_csv_row *row,
                                     const struct updraft_csv_options *options,
                                     struct updraft_csv_result *result)
{
    if (row->offset % offset_align(row, options->rules) != 0) {
        return fail_detail(result, UPDRAFT_E_CSV, row->line,
                           (struct detail){"the offset ", row->offset, " is no multiple of ",
                                           offset_align(row, options->rules)});
    }
    if (row->size % size_align(row, options) != 0) {
        return fail_detail(result, UPDRAFT_E_CSV, row->line,
                           (struct detail){"the size ", row->size, " is no multiple of ",
                                           size_align(row, options)});
    }
    if (options->rules == UPDRAFT_CSV_IDF && row->type == UPDRAFT_PART_TYPE_DATA)
        return verify_data_row(row, result);
    return UPDRAFT_OK;
}

/* Rules about a row and one that stands before it. */
static enum updraft_error verify_pair(const struct updraft_csv_row *row,
                                      const struct updraft_csv_row *earlier,
                                      enum updraft_csv_rules rules,
                                      struct updraft_csv_result *result)
{
    bool same_kind = row->type == earlier->type && row->subtype == earlier->subtype;
    struct updraft_text text;

    if (strcmp(row->name, earlier->name) == 0) {
        updraft_csv_begin_message(result, row->line, &text);
        updraft_text_str(&text, "the name ");
        updraft_csv_append_quoted(&text, row->name, strlen(row->name));
        updraft_text_str(&text, " is taken already by line ");
        updraft_text_u32(&text, earlier->line);
        return UPDRAFT_E_CSV;
    }
    if (row->offset < earlier->offset + earlier->size &&
        earlier->offset < row->offset + row->size) {
        return fail_detail(result, UPDRAFT_E_TABLE_OVERLAP, row->line,
                           (struct detail){"the partition overlaps the one from ", earlier->offset,
                                           " to ", earlier->offset + earlier->size});
    }
    if (rules == UPDRAFT_CSV_IDF && same_kind && row->type == UPDRAFT_PART_TYPE_DATA &&
        (row->subtype == UPDRAFT_PART_DATA_OTA || row->subtype == UPDRAFT_PART_DATA_TEE_OTA))
        return updraft_csv_fail(result, UPDRAFT_E_CSV, row->line,
                                row->subtype == UPDRAFT_PART_DATA_OTA
                                    ? "a table has only one otadata partition"
                                    : "a table has only one TEE otadata partition");
    return UPDRAFT_OK;
}

static enum updraft_error verify_fits(const struct updraft_csv_rows *rows, uint32_t flash_size,
                                      struct updraft_csv_result *result)
{
    for (size_t i = 0; i < rows->count; i++) {
        const struct updraft_csv_row *row = &rows->rows[i];

        if (row->offset + row->size > (int64_t)flash_size) {
            return fail_detail(result, UPDRAFT_E_TABLE_BOUNDS, row->line,
                               (struct detail){"the partition ends at ", row->offset + row->size,
                                               ", but the flash at ", flash_size});
        }
    }
    return UPDRAFT_OK;
}

enum updraft_error updraft_csv_verify(const struct updraft_csv_rows *rows,
                                      const struct updraft_csv_options *options,
                                      struct updraft_csv_result *result)
{
    enum updraft_error error;

    for (size_t i = 0; i < rows->count; i++) {
        error = verify_row(&rows->rows[i], options, result);
        if (error != UPDRAFT_OK)
            return error;
        warn_about_name(&rows->rows[i], options->rules, result);
    }
    for (size_t i = 0; i < rows->count; i++) {
        for (size_t j = 0; j < i; j++) {
            error = verify_pair(&rows->rows[i], &rows->rows[j], options->rules, result);
            if (error != UPDRAFT_OK)
                return error;
        }
    }
    return options->flash_size != 0 ? verify_fits(rows, options->flash_size, result) : UPDRAFT_OK;
}
