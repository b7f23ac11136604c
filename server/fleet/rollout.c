#include "server/fleet/rollout.h"

#include "format/assert.h"
#include "server/fleet/fleet.h"
#include "server/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE_MS 60000

struct updraft_rollout *updraft_fleet_find_rollout(const struct updraft_fleet *fleet, int64_t id)
{
    for (size_t i = fleet->rollout_count; i-- > 0;) {
        if (fleet->rollouts[i]->row.id == id)
            return fleet->rollouts[i];
    }
    return NULL;
}

const struct updraft_rollout *updraft_channel_open_rollout(const struct updraft_channel *channel)
{
    const struct updraft_rollout *rollout = channel->rollouts;

    while (rollout != NULL && !updraft_rollout_is_open(rollout->row.state))
        rollout = rollout->older;
    return rollout;
}

int64_t updraft_fleet_next_rollout_id(const struct updraft_fleet *fleet)
{
    return fleet->rollout_count == 0 ? 1 : fleet->rollouts[fleet->rollout_count - 1]->row.id + 1;
}

/* --- what the texts of the row say --- */

static bool read_bounds(struct updraft_rollout *rollout)
{
    const char *at = rollout->row.bounds;

    for (rollout->bound_count = 0; *at != '\0'; rollout->bound_count++) {
        char *end;
        const long long bound = strtoll(at, &end, 10);
        if (end == at || bound < 0 || bound > UPDRAFT_PLACE_ALL ||
            rollout->bound_count == rollout->stages.count)
            return false;
        rollout->bounds[rollout->bound_count] = bound;
        at = end + (*end == ' ');
    }
    return true;
}

void updraft_rollout_add_bound(struct updraft_rollout_row *row, int64_t bound)
{
    const size_t len = strlen(row->bounds);

    snprintf(row->bounds + len, sizeof row->bounds - len, "%s%" PRId64, len == 0 ? "" : " ", bound);
}

/* Somebody has edited the database. Whom it was for is not known any more: it is for nobody. */
static void read_texts(struct updraft_rollout *rollout)
{
    struct updraft_filter_problem problem;

    if (updraft_filter_parse(rollout->row.filter, &rollout->filter, &problem) &&
        updraft_stages_parse(rollout->row.stages, &rollout->stages) == NULL &&
        rollout->row.stage < rollout->stages.count && read_bounds(rollout))
        return;
    rollout->bound_count = 0;
    rollout->row.state = UPDRAFT_ROLLOUT_ABORTED;
    snprintf(rollout->row.reason, sizeof rollout->row.reason,
             "its filter or its stages cannot be read from the database");
}

static struct updraft_rollout *add(struct updraft_fleet *fleet,
                                   const struct updraft_rollout_row *row)
{
    struct updraft_rollout *rollout = updraft_memory_new(sizeof *rollout);

    UPDRAFT_ASSERT(row->id >= updraft_fleet_next_rollout_id(fleet));
    rollout->channel = updraft_fleet_find_channel(fleet, row->product_id, row->channel);
    rollout->release = updraft_fleet_release_by_id(fleet, row->release_id);
    rollout->from = updraft_fleet_release_by_id(fleet, row->from_release_id);
    UPDRAFT_ASSERT(rollout->channel != NULL && rollout->release != NULL && rollout->from != NULL);
    rollout->older = rollout->channel->rollouts;
    rollout->channel->rollouts = rollout;
    UPDRAFT_MEMORY_RESERVE(fleet->rollouts, fleet->rollout_count, fleet->rollout_cap);
    fleet->rollouts[fleet->rollout_count++] = rollout;
    return rollout;
}

void updraft_rollout_apply(struct updraft_fleet *fleet, const struct updraft_rollout_row *row)
{
    struct updraft_rollout *rollout = updraft_fleet_find_rollout(fleet, row->id);

    if (rollout == NULL)
        rollout = add(fleet, row);
    rollout->row = *row;
    rollout->revision++;
    rollout->stirred++;
    read_texts(rollout);
}

void updraft_rollout_free(struct updraft_rollout *rollout)
{
    free(rollout->count);
    free(rollout);
}

bool updraft_rollout_has_begun(const struct updraft_rollout *rollout)
{
    return rollout->bound_count > rollout->row.stage;
}

int64_t updraft_rollout_bound(const struct updraft_rollout *rollout)
{
    return rollout->bound_count == 0 ? 0 : rollout->bounds[rollout->bound_count - 1];
}

/* --- the rate --- */

void updraft_rollout_note_begin(struct updraft_rollout *rollout, int64_t at_ms)
{
    const int64_t minute = at_ms / MINUTE_MS;

    if (minute > rollout->minute) {
        rollout->minute = minute;
        rollout->begun = 0;
    }
    rollout->begun += minute == rollout->minute;
}

void updraft_rollout_pledge(struct updraft_fleet *fleet, const struct updraft_attempt_row *row)
{
    struct updraft_rollout *rollout =
        row->rollout_id == 0 ? NULL : updraft_fleet_find_rollout(fleet, row->rollout_id);
    const struct updraft_attempt *attempt =
        rollout == NULL ? NULL : updraft_fleet_find_attempt(fleet, row->id);

    if (rollout != NULL && (attempt == NULL || attempt->rollout_id != row->rollout_id))
        rollout->pledged++;
}

void updraft_rollout_forget_pledges(struct updraft_fleet *fleet)
{
    for (size_t i = 0; i < fleet->rollout_count; i++)
        fleet->rollouts[i]->pledged = 0;
}

bool updraft_rollout_rate_left(const struct updraft_rollout *rollout, int64_t now_ms)
{
    const uint32_t begun = rollout->minute == now_ms / MINUTE_MS ? rollout->begun : 0;

    return rollout->row.rate_per_min == 0 ||
           (uint64_t)begun + rollout->pledged < rollout->row.rate_per_min;
}
