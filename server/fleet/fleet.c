#include "server/fleet/fleet.h"

#include "format/assert.h"
#include "format/chip.h"
#include "format/package.h"
#include "server/memory.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

void updraft_fleet_init(struct updraft_fleet *fleet, int64_t now_ms)
{
    memset(fleet, 0, sizeof *fleet);
    UPDRAFT_ASSERT(pthread_mutex_init(&fleet->lock, NULL) == 0);
    updraft_hash_key_make(&fleet->key);
    updraft_table_init(&fleet->by_id);
    fleet->memo = updraft_memory_new(sizeof *fleet->memo);
    updraft_intern_init(&fleet->texts);
    updraft_tally_init(&fleet->tally);
    /* Memory that is not written to costs nothing. */
    fleet->audit = updraft_memory_new(UPDRAFT_AUDIT_CAP * sizeof *fleet->audit);
    /* A thousand numbers a millisecond: more than can happen, and exact in JavaScript. */
    fleet->generation = (uint64_t)now_ms * 1000;
    fleet->started_ms = now_ms;
}

void updraft_fleet_breathe(const struct updraft_fleet *fleet)
{
    /* The lock is no part of what the caller promises not to change. */
    pthread_mutex_t *lock = (pthread_mutex_t *)&fleet->lock;

    pthread_mutex_unlock(lock);
    sched_yield();
    pthread_mutex_lock(lock);
}

void updraft_fleet_begin_run(struct updraft_fleet *fleet)
{
    memset(fleet->ended, 0, sizeof fleet->ended);
}

static void free_all(void *objects, size_t count)
{
    void **at = objects;

    for (size_t i = 0; i < count; i++)
        free(at[i]);
    free(objects);
}

void updraft_fleet_deinit(struct updraft_fleet *fleet)
{
    for (size_t i = 0; i < fleet->release_count; i++)
        free(fleet->releases[i]->images);
    for (size_t i = 0; i < fleet->product_count; i++)
        free(fleet->products[i]->boards);
    free_all(fleet->products, fleet->product_count);
    free_all(fleet->releases, fleet->release_count);
    free_all(fleet->channels, fleet->channel_count);
    for (size_t i = 0; i < fleet->rollout_count; i++)
        updraft_rollout_free(fleet->rollouts[i]);
    free(fleet->rollouts);
    for (size_t i = 0; i < fleet->attempt_count; i++)
        updraft_attempt_clear(fleet->attempts[i], &fleet->texts);
    free(fleet->attempts);
    for (size_t i = 0; i < fleet->device_count; i++)
        updraft_device_clear(fleet->devices[i]);
    free(fleet->devices);
    free(fleet->tokens);
    free(fleet->audit);
    free(fleet->touched);
    updraft_history_deinit(&fleet->history);
    updraft_webhook_free_all(fleet);
    updraft_tally_deinit(&fleet->tally);
    updraft_table_deinit(&fleet->by_id);
    free(fleet->memo);
    updraft_slab_deinit(&fleet->device_slab);
    updraft_slab_deinit(&fleet->attempt_slab);
    updraft_intern_deinit(&fleet->texts);
    pthread_mutex_destroy(&fleet->lock);
}

/* --- finding --- */

struct updraft_product *updraft_fleet_find_product(const struct updraft_fleet *fleet,
                                                   const char *name)
{
    for (size_t i = 0; i < fleet->product_count; i++) {
        if (strcmp(fleet->products[i]->row.name, name) == 0)
            return fleet->products[i];
    }
    return NULL;
}

struct updraft_product *updraft_fleet_product_by_id(const struct updraft_fleet *fleet, int64_t id)
{
    for (size_t i = 0; i < fleet->product_count; i++) {
        if (fleet->products[i]->row.id == id)
            return fleet->products[i];
    }
    return NULL;
}

struct updraft_release *updraft_fleet_release_by_id(const struct updraft_fleet *fleet, int64_t id)
{
    for (size_t i = 0; i < fleet->release_count; i++) {
        if (fleet->releases[i]->row.id == id)
            return fleet->releases[i];
    }
    return NULL;
}

struct updraft_release *updraft_fleet_find_release(const struct updraft_fleet *fleet,
                                                   int64_t product_id, const char *version)
{
    for (size_t i = 0; i < fleet->release_count; i++) {
        struct updraft_release *release = fleet->releases[i];
        if (release->row.product_id == product_id && strcmp(release->row.version, version) == 0)
            return release;
    }
    return NULL;
}

struct updraft_channel *updraft_fleet_find_channel(const struct updraft_fleet *fleet,
                                                   int64_t product_id, const char *name)
{
    for (size_t i = 0; i < fleet->channel_count; i++) {
        struct updraft_channel *channel = fleet->channels[i];
        if (channel->row.product_id == product_id && strcmp(channel->row.name, name) == 0)
            return channel;
    }
    return NULL;
}

struct updraft_device *updraft_fleet_find_device(const struct updraft_fleet *fleet, const char *id)
{
    struct updraft_device **recent = &fleet->memo->device;

    if (*recent != NULL && strcmp((*recent)->id, id) == 0)
        return *recent;
    struct updraft_node *node =
        updraft_table_first(&fleet->by_id, updraft_hash(&fleet->key, id, strlen(id)));

    while (node != NULL && strcmp(((struct updraft_device *)node)->id, id) != 0)
        node = updraft_table_next(node);
    struct updraft_device *device = (struct updraft_device *)node;
    if (device == NULL)
        return NULL;
    /* Whoever asks for a device looks at its newest attempt next, and both are seldom in a cache. */
    __builtin_prefetch(device->newest);
    *recent = device;
    return device;
}

const struct updraft_image_row *updraft_fleet_find_image(const struct updraft_fleet *fleet,
                                                         const uint8_t sha256[UPDRAFT_SHA256_LEN],
                                                         const struct updraft_release **release)
{
    /* Newest first: that is the one the fleet asks for. */
    for (size_t i = fleet->release_count; i-- > 0;) {
        const struct updraft_release *candidate = fleet->releases[i];
        for (size_t k = 0; k < candidate->image_count; k++) {
            if (candidate->images[k].withdrawn_ms == 0 &&
                memcmp(candidate->images[k].sha256, sha256, UPDRAFT_SHA256_LEN) == 0) {
                *release = candidate;
                return &candidate->images[k];
            }
        }
    }
    return NULL;
}

const struct updraft_image_row *updraft_release_image_for(const struct updraft_release *release,
                                                          uint16_t chip, const char *board)
{
    const struct updraft_image_row *image = chip == UPDRAFT_CHIP_UNKNOWN || board[0] == '\0'
                                                ? NULL
                                                : updraft_release_find_image(release, chip, board);

    if (image != NULL)
        return image;
    if (chip != UPDRAFT_CHIP_UNKNOWN)
        return updraft_release_find_image(release, chip, "");
    /* A package is never meant by a device that does not name its chip. */
    return release->image_count == 1 && updraft_package_by_id(release->images[0].chip) == NULL
               ? &release->images[0]
               : NULL;
}

const struct updraft_image_row *updraft_release_find_image(const struct updraft_release *release,
                                                           uint16_t chip, const char *board)
{
    for (size_t i = 0; i < release->image_count; i++) {
        if (release->images[i].chip == chip && strcmp(release->images[i].board, board) == 0)
            return &release->images[i];
    }
    return NULL;
}

bool updraft_release_lacks_image(const struct updraft_release *release,
                                 const struct updraft_image_row *but)
{
    for (size_t i = 0; i < release->image_count; i++) {
        if (release->images[i].withdrawn_ms != 0 && &release->images[i] != but)
            return true;
    }
    return false;
}

const struct updraft_board_row *updraft_product_find_board(const struct updraft_product *product,
                                                           const char *name)
{
    for (size_t i = 0; i < product->board_count; i++) {
        if (strcmp(product->boards[i].name, name) == 0)
            return &product->boards[i];
    }
    return NULL;
}

const char *updraft_release_layout(const struct updraft_release *release,
                                   const struct updraft_image_row *image, const char *board)
{
    const struct updraft_board_row *found = updraft_product_find_board(
        release->product, image->board[0] != '\0' ? image->board : board);

    return found == NULL ? "" : found->layout;
}

/* Number of attempts with a smaller id. */
static size_t attempts_before(const struct updraft_fleet *fleet, int64_t id)
{
    size_t low = 0, high = fleet->attempt_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (fleet->attempts[middle]->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct updraft_attempt *updraft_fleet_find_attempt(const struct updraft_fleet *fleet, int64_t id)
{
    /* Most of those that are asked for are new. */
    if (fleet->attempt_count == 0 || id > fleet->attempts[fleet->attempt_count - 1]->id)
        return NULL;
    size_t at = attempts_before(fleet, id);

    if (at == fleet->attempt_count || fleet->attempts[at]->id != id || fleet->attempts[at]->gone)
        return NULL;
    return fleet->attempts[at];
}

const struct updraft_attempt *updraft_fleet_attempt_before(const struct updraft_fleet *fleet,
                                                           int64_t id)
{
    size_t count = id == 0 ? fleet->attempt_count : attempts_before(fleet, id);

    while (count > 0 && fleet->attempts[count - 1]->gone)
        count--;
    return count == 0 ? NULL : fleet->attempts[count - 1];
}

const struct updraft_token_row *updraft_fleet_find_token(const struct updraft_fleet *fleet,
                                                         const char *name)
{
    for (size_t i = 0; i < fleet->token_count; i++) {
        if (strcmp(fleet->tokens[i].name, name) == 0)
            return &fleet->tokens[i];
    }
    return NULL;
}

const struct updraft_audit_row *updraft_fleet_find_audit(const struct updraft_fleet *fleet,
                                                         int64_t id)
{
    const struct updraft_audit_row *row = &fleet->audit[id > 0 ? id % UPDRAFT_AUDIT_CAP : 0];

    return id > 0 && row->id == id ? row : NULL;
}

int64_t updraft_fleet_next_product_id(const struct updraft_fleet *fleet)
{
    return fleet->product_count == 0 ? 1 : fleet->products[fleet->product_count - 1]->row.id + 1;
}

int64_t updraft_fleet_next_release_id(const struct updraft_fleet *fleet)
{
    return fleet->release_count == 0 ? 1 : fleet->releases[fleet->release_count - 1]->row.id + 1;
}

int64_t updraft_fleet_next_attempt_id(const struct updraft_fleet *fleet)
{
    return fleet->attempt_count == 0 ? 1 : fleet->attempts[fleet->attempt_count - 1]->id + 1;
}

int64_t updraft_fleet_next_token_id(const struct updraft_fleet *fleet)
{
    int64_t most = UPDRAFT_TOKEN_FIRST_ID;

    for (size_t i = 0; i < fleet->token_count; i++)
        most = fleet->tokens[i].id > most ? fleet->tokens[i].id : most;
    return most + 1;
}
