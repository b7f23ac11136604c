/* DELETE of a release: the files of its images go, its row and theirs stay, so that the version keeps its meaning
 * and the same bytes can be published again. */
#include "server/operator_api/withdraw.h"
#include "server/decide/retention.h"
#include "server/operator_api/objects.h"
#include "server/operator_api/operator_api.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool updraft_release_let_offer(const struct updraft_release *release,
                               const struct updraft_image_row *but,
                               struct updraft_response *response)
{
    static const struct updraft_refusal withdrawn = {
        409, "release_withdrawn",
        "Publish the same files again; they are taken back as they were."};

    if (!updraft_release_lacks_image(release, but))
        return true;
    updraft_response_refuse(response, &withdrawn, "images of %s were withdrawn",
                            release->row.version);
    return false;
}

static bool needs(const struct updraft_rollout *rollout, int64_t release_id)
{
    return rollout->row.state != UPDRAFT_ROLLOUT_DONE &&
           rollout->row.state != UPDRAFT_ROLLOUT_ABORTED &&
           (rollout->row.release_id == release_id || rollout->row.from_release_id == release_id);
}

static uint64_t count_running(const struct updraft_fleet *fleet,
                              const struct updraft_release *release)
{
    uint64_t count = 0;

    for (const struct updraft_group *group = fleet->tally.first; group != NULL;
         group = group->next) {
        if (strcmp(group->product, release->product->row.name) == 0 &&
            strcmp(group->version, release->row.version) == 0)
            count += group->count;
    }
    return count;
}

/* Attempts that have not ended are the newest of their devices, and among the newest of all: the search ends when
 * as many were met as the tally knows. */
static uint64_t count_on_the_way(const struct updraft_fleet *fleet,
                                 const struct updraft_release *release)
{
    uint64_t left = 0, count = 0;

    for (int state = 0; state < UPDRAFT_ATTEMPT_STATE_COUNT; state++) {
        if (updraft_attempt_active((enum updraft_attempt_state)state))
            left += fleet->tally.newest[state];
    }
    for (size_t i = fleet->attempt_count; left > 0 && i-- > 0;) {
        const struct updraft_attempt *attempt = fleet->attempts[i];
        if (attempt->gone || attempt->device->newest != attempt ||
            !updraft_attempt_active(attempt->state))
            continue;
        left--;
        count += strcmp(attempt->to, release->row.version) == 0 &&
                 strcmp(attempt->product, release->product->row.name) == 0;
    }
    return count;
}

/* Only by way of it can an older device take a security release. */
static bool is_step(const struct updraft_fleet *fleet, const struct updraft_release *release)
{
    for (size_t i = 0; i < fleet->release_count; i++) {
        const struct updraft_release *other = fleet->releases[i];
        if (other->row.security && other->product == release->product &&
            strcmp(other->row.min_from, release->row.version) == 0)
            return true;
    }
    return false;
}

static struct updraft_retention_facts facts_of(const struct updraft_fleet *fleet,
                                               const struct updraft_release *release)
{
    struct updraft_retention_facts facts = {.security = release->row.security,
                                            .is_step = is_step(fleet, release),
                                            .running = count_running(fleet, release),
                                            .on_the_way = count_on_the_way(fleet, release)};

    for (size_t i = 0; i < fleet->channel_count; i++)
        facts.on_channel = facts.on_channel || fleet->channels[i]->release == release;
    for (size_t i = 0; i < fleet->rollout_count; i++)
        facts.in_rollout = facts.in_rollout || needs(fleet->rollouts[i], release->row.id);
    return facts;
}

static bool may_go(const struct updraft_fleet *fleet, const struct updraft_release *release,
                   struct updraft_response *response)
{
    static const struct updraft_refusal channel = {409, "release_needed",
                                                   "Let the channel offer another release first."};
    static const struct updraft_refusal rollout = {409, "release_needed",
                                                   "Wait for the rollout to be done, or abort it."};
    static const struct updraft_refusal security = {
        409, "release_needed", "Say first that it closes no hole any more: security false."};
    static const struct updraft_refusal step = {409, "release_needed",
                                                "Change the security release's min_from first."};
    static const struct updraft_refusal devices = {409, "release_needed",
                                                   "Wait until the devices run another release."};
    const struct updraft_retention_facts facts = facts_of(fleet, release);
    const char *version = release->row.version;

    switch (updraft_retention_decide(&facts)) {
    case UPDRAFT_RETENTION_CHANNEL:
        updraft_response_refuse(response, &channel, "a channel offers %s", version);
        break;
    case UPDRAFT_RETENTION_ROLLOUT:
        updraft_response_refuse(response, &rollout, "a rollout needs %s", version);
        break;
    case UPDRAFT_RETENTION_SECURITY:
        updraft_response_refuse(response, &security, "%s is a security release", version);
        break;
    case UPDRAFT_RETENTION_STEP:
        updraft_response_refuse(response, &step, "devices come to a security release by way of %s",
                                version);
        break;
    case UPDRAFT_RETENTION_RUNNING:
        updraft_response_refuse(response, &devices, "%" PRIu64 " devices run %s", facts.running,
                                version);
        break;
    case UPDRAFT_RETENTION_ON_THE_WAY:
        updraft_response_refuse(response, &devices, "%" PRIu64 " devices are on their way to %s",
                                facts.on_the_way, version);
        break;
    case UPDRAFT_RETENTION_MAY_GO:
        return true;
    }
    return false;
}

static const struct updraft_release *find(const struct updraft_view *view,
                                          const struct updraft_request *request,
                                          struct updraft_response *response)
{
    static const struct updraft_refusal not_named = {400, "bad_query",
                                                     "Name it: ?product=NAME&version=TEXT."};
    static const struct updraft_refusal not_found = {404, "release_not_found",
                                                     "List the releases with 'updraft releases'."};
    const char *product_name = updraft_request_query(request, "product");
    const char *version = updraft_request_query(request, "version");

    if (product_name == NULL || version == NULL) {
        updraft_response_refuse(response, &not_named, "the query names no release");
        return NULL;
    }
    const struct updraft_product *product = updraft_fleet_find_product(view->fleet, product_name);
    const struct updraft_release *release =
        product == NULL ? NULL : updraft_fleet_find_release(view->fleet, product->row.id, version);
    if (release == NULL)
        updraft_response_refuse(response, &not_found, "there is no such release");
    return release;
}

static void show(const struct updraft_view *view, const struct updraft_request *request,
                 struct updraft_response *response)
{
    const struct updraft_release *release = find(view, request, response);
    struct updraft_json json;

    if (release == NULL)
        return;
    updraft_json_init(&json);
    updraft_json_open(&json, NULL, '{');
    updraft_object_release(&json, "release", view->fleet, release);
    updraft_json_close(&json, '}');
    updraft_response_json(response, 200, &json);
}

void updraft_releases_withdraw(const struct updraft_view *view,
                               const struct updraft_request *request, struct updraft_plan *plan,
                               struct updraft_response *response)
{
    const struct updraft_release *release = find(view, request, response);

    if (release == NULL)
        return;
    updraft_plan_about(plan, "%s %s", release->product->row.name, release->row.version);
    if (!may_go(view->fleet, release, response))
        return;
    for (size_t i = 0; i < release->image_count; i++) {
        if (release->images[i].withdrawn_ms != 0)
            continue;
        struct updraft_change *change = updraft_plan_add(plan, UPDRAFT_CHANGE_IMAGE);
        change->row.image = release->images[i];
        change->row.image.withdrawn_ms = view->now_ms;
    }
    plan->key = UPDRAFT_PLAN_KEY_CATALOGUE;
    response->status = 200;
    if (plan->count == 0)
        show(view, request, response);
    else
        response->after_commit = show;
}
