#include "cli/out.h"

#include "format/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define CELL_CAP   160u
#define COLUMN_CAP 16u
#define LABEL_LEN  14

static void print_clean(const char *text)
{
    for (; *text; text++)
        putchar((unsigned char)*text < 0x20 || *text == 0x7F ? '?' : *text);
}

void updraft_out_field(const char *label, const char *text)
{
    if (!text)
        return;
    printf("%-*s", LABEL_LEN, label);
    print_clean(text);
    putchar('\n');
}

void updraft_out_fieldf(const char *label, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    updraft_out_field(label, text);
}

static void group_digits(double value, char *out, size_t out_cap)
{
    char digits[32];
    size_t len = (size_t)snprintf(digits, sizeof digits, "%.0f", value);
    size_t at = 0;

    for (size_t i = 0; i < len && at + 2 < out_cap; i++) {
        if (i && (len - i) % 3 == 0)
            out[at++] = ' ';
        out[at++] = digits[i];
    }
    out[at] = '\0';
}

static void word_age(double then_ms, char *out, size_t out_cap)
{
    double s = (double)time(NULL) - then_ms / 1000;

    if (then_ms <= 0)
        snprintf(out, out_cap, "never");
    else if (s < 2)
        snprintf(out, out_cap, "now");
    else if (s < 120)
        snprintf(out, out_cap, "%.0f s ago", s);
    else if (s < 7200)
        snprintf(out, out_cap, "%.0f min ago", s / 60);
    else if (s < 172800)
        snprintf(out, out_cap, "%.0f h ago", s / 3600);
    else
        snprintf(out, out_cap, "%.0f days ago", s / 86400);
}

static void word_date(double when_ms, char *out, size_t out_cap)
{
    time_t when = (time_t)(when_ms / 1000);
    struct tm parts;

    if (!gmtime_r(&when, &parts) || !strftime(out, out_cap, "%Y-%m-%d %H:%M UTC", &parts))
        snprintf(out, out_cap, "-");
}

static void word_list(const cJSON *list, char *out, size_t out_cap)
{
    struct updraft_text text;
    const cJSON *item;

    updraft_text_init(&text, out, out_cap);
    cJSON_ArrayForEach(item, list)
    {
        if (text.len)
            updraft_text_str(&text, ", ");
        updraft_text_str(&text, cJSON_IsString(item) ? item->valuestring : "?");
    }
    if (!text.len)
        updraft_text_str(&text, "-");
}

static void word_value(const cJSON *value, enum updraft_out_form form, char *out, size_t out_cap)
{
    if (form == UPDRAFT_OUT_LIST && cJSON_IsArray(value))
        word_list(value, out, out_cap);
    else if (cJSON_IsString(value))
        snprintf(out, out_cap, "%s", value->valuestring[0] ? value->valuestring : "-");
    else if (cJSON_IsBool(value))
        snprintf(out, out_cap, "%s", cJSON_IsTrue(value) ? "yes" : "no");
    else if (!cJSON_IsNumber(value))
        snprintf(out, out_cap, "-");
    else if (form == UPDRAFT_OUT_BYTES)
        group_digits(value->valuedouble, out, out_cap);
    else if (form == UPDRAFT_OUT_HEX)
        snprintf(out, out_cap, "0x%X", (unsigned)value->valuedouble);
    else if (form == UPDRAFT_OUT_AGO)
        word_age(value->valuedouble, out, out_cap);
    else if (form == UPDRAFT_OUT_DATE)
        word_date(value->valuedouble, out, out_cap);
    else
        snprintf(out, out_cap, "%.0f", value->valuedouble);
}

/* "a.b": member b of member a. */
static const cJSON *look_up(const cJSON *object, const char *key)
{
    while (object) {
        char part[48];
        size_t len = strcspn(key, ".");

        if (len >= sizeof part)
            return NULL;
        memcpy(part, key, len);
        part[len] = '\0';
        object = cJSON_GetObjectItemCaseSensitive(object, part);
        if (!key[len])
            return object;
        key += len + 1;
    }
    return NULL;
}

void updraft_out_member(const char *label, const cJSON *object, const char *key,
                        enum updraft_out_form form)
{
    const cJSON *value = look_up(object, key);
    char text[512];

    if (!value || cJSON_IsNull(value))
        return;
    word_value(value, form, text, sizeof text);
    updraft_out_field(label, text);
}

/* Width on the terminal: UTF-8 continuation bytes take none. */
static size_t width(const char *text)
{
    size_t n = 0;

    for (; *text; text++)
        n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

static void print_cell(const char *text, size_t wide, bool right, bool last)
{
    size_t pad = wide > width(text) ? wide - width(text) : 0;

    if (right)
        printf("%*s", (int)pad, "");
    print_clean(text);
    if (!last)
        printf("%*s", (int)(right ? 0 : pad) + 2, "");
}

void updraft_out_table(const cJSON *rows, const struct updraft_out_column *columns,
                       const char *empty)
{
    size_t wide[COLUMN_CAP] = {0};
    bool right[COLUMN_CAP] = {0};
    size_t count = 0;
    const cJSON *row;
    char cell[CELL_CAP];

    if (!cJSON_IsArray(rows) || cJSON_GetArraySize(rows) == 0) {
        printf("%s\n", empty);
        return;
    }
    while (columns[count].title && count < COLUMN_CAP) {
        wide[count] = width(columns[count].title);
        right[count] =
            columns[count].form == UPDRAFT_OUT_BYTES || columns[count].form == UPDRAFT_OUT_HEX;
        count++;
    }
    cJSON_ArrayForEach(row, rows)
    {
        for (size_t c = 0; c < count; c++) {
            word_value(look_up(row, columns[c].key), columns[c].form, cell, sizeof cell);
            if (width(cell) > wide[c])
                wide[c] = width(cell);
        }
    }
    for (size_t c = 0; c < count; c++)
        print_cell(columns[c].title, wide[c], right[c], c + 1 == count);
    putchar('\n');
    cJSON_ArrayForEach(row, rows)
    {
        for (size_t c = 0; c < count; c++) {
            word_value(look_up(row, columns[c].key), columns[c].form, cell, sizeof cell);
            print_cell(cell, wide[c], right[c], c + 1 == count);
        }
        putchar('\n');
    }
}

void updraft_json_hex(cJSON *object, const char *key, const uint8_t *bytes, size_t len)
{
    char hex[129];
    struct updraft_text text;

    updraft_text_init(&text, hex, sizeof hex);
    updraft_text_hex(&text, bytes, len);
    cJSON_AddStringToObject(object, key, hex);
}

void updraft_json_move(cJSON *from, cJSON *to)
{
    while (from->child) {
        cJSON *member = cJSON_DetachItemViaPointer(from, from->child);

        cJSON_AddItemToObject(to, member->string, member);
    }
}

const char *updraft_json_text(const cJSON *object, const char *key)
{
    const cJSON *value = look_up(object, key);

    return cJSON_IsString(value) ? value->valuestring : "-";
}

double updraft_json_number(const cJSON *object, const char *key)
{
    const cJSON *value = look_up(object, key);

    return cJSON_IsNumber(value) ? value->valuedouble : 0;
}
