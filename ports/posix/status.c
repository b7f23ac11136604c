#include "ports/posix/status.h"

#include "updraft_version.h"

#include <cjson/cJSON.h>

#include <stdio.h>
#include <string.h>

struct detail {
    bool slots;
    bool remedies;
    unsigned log_from; /* the first of the last lines that is told; the newest are the last */
};

static void add_failure(cJSON *parent, const char *key, const struct updraft_failure *failure,
                        struct detail detail)
{
    char sentence[200];
    const struct updraft_error_entry *entry = updraft_error_entry(failure->code);
    cJSON *error = cJSON_AddObjectToObject(parent, key);
    updraft_failure_sentence(failure, sentence, sizeof sentence);
    cJSON_AddNumberToObject(error, "code", failure->code);
    cJSON_AddStringToObject(error, "name", entry->name);
    cJSON_AddStringToObject(error, "text", sentence);
    if (detail.remedies)
        cJSON_AddStringToObject(error, "remedy", entry->remedy);
    if (updraft_failure_retry_after_s(failure) != 0)
        cJSON_AddNumberToObject(error, "retry_after_s", updraft_failure_retry_after_s(failure));
}

static void add_slot_row(cJSON *list, const char *name, uint32_t len, bool is_running)
{
    cJSON *item = cJSON_CreateObject();
    cJSON_AddStringToObject(item, "name", name);
    cJSON_AddNumberToObject(item, "size", len);
    cJSON_AddBoolToObject(item, "running", is_running);
    cJSON_AddItemToArray(list, item);
}

static void add_slot(cJSON *list, const struct updraft_life *life, int slot)
{
    struct updraft_extent extent = updraft_layout_extent(&life->slots.layout, slot);
    if (extent.len != 0)
        add_slot_row(list, updraft_slot_name(slot), extent.len, slot == life->slots.running);
}

static void add_slot_list(cJSON *json, const struct updraft_life *life)
{
    const struct updraft_staged_layout *layout = &life->machine->one_place.layout;
    cJSON *list = cJSON_AddArrayToObject(json, "slots");
    if (life->machine->one_place.map) {
        add_slot_row(list, "app", layout->end_addr - layout->app_addr, true);
        return;
    }
    add_slot(list, life, UPDRAFT_SLOT_FACTORY);
    for (int slot = 0; slot < UPDRAFT_SLOT_CAP; slot++)
        add_slot(list, life, slot);
}

static void add_slots(cJSON *json, const struct updraft_life *life, struct detail detail)
{
    bool has_one_place = life->machine->one_place.map != NULL;
    int next = UPDRAFT_SLOT_NONE;
    cJSON_AddStringToObject(json, "layout", has_one_place ? "staged" : "slots");
    cJSON_AddStringToObject(json, "slot", updraft_seat_name(life, life->slots.running));
    cJSON_AddStringToObject(json, "state", life->watch.is_on_trial ? "trial" : "confirmed");
    if (detail.slots)
        add_slot_list(json, life);
    if (!has_one_place && updraft_slots_next(&life->slots, &next) != UPDRAFT_OK)
        next = UPDRAFT_SLOT_NONE;
    cJSON_AddStringToObject(json, "next", updraft_seat_name(life, next));
    cJSON_AddNumberToObject(json, "capacity", updraft_seat_capacity(life));
    cJSON_AddNumberToObject(json, "flash", life->machine->nor.flash.size);
}

static const char *update_state_name(enum updraft_update_state state)
{
    switch (state) {
    case UPDRAFT_UPDATE_IDLE:
        break;
    case UPDRAFT_UPDATE_RECEIVING:
        return "receiving";
    case UPDRAFT_UPDATE_DONE:
        return "done";
    case UPDRAFT_UPDATE_FAILED:
        return "failed";
    }
    return "idle";
}

static void add_update(cJSON *json, struct updraft_life *life, struct detail detail)
{
    struct updraft_failure refusal;
    const struct updraft_update *update = &life->update;
    cJSON *item = cJSON_AddObjectToObject(json, "update");
    cJSON_AddStringToObject(item, "state", update_state_name(update->state));
    cJSON_AddNumberToObject(item, "written", updraft_update_written(update));
    cJSON_AddNumberToObject(item, "total", updraft_update_expected(update));
    if (update->state == UPDRAFT_UPDATE_FAILED)
        add_failure(item, "error", &update->failure, detail);
    if (update->state == UPDRAFT_UPDATE_DONE && life->restart_waits_for)
        cJSON_AddStringToObject(item, "waiting", life->restart_waits_for);
    if (updraft_consent_refuses(life, &refusal))
        add_failure(item, "refused_now", &refusal, detail);
}

static const char *last_result_name(enum updraft_last_result result)
{
    switch (result) {
    case UPDRAFT_LAST_NONE:
        break;
    case UPDRAFT_LAST_UPDATED:
        return "updated";
    case UPDRAFT_LAST_ROLLED_BACK:
        return "rolled_back";
    case UPDRAFT_LAST_FAILED:
        return "failed";
    }
    return "none";
}

static void add_log(cJSON *parent, const char *log, unsigned from)
{
    cJSON *list = cJSON_AddArrayToObject(parent, "log");
    for (unsigned i = 0; *log; i++) {
        char line[UPDRAFT_LAST_LOG_CAP];
        int len = (int)strcspn(log, "\n");
        snprintf(line, sizeof line, "%.*s", len, log);
        if (i >= from)
            cJSON_AddItemToArray(list, cJSON_CreateString(line));
        log += len + (log[len] != '\0');
    }
}

static unsigned count_lines(const char *log)
{
    unsigned count = 0;
    for (; *log; log++)
        count += *log == '\n';
    return count;
}

static void add_last(cJSON *json, const struct updraft_last *last, struct detail detail)
{
    cJSON *item = cJSON_AddObjectToObject(json, "last");
    cJSON_AddStringToObject(item, "result", last_result_name(last->result));
    cJSON_AddStringToObject(item, "version", last->version);
    if (last->result == UPDRAFT_LAST_ROLLED_BACK || last->result == UPDRAFT_LAST_FAILED)
        add_failure(item, "error", &last->failure, detail);
    if (last->result == UPDRAFT_LAST_ROLLED_BACK)
        add_log(item, last->log, detail.log_from);
}

/* Only where an old SDK's boot loader stands. */
static void add_old_sdk(cJSON *json, const struct updraft_old_sdk *old_sdk)
{
    if (!old_sdk->present)
        return;
    cJSON *item = cJSON_AddObjectToObject(json, "old_sdk");
    cJSON_AddBoolToObject(item, "unpacked", old_sdk->was_unpacked);
    cJSON_AddBoolToObject(item, "rf_kept", old_sdk->rf_was_stored);
    if (old_sdk->has_ap)
        cJSON_AddStringToObject(item, "ap", old_sdk->ap.ssid);
}

static bool print_status(struct updraft_life *life, struct detail detail, char *out, size_t out_cap)
{
    const struct updraft_board *board = life->machine->board;
    bool is_esp8266 = board->chip->id == UPDRAFT_CHIP_ESP8266;
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "updraft", UPDRAFT_VERSION);
    cJSON_AddStringToObject(json, "name", board->name);
    cJSON_AddStringToObject(json, "product", updraft_life_product(life));
    cJSON_AddStringToObject(json, "chip", board->chip->slug);
    cJSON_AddStringToObject(json, "project", life->running.project);
    cJSON_AddStringToObject(json, "version", life->running.version);
    cJSON_AddStringToObject(json, "idf", life->running.idf);
    add_slots(json, life, detail);
    cJSON_AddNumberToObject(json, "ota_port", life->machine->ota_port);
    cJSON_AddNumberToObject(json, "direct_port", life->machine->direct_port);
    if (board->speaks_esphome)
        cJSON_AddNumberToObject(json, "esphome_port", life->machine->esphome_port);
    cJSON_AddStringToObject(json, "dialect", is_esp8266 ? "esp8266" : "esp32");
    cJSON_AddBoolToObject(json, "password", board->password != NULL);
    add_update(json, life, detail);
    add_last(json, &life->machine->last, detail);
    add_old_sdk(json, &life->machine->old_sdk);
    cJSON_AddNumberToObject(json, "boot_id", life->boot_id);
    cJSON_AddNumberToObject(json, "uptime_ms", (double)(updraft_clock_ms() - life->born_ms));
    bool fits = cJSON_PrintPreallocated(json, out, (int)out_cap, false);
    cJSON_Delete(json);
    return fits;
}

/* What does not fit is left out: the oldest of the last lines first. */
void updraft_status_json(struct updraft_life *life, char *out, size_t out_cap)
{
    unsigned lines = count_lines(life->machine->last.log);
    for (unsigned from = 0; from <= lines; from++) {
        struct detail detail = {.slots = true, .remedies = true, .log_from = from};
        if (print_status(life, detail, out, out_cap))
            return;
    }
    if (print_status(life, (struct detail){.remedies = true, .log_from = lines}, out, out_cap) ||
        print_status(life, (struct detail){.log_from = lines}, out, out_cap))
        return;
    snprintf(out, out_cap, "{}");
}
