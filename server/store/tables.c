#include "server/store/tables.h"

#include "format/assert.h"

#include <string.h>

/* There is always a next id, and JavaScript can tell one from another. */
#define ID_MOST ((int64_t)1 << 53)

#define SIZE(row, member)  sizeof(((struct row *)NULL)->member)
#define PLACE(row, member) offsetof(struct row, member), SIZE(row, member)

/* By the member's type: what kind of column it is and which numbers fit into it. */
#define TYPE(row, member)                                                                          \
    _Generic(((struct row *)NULL)->member,                                                         \
        char *: UPDRAFT_COLUMN_TEXT,                                                               \
        uint8_t *: UPDRAFT_COLUMN_BLOB,                                                            \
        default: UPDRAFT_COLUMN_NUMBER)
#define LEAST(row, member)                                                                         \
    _Generic(((struct row *)NULL)->member, int64_t : INT64_MIN, int8_t : INT8_MIN, default : 0)
#define MOST(row, member)                                                                          \
    _Generic(((struct row *)NULL)->member, int64_t                                                 \
             : INT64_MAX, uint32_t                                                                 \
             : UINT32_MAX, uint16_t                                                                \
             : UINT16_MAX, uint8_t                                                                 \
             : UINT8_MAX, int8_t                                                                   \
             : INT8_MAX, bool : 1, default : 0)

#define COLUMN(row, member, name, rule)                                                            \
    {                                                                                              \
        name, TYPE(row, member), UPDRAFT_COLUMN_##rule, PLACE(row, member), LEAST(row, member),    \
            MOST(row, member)                                                                      \
    }
/* A number within limits narrower than its member's; every id, every enum. */
#define NUMBER(row, member, name, rule, least, most)                                               \
    {                                                                                              \
        name, UPDRAFT_COLUMN_NUMBER, UPDRAFT_COLUMN_##rule, PLACE(row, member), least, most        \
    }
#define ID(row, member, name, rule) NUMBER(row, member, name, rule, 0, ID_MOST)
#define LINES(row, member, name, rule)                                                             \
    {                                                                                              \
        name, UPDRAFT_COLUMN_LINES, UPDRAFT_COLUMN_##rule, PLACE(row, member), 0, 0                \
    }
#define RING(row, member, name, cap)                                                               \
    {                                                                                              \
        name, UPDRAFT_COLUMN_RING, UPDRAFT_COLUMN_KEY, PLACE(row, member), 0, cap                  \
    }

static const struct updraft_column products[] = {
    ID(updraft_product_row, id, "id", KEY),
    COLUMN(updraft_product_row, name, "name", TAKE),
    COLUMN(updraft_product_row, created_ms, "created_ms", TAKE),
};

static const struct updraft_column releases[] = {
    ID(updraft_release_row, id, "id", KEY),
    ID(updraft_release_row, product_id, "product_id", KEEP),
    COLUMN(updraft_release_row, version, "version", KEEP),
    COLUMN(updraft_release_row, notes, "notes", TAKE),
    COLUMN(updraft_release_row, created_ms, "created_ms", KEEP),
    COLUMN(updraft_release_row, security, "security", TAKE),
    COLUMN(updraft_release_row, cves, "cves", TAKE),
    COLUMN(updraft_release_row, min_from, "min_from", TAKE),
};

static const struct updraft_column images[] = {
    ID(updraft_image_row, release_id, "release_id", KEY),
    COLUMN(updraft_image_row, chip, "chip", KEY),
    COLUMN(updraft_image_row, board, "board", KEY),
    COLUMN(updraft_image_row, sha256, "sha256", TAKE),
    COLUMN(updraft_image_row, md5, "md5", TAKE),
    COLUMN(updraft_image_row, size, "size", TAKE),
    COLUMN(updraft_image_row, project, "project", TAKE),
    COLUMN(updraft_image_row, idf, "idf", TAKE),
    COLUMN(updraft_image_row, sha1, "sha1", TAKE),
    COLUMN(updraft_image_row, withdrawn_ms, "withdrawn_ms", TAKE),
};

static const struct updraft_column channels[] = {
    ID(updraft_channel_row, product_id, "product_id", KEY),
    COLUMN(updraft_channel_row, name, "name", KEY),
    ID(updraft_channel_row, release_id, "release_id", TAKE),
};

static const struct updraft_column boards[] = {
    ID(updraft_board_row, product_id, "product_id", KEY),
    COLUMN(updraft_board_row, name, "name", KEY),
    COLUMN(updraft_board_row, chip, "chip", TAKE),
    COLUMN(updraft_board_row, layout, "layout", TAKE),
};

static const struct updraft_column rollouts[] = {
    NUMBER(updraft_rollout_row, id, "id", KEY, 1, UINT32_MAX),
    ID(updraft_rollout_row, product_id, "product_id", KEEP),
    COLUMN(updraft_rollout_row, channel, "channel", KEEP),
    ID(updraft_rollout_row, release_id, "release_id", KEEP),
    ID(updraft_rollout_row, from_release_id, "from_release_id", KEEP),
    COLUMN(updraft_rollout_row, filter, "filter", TAKE),
    COLUMN(updraft_rollout_row, stages, "stages", TAKE),
    COLUMN(updraft_rollout_row, bounds, "bounds", TAKE),
    NUMBER(updraft_rollout_row, gates.confirmed_least, "confirmed_least", TAKE, 0, 100),
    NUMBER(updraft_rollout_row, gates.failed_most, "failed_most", TAKE, 0, 100),
    NUMBER(updraft_rollout_row, gates.rolled_back_most, "rolled_back_most", TAKE, 0, 100),
    NUMBER(updraft_rollout_row, gates.silent_most, "silent_most", TAKE, 0, 100),
    NUMBER(updraft_rollout_row, gates.soak_s, "soak_s", TAKE, 0, UPDRAFT_GATES_TIME_MOST_S),
    NUMBER(updraft_rollout_row, gates.silent_after_s, "silent_after_s", TAKE, 1,
           UPDRAFT_GATES_TIME_MOST_S),
    NUMBER(updraft_rollout_row, window.from_min, "window_from_min", TAKE, 0,
           UPDRAFT_WINDOW_MINUTES - 1),
    NUMBER(updraft_rollout_row, window.to_min, "window_to_min", TAKE, 0,
           UPDRAFT_WINDOW_MINUTES - 1),
    COLUMN(updraft_rollout_row, start_ms, "start_ms", TAKE),
    COLUMN(updraft_rollout_row, rate_per_min, "rate_per_min", TAKE),
    COLUMN(updraft_rollout_row, pause_on_success, "pause_on_success", TAKE),
    NUMBER(updraft_rollout_row, state, "state", TAKE, UPDRAFT_ROLLOUT_SCHEDULED,
           UPDRAFT_ROLLOUT_STATE_LAST),
    NUMBER(updraft_rollout_row, cause, "cause", TAKE, 0, UPDRAFT_CAUSE_LAST),
    NUMBER(updraft_rollout_row, stage, "stage", TAKE, 0, UPDRAFT_STAGES_MOST - 1),
    COLUMN(updraft_rollout_row, stage_started_ms, "stage_started_ms", TAKE),
    COLUMN(updraft_rollout_row, gate_met_ms, "gate_met_ms", TAKE),
    COLUMN(updraft_rollout_row, retry_ms, "retry_ms", TAKE),
    COLUMN(updraft_rollout_row, reason, "reason", TAKE),
    COLUMN(updraft_rollout_row, by, "made_by", KEEP),
    COLUMN(updraft_rollout_row, created_ms, "created_ms", KEEP),
    COLUMN(updraft_rollout_row, updated_ms, "updated_ms", TAKE),
};

static const struct updraft_column devices[] = {
    COLUMN(updraft_device_row, id, "id", KEY),
    COLUMN(updraft_device_row, name, "name", TAKE),
    COLUMN(updraft_device_row, product, "product", TAKE),
    COLUMN(updraft_device_row, channel, "channel", TAKE),
    COLUMN(updraft_device_row, version, "version", TAKE),
    COLUMN(updraft_device_row, slot, "slot", TAKE),
    COLUMN(updraft_device_row, address, "address", TAKE),
    COLUMN(updraft_device_row, chip, "chip", TAKE),
    COLUMN(updraft_device_row, reports, "reports", TAKE),
    COLUMN(updraft_device_row, confirmed, "confirmed", TAKE),
    COLUMN(updraft_device_row, trial, "trial", TAKE),
    COLUMN(updraft_device_row, last_seen_ms, "last_seen_ms", LATER),
    COLUMN(updraft_device_row, board, "board", TAKE),
    COLUMN(updraft_device_row, layout, "layout", TAKE),
};

static const struct updraft_column labels[] = {
    COLUMN(updraft_labels_row, device, "device", KEY),
    COLUMN(updraft_labels_row, name, "name", TAKE),
    COLUMN(updraft_labels_row, group, "group_name", TAKE),
    COLUMN(updraft_labels_row, tags, "tags", TAKE),
    LINES(updraft_labels_row, attributes, "attributes", TAKE),
    COLUMN(updraft_labels_row, channel, "channel", TAKE),
    COLUMN(updraft_labels_row, retry_ms, "retry_ms", TAKE),
};

static const struct updraft_column attempts[] = {
    ID(updraft_attempt_row, id, "id", KEY),
    COLUMN(updraft_attempt_row, device, "device", KEEP),
    COLUMN(updraft_attempt_row, product, "product", KEEP),
    COLUMN(updraft_attempt_row, from, "from_version", TAKE),
    COLUMN(updraft_attempt_row, to, "to_version", TAKE),
    NUMBER(updraft_attempt_row, via, "via", TAKE, 0, UPDRAFT_VIA_LAST),
    NUMBER(updraft_attempt_row, state, "state", TAKE, UPDRAFT_ATTEMPT_OFFERED,
           UPDRAFT_ATTEMPT_STATE_COUNT - 1),
    NUMBER(updraft_attempt_row, progress, "progress", TAKE, UPDRAFT_NO_PROGRESS, 100),
    COLUMN(updraft_attempt_row, error_code, "error_code", TAKE),
    COLUMN(updraft_attempt_row, error_name, "error_name", TAKE),
    COLUMN(updraft_attempt_row, error_text, "error_text", TAKE),
    COLUMN(updraft_attempt_row, started_ms, "started_ms", KEEP),
    COLUMN(updraft_attempt_row, updated_ms, "updated_ms", TAKE),
    COLUMN(updraft_attempt_row, rollout_id, "rollout_id", TAKE),
};

static const struct updraft_column tokens[] = {
    ID(updraft_token_row, id, "id", KEY),
    COLUMN(updraft_token_row, hash, "hash", TAKE),
    COLUMN(updraft_token_row, name, "name", TAKE),
    COLUMN(updraft_token_row, created_ms, "created_ms", TAKE),
    NUMBER(updraft_token_row, role, "role", TAKE, UPDRAFT_ROLE_VIEW, UPDRAFT_ROLE_ADMIN),
    COLUMN(updraft_token_row, expires_ms, "expires_ms", TAKE),
};

static const struct updraft_column logs[] = {
    ID(updraft_log_row, attempt_id, "attempt_id", KEY),
    LINES(updraft_log_row, text, "text", TAKE),
};
/* The end of an attempt is the end of its log. */
_Static_assert(offsetof(struct updraft_log_row, attempt_id) ==
                   offsetof(struct updraft_attempt_row, id),
               "the key is at the same place");

static const struct updraft_column audit[] = {
    ID(updraft_audit_row, id, "id", TAKE),
    COLUMN(updraft_audit_row, at_ms, "at_ms", TAKE),
    COLUMN(updraft_audit_row, operator_name, "operator", TAKE),
    COLUMN(updraft_audit_row, endpoint, "endpoint", TAKE),
    COLUMN(updraft_audit_row, object, "object", TAKE),
    COLUMN(updraft_audit_row, address, "address", TAKE),
    NUMBER(updraft_audit_row, status, "status", TAKE, 0, 599),
    RING(updraft_audit_row, id, "slot", UPDRAFT_AUDIT_CAP),
};

static const struct updraft_column history[] = {
    COLUMN(updraft_history_row, at_ms, "at_ms", KEY),
    COLUMN(updraft_history_row, product, "product", KEY),
    COLUMN(updraft_history_row, version, "version", KEY),
    COLUMN(updraft_history_row, devices, "devices", TAKE),
};

static const struct updraft_column webhooks[] = {
    ID(updraft_webhook_row, id, "id", KEY),
    COLUMN(updraft_webhook_row, name, "name", KEEP),
    COLUMN(updraft_webhook_row, url, "url", KEEP),
    COLUMN(updraft_webhook_row, events, "events", KEEP),
    COLUMN(updraft_webhook_row, secret, "secret", KEEP),
    COLUMN(updraft_webhook_row, by, "made_by", KEEP),
    COLUMN(updraft_webhook_row, created_ms, "created_ms", KEEP),
    COLUMN(updraft_webhook_row, tested_ms, "tested_ms", LATER),
};

/* What is written behind. */
static const struct updraft_column touched_devices[] = {
    COLUMN(updraft_touch_row, device, "id", KEY),
    COLUMN(updraft_touch_row, address, "address", TAKE),
    COLUMN(updraft_touch_row, last_seen_ms, "last_seen_ms", LATER),
};
static const struct updraft_column touched_attempts[] = {
    ID(updraft_touch_row, attempt_id, "id", KEY),
    COLUMN(updraft_touch_row, progress, "progress", TAKE),
    COLUMN(updraft_touch_row, attempt_updated_ms, "updated_ms", LATER),
};
/* Only while it downloads: a batch that was on its way must not undo a later state. */
#define WHILE_DOWNLOADING "state=2"
_Static_assert(UPDRAFT_ATTEMPT_DOWNLOADING == 2, "the number stands in a statement");

#define COLUMNS(array) .columns = (array), .column_count = sizeof(array) / sizeof *(array)
#define TABLE(array, of_kind, in_order)                                                            \
    .name = #array, .kind = UPDRAFT_CHANGE_##of_kind, .order = (in_order), COLUMNS(array)
#define ENDED_BY(of_kind) .ends = true, .ended_by = UPDRAFT_CHANGE_##of_kind
#define UPDATE(of_table, of_kind, array, condition)                                                \
    .name = (of_table), .kind = UPDRAFT_CHANGE_##of_kind, .update_where = (condition),             \
    COLUMNS(array)

const struct updraft_table updraft_tables[] = {
    {TABLE(products, PRODUCT, "id")},
    {TABLE(releases, RELEASE, "id")},
    {TABLE(images, IMAGE, "release_id, chip, board")},
    {TABLE(channels, CHANNEL, "product_id, name")},
    {TABLE(boards, BOARD, "product_id, name")},
    {TABLE(rollouts, ROLLOUT, "id")},
    {TABLE(devices, DEVICE, NULL)},
    {TABLE(labels, LABELS, "device")},
    {TABLE(attempts, ATTEMPT, "id"), ENDED_BY(ATTEMPT_END)},
    {TABLE(tokens, TOKEN, "id"), ENDED_BY(TOKEN_END)},
    {TABLE(logs, LOG, "attempt_id"), ENDED_BY(ATTEMPT_END)},
    {TABLE(audit, AUDIT, "id")},
    {TABLE(history, HISTORY, "at_ms"), ENDED_BY(HISTORY_END)},
    {TABLE(webhooks, WEBHOOK, "id"), ENDED_BY(WEBHOOK_END)},
    {UPDATE("devices", TOUCH, touched_devices, "")},
    {UPDATE("attempts", TOUCH, touched_attempts, WHILE_DOWNLOADING)},
};
const size_t updraft_table_count = sizeof updraft_tables / sizeof *updraft_tables;

/* --- statements --- */

void updraft_table_list(FILE *sql, const struct updraft_table *table,
                        const char *const forms[UPDRAFT_COLUMN_RULE_COUNT], const char *separator)
{
    const char *before = "";

    for (size_t i = 0; i < table->column_count; i++) {
        const char *form = forms[table->columns[i].rule];
        if (form == NULL)
            continue;
        fputs(before, sql);
        before = separator;
        for (; *form != '\0'; form++) {
            if (*form == '@')
                fprintf(sql, "\"%s\"", table->columns[i].name);
            else if (*form == '#')
                fprintf(sql, "%zu", i + 1);
            else
                fputc(*form, sql);
        }
    }
}

bool updraft_table_takes(const struct updraft_table *table)
{
    for (size_t i = 0; i < table->column_count; i++) {
        if (table->columns[i].rule == UPDRAFT_COLUMN_TAKE ||
            table->columns[i].rule == UPDRAFT_COLUMN_LATER)
            return true;
    }
    return false;
}

/* --- out of a row --- */

int64_t updraft_column_number(const struct updraft_column *column, const void *row)
{
    const uint8_t *at = (const uint8_t *)row + column->off;
    int64_t value = 0;

    if (column->len == sizeof(int64_t)) {
        memcpy(&value, at, sizeof value);
    } else if (column->len == sizeof(uint32_t)) {
        uint32_t number;
        memcpy(&number, at, sizeof number);
        value = number;
    } else if (column->len == sizeof(uint16_t)) {
        uint16_t number;
        memcpy(&number, at, sizeof number);
        value = number;
    } else {
        UPDRAFT_ASSERT(column->len == sizeof(uint8_t));
        value = column->least < 0 ? (int8_t)*at : *at;
    }
    return column->type == UPDRAFT_COLUMN_RING ? value % column->most : value;
}

const void *updraft_column_bytes(const struct updraft_column *column, const void *row, size_t *len)
{
    const char *at = (const char *)row + column->off;

    *len = column->type == UPDRAFT_COLUMN_BLOB ? column->len : strnlen(at, column->len);
    return at;
}

bool updraft_table_concerns(const struct updraft_table *table, const void *row)
{
    return table->update_where == NULL || table->columns->type != UPDRAFT_COLUMN_NUMBER ||
           updraft_column_number(table->columns, row) != 0;
}

/* --- into a row --- */

bool updraft_column_take_number(const struct updraft_column *column, void *row, int64_t value)
{
    uint8_t *at = (uint8_t *)row + column->off;

    if (column->type == UPDRAFT_COLUMN_RING)
        return updraft_column_number(column, row) == value;
    if (value < column->least || value > column->most)
        return false;
    if (column->len == sizeof(int64_t)) {
        memcpy(at, &value, sizeof value);
    } else if (column->len == sizeof(uint32_t)) {
        memcpy(at, &(uint32_t){(uint32_t)value}, sizeof(uint32_t));
    } else if (column->len == sizeof(uint16_t)) {
        memcpy(at, &(uint16_t){(uint16_t)value}, sizeof(uint16_t));
    } else {
        UPDRAFT_ASSERT(column->len == sizeof(uint8_t));
        *at = (uint8_t)value;
    }
    return true;
}

bool updraft_column_take_bytes(const struct updraft_column *column, void *row, const void *bytes,
                               size_t len)
{
    char *at = (char *)row + column->off;
    bool blob = column->type == UPDRAFT_COLUMN_BLOB;

    if (bytes == NULL || (blob ? len != column->len : len >= column->len) ||
        (!blob && memchr(bytes, '\0', len) != NULL))
        return false;
    memcpy(at, bytes, len);
    if (blob)
        return true;
    at[len] = '\0';
    if (column->type == UPDRAFT_COLUMN_TEXT)
        return updraft_label_valid(at, column->len);
    return updraft_lines_valid(at, column->len);
}
