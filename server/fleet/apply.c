/* How the fleet changes (fleet.h): committed changes, and what is only seen and written behind. */
#include "server/fleet/fleet.h"

#include "format/assert.h"
#include "server/memory.h"

#include <stdlib.h>
#include <string.h>

static void apply_product(struct updraft_fleet *fleet, const struct updraft_product_row *row)
{
    struct updraft_product *product = updraft_fleet_product_by_id(fleet, row->id);

    if (product == NULL) {
        product = updraft_memory_new(sizeof *product);
        UPDRAFT_MEMORY_RESERVE(fleet->products, fleet->product_count, fleet->product_cap);
        fleet->products[fleet->product_count++] = product;
    }
    product->row = *row;
}

static void apply_release(struct updraft_fleet *fleet, const struct updraft_release_row *row)
{
    struct updraft_release *release = updraft_fleet_release_by_id(fleet, row->id);

    if (release == NULL) {
        release = updraft_memory_new(sizeof *release);
        release->product = updraft_fleet_product_by_id(fleet, row->product_id);
        UPDRAFT_ASSERT(release->product != NULL);
        UPDRAFT_MEMORY_RESERVE(fleet->releases, fleet->release_count, fleet->release_cap);
        fleet->releases[fleet->release_count++] = release;
    }
    release->row = *row;
}

static int compare_images(const struct updraft_image_row *a, const struct updraft_image_row *b)
{
    return a->chip != b->chip ? (int)a->chip - (int)b->chip : strcmp(a->board, b->board);
}

static void apply_image(struct updraft_fleet *fleet, const struct updraft_image_row *row)
{
    struct updraft_release *release = updraft_fleet_release_by_id(fleet, row->release_id);
    size_t at = 0;

    UPDRAFT_ASSERT(release != NULL);
    while (at < release->image_count && compare_images(&release->images[at], row) < 0)
        at++;
    if (at == release->image_count || compare_images(&release->images[at], row) != 0) {
        UPDRAFT_MEMORY_RESERVE(release->images, release->image_count, release->image_cap);
        memmove(&release->images[at + 1], &release->images[at],
                (release->image_count - at) * sizeof *release->images);
        release->image_count++;
    }
    release->images[at] = *row;
}

static bool channel_before(const struct updraft_channel_row *a, const struct updraft_channel_row *b)
{
    if (a->product_id != b->product_id)
        return a->product_id < b->product_id;
    return strcmp(a->name, b->name) < 0;
}

static void insert_channel(struct updraft_fleet *fleet, struct updraft_channel *channel)
{
    size_t at = 0;

    UPDRAFT_MEMORY_RESERVE(fleet->channels, fleet->channel_count, fleet->channel_cap);
    while (at < fleet->channel_count && channel_before(&fleet->channels[at]->row, &channel->row))
        at++;
    memmove(&fleet->channels[at + 1], &fleet->channels[at],
            (fleet->channel_count - at) * sizeof(struct updraft_channel *));
    fleet->channels[at] = channel;
    fleet->channel_count++;
}

static void apply_channel(struct updraft_fleet *fleet, const struct updraft_channel_row *row)
{
    struct updraft_channel *channel = updraft_fleet_find_channel(fleet, row->product_id, row->name);

    if (channel == NULL) {
        channel = updraft_memory_new(sizeof *channel);
        channel->product = updraft_fleet_product_by_id(fleet, row->product_id);
        UPDRAFT_ASSERT(channel->product != NULL);
        channel->row = *row;
        insert_channel(fleet, channel);
    }
    channel->row = *row;
    channel->release = updraft_fleet_release_by_id(fleet, row->release_id);
    UPDRAFT_ASSERT(channel->release != NULL);
}

static void apply_board(struct updraft_fleet *fleet, const struct updraft_board_row *row)
{
    struct updraft_product *product = updraft_fleet_product_by_id(fleet, row->product_id);
    size_t at = 0;

    UPDRAFT_ASSERT(product != NULL);
    while (at < product->board_count && strcmp(product->boards[at].name, row->name) < 0)
        at++;
    if (at == product->board_count || strcmp(product->boards[at].name, row->name) != 0) {
        UPDRAFT_MEMORY_RESERVE(product->boards, product->board_count, product->board_cap);
        memmove(&product->boards[at + 1], &product->boards[at],
                (product->board_count - at) * sizeof *product->boards);
        product->board_count++;
    }
    product->boards[at] = *row;
}

static void apply_labels(struct updraft_fleet *fleet, const struct updraft_labels_row *row)
{
    struct updraft_device *device = updraft_fleet_find_device(fleet, row->device);

    UPDRAFT_ASSERT(device != NULL);
    updraft_device_set_labels(device, &fleet->texts, row);
}

static struct updraft_device *add_device(struct updraft_fleet *fleet, const char *id)
{
    struct updraft_device *device = updraft_device_new(&fleet->device_slab, id);

    UPDRAFT_MEMORY_RESERVE(fleet->devices, fleet->device_count, fleet->device_cap);
    fleet->devices[fleet->device_count++] = device;
    updraft_table_add(&fleet->by_id, &device->node, updraft_hash(&fleet->key, id, strlen(id)));
    return device;
}

static void apply_device(struct updraft_fleet *fleet, const struct updraft_device_row *row)
{
    struct updraft_device *device = updraft_fleet_find_device(fleet, row->id);

    if (device == NULL)
        device = add_device(fleet, row->id);
    else
        updraft_tally_take(&fleet->tally, device);
    int64_t seen_ms = device->last_seen_ms;
    updraft_device_set(device, &fleet->texts, row);
    updraft_tally_see(&fleet->tally, seen_ms, device->last_seen_ms);
    updraft_tally_put(&fleet->tally, device);
}

static struct updraft_attempt *add_attempt(struct updraft_fleet *fleet,
                                           struct updraft_device *device, int64_t id)
{
    struct updraft_attempt *attempt = updraft_attempt_new(&fleet->attempt_slab, device, id);

    UPDRAFT_ASSERT(id >= updraft_fleet_next_attempt_id(fleet));
    attempt->older = device->newest;
    device->newest = attempt;
    UPDRAFT_MEMORY_RESERVE(fleet->attempts, fleet->attempt_count, fleet->attempt_cap);
    fleet->attempts[fleet->attempt_count++] = attempt;
    return attempt;
}

static void apply_attempt(struct updraft_fleet *fleet, const struct updraft_attempt_row *row)
{
    struct updraft_attempt *attempt = updraft_fleet_find_attempt(fleet, row->id);
    struct updraft_device *device =
        attempt == NULL ? updraft_fleet_find_device(fleet, row->device) : attempt->device;

    const bool is_new = attempt == NULL;

    UPDRAFT_ASSERT(device != NULL);
    updraft_tally_take(&fleet->tally, device);
    if (is_new)
        attempt = add_attempt(fleet, device, row->id);
    /* Servers of one fleet are added up: each counts its own. */
    if (!fleet->foreign && attempt->state != row->state && !updraft_attempt_active(row->state))
        fleet->ended[row->state]++;
    const bool joins = attempt->rollout_id != row->rollout_id;
    updraft_attempt_set(attempt, &fleet->texts, row);
    updraft_tally_put(&fleet->tally, device);
    struct updraft_rollout *rollout =
        row->rollout_id == 0 ? NULL : updraft_fleet_find_rollout(fleet, row->rollout_id);
    if (rollout == NULL)
        return;
    rollout->stirred++;
    if (joins) /* it may have begun as the offer of something else */
        updraft_rollout_note_begin(rollout, is_new ? row->started_ms : row->updated_ms);
}

/* Half of the array at a time, so that a single attempt costs next to nothing. */
static void sweep_attempts(struct updraft_fleet *fleet)
{
    size_t kept = 0;

    if (fleet->attempts_gone * 2 < fleet->attempt_count)
        return;
    for (size_t i = 0; i < fleet->attempt_count; i++) {
        if (!fleet->attempts[i]->gone) {
            fleet->attempts[kept++] = fleet->attempts[i];
            continue;
        }
        updraft_attempt_clear(fleet->attempts[i], &fleet->texts);
        updraft_slab_give_back(&fleet->attempt_slab, fleet->attempts[i]);
    }
    fleet->attempt_count = kept;
    fleet->attempts_gone = 0;
}

static void apply_attempt_end(struct updraft_fleet *fleet, const struct updraft_attempt_row *row)
{
    struct updraft_device *device = updraft_fleet_find_device(fleet, row->device);
    struct updraft_attempt **at = device == NULL ? NULL : &device->newest;

    while (at != NULL && *at != NULL && (*at)->id != row->id)
        at = &(*at)->older;
    if (at == NULL || *at == NULL)
        return;
    struct updraft_attempt *attempt = *at;
    updraft_tally_take(&fleet->tally, device);
    *at = attempt->older;
    updraft_tally_put(&fleet->tally, device);
    attempt->gone = true;
    fleet->attempts_gone++;
    sweep_attempts(fleet);
}

static void apply_log(struct updraft_fleet *fleet, const struct updraft_log_row *row)
{
    struct updraft_attempt *attempt = updraft_fleet_find_attempt(fleet, row->attempt_id);

    UPDRAFT_ASSERT(attempt != NULL);
    updraft_attempt_set_log(attempt, row->text);
}

static void apply_token(struct updraft_fleet *fleet, const struct updraft_token_row *row)
{
    size_t at = 0;

    while (at < fleet->token_count && fleet->tokens[at].id != row->id)
        at++;
    if (at == fleet->token_count) {
        UPDRAFT_MEMORY_RESERVE(fleet->tokens, fleet->token_count, fleet->token_cap);
        fleet->token_count++;
    }
    fleet->tokens[at] = *row;
}

static void apply_token_end(struct updraft_fleet *fleet, int64_t id)
{
    size_t at = 0;

    while (at < fleet->token_count && fleet->tokens[at].id != id)
        at++;
    if (at == fleet->token_count)
        return;
    fleet->token_count--;
    memmove(&fleet->tokens[at], &fleet->tokens[at + 1],
            (fleet->token_count - at) * sizeof *fleet->tokens);
}

static void apply_audit(struct updraft_fleet *fleet, const struct updraft_audit_row *row)
{
    fleet->audit[row->id % UPDRAFT_AUDIT_CAP] = *row;
    if (fleet->audit_newest_id < row->id)
        fleet->audit_newest_id = row->id;
}

void updraft_fleet_apply(struct updraft_fleet *fleet, const struct updraft_change *change)
{
    fleet->generation += change->kind != UPDRAFT_CHANGE_TOUCH;
    if (fleet->watch != NULL)
        fleet->watch(fleet->watch_ctx, fleet, change);
    switch (change->kind) {
    case UPDRAFT_CHANGE_PRODUCT:
        apply_product(fleet, &change->row.product);
        break;
    case UPDRAFT_CHANGE_RELEASE:
        apply_release(fleet, &change->row.release);
        break;
    case UPDRAFT_CHANGE_IMAGE:
        apply_image(fleet, &change->row.image);
        break;
    case UPDRAFT_CHANGE_CHANNEL:
        apply_channel(fleet, &change->row.channel);
        break;
    case UPDRAFT_CHANGE_ROLLOUT:
        updraft_rollout_apply(fleet, &change->row.rollout);
        break;
    case UPDRAFT_CHANGE_BOARD:
        apply_board(fleet, &change->row.board);
        break;
    case UPDRAFT_CHANGE_LABELS:
        apply_labels(fleet, &change->row.labels);
        break;
    case UPDRAFT_CHANGE_DEVICE:
        apply_device(fleet, &change->row.device);
        break;
    case UPDRAFT_CHANGE_ATTEMPT:
        apply_attempt(fleet, &change->row.attempt);
        break;
    case UPDRAFT_CHANGE_TOUCH: /* came from memory: it is here already */
        break;
    case UPDRAFT_CHANGE_TOKEN:
        apply_token(fleet, &change->row.token);
        break;
    case UPDRAFT_CHANGE_LOG:
        apply_log(fleet, &change->row.log);
        break;
    case UPDRAFT_CHANGE_TOKEN_END:
        apply_token_end(fleet, change->row.token.id);
        break;
    case UPDRAFT_CHANGE_ATTEMPT_END:
        apply_attempt_end(fleet, &change->row.attempt);
        break;
    case UPDRAFT_CHANGE_AUDIT:
        apply_audit(fleet, &change->row.audit);
        break;
    case UPDRAFT_CHANGE_WEBHOOK:
        updraft_webhook_apply(fleet, &change->row.webhook);
        break;
    case UPDRAFT_CHANGE_WEBHOOK_END:
        updraft_webhook_end(fleet, &change->row.webhook);
        break;
    case UPDRAFT_CHANGE_HISTORY:
        updraft_history_apply(fleet, &change->row.history);
        break;
    case UPDRAFT_CHANGE_HISTORY_END:
        updraft_history_end(fleet, &change->row.history);
        break;
    }
}

/* --- what is written behind --- */

static void grow_touched(struct updraft_fleet *fleet)
{
    size_t cap = fleet->touched_cap == 0 ? 1024 : fleet->touched_cap * 2;
    struct updraft_device **ring = updraft_memory_new(cap * sizeof(struct updraft_device *));

    for (size_t i = 0; i < fleet->touched_count; i++)
        ring[i] = fleet->touched[(fleet->touched_first + i) & (fleet->touched_cap - 1)];
    free(fleet->touched);
    fleet->touched = ring;
    fleet->touched_first = 0;
    fleet->touched_cap = cap;
}

static void mark_touched(struct updraft_fleet *fleet, struct updraft_device *device)
{
    if (device->touched)
        return;
    device->touched = true;
    if (fleet->touched_count == fleet->touched_cap)
        grow_touched(fleet);
    fleet->touched[(fleet->touched_first + fleet->touched_count++) & (fleet->touched_cap - 1)] =
        device;
}

void updraft_fleet_touch(struct updraft_fleet *fleet, const struct updraft_sight *sight)
{
    struct updraft_device *device = updraft_fleet_find_device(fleet, sight->device);

    if (device == NULL)
        return;
    fleet->generation++;
    if (device->last_seen_ms < sight->now_ms) {
        updraft_tally_see(&fleet->tally, device->last_seen_ms, sight->now_ms);
        device->last_seen_ms = sight->now_ms;
    }
    device->address = updraft_address_parse(sight->address);
    struct updraft_attempt *attempt = device->newest;
    if (sight->progress != UPDRAFT_NO_PROGRESS && attempt != NULL &&
        attempt->state == UPDRAFT_ATTEMPT_DOWNLOADING) {
        attempt->progress = sight->progress;
        if (attempt->updated_ms < sight->now_ms)
            attempt->updated_ms = sight->now_ms;
    }
    mark_touched(fleet, device);
}

void updraft_fleet_note_sent(struct updraft_fleet *fleet, const char *id)
{
    struct updraft_device *device = updraft_fleet_find_device(fleet, id);

    if (device == NULL || device->newest == NULL ||
        device->newest->state != UPDRAFT_ATTEMPT_DOWNLOADING)
        return;
    device->newest->progress = 100;
    fleet->generation++;
    mark_touched(fleet, device);
}

bool updraft_fleet_take_touched(struct updraft_fleet *fleet, struct updraft_change *change)
{
    if (fleet->touched_count == 0)
        return false;
    struct updraft_device *device = fleet->touched[fleet->touched_first];
    struct updraft_touch_row *row = &change->row.touch;

    fleet->touched_first = (fleet->touched_first + 1) & (fleet->touched_cap - 1);
    fleet->touched_count--;
    device->touched = false;
    change->kind = UPDRAFT_CHANGE_TOUCH;
    updraft_name_set(row->device, sizeof row->device, device->id);
    updraft_address_show(&device->address, row->address);
    row->last_seen_ms = device->last_seen_ms;
    row->attempt_id = row->attempt_updated_ms = 0;
    row->progress = UPDRAFT_NO_PROGRESS;
    if (device->newest != NULL && device->newest->state == UPDRAFT_ATTEMPT_DOWNLOADING) {
        row->attempt_id = device->newest->id;
        row->attempt_updated_ms = device->newest->updated_ms;
        row->progress = device->newest->progress;
    }
    return true;
}

void updraft_fleet_untake_touched(struct updraft_fleet *fleet, const char *device)
{
    struct updraft_device *found = updraft_fleet_find_device(fleet, device);

    if (found != NULL)
        mark_touched(fleet, found);
}
