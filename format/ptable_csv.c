#include "format/ptable_rows.h"
#include "format/utf8.h"

#include <string.h>

#define LINE_CAP    1024u
#define FIELD_COUNT 6u

struct reader {
    const struct updraft_csv_options *options;
    struct updraft_csv_result *result;
    struct updraft_csv_rows *rows;
    uint32_t line;
};

/* Where Python's splitlines() ends a line. */
static bool is_line_end(uint32_t code)
{
    return (code >= 0x0A && code <= 0x0D) || (code >= 0x1C && code <= 0x1E) || code == 0x85 ||
           code == 0x2028 || code == 0x2029;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static enum updraft_error fail(struct reader *reader, const char *message)
{
    return updraft_csv_fail(reader->result, UPDRAFT_E_CSV, reader->line, message);
}

/* "<before>'<what>'<after>" */
static enum updraft_error fail_quoted(struct reader *reader, const char *before,
                                      struct updraft_csv_span what, const char *after)
{
    struct updraft_text text;

    updraft_csv_begin_message(reader->result, reader->line, &text);
    updraft_text_str(&text, before);
    updraft_csv_append_quoted(&text, what.s, what.len);
    updraft_text_str(&text, after);
    return UPDRAFT_E_CSV;
}

/* The length of $NAME or ${NAME} at s, 0 when none stands there. */
static size_t measure_variable(struct updraft_csv_span at, struct updraft_csv_span *name)
{
    size_t end = 1;

    if (at.len < 2 || at.s[0] != '$')
        return 0;
    if (at.s[1] == '{') {
        const char *brace = memchr(at.s, '}', at.len);

        if (brace == NULL)
            return 0;
        *name = (struct updraft_csv_span){at.s + 2, (size_t)(brace - at.s) - 2};
        return name->len + 3;
    }
    while (end < at.len && is_word(at.s[end]))
        end++;
    *name = (struct updraft_csv_span){at.s + 1, end - 1};
    return end > 1 ? end : 0;
}

/* Copies the line with its variables filled in; what is unset stays as it is written. */
static void expand(const struct updraft_csv_options *options, struct updraft_csv_span line,
                   struct updraft_text *out)
{
    while (line.len > 0) {
        struct updraft_csv_span name = {NULL, 0};
        size_t taken = measure_variable(line, &name);
        const char *value = NULL;

        if (name.len > 0 && options->variable != NULL)
            value = options->variable(options->variable_ctx, name.s, name.len);
        if (value != NULL) {
            updraft_text_str(out, value);
        } else {
            taken = taken > 0 ? taken : 1;
            updraft_text_bytes(out, line.s, taken);
        }
        line.s += taken;
        line.len -= taken;
    }
}

static bool is_utf8(struct updraft_csv_span span)
{
    uint32_t code;

    while (span.len > 0) {
        size_t taken = updraft_utf8_get(span.s, span.len, &code);

        if (taken == 0)
            return false;
        span.s += taken;
        span.len -= taken;
    }
    return true;
}

static enum updraft_error read_type(struct reader *reader, struct updraft_csv_span field,
                                    struct updraft_csv_row *row)
{
    int64_t value;

    if (field.len == 0)
        return fail(reader, "the type is missing");
    if (!updraft_csv_parse_type(reader->options->rules, field, &value))
        return fail_quoted(reader, "", field,
                           reader->options->rules == UPDRAFT_CSV_IDF
                               ? " is neither a number nor one of the types app, data, bootloader "
                                 "and partition_table"
                               : " is neither a number nor one of the types app and data");
    if (value < 0 || value > UINT8_MAX)
        return fail_quoted(reader, "the type ", field, " is not in 0 to 255");
    row->type = (uint8_t)value;
    return UPDRAFT_OK;
}

static enum updraft_error read_subtype(struct reader *reader, struct updraft_csv_span field,
                                       struct updraft_csv_row *row)
{
    enum updraft_csv_rules rules = reader->options->rules;
    int64_t value;

    if (field.len == 0) {
        if (rules == UPDRAFT_CSV_IDF && row->type == UPDRAFT_PART_TYPE_APP)
            return fail(reader, "an app partition needs a subtype");
        row->subtype = rules == UPDRAFT_CSV_IDF ? UPDRAFT_PART_DATA_UNDEFINED : 0;
        return UPDRAFT_OK;
    }
    if (!updraft_csv_parse_subtype(rules, row->type, field, &value))
        return fail_quoted(reader, "", field,
                           " is neither a number nor a subtype that this type has");
    if (value < 0 || value > UINT8_MAX)
        return fail_quoted(reader, "the subtype ", field, " is not in 0 to 255");
    row->subtype = (uint8_t)value;
    return UPDRAFT_OK;
}

static enum updraft_error read_offset(struct reader *reader, struct updraft_csv_span field,
                                      struct updraft_csv_row *row)
{
    const struct updraft_csv_options *options = reader->options;
    bool is_loader = options->rules == UPDRAFT_CSV_IDF && row->type == UPDRAFT_PART_TYPE_BOOTLOADER;
    bool is_recovery = is_loader && row->subtype == UPDRAFT_PART_BOOTLOADER_RECOVERY;

    row->has_offset = true;
    if (is_recovery) {
        if (!options->has_recovery_off)
            return fail(reader, "the offset of the recovery boot loader has to be given");
        row->offset = options->recovery_off;
    } else if (updraft_csv_row_is_fixed(row, options->rules)) {
        if (is_loader && !options->has_bootloader_off)
            return fail(reader, "the offset of the boot loader has to be given");
        row->offset = is_loader ? options->bootloader_off : updraft_csv_table_off(options);
    } else if (field.len == 0) {
        row->has_offset = false;
    } else if (!updraft_csv_parse_number(field, &row->offset)) {
        return fail_quoted(reader, "the offset ", field, " is not a whole number");
    }
    return UPDRAFT_OK;
}

static enum updraft_error read_size(struct reader *reader, struct updraft_csv_span field,
                                    struct updraft_csv_row *row)
{
    const struct updraft_csv_options *options = reader->options;

    if (options->rules == UPDRAFT_CSV_IDF && row->type == UPDRAFT_PART_TYPE_BOOTLOADER) {
        if (!options->has_bootloader_off)
            return fail(reader, "the offset of the boot loader has to be given");
        row->size = (int64_t)updraft_csv_table_off(options) - options->bootloader_off;
    } else if (options->rules == UPDRAFT_CSV_IDF && row->type == UPDRAFT_PART_TYPE_TABLE) {
        row->size = UPDRAFT_PTABLE_REGION_LEN;
    } else if (field.len == 0) {
        return fail(reader, "the size is missing");
    } else if (!updraft_csv_parse_number(field, &row->size)) {
        return fail_quoted(reader, "the size ", field, " is not a whole number");
    }
    return UPDRAFT_OK;
}

static bool span_is(struct updraft_csv_span span, const char *s)
{
    return span.len == strlen(s) && memcmp(span.s, s, span.len) == 0;
}

static enum updraft_error read_flags(struct reader *reader, struct updraft_csv_span field,
                                     struct updraft_csv_row *row)
{
    while (field.len > 0) {
        const char *colon = memchr(field.s, ':', field.len);
        struct updraft_csv_span flag = {field.s,
                                        colon != NULL ? (size_t)(colon - field.s) : field.len};
        size_t taken = flag.len + (colon != NULL ? 1 : 0);

        if (span_is(flag, "encrypted"))
            row->flags |= UPDRAFT_PART_FLAG_ENCRYPTED;
        else if (reader->options->rules == UPDRAFT_CSV_IDF && span_is(flag, "readonly"))
            row->flags |= UPDRAFT_PART_FLAG_READONLY;
        else if (flag.len > 0)
            return fail_quoted(reader, "", flag,
                               reader->options->rules == UPDRAFT_CSV_IDF
                                   ? " is no flag; there are encrypted and readonly"
                                   : " is no flag; there is encrypted");
        field.s += taken;
        field.len -= taken;
    }
    return UPDRAFT_OK;
}

/* Missing fields are empty, fields beyond the sixth are not looked at. */
static void split_fields(struct updraft_csv_span line, struct updraft_csv_span fields[FIELD_COUNT])
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        const char *comma = memchr(line.s, ',', line.len);
        size_t len = comma != NULL ? (size_t)(comma - line.s) : line.len;

        fields[i] = updraft_csv_trim((struct updraft_csv_span){line.s, len});
        if (comma != NULL)
            len++;
        line.s += len;
        line.len -= len;
    }
}

static enum updraft_error read_row(struct reader *reader, struct updraft_csv_span line)
{
    struct updraft_csv_span fields[FIELD_COUNT];
    struct updraft_csv_row row = {.line = reader->line};
    enum updraft_error error;

    split_fields(line, fields);
    if (fields[0].len >= UPDRAFT_CSV_NAME_CAP)
        return fail_quoted(reader, "the name ", fields[0], " is longer than 63 bytes");
    memcpy(row.name, fields[0].s, fields[0].len);
    error = read_type(reader, fields[1], &row);
    if (error == UPDRAFT_OK)
        error = read_subtype(reader, fields[2], &row);
    if (error == UPDRAFT_OK)
        error = read_offset(reader, fields[3], &row);
    if (error == UPDRAFT_OK)
        error = read_size(reader, fields[4], &row);
    if (error == UPDRAFT_OK)
        error = read_flags(reader, fields[5], &row);
    if (error != UPDRAFT_OK)
        return error;
    /* The digest takes one of the 95 records. */
    if (reader->rows->count == UPDRAFT_PTABLE_CAP - 1u)
        return updraft_csv_fail(reader->result, UPDRAFT_E_TABLE_FULL, reader->line,
                                "a table holds 94 partitions, this is the 95th");
    reader->rows->rows[reader->rows->count++] = row;
    return UPDRAFT_OK;
}

static enum updraft_error read_line(struct reader *reader, struct updraft_csv_span raw)
{
    struct updraft_csv_span name = {NULL, 0};
    struct updraft_csv_span line = updraft_csv_trim(raw);
    char expanded[LINE_CAP];
    struct updraft_text text;

    /* Comments may be as long as they like. */
    if (line.len == 0 || line.s[0] == '#')
        return UPDRAFT_OK;
    updraft_text_init(&text, expanded, sizeof(expanded));
    expand(reader->options, raw, &text);
    if (text.cut)
        return fail(reader, "the line is longer than 1023 bytes");
    line = (struct updraft_csv_span){text.out, text.len};
    if (memchr(line.s, '\0', line.len) != NULL || !is_utf8(line))
        return fail(reader, "the line holds a NUL byte or is not UTF-8");
    /* The generators complain about an unset variable in this one place only; elsewhere the text
     * fails as the number that it is not, or stays as it is. */
    if (measure_variable(line, &name) > 0 && line.s[1] != '{' &&
        (line.s[1] < '0' || line.s[1] > '9'))
        return fail_quoted(reader, "the variable ", name, " is not set");
    line = updraft_csv_trim(line);
    if (line.len == 0 || line.s[0] == '#')
        return UPDRAFT_OK;
    return read_row(reader, line);
}

/* One line with its end; *end_len is 1, 2 or 3 bytes of it, 0 at the end of the text. */
static bool find_line(struct updraft_csv_span rest, size_t *len, size_t *end_len)
{
    size_t pos = 0;

    *end_len = 0;
    while (pos < rest.len) {
        uint32_t code;
        size_t taken = updraft_utf8_get(rest.s + pos, rest.len - pos, &code);

        if (taken == 0)
            return false;
        if (is_line_end(code)) {
            *end_len = taken;
            if (code == '\r' && pos + 1 < rest.len && rest.s[pos + 1] == '\n')
                *end_len = 2;
            break;
        }
        pos += taken;
    }
    *len = pos;
    return true;
}

static enum updraft_error read_text(struct reader *reader, struct updraft_csv_span rest)
{
    while (rest.len > 0) {
        size_t len;
        size_t end_len;
        enum updraft_error error;

        reader->line++;
        if (!find_line(rest, &len, &end_len))
            return fail(reader, "the line is not UTF-8");
        error = read_line(reader, (struct updraft_csv_span){rest.s, len});
        if (error != UPDRAFT_OK)
            return error;
        rest.s += len + end_len;
        rest.len -= len + end_len;
    }
    return UPDRAFT_OK;
}

static bool starts_with(struct updraft_csv_span text, const char *bytes, size_t len)
{
    return text.len >= len && memcmp(text.s, bytes, len) == 0;
}

static enum updraft_error check_input(struct reader *reader, struct updraft_csv_span *text)
{
    const struct updraft_csv_options *options = reader->options;

    if (options->has_bootloader_off && options->bootloader_off >= updraft_csv_table_off(options))
        return fail(reader, "the boot loader's offset is not below the partition table");
    if (starts_with(*text, "\xAA\x50", 2))
        return fail(reader, "this is a partition table in its binary form, not a CSV");
    if (starts_with(*text, "\xFF\xFE", 2) || starts_with(*text, "\xFE\xFF", 2) ||
        starts_with(*text, "\0\0\xFE\xFF", 4))
        return fail(reader, "the file is UTF-16 or UTF-32; save it as UTF-8");
    if (starts_with(*text, "\xEF\xBB\xBF", 3)) {
        text->s += 3;
        text->len -= 3;
    }
    return UPDRAFT_OK;
}

static void fill_table(const struct updraft_csv_rows *rows, struct updraft_ptable *table)
{
    memset(table, 0, sizeof(*table));
    table->has_digest = true;
    table->count = (uint8_t)rows->count;
    for (size_t i = 0; i < rows->count; i++) {
        const struct updraft_csv_row *row = &rows->rows[i];
        struct updraft_partition *partition = &table->entries[i];

        partition->type = row->type;
        partition->subtype = row->subtype;
        partition->offset = (uint32_t)row->offset;
        partition->size = (uint32_t)row->size;
        partition->flags = row->flags;
        memcpy(partition->label, row->name, UPDRAFT_LABEL_LEN);
    }
}

enum updraft_error updraft_ptable_from_csv(const char *text, size_t len,
                                           const struct updraft_csv_options *options,
                                           struct updraft_ptable *table,
                                           struct updraft_csv_result *result)
{
    struct updraft_csv_rows rows;
    struct reader reader = {options, result, &rows, 0};
    struct updraft_csv_span span = {text, len};
    enum updraft_error error;

    rows.count = 0;
    memset(result, 0, sizeof(*result));
    error = check_input(&reader, &span);
    if (error == UPDRAFT_OK)
        error = read_text(&reader, span);
    if (error == UPDRAFT_OK && rows.count == 0)
        error = updraft_csv_fail(result, UPDRAFT_E_CSV, 0, "the CSV holds no partition");
    if (error == UPDRAFT_OK)
        error = updraft_csv_place(&rows, options, result);
    if (error == UPDRAFT_OK)
        error = updraft_csv_verify(&rows, options, result);
    if (error == UPDRAFT_OK)
        fill_table(&rows, table);
    return error;
}
