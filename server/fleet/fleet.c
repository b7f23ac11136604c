#include "server/fleet/fleet.h"

#include "format/assert.h"
#include "server/memory.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS_AT_START 1024u

void updraft_fleet_init(struct updraft_fleet *fleet, int64_t now_ms)
{
    memset(fleet, 0, sizeof *fleet);
    UPDRAFT_ASSERT(pthread_mutex_init(&fleet->lock, NULL) == 0);
    fleet->bucket_count = BUCKETS_AT_START;
    fleet->buckets = updraft_memory_new(fleet->bucket_count * sizeof(struct updraft_device *));
    /* Memory that is not written to costs nothing. */
    fleet->audit = updraft_memory_new(UPDRAFT_AUDIT_CAP * sizeof *fleet->audit);
    /* A thousand numbers a millisecond: more than can happen, and exact in JavaScript. */
    fleet->generation = (uint64_t)now_ms * 1000;
    fleet->started_ms = now_ms;
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
    free_all(fleet->products, fleet->product_count);
    free_all(fleet->releases, fleet->release_count);
    free_all(fleet->channels, fleet->channel_count);
    free_all(fleet->devices, fleet->device_count);
    for (size_t i = 0; i < fleet->attempt_count; i++)
        free(fleet->attempts[i]->log);
    free_all(fleet->attempts, fleet->attempt_count);
    free(fleet->tokens);
    free(fleet->audit);
    free(fleet->buckets);
    free(fleet->touched);
    pthread_mutex_destroy(&fleet->lock);
}

static size_t bucket_of(const struct updraft_fleet *fleet, const char *id)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */

    for (; *id != '\0'; id++)
        hash = (hash ^ (unsigned char)*id) * 1099511628211u;
    return (size_t)(hash ^ hash >> 32) & (fleet->bucket_count - 1);
}

static void grow_buckets(struct updraft_fleet *fleet)
{
    free(fleet->buckets);
    fleet->bucket_count *= 2;
    fleet->buckets = updraft_memory_new(fleet->bucket_count * sizeof(struct updraft_device *));
    for (size_t i = 0; i < fleet->device_count; i++) {
        struct updraft_device *device = fleet->devices[i];
        size_t bucket = bucket_of(fleet, device->row.id);
        device->bucket_next = fleet->buckets[bucket];
        fleet->buckets[bucket] = device;
    }
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

static struct updraft_product *product_by_id(const struct updraft_fleet *fleet, int64_t id)
{
    for (size_t i = 0; i < fleet->product_count; i++) {
        if (fleet->products[i]->row.id == id)
            return fleet->products[i];
    }
    return NULL;
}

static struct updraft_release *release_by_id(const struct updraft_fleet *fleet, int64_t id)
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
    struct updraft_device *device = fleet->buckets[bucket_of(fleet, id)];

    while (device != NULL && strcmp(device->row.id, id) != 0)
        device = device->bucket_next;
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
            if (memcmp(candidate->images[k].sha256, sha256, UPDRAFT_SHA256_LEN) == 0) {
                *release = candidate;
                return &candidate->images[k];
            }
        }
    }
    return NULL;
}

const struct updraft_image_row *updraft_release_find_image(const struct updraft_release *release,
                                                           uint16_t chip)
{
    for (size_t i = 0; i < release->image_count; i++) {
        if (release->images[i].chip == chip)
            return &release->images[i];
    }
    return NULL;
}

const struct updraft_attempt *updraft_device_find_attempt(const struct updraft_device *device,
                                                          const char *product, const char *to)
{
    const struct updraft_attempt *attempt = device->newest;

    while (attempt != NULL &&
           (strcmp(attempt->row.to, to) != 0 || strcmp(attempt->row.product, product) != 0))
        attempt = attempt->older;
    return attempt;
}

/* Number of attempts with a smaller id. */
static size_t attempts_before(const struct updraft_fleet *fleet, int64_t id)
{
    size_t low = 0, high = fleet->attempt_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (fleet->attempts[middle]->row.id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct updraft_attempt *attempt_by_id(const struct updraft_fleet *fleet, int64_t id)
{
    size_t at = attempts_before(fleet, id);

    if (at == fleet->attempt_count || fleet->attempts[at]->row.id != id ||
        fleet->attempts[at]->gone)
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
    return fleet->attempt_count == 0 ? 1 : fleet->attempts[fleet->attempt_count - 1]->row.id + 1;
}

int64_t updraft_fleet_next_token_id(const struct updraft_fleet *fleet)
{
    int64_t most = UPDRAFT_TOKEN_FIRST_ID;

    for (size_t i = 0; i < fleet->token_count; i++)
        most = fleet->tokens[i].id > most ? fleet->tokens[i].id : most;
    return most + 1;
}

/* --- applying --- */

static void apply_product(struct updraft_fleet *fleet, const struct updraft_product_row *row)
{
    struct updraft_product *product = product_by_id(fleet, row->id);

    if (product == NULL) {
        product = updraft_memory_new(sizeof *product);
        UPDRAFT_MEMORY_RESERVE(fleet->products, fleet->product_count, fleet->product_cap);
        fleet->products[fleet->product_count++] = product;
    }
    product->row = *row;
}

static void apply_release(struct updraft_fleet *fleet, const struct updraft_release_row *row)
{
    struct updraft_release *release = release_by_id(fleet, row->id);

    if (release == NULL) {
        release = updraft_memory_new(sizeof *release);
        release->product = product_by_id(fleet, row->product_id);
        UPDRAFT_ASSERT(release->product != NULL);
        UPDRAFT_MEMORY_RESERVE(fleet->releases, fleet->release_count, fleet->release_cap);
        fleet->releases[fleet->release_count++] = release;
    }
    release->row = *row;
}

static void apply_image(struct updraft_fleet *fleet, const struct updraft_image_row *row)
{
    struct updraft_release *release = release_by_id(fleet, row->release_id);
    size_t at = 0;

    UPDRAFT_ASSERT(release != NULL);
    while (at < release->image_count && release->images[at].chip < row->chip)
        at++;
    if (at == release->image_count || release->images[at].chip != row->chip) {
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
        channel->product = product_by_id(fleet, row->product_id);
        UPDRAFT_ASSERT(channel->product != NULL);
        channel->row = *row;
        insert_channel(fleet, channel);
    }
    channel->row = *row;
    channel->release = release_by_id(fleet, row->release_id);
    UPDRAFT_ASSERT(channel->release != NULL);
}

static void apply_device(struct updraft_fleet *fleet, const struct updraft_device_row *row)
{
    struct updraft_device *device = updraft_fleet_find_device(fleet, row->id);

    if (device == NULL) {
        if (fleet->device_count == fleet->bucket_count)
            grow_buckets(fleet);
        device = updraft_memory_new(sizeof *device);
        UPDRAFT_MEMORY_RESERVE(fleet->devices, fleet->device_count, fleet->device_cap);
        fleet->devices[fleet->device_count++] = device;
        size_t bucket = bucket_of(fleet, row->id);
        device->bucket_next = fleet->buckets[bucket];
        fleet->buckets[bucket] = device;
    }
    /* The device may have been seen again while this change was on its way to the disk. */
    int64_t seen_ms = device->row.last_seen_ms;
    device->row = *row;
    if (device->row.last_seen_ms < seen_ms)
        device->row.last_seen_ms = seen_ms;
}

static void apply_attempt(struct updraft_fleet *fleet, const struct updraft_attempt_row *row)
{
    struct updraft_attempt *attempt = attempt_by_id(fleet, row->id);

    if (attempt == NULL) {
        struct updraft_device *device = updraft_fleet_find_device(fleet, row->device);
        UPDRAFT_ASSERT(device != NULL);
        UPDRAFT_ASSERT(row->id >= updraft_fleet_next_attempt_id(fleet));
        attempt = updraft_memory_new(sizeof *attempt);
        attempt->older = device->newest;
        device->newest = attempt;
        UPDRAFT_MEMORY_RESERVE(fleet->attempts, fleet->attempt_count, fleet->attempt_cap);
        fleet->attempts[fleet->attempt_count++] = attempt;
    }
    if (attempt->row.state != row->state && !updraft_attempt_active(row->state))
        fleet->ended[row->state]++;
    attempt->row = *row;
}

/* Half of the array at a time, so that a single attempt costs next to nothing. */
static void sweep_attempts(struct updraft_fleet *fleet)
{
    size_t kept = 0;

    if (fleet->attempts_gone * 2 < fleet->attempt_count)
        return;
    for (size_t i = 0; i < fleet->attempt_count; i++) {
        if (fleet->attempts[i]->gone)
            free(fleet->attempts[i]);
        else
            fleet->attempts[kept++] = fleet->attempts[i];
    }
    fleet->attempt_count = kept;
    fleet->attempts_gone = 0;
}

static void apply_attempt_end(struct updraft_fleet *fleet, const struct updraft_attempt_row *row)
{
    struct updraft_device *device = updraft_fleet_find_device(fleet, row->device);
    struct updraft_attempt **at = device == NULL ? NULL : &device->newest;

    while (at != NULL && *at != NULL && (*at)->row.id != row->id)
        at = &(*at)->older;
    if (at == NULL || *at == NULL)
        return;
    struct updraft_attempt *attempt = *at;
    *at = attempt->older;
    free(attempt->log);
    attempt->log = NULL;
    attempt->gone = true;
    fleet->attempts_gone++;
    sweep_attempts(fleet);
}

static void apply_log(struct updraft_fleet *fleet, const struct updraft_log_row *row)
{
    struct updraft_attempt *attempt = attempt_by_id(fleet, row->attempt_id);

    UPDRAFT_ASSERT(attempt != NULL);
    free(attempt->log);
    attempt->log = updraft_memory_copy(row->text, strlen(row->text));
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
    }
}

/* --- what is written behind --- */

static void mark_touched(struct updraft_fleet *fleet, struct updraft_device *device)
{
    if (device->touched)
        return;
    device->touched = true;
    UPDRAFT_MEMORY_RESERVE(fleet->touched, fleet->touched_count, fleet->touched_cap);
    fleet->touched[fleet->touched_count++] = device;
}

void updraft_fleet_touch(struct updraft_fleet *fleet, const struct updraft_sight *sight)
{
    struct updraft_device *device = updraft_fleet_find_device(fleet, sight->device);

    if (device == NULL)
        return;
    fleet->generation++;
    if (device->row.last_seen_ms < sight->now_ms)
        device->row.last_seen_ms = sight->now_ms;
    updraft_name_set(device->row.address, sizeof device->row.address, sight->address);
    struct updraft_attempt *attempt = device->newest;
    if (sight->progress != UPDRAFT_NO_PROGRESS && attempt != NULL &&
        attempt->row.state == UPDRAFT_ATTEMPT_DOWNLOADING) {
        attempt->row.progress = sight->progress;
        if (attempt->row.updated_ms < sight->now_ms)
            attempt->row.updated_ms = sight->now_ms;
    }
    mark_touched(fleet, device);
}

bool updraft_fleet_take_touched(struct updraft_fleet *fleet, struct updraft_change *change)
{
    if (fleet->touched_count == 0)
        return false;
    struct updraft_device *device = fleet->touched[--fleet->touched_count];
    struct updraft_touch_row *row = &change->row.touch;

    device->touched = false;
    change->kind = UPDRAFT_CHANGE_TOUCH;
    memcpy(row->device, device->row.id, sizeof row->device);
    memcpy(row->address, device->row.address, sizeof row->address);
    row->last_seen_ms = device->row.last_seen_ms;
    row->attempt_id = row->attempt_updated_ms = 0;
    row->progress = UPDRAFT_NO_PROGRESS;
    if (device->newest != NULL && device->newest->row.state == UPDRAFT_ATTEMPT_DOWNLOADING) {
        row->attempt_id = device->newest->row.id;
        row->attempt_updated_ms = device->newest->row.updated_ms;
        row->progress = device->newest->row.progress;
    }
    return true;
}

void updraft_fleet_untake_touched(struct updraft_fleet *fleet, const char *device)
{
    struct updraft_device *found = updraft_fleet_find_device(fleet, device);

    if (found != NULL)
        mark_touched(fleet, found);
}
