#include "server/rollouts/count.h"

#include "server/decide/offer.h"
#include "server/memory.h"

#include <stdlib.h>
#include <string.h>

void updraft_counting_init(struct updraft_counting *counting)
{
    memset(counting, 0, sizeof *counting);
}

void updraft_counting_deinit(struct updraft_counting *counting)
{
    free(counting->places);
}

void updraft_counting_begin(struct updraft_counting *counting,
                            const struct updraft_rollout *rollout, int64_t now_ms)
{
    counting->rollout = rollout;
    counting->at = counting->place_count = 0;
    counting->now_ms = now_ms;
    memset(&counting->count, 0, sizeof counting->count);
    counting->count.at_ms = now_ms;
    counting->count.stage_count = rollout->bound_count;
}

/* The newest attempt of the rollout, or NULL. */
static const struct updraft_attempt *find_attempt(const struct updraft_rollout *rollout,
                                                  const struct updraft_device *device)
{
    const struct updraft_attempt *attempt = device->newest;

    while (attempt != NULL && attempt->rollout_id != rollout->row.id)
        attempt = attempt->older;
    return rollout->row.id == 0 ? NULL : attempt;
}

/* The release would be offered to a device that has no attempt of the rollout. */
static bool can_be_offered(const struct updraft_rollout *rollout,
                           const struct updraft_device *device)
{
    const char *product = rollout->channel->product->row.name;
    const char *version = rollout->release->row.version;
    const struct updraft_attempt *attempt = device->newest;
    const struct updraft_device_more *more = updraft_device_more(device);
    const struct updraft_image_row *image =
        updraft_release_image_for(rollout->release, device->chip, more->board);
    struct updraft_offer_facts facts = {
        .identified = true,
        .image_known = image != NULL,
        .running = device->version,
        .target = version,
        .min_from = rollout->release->row.min_from,
        .layout = more->layout,
        .target_layout =
            image == NULL ? "" : updraft_release_layout(rollout->release, image, more->board),
        .digest = UPDRAFT_DIGEST_DIFFERS};

    for (; attempt != NULL; attempt = attempt->older) {
        if (strcmp(attempt->to, version) != 0 || strcmp(attempt->product, product) != 0)
            continue;
        if (facts.last_for_target == UPDRAFT_ATTEMPT_NONE)
            facts.last_for_target = attempt->state;
        facts.failures += attempt->state == UPDRAFT_ATTEMPT_FAILED &&
                          updraft_offer_counts(updraft_attempt_error_code(attempt));
    }
    return updraft_offer_decide(&facts) == UPDRAFT_VERDICT_OFFER;
}

static void note_failure(struct updraft_rollout_count *count, const struct updraft_attempt *attempt)
{
    const uint32_t code = updraft_attempt_error_code(attempt);
    size_t at = 0;

    while (at < count->failure_count && count->failures[at].code != code)
        at++;
    if (at == UPDRAFT_COUNT_FAILURES)
        return;
    struct updraft_count_failure *failure = &count->failures[at];
    if (at == count->failure_count) {
        count->failure_count++;
        failure->code = code;
        if (attempt->failure != NULL) {
            updraft_name_set(failure->name, sizeof failure->name, attempt->failure->name);
            updraft_name_set(failure->text, sizeof failure->text, attempt->failure->text);
        }
    }
    failure->count++;
    for (; at > 0 && count->failures[at - 1].count < count->failures[at].count; at--) {
        const struct updraft_count_failure other = count->failures[at - 1];
        count->failures[at - 1] = count->failures[at];
        count->failures[at] = other;
    }
}

static void note_member(struct updraft_counting *counting, const struct updraft_device *device,
                        enum updraft_shown shown)
{
    const struct updraft_rollout *rollout = counting->rollout;
    struct updraft_rollout_count *count = &counting->count;
    const uint32_t place = updraft_place_of(rollout->row.id, device->id);
    const uint32_t before = count->all.counts[shown]++;

    if (before < UPDRAFT_COUNT_DEVICES)
        updraft_name_set(count->devices[shown][before], UPDRAFT_DEVICE_ID_CAP, device->id);
    for (size_t i = 0; i < count->stage_count; i++)
        count->stages[i].counts[shown] += place < rollout->bounds[i];
    if (shown == UPDRAFT_SHOWN_SEEN) {
        count->unreachable++;
        return;
    }
    UPDRAFT_MEMORY_RESERVE(counting->places, counting->place_count, counting->place_cap);
    counting->places[counting->place_count++] = place;
}

static void look_at(struct updraft_counting *counting, const struct updraft_device *device)
{
    const struct updraft_rollout *rollout = counting->rollout;
    const struct updraft_attempt *attempt = find_attempt(rollout, device);
    struct updraft_candidate candidate;

    updraft_candidate_of_device(device, &candidate);
    /* Who has begun stays a member, whatever the filter makes of what it runs now. */
    if (attempt == NULL && !updraft_rollout_takes(rollout, &candidate))
        return;
    counting->count.matched++;
    if (attempt == NULL && updraft_rollout_is_run_by(rollout, &candidate)) {
        counting->count.on_target++;
        return;
    }
    if (attempt == NULL && !can_be_offered(rollout, device)) {
        counting->count.unreachable++;
        return;
    }
    const enum updraft_shown shown = updraft_member_decide(&(struct updraft_member_facts){
        .state = attempt == NULL ? UPDRAFT_ATTEMPT_NONE : attempt->state,
        .updated_ms = attempt == NULL ? 0 : attempt->updated_ms,
        .retry_ms = rollout->row.retry_ms,
        .last_seen_ms = device->last_seen_ms,
        .now_ms = counting->now_ms,
        .silent_after_s = rollout->row.gates.silent_after_s});
    if (shown == UPDRAFT_SHOWN_ROLLED_BACK || shown == UPDRAFT_SHOWN_FAILED)
        note_failure(&counting->count, attempt);
    note_member(counting, device, shown);
}

bool updraft_counting_step(struct updraft_counting *counting, const struct updraft_fleet *fleet)
{
    const size_t left = fleet->device_count - counting->at;
    const size_t end = counting->at + (left < UPDRAFT_COUNT_SLICE ? left : UPDRAFT_COUNT_SLICE);

    for (; counting->at < end; counting->at++)
        look_at(counting, fleet->devices[counting->at]);
    return counting->at < fleet->device_count;
}

size_t updraft_counting_size(const struct updraft_counting *counting, size_t stage)
{
    return updraft_stage_size(&counting->rollout->stages.at[stage], counting->place_count);
}

int64_t updraft_counting_bound(struct updraft_counting *counting, size_t stage)
{
    const struct updraft_stages *stages = &counting->rollout->stages;
    const int64_t before = updraft_rollout_bound(counting->rollout);
    /* The last stage is for those, too, who have not been heard of today. */
    const int64_t bound = stage + 1 == stages->count
                              ? UPDRAFT_PLACE_ALL
                              : updraft_place_bound(counting->places, counting->place_count,
                                                    updraft_counting_size(counting, stage));

    return bound < before ? before : bound;
}
