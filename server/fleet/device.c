#include "server/fleet/device.h"

#include "format/error.h"
#include "server/memory.h"

#include <stdlib.h>
#include <string.h>

/* --- devices --- */

struct updraft_device *updraft_device_new(struct updraft_slab *slab, const char *id)
{
    size_t len = strlen(id);
    struct updraft_device *device =
        updraft_slab_take(slab, offsetof(struct updraft_device, id) + len + 1);

    memcpy(device->id, id, len + 1);
    device->name = device->product = device->channel = device->version = device->slot =
        updraft_intern_empty;
    return device;
}

static const struct updraft_device_more nothing = {
    .board = updraft_intern_empty,
    .layout = updraft_intern_empty,
    .name = updraft_intern_empty,
    .group = updraft_intern_empty,
    .tags = updraft_intern_empty,
    .attributes = updraft_intern_empty,
    .channel = updraft_intern_empty,
};

const struct updraft_device_more *updraft_device_more(const struct updraft_device *device)
{
    return device->more == NULL ? &nothing : device->more;
}

static struct updraft_device_more *more_of(struct updraft_device *device)
{
    if (device->more == NULL) {
        device->more = updraft_memory_new(sizeof *device->more);
        *device->more = nothing;
    }
    return device->more;
}

const char *updraft_device_name(const struct updraft_device *device)
{
    const char *given = updraft_device_more(device)->name;

    return given[0] != '\0' ? given : device->name;
}

const char *updraft_device_channel(const struct updraft_device *device)
{
    const char *assigned = updraft_device_more(device)->channel;

    return assigned[0] != '\0' ? assigned : device->channel;
}

void updraft_device_set_labels(struct updraft_device *device, struct updraft_intern *intern,
                               const struct updraft_labels_row *row)
{
    struct updraft_device_more *more = more_of(device);

    updraft_intern_set(intern, &more->name, row->name);
    updraft_intern_set(intern, &more->group, row->group);
    updraft_intern_set(intern, &more->tags, row->tags);
    updraft_intern_set(intern, &more->attributes, row->attributes);
    updraft_intern_set(intern, &more->channel, row->channel);
    more->retry_ms = row->retry_ms;
}

void updraft_device_labels(const struct updraft_device *device, struct updraft_labels_row *row)
{
    const struct updraft_device_more *more = updraft_device_more(device);

    memset(row, 0, sizeof *row);
    updraft_name_set(row->device, sizeof row->device, device->id);
    updraft_name_set(row->name, sizeof row->name, more->name);
    updraft_name_set(row->group, sizeof row->group, more->group);
    updraft_name_set(row->tags, sizeof row->tags, more->tags);
    updraft_name_set(row->attributes, sizeof row->attributes, more->attributes);
    updraft_name_set(row->channel, sizeof row->channel, more->channel);
    row->retry_ms = more->retry_ms;
}

void updraft_device_clear(struct updraft_device *device)
{
    free(device->more);
    device->more = NULL;
}

void updraft_device_set(struct updraft_device *device, struct updraft_intern *intern,
                        const struct updraft_device_row *row)
{
    updraft_intern_set(intern, &device->name, row->name);
    updraft_intern_set(intern, &device->product, row->product);
    updraft_intern_set(intern, &device->channel, row->channel);
    updraft_intern_set(intern, &device->version, row->version);
    updraft_intern_set(intern, &device->slot, row->slot);
    if (device->more != NULL || row->board[0] != '\0' || row->layout[0] != '\0') {
        updraft_intern_set(intern, &more_of(device)->board, row->board);
        updraft_intern_set(intern, &more_of(device)->layout, row->layout);
    }
    device->address = updraft_address_parse(row->address);
    device->chip = row->chip;
    device->reports = row->reports;
    device->confirmed = row->confirmed;
    device->trial = row->trial;
    if (device->last_seen_ms < row->last_seen_ms)
        device->last_seen_ms = row->last_seen_ms;
}

void updraft_device_row(const struct updraft_device *device, struct updraft_device_row *row)
{
    memset(row, 0, sizeof *row);
    updraft_name_set(row->id, sizeof row->id, device->id);
    updraft_name_set(row->name, sizeof row->name, device->name);
    updraft_name_set(row->product, sizeof row->product, device->product);
    updraft_name_set(row->channel, sizeof row->channel, device->channel);
    updraft_name_set(row->version, sizeof row->version, device->version);
    updraft_name_set(row->slot, sizeof row->slot, device->slot);
    updraft_address_show(&device->address, row->address);
    updraft_name_set(row->board, sizeof row->board, updraft_device_more(device)->board);
    updraft_name_set(row->layout, sizeof row->layout, updraft_device_more(device)->layout);
    row->chip = device->chip;
    row->reports = device->reports;
    row->confirmed = device->confirmed;
    row->trial = device->trial;
    row->last_seen_ms = device->last_seen_ms;
}

enum updraft_attempt_state updraft_device_standing(const struct updraft_device *device)
{
    if (device->newest != NULL && device->newest->state != UPDRAFT_ATTEMPT_CONFIRMED)
        return device->newest->state;
    if (device->trial)
        return UPDRAFT_ATTEMPT_TRIAL;
    return device->confirmed ? UPDRAFT_ATTEMPT_CONFIRMED : UPDRAFT_ATTEMPT_NONE;
}

const char *updraft_standing_name(enum updraft_attempt_state standing)
{
    return standing == UPDRAFT_ATTEMPT_NONE ? "seen" : updraft_attempt_state_name(standing);
}

const struct updraft_attempt *updraft_device_find_attempt(const struct updraft_device *device,
                                                          const char *product, const char *to)
{
    const struct updraft_attempt *attempt = device->newest;

    while (attempt != NULL &&
           (strcmp(attempt->to, to) != 0 || strcmp(attempt->product, product) != 0))
        attempt = attempt->older;
    return attempt;
}

/* --- attempts --- */

struct updraft_attempt *updraft_attempt_new(struct updraft_slab *slab,
                                            struct updraft_device *device, int64_t id)
{
    struct updraft_attempt *attempt = updraft_slab_take(slab, sizeof *attempt);

    attempt->device = device;
    attempt->id = id;
    attempt->product = attempt->from = attempt->to = updraft_intern_empty;
    return attempt;
}

static struct updraft_attempt_failure *failure_of(struct updraft_attempt *attempt)
{
    if (attempt->failure == NULL) {
        attempt->failure = updraft_memory_new(sizeof *attempt->failure);
        attempt->failure->name = attempt->failure->text = updraft_intern_empty;
    }
    return attempt->failure;
}

static void set_error(struct updraft_attempt *attempt, struct updraft_intern *intern,
                      const struct updraft_attempt_row *row)
{
    if (attempt->failure == NULL && row->error_code == UPDRAFT_OK)
        return;
    struct updraft_attempt_failure *failure = failure_of(attempt);

    failure->code = row->error_code;
    updraft_intern_set(intern, &failure->name, row->error_name);
    updraft_intern_set(intern, &failure->text, row->error_text);
}

void updraft_attempt_clear(struct updraft_attempt *attempt, struct updraft_intern *intern)
{
    if (attempt->failure != NULL) {
        updraft_intern_drop(intern, attempt->failure->name);
        updraft_intern_drop(intern, attempt->failure->text);
        free(attempt->failure->log);
        free(attempt->failure);
    }
    updraft_intern_drop(intern, attempt->product);
    updraft_intern_drop(intern, attempt->from);
    updraft_intern_drop(intern, attempt->to);
}

void updraft_attempt_set(struct updraft_attempt *attempt, struct updraft_intern *intern,
                         const struct updraft_attempt_row *row)
{
    updraft_intern_set(intern, &attempt->product, row->product);
    updraft_intern_set(intern, &attempt->from, row->from);
    updraft_intern_set(intern, &attempt->to, row->to);
    set_error(attempt, intern, row);
    attempt->rollout_id = row->rollout_id;
    attempt->via = row->via;
    attempt->state = row->state;
    attempt->progress = row->progress;
    attempt->started_ms = row->started_ms;
    attempt->updated_ms = row->updated_ms;
}

void updraft_attempt_set_log(struct updraft_attempt *attempt, const char *log)
{
    struct updraft_attempt_failure *failure = failure_of(attempt);

    free(failure->log);
    failure->log = updraft_memory_copy(log, strlen(log));
}

void updraft_attempt_row(const struct updraft_attempt *attempt, struct updraft_attempt_row *row)
{
    memset(row, 0, sizeof *row);
    row->id = attempt->id;
    updraft_name_set(row->device, sizeof row->device, attempt->device->id);
    updraft_name_set(row->product, sizeof row->product, attempt->product);
    updraft_name_set(row->from, sizeof row->from, attempt->from);
    updraft_name_set(row->to, sizeof row->to, attempt->to);
    row->rollout_id = attempt->rollout_id;
    row->via = attempt->via;
    row->state = attempt->state;
    row->progress = attempt->progress;
    row->started_ms = attempt->started_ms;
    row->updated_ms = attempt->updated_ms;
    if (attempt->failure != NULL) {
        row->error_code = attempt->failure->code;
        updraft_name_set(row->error_name, sizeof row->error_name, attempt->failure->name);
        updraft_name_set(row->error_text, sizeof row->error_text, attempt->failure->text);
    }
}

uint32_t updraft_attempt_error_code(const struct updraft_attempt *attempt)
{
    return attempt->failure == NULL ? (uint32_t)UPDRAFT_OK : attempt->failure->code;
}

const char *updraft_attempt_log(const struct updraft_attempt *attempt)
{
    return attempt->failure == NULL ? NULL : attempt->failure->log;
}
