#include "ports/posix/narrator.h"

#include "ports/posix/last_log.h"

#include <cjson/cJSON.h>

#include <stdio.h>
#include <string.h>

#define PROGRESS_STEP_PCT  10u
#define PROGRESS_REPORT_MS 1000u

struct reason_text {
    const char *word;
    const char *sentence; /* fits the text of a failure */
};

static struct reason_text reason_text(enum updraft_trial_reason reason)
{
    switch (reason) {
    case UPDRAFT_TRIAL_REASON_NONE:
        break;
    case UPDRAFT_TRIAL_REASON_ATTEMPTS:
        return (struct reason_text){"attempts", "it reset too often before that"};
    case UPDRAFT_TRIAL_REASON_REJECTED:
        return (struct reason_text){"rejected", "it declared itself bad"};
    case UPDRAFT_TRIAL_REASON_HEALTH:
        return (struct reason_text){"health", "its health deadline passed"};
    case UPDRAFT_TRIAL_REASON_UNBOOTABLE:
        return (struct reason_text){"unbootable", "its image did not verify at boot"};
    }
    return (struct reason_text){"unknown", "the reason is not known"};
}

struct tale {
    enum updraft_report_lane lane;
    const char *state;
    const char *target; /* version; "" or NULL: not known */
    const char *via;    /* NULL: not known */
    uint32_t progress_pct;
    bool has_progress;
    const struct updraft_failure *failure; /* NULL: none */
    const char *log;                       /* last lines of a failed image; NULL or "": none */
};

static void add_failure(cJSON *json, const struct updraft_failure *failure)
{
    char sentence[200];
    cJSON *error = cJSON_AddObjectToObject(json, "error");
    updraft_failure_sentence(failure, sentence, sizeof sentence);
    cJSON_AddNumberToObject(error, "code", failure->code);
    cJSON_AddStringToObject(error, "name", updraft_error_entry(failure->code)->name);
    cJSON_AddStringToObject(error, "text", sentence);
    if (updraft_failure_retry_after_s(failure) != 0)
        cJSON_AddNumberToObject(error, "retry_after_s", updraft_failure_retry_after_s(failure));
}

static void report(struct updraft_life *life, const struct tale *tale)
{
    if (!life->reports_to_server)
        return;
    const struct updraft_board *board = life->machine->board;
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "device", board->mac);
    cJSON_AddStringToObject(json, "name", board->name);
    cJSON_AddStringToObject(json, "product", updraft_life_product(life));
    cJSON_AddStringToObject(json, "chip", board->chip->slug);
    cJSON_AddStringToObject(json, "version", life->running.version);
    cJSON_AddStringToObject(json, "slot", updraft_seat_name(life, life->slots.running));
    cJSON_AddStringToObject(json, "state", tale->state);
    if (tale->target && tale->target[0])
        cJSON_AddStringToObject(json, "target", tale->target);
    if (tale->via)
        cJSON_AddStringToObject(json, "via", tale->via);
    if (tale->has_progress)
        cJSON_AddNumberToObject(json, "progress", tale->progress_pct);
    if (tale->failure)
        add_failure(json, tale->failure);
    if (tale->log && tale->log[0])
        cJSON_AddStringToObject(json, "log", tale->log);
    char text[UPDRAFT_REPORT_CAP];
    if (cJSON_PrintPreallocated(json, text, sizeof text, false))
        updraft_reports_put(&life->reports, tale->lane, text);
    cJSON_Delete(json);
}

/* The version that is being written: what the image says, else what the channel promised. */
static const char *target_version(const struct updraft_life *life)
{
    if (life->update.facts.has_appdesc)
        return life->update.facts.version;
    if (life->update_via && strcmp(life->update_via, "channel") == 0)
        return life->pull.descriptor.version;
    return "";
}

static void report_download(struct updraft_life *life, uint32_t pct, bool has_progress)
{
    life->told_ms = updraft_clock_ms();
    report(life, &(struct tale){
                     .lane = UPDRAFT_REPORT_STATE,
                     .state = "downloading",
                     .target = target_version(life),
                     .via = life->update_via,
                     .progress_pct = pct,
                     .has_progress = has_progress,
                 });
}

static void tell_start(void *ctx, uint32_t expected_len)
{
    struct updraft_life *life = ctx;
    int slot = life->update.target_slot;
    life->update_via = life->via;
    life->told_pct = 0;
    updraft_log_event(&life->machine->log, "update start via=%s slot=%s bytes=%u", life->update_via,
                      life->update.data_partition ? life->machine->data_partition
                                                  : updraft_seat_name(life, slot),
                      (unsigned)expected_len);
    report_download(life, 0, expected_len != 0);
}

static void tell_progress(void *ctx, uint32_t written, uint32_t expected_len)
{
    struct updraft_life *life = ctx;
    bool is_time = updraft_clock_ms() - life->told_ms >= PROGRESS_REPORT_MS;
    if (expected_len == 0) {
        if (is_time)
            report_download(life, 0, false);
        return;
    }
    uint32_t pct = (uint32_t)((uint64_t)written * 100u / expected_len);
    uint32_t step = pct - pct % PROGRESS_STEP_PCT;
    bool is_step = step > life->told_pct;
    if (is_step)
        updraft_log_event(&life->machine->log, "progress %u%%", (unsigned)step);
    if (is_step || is_time)
        report_download(life, pct, true);
    if (is_step)
        life->told_pct = step;
}

static void tell_end(void *ctx)
{
    struct updraft_life *life = ctx;
    int slot = life->update.target_slot;
    const char *version = target_version(life);
    if (life->update.data_partition)
        updraft_log_event(&life->machine->log, "update done partition=%s",
                          life->machine->data_partition);
    else
        updraft_log_event(&life->machine->log, "update done slot=%s version=%s",
                          updraft_seat_name(life, slot), version[0] ? version : "unknown");
    report(life, &(struct tale){
                     .lane = UPDRAFT_REPORT_STATE,
                     .state = "written",
                     .target = version,
                     .via = life->update_via,
                     .progress_pct = 100,
                     .has_progress = true,
                 });
    life->update_via = NULL;
    life->machine->rolled_back_version[0] = '\0'; /* its entry is overwritten */
}

static void tell_error(void *ctx, const struct updraft_failure *failure)
{
    struct updraft_life *life = ctx;
    struct updraft_last *last = &life->machine->last;
    char sentence[200];
    updraft_failure_sentence(failure, sentence, sizeof sentence);
    updraft_log_event(&life->machine->log, "update failed code=%d name=%s text=\"%s\"",
                      (int)failure->code, updraft_error_entry(failure->code)->name, sentence);
    bool was_running = life->update_via != NULL;
    const char *version = was_running ? target_version(life) : "";
    report(life, &(struct tale){
                     .lane = UPDRAFT_REPORT_STATE,
                     .state = "failed",
                     .target = version,
                     .via = was_running ? life->update_via : life->via,
                     .failure = failure,
                 });
    last->result = UPDRAFT_LAST_FAILED;
    last->failure = *failure;
    last->log[0] = '\0';
    snprintf(last->version, sizeof last->version, "%s", version);
    life->update_via = NULL;
}

void updraft_narrator_hook(struct updraft_life *life)
{
    life->hooks = (struct updraft_update_hooks){
        .ctx = life,
        .start = tell_start,
        .progress = tell_progress,
        .end = tell_end,
        .error = tell_error,
    };
}

void updraft_narrator_booted(struct updraft_life *life, const struct updraft_start *start)
{
    const char *state = life->watch.is_on_trial ? "trial" : "confirmed";
    const struct updraft_machine *machine = life->machine;
    char esphome[20] = "";
    char console[20] = "";
    if (machine->board->speaks_esphome)
        snprintf(esphome, sizeof esphome, " esphome=%u", (unsigned)machine->esphome_port);
    if (machine->board->has_console)
        snprintf(console, sizeof console, " console=%u", (unsigned)machine->console_port);
    updraft_log_event(&machine->log,
                      "boot slot=%s version=%s state=%s why=\"%s\" http=%s:%u ota=%u direct=%u%s%s",
                      updraft_seat_name(life, start->slot), life->running.version, state,
                      start->why, machine->options->listen, (unsigned)machine->http_port,
                      (unsigned)machine->ota_port, (unsigned)machine->direct_port, esphome,
                      console);
    report(life, &(struct tale){.lane = UPDRAFT_REPORT_STATE, .state = state});
}

/* Whether the pull ways should pass over what failed: as long as the device refuses it. */
static void note_refusal(struct updraft_life *life, const struct updraft_slot_facts *facts)
{
    if (facts->has_program && !life->slots.memory->refuses(&life->slots, facts->program))
        return;
    memcpy(life->refused_version, facts->version, sizeof life->refused_version);
    memcpy(life->refused_md5, facts->md5, sizeof life->refused_md5);
}

static void tell_roll_back(struct updraft_life *life, const struct updraft_slot_record *failed,
                           const char *version)
{
    struct updraft_machine *machine = life->machine;
    struct updraft_last *last = &machine->last;
    enum updraft_trial_reason reason = failed->entry.trial.reason;
    memcpy(machine->rolled_back_version, version, sizeof machine->rolled_back_version);
    machine->roll_back_is_reported = false;
    last->result = UPDRAFT_LAST_ROLLED_BACK;
    memcpy(last->version, version, sizeof last->version);
    updraft_failure_set(&last->failure, UPDRAFT_E_ROLLED_BACK, 0, 0, reason_text(reason).sentence);
    updraft_last_log_read(&life->slots, failed->entry.trial.attempts_allowed, last->log,
                          sizeof last->log);
    updraft_log_event(&machine->log, "rolled back from=%s slot=%s reason=%s attempts=%u", version,
                      updraft_slot_name(failed->slot), reason_text(reason).word,
                      (unsigned)failed->entry.trial.attempts_used);
    for (const char *line = last->log; *line;) {
        int len = (int)strcspn(line, "\n");
        updraft_log_event(&machine->log, "its log: %.*s", len, line);
        line += len + (line[len] != '\0');
    }
}

void updraft_narrator_rolled_back(struct updraft_life *life,
                                  const struct updraft_slot_record *failed)
{
    struct updraft_machine *machine = life->machine;
    struct updraft_slot_facts facts;
    updraft_slot_facts_read(&machine->nor.flash,
                            updraft_layout_extent(&life->slots.layout, failed->slot),
                            machine->board->chip->id, &facts);
    note_refusal(life, &facts);
    if (strcmp(machine->rolled_back_version, facts.version) != 0)
        tell_roll_back(life, failed, facts.version);
    if (machine->roll_back_is_reported)
        return;
    char log[UPDRAFT_LAST_LOG_CAP];
    struct updraft_failure failure;
    updraft_last_log_read(&life->slots, failed->entry.trial.attempts_allowed, log, sizeof log);
    updraft_failure_set(&failure, UPDRAFT_E_ROLLED_BACK, 0, 0,
                        reason_text(failed->entry.trial.reason).sentence);
    report(life, &(struct tale){
                     .lane = UPDRAFT_REPORT_ROLLED_BACK,
                     .state = "rolled_back",
                     .target = facts.version,
                     .failure = &failure,
                     .log = log,
                 });
}

static void refused(struct updraft_life *life, enum updraft_error code)
{
    struct updraft_last *last = &life->machine->last;
    char sentence[200];
    last->result = UPDRAFT_LAST_FAILED;
    last->version[0] = '\0';
    updraft_failure_set(&last->failure, code, 0, 0, NULL);
    updraft_failure_sentence(&last->failure, sentence, sizeof sentence);
    updraft_log_event(&life->machine->log, "copy refused code=%d name=%s text=\"%s\"", (int)code,
                      updraft_error_entry(code)->name, sentence);
    report(life, &(struct tale){
                     .lane = UPDRAFT_REPORT_STATE, .state = "failed", .failure = &last->failure});
}

void updraft_narrator_copied(struct updraft_life *life)
{
    const struct updraft_one_place *place = &life->machine->one_place;
    if (place->refused != UPDRAFT_OK)
        refused(life, place->refused);
    else if (place->was_copied)
        updraft_narrator_confirmed(life); /* there is no trial */
}

void updraft_narrator_confirmed(struct updraft_life *life)
{
    struct updraft_last *last = &life->machine->last;
    last->result = UPDRAFT_LAST_UPDATED;
    last->log[0] = '\0';
    memcpy(last->version, life->running.version, sizeof last->version);
    updraft_log_event(&life->machine->log, "confirmed slot=%s version=%s",
                      updraft_seat_name(life, life->slots.running), life->running.version);
    report(life, &(struct tale){.lane = UPDRAFT_REPORT_STATE, .state = "confirmed"});
}
