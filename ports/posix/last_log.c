#include "ports/posix/last_log.h"

#include "format/slot_notes.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define LINE_MARK_CAP 8u /* "[16] " */

struct sheet {
    /* Every byte of the sector's lines may be a line of its own. */
    char text[UPDRAFT_NOTE_LINES_LEN * LINE_MARK_CAP];
    size_t len;
};

static void add_attempt(struct sheet *sheet, unsigned attempt, const char *text, size_t len)
{
    bool at_start = true;
    for (size_t i = 0; i < len; i++) {
        if (at_start)
            sheet->len +=
                (size_t)snprintf(sheet->text + sheet->len, LINE_MARK_CAP, "[%u] ", attempt);
        at_start = text[i] == '\n';
        sheet->text[sheet->len++] = at_start || isprint((unsigned char)text[i]) ? text[i] : '?';
    }
    if (!at_start)
        sheet->text[sheet->len++] = '\n';
}

void updraft_last_log_read(const struct updraft_slots *slots, uint8_t attempts_allowed, char *out,
                           size_t out_cap)
{
    struct sheet sheet = {.len = 0};
    for (uint8_t attempt = 0; attempt <= attempts_allowed; attempt++) {
        char text[UPDRAFT_NOTE_LINES_LEN];
        uint32_t len;
        if (updraft_last_lines_read(slots, attempt, text, sizeof text, &len) == UPDRAFT_OK)
            add_attempt(&sheet, attempt, text, len);
    }
    size_t from = 0;
    while (sheet.len - from >= out_cap) {
        const char *end = memchr(sheet.text + from, '\n', sheet.len - from);
        from = (size_t)(end - sheet.text) + 1;
    }
    memcpy(out, sheet.text + from, sheet.len - from);
    out[sheet.len - from] = '\0';
}
