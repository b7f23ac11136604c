#include "server/device_api/device_api.h"

#include "server/device_api/told.h"

#include <string.h>

static const char *apply_report(const struct updraft_view *view,
                                const struct updraft_request *request, struct updraft_plan *plan,
                                const struct updraft_told *told, const struct updraft_tale *tale)
{
    bool of_running = updraft_tale_is_of_running(tale);
    const char *subject = of_running ? told->version : tale->target;
    struct updraft_draft draft;

    updraft_draft_begin(&draft, view, plan, told->id);
    updraft_draft_see(&draft,
                      &(struct updraft_seen){.name = told->name,
                                             .product = told->product,
                                             .channel = told->channel,
                                             .version = told->version,
                                             .slot = told->slot,
                                             .board = told->board,
                                             .layout = told->layout,
                                             .chip = told->chip,
                                             .reports = true,
                                             .says_running = of_running,
                                             .trial = tale->event == UPDRAFT_EVENT_SAID_TRIAL});
    if (subject == NULL && updraft_attempt_active(draft.attempt.state))
        subject = draft.attempt.to;
    /* A device that gave up before it knew what it was offered has nothing to be put on record for
     * but its being there. */
    if (subject == NULL && tale->event != UPDRAFT_EVENT_SAID_FAILED)
        return "target is needed: the server knows of no update that is under way";
    char version[UPDRAFT_VERSION_CAP]; /* the attempt it may point into is rewritten below */
    if (subject != NULL) {
        updraft_name_set(version, sizeof version, subject);
        updraft_draft_happen(&draft, &(struct updraft_happening){.event = tale->event,
                                                                 .version = version,
                                                                 .via = tale->via,
                                                                 .progress = tale->progress,
                                                                 .error_code = tale->error_code,
                                                                 .error_name = tale->error_name,
                                                                 .error_text = tale->error_text});
        if (tale->log != NULL)
            updraft_draft_log(&draft, version, tale->log);
    }
    updraft_draft_commit(&draft, request->address,
                         tale->event == UPDRAFT_EVENT_SAID_DOWNLOADING ? tale->progress
                                                                       : UPDRAFT_NO_PROGRESS);
    return NULL;
}

void updraft_report_answer(const struct updraft_view *view, const struct updraft_request *request,
                           struct updraft_plan *plan, struct updraft_response *response)
{
    static const struct updraft_refusal bad = {
        400, "bad_report",
        "Send an object with device, product, version and state; name, chip, board, layout, slot, "
        "target, via, progress, error and log may be there."};
    const char *wrong = NULL;
    cJSON *json = updraft_told_parse(request, &wrong);
    struct updraft_told told;
    struct updraft_tale tale;

    if (json != NULL && (wrong = updraft_told_read(json, &told)) == NULL &&
        (wrong = updraft_tale_read(json, &tale)) == NULL)
        wrong = apply_report(view, request, plan, &told, &tale);
    cJSON_Delete(json);
    if (wrong != NULL) {
        updraft_response_refuse(response, &bad, "%s", wrong);
        return;
    }
    struct updraft_json ok;
    updraft_json_init(&ok);
    updraft_json_open(&ok, NULL, '{');
    updraft_json_bool(&ok, "ok", true);
    updraft_json_close(&ok, '}');
    updraft_response_json(response, 200, &ok);
}
