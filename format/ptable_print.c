#include "format/ptable_rows.h"
#include "format/utf8.h"

#include <string.h>

/* What would not come back as it went: another field, another line, a comment, no text. */
static bool label_fits_csv(const char *label)
{
    size_t len = strlen(label);
    size_t pos = 0;

    while (pos < len) {
        uint32_t code;
        size_t taken = updraft_utf8_get(label + pos, len - pos, &code);

        if (taken == 0 || code == ',' || code < 0x20 || (code >= 0x7F && code < 0xA0) ||
            code == 0x2028 || code == 0x2029)
            return false;
        pos += taken;
    }
    return label[0] != '#';
}

static void append_size(struct updraft_text *text, uint32_t size)
{
    if (size % 0x100000u == 0) {
        updraft_text_u32(text, size / 0x100000u);
        updraft_text_str(text, "M");
    } else if (size % 0x400u == 0) {
        updraft_text_u32(text, size / 0x400u);
        updraft_text_str(text, "K");
    } else {
        updraft_csv_append_hex(text, size);
    }
}

static void append_keyword(struct updraft_text *text, const char *keyword, uint8_t number)
{
    if (keyword != NULL)
        updraft_text_str(text, keyword);
    else
        updraft_text_u32(text, number);
    updraft_text_str(text, ",");
}

static void append_row(struct updraft_text *text, const struct updraft_partition *partition)
{
    bool is_encrypted = (partition->flags & UPDRAFT_PART_FLAG_ENCRYPTED) != 0;
    bool is_readonly = (partition->flags & UPDRAFT_PART_FLAG_READONLY) != 0;

    updraft_text_str(text, partition->label);
    updraft_text_str(text, ",");
    append_keyword(text, updraft_part_type_name(partition->type), partition->type);
    append_keyword(text, updraft_part_subtype_name(partition->type, partition->subtype),
                   partition->subtype);
    updraft_csv_append_hex(text, partition->offset);
    updraft_text_str(text, ",");
    append_size(text, partition->size);
    updraft_text_str(text, ",");
    if (is_encrypted)
        updraft_text_str(text, "encrypted");
    if (is_encrypted && is_readonly)
        updraft_text_str(text, ":");
    if (is_readonly)
        updraft_text_str(text, "readonly");
    updraft_text_str(text, "\n");
}

enum updraft_error updraft_ptable_to_csv(const struct updraft_ptable *table, char *out,
                                         size_t out_cap, size_t *len)
{
    struct updraft_text text;

    if (out_cap == 0)
        return UPDRAFT_E_NO_SPACE;
    updraft_text_init(&text, out, out_cap);
    updraft_text_str(&text, "# ESP-IDF Partition Table\n");
    updraft_text_str(&text, "# Name, Type, SubType, Offset, Size, Flags\n");
    for (size_t i = 0; i < table->count; i++) {
        if (!label_fits_csv(table->entries[i].label))
            return UPDRAFT_E_TABLE_RECORD;
        append_row(&text, &table->entries[i]);
    }
    if (text.cut)
        return UPDRAFT_E_NO_SPACE;
    *len = text.len;
    return UPDRAFT_OK;
}
