#include "server/rollouts/member.h"

#include "format/chip.h"
#include "format/package.h"

#include <string.h>

static const char *slug_of(uint16_t id)
{
    const struct updraft_package *package = updraft_package_by_id(id);
    const struct updraft_chip *chip = package == NULL ? updraft_chip_by_id(id) : NULL;

    return package != NULL ? package->slug : chip != NULL ? chip->slug : "";
}

void updraft_candidate_of_device(const struct updraft_device *device,
                                 struct updraft_candidate *candidate)
{
    const struct updraft_attempt *attempt = device->newest;
    const struct updraft_device_more *more = updraft_device_more(device);

    *candidate = (struct updraft_candidate){
        .facts = {.id = device->id,
                  .name = updraft_device_name(device),
                  .version = device->version,
                  .chip = slug_of(device->chip),
                  .board = more->board,
                  .group = more->group,
                  .tags = more->tags,
                  .attributes = more->attributes},
        .product = device->product,
        .channel = updraft_device_channel(device),
        .chip = device->chip,
        .state = attempt == NULL ? UPDRAFT_ATTEMPT_NONE : attempt->state,
        .rollout_id = attempt == NULL ? 0 : attempt->rollout_id,
    };
}

void updraft_candidate_of_rows(const struct updraft_device_row *device,
                               const struct updraft_attempt_row *attempt,
                               const struct updraft_device *known,
                               struct updraft_candidate *candidate)
{
    if (known != NULL)
        updraft_candidate_of_device(known, candidate);
    else
        *candidate =
            (struct updraft_candidate){.facts = {.group = "", .tags = "", .attributes = ""}};
    bool is_named = known != NULL && updraft_device_more(known)->name[0] != '\0';
    bool is_assigned = known != NULL && updraft_device_more(known)->channel[0] != '\0';
    *candidate = (struct updraft_candidate){
        .facts = {.id = device->id,
                  .name = is_named ? candidate->facts.name : device->name,
                  .version = device->version,
                  .chip = slug_of(device->chip),
                  .board = device->board,
                  .group = candidate->facts.group,
                  .tags = candidate->facts.tags,
                  .attributes = candidate->facts.attributes},
        .product = device->product,
        .channel = is_assigned ? candidate->channel : device->channel,
        .chip = device->chip,
        .state = attempt->state,
        .rollout_id = attempt->rollout_id,
    };
}

bool updraft_rollout_takes(const struct updraft_rollout *rollout,
                           const struct updraft_candidate *candidate)
{
    return strcmp(candidate->channel, rollout->row.channel) == 0 &&
           strcmp(candidate->product, rollout->channel->product->row.name) == 0 &&
           updraft_filter_matches(&rollout->filter, &candidate->facts);
}

bool updraft_rollout_is_run_by(const struct updraft_rollout *rollout,
                               const struct updraft_candidate *candidate)
{
    if (candidate->facts.version[0] != '\0')
        return strcmp(candidate->facts.version, rollout->release->row.version) == 0;
    /* It never says what it runs. What it was seen to install is the best there is. */
    return candidate->rollout_id == rollout->row.id &&
           (candidate->state == UPDRAFT_ATTEMPT_WRITTEN ||
            candidate->state == UPDRAFT_ATTEMPT_TRIAL ||
            candidate->state == UPDRAFT_ATTEMPT_CONFIRMED);
}

bool updraft_rollout_has_place(const struct updraft_rollout *rollout, const char *device)
{
    return updraft_place_of(rollout->row.id, device) < updraft_rollout_bound(rollout);
}
