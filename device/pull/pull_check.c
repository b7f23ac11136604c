/* Updraft's own check-in: what is asked, and what is made of the answer. */
#include "device/pull/pull.h"

#include <string.h>

#define JSON_HEADER "Content-Type: application/json\n"

/* What passes by itself, or with somebody's consent. */
static bool is_postponement(enum updraft_error code)
{
    return code == UPDRAFT_E_DISABLED || code == UPDRAFT_E_BUSY || code == UPDRAFT_E_GUARD ||
           code == UPDRAFT_E_BUTTON || code == UPDRAFT_E_WINDOW || code == UPDRAFT_E_TRIAL ||
           code == UPDRAFT_E_RESTART_PENDING;
}

void updraft_pull_tell_end(struct updraft_pull *pull, const struct updraft_check_end *end)
{
    pull->end = *end;
}

static bool ask(struct updraft_pull *pull, struct updraft_pull_fetch *fetch)
{
    struct updraft_check_ask ask = *pull->config.ask;
    size_t len;

    if (updraft_update_may_begin(pull->config.update, &pull->postponed))
        pull->postponed.code = UPDRAFT_OK;
    ask.end = pull->end.target[0] != '\0' ? &pull->end : NULL;
    ask.postponed = pull->postponed.code != UPDRAFT_OK ? &pull->postponed : NULL;
    memset(&pull->answer, 0, sizeof pull->answer);
    if (updraft_check_ask_encode(&ask, pull->json, sizeof pull->json, &len) != UPDRAFT_OK)
        return false;
    memcpy(fetch->headers, JSON_HEADER, sizeof JSON_HEADER);
    fetch->body = pull->json;
    fetch->body_len = len;
    return true;
}

/* An interval of the server's is kept until it names another one. */
static void take_times(struct updraft_pull *pull)
{
    const struct updraft_check_answer *answer = &pull->answer;
    uint32_t most = UPDRAFT_PATIENCE_TOLD_CAP_S;

    if (answer->poll_s != 0)
        pull->patience.interval_s = answer->poll_s < most ? answer->poll_s : most;
    pull->wait_s = answer->wait_s < most ? answer->wait_s : most;
}

static enum updraft_pull_outcome refuse(struct updraft_pull *pull, enum updraft_error code,
                                        const char *text)
{
    updraft_failure_set(&pull->failure, code, 0, 0, text);
    return UPDRAFT_PULL_FAILED;
}

/* What can be refused before the image is asked for. */
static enum updraft_pull_outcome look_at_offer(struct updraft_pull *pull)
{
    const struct updraft_check_answer *answer = &pull->answer;
    const struct updraft_check_ask *here = pull->config.ask;

    if (here->layout != NULL && answer->offer.layout[0] != '\0' &&
        strcmp(here->layout, answer->offer.layout) != 0)
        return refuse(pull, UPDRAFT_E_LAYOUT, answer->offer.layout);
    if (here->capacity != 0 && answer->offer.size > here->capacity) {
        updraft_failure_set(&pull->failure, UPDRAFT_E_TOO_LARGE, answer->offer.size, here->capacity,
                            NULL);
        return UPDRAFT_PULL_FAILED;
    }
    if (pull->postponed.code != UPDRAFT_OK) {
        pull->failure = pull->postponed;
        return UPDRAFT_PULL_POSTPONED;
    }
    return UPDRAFT_PULL_NONE;
}

static enum updraft_pull_outcome answer(struct updraft_pull *pull)
{
    enum updraft_error error =
        updraft_check_answer_decode(pull->json, pull->json_len, &pull->answer);

    if (error != UPDRAFT_OK)
        return refuse(pull, error, NULL);
    pull->end.target[0] = '\0'; /* it was told */
    take_times(pull);
    if (!pull->answer.has_offer ||
        strcmp(pull->answer.offer.version, pull->config.ask->version) == 0)
        return UPDRAFT_PULL_UP_TO_DATE;
    return look_at_offer(pull);
}

/* The transaction had the last word: its application may have changed its mind since it was asked. */
static void conclude(struct updraft_pull *pull)
{
    uint32_t again_s;

    if (pull->outcome == UPDRAFT_PULL_FAILED && pull->answer.has_offer &&
        is_postponement(pull->failure.code))
        pull->outcome = UPDRAFT_PULL_POSTPONED;
    if (pull->outcome == UPDRAFT_PULL_FAILED && pull->answer.has_offer) {
        pull->end.rolled_back = false;
        pull->end.failure = pull->failure;
        memcpy(pull->end.target, pull->answer.offer.version, sizeof pull->end.target);
    }
    again_s =
        pull->outcome == UPDRAFT_PULL_POSTPONED ? updraft_failure_retry_after_s(&pull->failure) : 0;
    if (again_s != 0 && again_s < pull->patience.interval_s)
        pull->wait_s = again_s;
}

const struct updraft_pull_check_in updraft_pull_check_in = {
    .ask = ask,
    .answer = answer,
    .conclude = conclude,
};
