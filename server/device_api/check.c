/* POST /d/check: Updraft's own check-in. One question says what runs there, how the last updates ended, and
 * why none may begin now; the answer names the image to take, or says why there is none, and when to come
 * again. docs/SPEC.md, section 5, has both. */
#include "format/text.h"
#include "server/device_api/choice.h"
#include "server/device_api/device_api.h"
#include "server/device_api/told.h"

#include <string.h>

#define REPORTS_MOST   8
#define POLL_DEFAULT_S 300
#define REASON_CAP     UPDRAFT_OFFER_SENTENCE_CAP
#define URL_CAP        256u /* what devices have room for */
#define DEFAULT        "stable"

/* As told, checked; texts point into the parsed JSON. */
struct question {
    struct updraft_told told;
    bool trial;
    struct updraft_tale reports[REPORTS_MOST];
    size_t report_count;
    bool is_postponed;
    struct updraft_tale postponed; /* its error alone */
    uint32_t capacity;             /* bytes an image may have; 0: not told */
};

/* --- reading: each gives NULL, or what is wrong --- */

static const char *read_reports(const cJSON *json, struct question *question)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(json, "reports"), *item;
    const char *wrong = NULL;

    if (list == NULL || cJSON_IsNull(list))
        return NULL;
    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) > REPORTS_MOST)
        return "reports is a list of up to 8 objects";
    cJSON_ArrayForEach(item, list)
    {
        struct updraft_tale *tale = &question->reports[question->report_count++];
        wrong = cJSON_IsObject(item) ? updraft_tale_read(item, tale) : "a report is an object";
        if (wrong == NULL && (updraft_tale_is_of_running(tale) || tale->target == NULL))
            wrong = "a report has a target, and downloading, written, failed or rolled_back";
        if (wrong != NULL)
            return wrong;
    }
    return NULL;
}

static const char *read_postponed(const cJSON *json, struct question *question)
{
    const cJSON *postponed = cJSON_GetObjectItemCaseSensitive(json, "postponed");

    question->is_postponed = postponed != NULL && !cJSON_IsNull(postponed);
    return updraft_tale_read_error(postponed, &question->postponed) == NULL
               ? NULL
               : "postponed must be {\"code\":number,\"name\":text,\"text\":text}";
}

static const char *read_question(const cJSON *json, struct question *question)
{
    struct updraft_tale running;
    double capacity = 0;
    const char *wrong;

    memset(question, 0, sizeof *question);
    if ((wrong = updraft_told_read(json, &question->told)) != NULL ||
        (wrong = updraft_tale_read(json, &running)) != NULL ||
        (wrong = read_reports(json, question)) != NULL ||
        (wrong = read_postponed(json, question)) != NULL)
        return wrong;
    if (!updraft_tale_is_of_running(&running))
        return "state must be confirmed or trial; what became of updates stands in reports";
    if (!updraft_told_number(json, "capacity", UINT32_MAX, &capacity))
        return "capacity must be a whole number of bytes";
    question->trial = running.event == UPDRAFT_EVENT_SAID_TRIAL;
    question->capacity = (uint32_t)capacity;
    return NULL;
}

/* --- what it means for the books --- */

static void note(struct updraft_draft *draft, const struct question *question)
{
    const struct updraft_told *told = &question->told;

    updraft_draft_see(
        draft, &(struct updraft_seen){.name = told->name,
                                      .product = told->product,
                                      .channel = told->channel == NULL ? DEFAULT : told->channel,
                                      .version = told->version,
                                      .slot = told->slot,
                                      .board = told->board,
                                      .layout = told->layout,
                                      .chip = told->chip,
                                      .reports = true,
                                      .says_running = true,
                                      .trial = question->trial});
    for (size_t i = 0; i < question->report_count; i++) {
        const struct updraft_tale *tale = &question->reports[i];
        updraft_draft_happen(draft, &(struct updraft_happening){.event = tale->event,
                                                                .version = tale->target,
                                                                .via = tale->via,
                                                                .progress = tale->progress,
                                                                .error_code = tale->error_code,
                                                                .error_name = tale->error_name,
                                                                .error_text = tale->error_text});
        if (tale->log != NULL)
            updraft_draft_log(draft, tale->target, tale->log);
    }
    updraft_draft_happen(
        draft, &(struct updraft_happening){.event = question->trial ? UPDRAFT_EVENT_SAID_TRIAL
                                                                    : UPDRAFT_EVENT_SAID_CONFIRMED,
                                           .version = told->version,
                                           .progress = UPDRAFT_NO_PROGRESS});
}

static void offer(struct updraft_draft *draft, const struct question *question,
                  const struct updraft_target *target)
{
    const struct updraft_tale *why = &question->postponed;

    updraft_draft_offer(draft, target, UPDRAFT_VIA_CHECK);
    if (question->is_postponed)
        updraft_draft_happen(
            draft, &(struct updraft_happening){.event = UPDRAFT_EVENT_SAID_POSTPONED,
                                               .version = target->release->row.version,
                                               .via = UPDRAFT_VIA_CHECK,
                                               .progress = UPDRAFT_NO_PROGRESS,
                                               .error_code = why->error_code == UPDRAFT_OK
                                                                 ? (uint32_t)UPDRAFT_E_GUARD
                                                                 : why->error_code,
                                               .error_name = why->error_name,
                                               .error_text = why->error_text,
                                               .rollout_id = target->rollout_id});
}

/* --- the answer --- */

struct answer {
    struct updraft_target target;
    enum updraft_verdict verdict;
    char reason[REASON_CAP];
    int64_t wait_s; /* 0: the usual interval */
    char url[URL_CAP];
};

static void decide(const struct updraft_draft *draft, const struct question *question,
                   struct answer *answer)
{
    struct updraft_offer_facts facts;

    answer->target = updraft_draft_target(draft, draft->device.chip, updraft_release_image_for);
    updraft_draft_facts(draft, &answer->target, draft->device.version, UPDRAFT_DIGEST_UNTOLD,
                        &facts);
    facts.capacity = question->capacity;
    answer->verdict = updraft_offer_decide(&facts);
    updraft_offer_explain(answer->verdict, &facts, answer->reason, sizeof answer->reason);
    answer->wait_s = 0;
    if (answer->verdict == UPDRAFT_VERDICT_OFFER || answer->target.wait == UPDRAFT_WAIT_NONE)
        return;
    updraft_label_clean(updraft_wait_text(answer->target.wait), answer->reason,
                        sizeof answer->reason);
    if (answer->target.wait == UPDRAFT_WAIT_RATE) /* the next minute has room again */
        answer->wait_s = 60 - draft->view->now_ms / 1000 % 60;
}

static void put_offer(struct updraft_json *json, const struct updraft_draft *draft,
                      const struct answer *answer)
{
    const struct updraft_image_row *image = answer->target.image;
    const struct updraft_release *release = answer->target.release;

    if (answer->verdict != UPDRAFT_VERDICT_OFFER) {
        updraft_json_null(json, "offer");
        return;
    }
    updraft_json_open(json, "offer", '{');
    updraft_json_text(json, "version", release->row.version);
    updraft_json_text(json, "url", answer->url);
    updraft_json_number(json, "size", image->size);
    updraft_json_hex(json, "sha256", image->sha256, sizeof image->sha256);
    updraft_json_text(json, "layout", updraft_release_layout(release, image, draft->device.board));
    updraft_json_bool(json, "security", release->row.security);
    updraft_json_close(json, '}');
}

static void write_answer(const struct updraft_draft *draft, const struct answer *answer,
                         struct updraft_response *response)
{
    const struct updraft_fleet *fleet = draft->view->fleet;
    struct updraft_json json;

    updraft_json_init(&json);
    updraft_json_open(&json, NULL, '{');
    updraft_json_bool(&json, "ok", true);
    updraft_json_number(&json, "poll_s", fleet->poll_s != 0 ? fleet->poll_s : POLL_DEFAULT_S);
    updraft_json_number(&json, "wait_s", answer->wait_s);
    updraft_json_text(&json, "verdict", updraft_verdict_name(answer->verdict));
    updraft_json_text(&json, "reason", answer->reason);
    put_offer(&json, draft, answer);
    updraft_json_close(&json, '}');
    updraft_response_json(response, 200, &json);
    updraft_response_header_constant(response, "Cache-Control", "no-store");
}

static void answer_question(const struct updraft_view *view, const struct updraft_request *request,
                            struct updraft_plan *plan, const struct question *question,
                            struct updraft_response *response)
{
    static const struct updraft_refusal no_host = {
        400, "bad_host", "Send a Host header of at most 100 bytes, or start with --base-url."};
    struct updraft_draft draft;
    struct answer answer;

    updraft_draft_begin(&draft, view, plan, question->told.id);
    note(&draft, question);
    decide(&draft, question, &answer);
    if (answer.verdict == UPDRAFT_VERDICT_OFFER) {
        if (!updraft_device_api_image_url(view, request, answer.target.image->sha256, answer.url,
                                          sizeof answer.url)) {
            updraft_response_refuse(response, &no_host, "the Host header is missing or not usable");
            plan->count = 0;
            return;
        }
        offer(&draft, question, &answer.target);
    }
    write_answer(&draft, &answer, response);
    updraft_draft_commit(&draft, request->address, UPDRAFT_NO_PROGRESS);
}

void updraft_check_answer(const struct updraft_view *view, const struct updraft_request *request,
                          struct updraft_plan *plan, struct updraft_response *response)
{
    static const struct updraft_refusal bad = {
        400, "bad_check",
        "Send an object with device, product, version and state; channel, chip, board, layout, "
        "name, slot, capacity, reports and postponed may be there."};
    const char *wrong = NULL;
    cJSON *json = updraft_told_parse(request, &wrong);
    struct question question;

    if (json != NULL && (wrong = read_question(json, &question)) == NULL)
        answer_question(view, request, plan, &question, response);
    cJSON_Delete(json);
    if (wrong != NULL)
        updraft_response_refuse(response, &bad, "%s", wrong);
}
