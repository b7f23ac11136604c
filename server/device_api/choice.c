#include "server/device_api/choice.h"

#include <string.h>

struct updraft_target updraft_draft_target(const struct updraft_draft *draft, uint16_t chip,
                                           updraft_image_pick pick)
{
    struct updraft_candidate candidate;

    updraft_candidate_of_rows(&draft->device, &draft->attempt, draft->known, &candidate);
    struct updraft_target target = updraft_target_find(
        draft->view->fleet, &(struct updraft_question){.product = draft->device.product,
                                                       .channel = candidate.channel,
                                                       .chip = chip,
                                                       .board = draft->device.board,
                                                       .pick = pick,
                                                       .candidate = &candidate,
                                                       .now_ms = draft->view->now_ms});
    /* Somebody asked for another try, of this device alone. */
    if (draft->known != NULL && updraft_device_more(draft->known)->retry_ms > target.retry_ms)
        target.retry_ms = updraft_device_more(draft->known)->retry_ms;
    return target;
}

/* What is known of the attempts at the target: the draft's own first, for it is newer than what is
 * committed. */
struct attempts {
    enum updraft_attempt_state last;
    unsigned failures;
};

/* Before somebody asked for a retry it does not count. */
static bool is_forgotten(const struct updraft_target *target, enum updraft_attempt_state state,
                         int64_t updated_ms)
{
    return !updraft_attempt_active(state) && updated_ms <= target->retry_ms;
}

static struct attempts attempts_at(const struct updraft_draft *draft,
                                   const struct updraft_target *target)
{
    const struct updraft_attempt_row *own = &draft->attempt;
    const struct updraft_attempt *attempt = draft->known == NULL ? NULL : draft->known->newest;
    const char *version = target->release == NULL ? "" : target->release->row.version;
    struct attempts found = {UPDRAFT_ATTEMPT_NONE, 0};

    if (own->state != UPDRAFT_ATTEMPT_NONE && strcmp(own->to, version) == 0 &&
        strcmp(own->product, draft->device.product) == 0 &&
        !is_forgotten(target, own->state, own->updated_ms)) {
        found.last = own->state;
        found.failures =
            own->state == UPDRAFT_ATTEMPT_FAILED && updraft_offer_counts(own->error_code);
    }
    for (; attempt != NULL; attempt = attempt->older) {
        if (attempt->id == own->id || strcmp(attempt->to, version) != 0 ||
            strcmp(attempt->product, draft->device.product) != 0 ||
            is_forgotten(target, attempt->state, attempt->updated_ms))
            continue;
        if (found.last == UPDRAFT_ATTEMPT_NONE)
            found.last = attempt->state;
        found.failures += attempt->state == UPDRAFT_ATTEMPT_FAILED &&
                          updraft_offer_counts(updraft_attempt_error_code(attempt));
    }
    return found;
}

enum updraft_attempt_state updraft_draft_last_for(const struct updraft_draft *draft,
                                                  const struct updraft_target *target)
{
    return attempts_at(draft, target).last;
}

enum updraft_verdict updraft_draft_verdict(const struct updraft_draft *draft,
                                           const struct updraft_target *target, const char *running,
                                           enum updraft_digest_match digest)
{
    struct updraft_offer_facts facts;

    updraft_draft_facts(draft, target, running, digest, &facts);
    return updraft_offer_decide(&facts);
}

void updraft_draft_facts(const struct updraft_draft *draft, const struct updraft_target *target,
                         const char *running, enum updraft_digest_match digest,
                         struct updraft_offer_facts *facts)
{
    const struct attempts attempts = attempts_at(draft, target);
    const struct updraft_release *release = target->release;
    bool has_image = target->image != NULL;

    *facts = (struct updraft_offer_facts){
        .identified = true,
        .image_known = has_image,
        .running = running,
        .target = release == NULL ? "" : release->row.version,
        .digest = digest,
        .last_for_target = attempts.last,
        .failures = attempts.failures,
        .min_from = release == NULL ? "" : release->row.min_from,
        .size = has_image ? target->image->size : 0,
        .layout = draft->device.layout,
        .target_layout =
            has_image ? updraft_release_layout(release, target->image, draft->device.board) : ""};
}

void updraft_draft_offer(struct updraft_draft *draft, const struct updraft_target *target,
                         enum updraft_via via)
{
    updraft_draft_happen(draft, &(struct updraft_happening){.event = UPDRAFT_EVENT_OFFERED,
                                                            .version = target->release->row.version,
                                                            .via = via,
                                                            .progress = UPDRAFT_NO_PROGRESS,
                                                            .rollout_id = target->rollout_id});
}
