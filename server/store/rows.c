#include "server/store/rows.h"

#include <sqlite3.h>
#include <string.h>

/* There is always a next id, and JavaScript can tell one from another. */
#define ID_MOST ((int64_t)1 << 53)

/* Fixed-width columns that someone else may have edited: checked while copied. */
static bool column_text(sqlite3_stmt *statement, int at, char *out, size_t cap)
{
    const char *text = (const char *)sqlite3_column_text(statement, at);
    int len = sqlite3_column_bytes(statement, at);

    if (text == NULL || len < 0 || (size_t)len >= cap || strlen(text) != (size_t)len)
        return false;
    memcpy(out, text, (size_t)len + 1);
    return updraft_label_valid(out, cap);
}

static bool column_lines(sqlite3_stmt *statement, int at, char *out, size_t cap)
{
    const char *text = (const char *)sqlite3_column_text(statement, at);

    if (text == NULL)
        return false;
    updraft_lines_clean(text, out, cap);
    return strcmp(text, out) == 0;
}

static bool column_blob(sqlite3_stmt *statement, int at, uint8_t *out, size_t len)
{
    const void *blob = sqlite3_column_blob(statement, at);

    if (blob == NULL || sqlite3_column_bytes(statement, at) != (int)len)
        return false;
    memcpy(out, blob, len);
    return true;
}

static bool column_number(sqlite3_stmt *statement, int at, int64_t most, int64_t *out)
{
    *out = sqlite3_column_int64(statement, at);
    return *out >= 0 && *out <= most;
}

static bool read_release(sqlite3_stmt *row, struct updraft_release_row *out)
{
    out->product_id = sqlite3_column_int64(row, 1);
    out->created_ms = sqlite3_column_int64(row, 4);
    return column_number(row, 0, ID_MOST, &out->id) &&
           column_text(row, 2, out->version, sizeof out->version) &&
           column_text(row, 3, out->notes, sizeof out->notes);
}

static bool read_image(sqlite3_stmt *row, struct updraft_image_row *out)
{
    int64_t chip, size;

    if (!column_number(row, 1, UINT16_MAX, &chip) || !column_number(row, 4, UINT32_MAX, &size))
        return false;
    out->release_id = sqlite3_column_int64(row, 0);
    out->chip = (uint16_t)chip;
    out->size = (uint32_t)size;
    return column_blob(row, 2, out->sha256, sizeof out->sha256) &&
           column_blob(row, 3, out->md5, sizeof out->md5) &&
           column_blob(row, 7, out->sha1, sizeof out->sha1) &&
           column_text(row, 5, out->project, sizeof out->project) &&
           column_text(row, 6, out->idf, sizeof out->idf);
}

static bool read_device(sqlite3_stmt *row, struct updraft_device_row *out)
{
    int64_t chip;

    if (!column_number(row, 7, UINT16_MAX, &chip))
        return false;
    out->chip = (uint16_t)chip;
    out->reports = sqlite3_column_int(row, 8) != 0;
    out->confirmed = sqlite3_column_int(row, 9) != 0;
    out->trial = sqlite3_column_int(row, 10) != 0;
    out->last_seen_ms = sqlite3_column_int64(row, 11);
    return column_text(row, 0, out->id, sizeof out->id) &&
           column_text(row, 1, out->name, sizeof out->name) &&
           column_text(row, 2, out->product, sizeof out->product) &&
           column_text(row, 3, out->channel, sizeof out->channel) &&
           column_text(row, 4, out->version, sizeof out->version) &&
           column_text(row, 5, out->slot, sizeof out->slot) &&
           column_text(row, 6, out->address, sizeof out->address);
}

static bool read_attempt(sqlite3_stmt *row, struct updraft_attempt_row *out)
{
    int via = sqlite3_column_int(row, 5);
    int state = sqlite3_column_int(row, 6);
    int progress = sqlite3_column_int(row, 7);

    if (via < 0 || via > (int)UPDRAFT_VIA_LAST || state < (int)UPDRAFT_ATTEMPT_OFFERED ||
        state > (int)UPDRAFT_ATTEMPT_POSTPONED || progress < UPDRAFT_NO_PROGRESS || progress > 100)
        return false;
    out->via = (enum updraft_via)via;
    out->state = (enum updraft_attempt_state)state;
    out->progress = (int8_t)progress;
    out->error_code = (uint32_t)sqlite3_column_int64(row, 8);
    out->started_ms = sqlite3_column_int64(row, 11);
    out->updated_ms = sqlite3_column_int64(row, 12);
    return column_number(row, 0, ID_MOST, &out->id) &&
           column_text(row, 1, out->device, sizeof out->device) &&
           column_text(row, 2, out->product, sizeof out->product) &&
           column_text(row, 3, out->from, sizeof out->from) &&
           column_text(row, 4, out->to, sizeof out->to) &&
           column_text(row, 9, out->error_name, sizeof out->error_name) &&
           column_text(row, 10, out->error_text, sizeof out->error_text);
}

static bool read_token(sqlite3_stmt *row, struct updraft_token_row *out)
{
    int role = sqlite3_column_int(row, 4);

    if (role < (int)UPDRAFT_ROLE_VIEW || role > (int)UPDRAFT_ROLE_ADMIN)
        return false;
    out->role = (enum updraft_role)role;
    out->created_ms = sqlite3_column_int64(row, 3);
    out->expires_ms = sqlite3_column_int64(row, 5);
    return column_number(row, 0, ID_MOST, &out->id) &&
           column_blob(row, 1, out->hash, sizeof out->hash) &&
           column_text(row, 2, out->name, sizeof out->name);
}

static bool read_audit(sqlite3_stmt *row, struct updraft_audit_row *out)
{
    int64_t status;

    if (!column_number(row, 7, 599, &status) || !column_number(row, 1, ID_MOST, &out->id) ||
        out->id % UPDRAFT_AUDIT_CAP != sqlite3_column_int64(row, 0))
        return false;
    out->status = (uint16_t)status;
    out->at_ms = sqlite3_column_int64(row, 2);
    return column_text(row, 3, out->operator_name, sizeof out->operator_name) &&
           column_text(row, 4, out->endpoint, sizeof out->endpoint) &&
           column_text(row, 5, out->object, sizeof out->object) &&
           column_text(row, 6, out->address, sizeof out->address);
}

bool updraft_rows_read(struct sqlite3_stmt *row, struct updraft_change *out)
{
    switch (out->kind) {
    case UPDRAFT_CHANGE_PRODUCT:
        out->row.product.created_ms = sqlite3_column_int64(row, 2);
        return column_number(row, 0, ID_MOST, &out->row.product.id) &&
               column_text(row, 1, out->row.product.name, sizeof out->row.product.name);
    case UPDRAFT_CHANGE_RELEASE:
        return read_release(row, &out->row.release);
    case UPDRAFT_CHANGE_IMAGE:
        return read_image(row, &out->row.image);
    case UPDRAFT_CHANGE_CHANNEL:
        out->row.channel.product_id = sqlite3_column_int64(row, 0);
        out->row.channel.release_id = sqlite3_column_int64(row, 2);
        return column_text(row, 1, out->row.channel.name, sizeof out->row.channel.name);
    case UPDRAFT_CHANGE_DEVICE:
        return read_device(row, &out->row.device);
    case UPDRAFT_CHANGE_ATTEMPT:
        return read_attempt(row, &out->row.attempt);
    case UPDRAFT_CHANGE_TOUCH:
    case UPDRAFT_CHANGE_TOKEN_END:
    case UPDRAFT_CHANGE_ATTEMPT_END: /* none of these is ever a row */
        return false;
    case UPDRAFT_CHANGE_TOKEN:
        return read_token(row, &out->row.token);
    case UPDRAFT_CHANGE_AUDIT:
        return read_audit(row, &out->row.audit);
    case UPDRAFT_CHANGE_LOG:
        return column_number(row, 0, ID_MOST, &out->row.log.attempt_id) &&
               column_lines(row, 1, out->row.log.text, sizeof out->row.log.text);
    }
    return false;
}
