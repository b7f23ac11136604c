#include "server/rollouts/target.h"

static struct updraft_target_choice ask(const struct updraft_rollout *rollout,
                                        const struct updraft_question *question, bool has_image)
{
    const struct updraft_candidate *candidate = question->candidate;
    const bool is_part = candidate->rollout_id == rollout->row.id;
    const struct updraft_target_facts facts = {
        .state = rollout->row.state,
        .runs_release = updraft_rollout_is_run_by(rollout, candidate),
        .matches = has_image && updraft_rollout_takes(rollout, candidate),
        .in_stage = updraft_rollout_has_place(rollout, candidate->facts.id),
        .window_open = updraft_window_is_open(&rollout->row.window, question->now_ms),
        .rate_left = updraft_rollout_rate_left(rollout, question->now_ms),
        .active = is_part && updraft_attempt_active(candidate->state) ? candidate->state
                                                                      : UPDRAFT_ATTEMPT_NONE};

    return updraft_target_decide(&facts);
}

/* The newest rollout that has a say. */
static void ask_rollouts(const struct updraft_channel *channel,
                         const struct updraft_question *question, struct updraft_target *target)
{
    const struct updraft_rollout *rollout = channel->rollouts;

    for (; rollout != NULL; rollout = rollout->older) {
        if (channel->release != rollout->from)
            continue; /* it has no say any more */
        const struct updraft_image_row *image =
            question->pick(rollout->release, question->chip, question->board);
        const struct updraft_target_choice choice = ask(rollout, question, image != NULL);
        if (target->wait == UPDRAFT_WAIT_NONE)
            target->wait = choice.wait;
        if (!choice.rollout || image == NULL)
            continue;
        target->release = rollout->release;
        target->image = image;
        target->rollout_id = (uint32_t)rollout->row.id;
        target->retry_ms = rollout->row.retry_ms;
        return;
    }
}

struct updraft_target updraft_target_find(const struct updraft_fleet *fleet,
                                          const struct updraft_question *question)
{
    const struct updraft_product *product = updraft_fleet_find_product(fleet, question->product);
    const struct updraft_channel *channel =
        product == NULL ? NULL
                        : updraft_fleet_find_channel(fleet, product->row.id, question->channel);
    struct updraft_target target = {.release = channel == NULL ? NULL : channel->release};

    if (channel == NULL)
        return target;
    target.image = question->pick(channel->release, question->chip, question->board);
    if (question->candidate != NULL)
        ask_rollouts(channel, question, &target);
    return target;
}

struct updraft_target updraft_target_of_device(const struct updraft_fleet *fleet,
                                               const struct updraft_device *device, int64_t now_ms)
{
    struct updraft_candidate candidate;

    updraft_candidate_of_device(device, &candidate);
    return updraft_target_find(fleet, &(struct updraft_question){.product = device->product,
                                                                 .channel = candidate.channel,
                                                                 .chip = device->chip,
                                                                 .board = candidate.facts.board,
                                                                 .pick = updraft_release_image_for,
                                                                 .candidate = &candidate,
                                                                 .now_ms = now_ms});
}
