#include "server/operator_api/objects.h"

#include "format/chip.h"

#include <string.h>

static const char *chip_slug(uint16_t id)
{
    const struct updraft_chip *chip = updraft_chip_by_id(id);
    const struct updraft_package *package = updraft_package_by_id(id);

    return chip != NULL ? chip->slug : package != NULL ? package->slug : "";
}

void updraft_object_product(struct updraft_json *json, const struct updraft_product *product)
{
    updraft_json_open(json, NULL, '{');
    updraft_json_number(json, "id", product->row.id);
    updraft_json_text(json, "name", product->row.name);
    updraft_json_number(json, "created", product->row.created_ms);
    updraft_json_close(json, '}');
}

void updraft_object_image(struct updraft_json *json, const char *key,
                          const struct updraft_image_row *image)
{
    updraft_json_open(json, key, '{');
    updraft_json_text(json, "chip", chip_slug(image->chip));
    updraft_json_hex(json, "sha256", image->sha256, sizeof image->sha256);
    updraft_json_hex(json, "md5", image->md5, sizeof image->md5);
    updraft_json_number(json, "size", image->size);
    updraft_json_text(json, "project", image->project);
    updraft_json_text(json, "idf", image->idf);
    updraft_json_close(json, '}');
}

void updraft_object_release(struct updraft_json *json, const char *key,
                            const struct updraft_fleet *fleet,
                            const struct updraft_release *release)
{
    updraft_json_open(json, key, '{');
    updraft_json_number(json, "id", release->row.id);
    updraft_json_text(json, "product", release->product->row.name);
    updraft_json_text(json, "version", release->row.version);
    updraft_json_text(json, "notes", release->row.notes);
    updraft_json_number(json, "created", release->row.created_ms);
    updraft_json_open(json, "images", '[');
    for (size_t i = 0; i < release->image_count; i++)
        updraft_object_image(json, NULL, &release->images[i]);
    updraft_json_close(json, ']');
    updraft_json_open(json, "channels", '[');
    for (size_t i = 0; i < fleet->channel_count; i++) {
        if (fleet->channels[i]->release == release)
            updraft_json_text(json, NULL, fleet->channels[i]->row.name);
    }
    updraft_json_close(json, ']');
    updraft_json_close(json, '}');
}

void updraft_object_channel(struct updraft_json *json, const char *key,
                            const struct updraft_channel *channel)
{
    updraft_json_open(json, key, '{');
    updraft_json_text(json, "product", channel->product->row.name);
    updraft_json_text(json, "name", channel->row.name);
    updraft_json_text(json, "version", channel->release->row.version);
    updraft_json_number(json, "release_id", channel->row.release_id);
    updraft_json_close(json, '}');
}

void updraft_object_attempt(struct updraft_json *json, const char *key,
                            const struct updraft_attempt *attempt, bool with_log)
{
    const struct updraft_attempt_row *row = &attempt->row;

    updraft_json_open(json, key, '{');
    updraft_json_number(json, "id", row->id);
    updraft_json_text(json, "device", row->device);
    updraft_json_text(json, "product", row->product);
    updraft_json_text(json, "from", row->from);
    updraft_json_text(json, "to", row->to);
    updraft_json_text(json, "via", updraft_via_name(row->via));
    updraft_json_text(json, "state", updraft_attempt_state_name(row->state));
    if (row->progress == UPDRAFT_NO_PROGRESS)
        updraft_json_null(json, "progress");
    else
        updraft_json_number(json, "progress", row->progress);
    if (row->error_code == UPDRAFT_OK) {
        updraft_json_null(json, "error");
    } else {
        const struct updraft_error_entry *entry = updraft_error_entry(row->error_code);
        updraft_json_open(json, "error", '{');
        updraft_json_number(json, "code", row->error_code);
        updraft_json_text(json, "name", row->error_name);
        updraft_json_text(json, "text", row->error_text);
        updraft_json_text(json, "remedy", entry->remedy);
        updraft_json_close(json, '}');
    }
    if (with_log && attempt->log != NULL)
        updraft_json_text(json, "log", attempt->log);
    updraft_json_number(json, "started", row->started_ms);
    updraft_json_number(json, "updated", row->updated_ms);
    updraft_json_close(json, '}');
}

/* What a person wants to know first: how the update stands, or else how the device does. */
const char *updraft_object_device_state(const struct updraft_device *device)
{
    enum updraft_attempt_state state =
        device->newest == NULL ? UPDRAFT_ATTEMPT_NONE : device->newest->row.state;

    if (state != UPDRAFT_ATTEMPT_NONE && state != UPDRAFT_ATTEMPT_CONFIRMED)
        return updraft_attempt_state_name(state);
    if (device->row.trial)
        return "trial";
    return device->row.confirmed ? "confirmed" : "seen";
}

/* The version the device is meant to have: its channel's, else where its last update leads. */
static const char *device_target(const struct updraft_fleet *fleet,
                                 const struct updraft_device *device)
{
    const struct updraft_product *product = updraft_fleet_find_product(fleet, device->row.product);
    const struct updraft_channel *channel =
        product == NULL ? NULL
                        : updraft_fleet_find_channel(fleet, product->row.id, device->row.channel);

    if (channel != NULL && updraft_release_find_image(channel->release, device->row.chip) != NULL)
        return channel->release->row.version;
    if (device->newest != NULL && updraft_attempt_active(device->newest->row.state))
        return device->newest->row.to;
    return "";
}

void updraft_object_device(struct updraft_json *json, const char *key,
                           const struct updraft_fleet *fleet, const struct updraft_device *device)
{
    const struct updraft_device_row *row = &device->row;
    bool downloads =
        device->newest != NULL && device->newest->row.state == UPDRAFT_ATTEMPT_DOWNLOADING;

    updraft_json_open(json, key, '{');
    updraft_json_text(json, "id", row->id);
    updraft_json_text(json, "name", row->name);
    updraft_json_text(json, "product", row->product);
    updraft_json_text(json, "chip", chip_slug(row->chip));
    updraft_json_text(json, "channel", row->channel);
    updraft_json_text(json, "version", row->version);
    updraft_json_text(json, "slot", row->slot);
    updraft_json_bool(json, "confirmed", row->confirmed);
    updraft_json_text(json, "state", updraft_object_device_state(device));
    updraft_json_text(json, "target", device_target(fleet, device));
    updraft_json_number(json, "last_seen", row->last_seen_ms);
    updraft_json_text(json, "address", row->address);
    if (downloads && device->newest->row.progress != UPDRAFT_NO_PROGRESS)
        updraft_json_number(json, "progress", device->newest->row.progress);
    else
        updraft_json_null(json, "progress");
    if (device->newest == NULL)
        updraft_json_null(json, "attempt");
    else
        updraft_object_attempt(json, "attempt", device->newest, false);
    updraft_json_close(json, '}');
}

void updraft_objects_products(struct updraft_json *json, const struct updraft_fleet *fleet)
{
    updraft_json_open(json, "products", '[');
    for (size_t i = 0; i < fleet->product_count; i++)
        updraft_object_product(json, fleet->products[i]);
    updraft_json_close(json, ']');
}

void updraft_objects_releases(struct updraft_json *json, const struct updraft_fleet *fleet)
{
    updraft_json_open(json, "releases", '[');
    for (size_t i = fleet->release_count; i-- > 0;)
        updraft_object_release(json, NULL, fleet, fleet->releases[i]);
    updraft_json_close(json, ']');
}

void updraft_objects_channels(struct updraft_json *json, const struct updraft_fleet *fleet)
{
    updraft_json_open(json, "channels", '[');
    for (size_t i = 0; i < fleet->channel_count; i++)
        updraft_object_channel(json, NULL, fleet->channels[i]);
    updraft_json_close(json, ']');
}

int64_t updraft_objects_devices(struct updraft_json *json, const struct updraft_fleet *fleet,
                                const struct updraft_page *page)
{
    size_t at =
        (uint64_t)page->cursor < fleet->device_count ? (size_t)page->cursor : fleet->device_count;
    size_t end = fleet->device_count - at > page->limit ? at + page->limit : fleet->device_count;

    updraft_json_open(json, "devices", '[');
    for (; at < end; at++)
        updraft_object_device(json, NULL, fleet, fleet->devices[at]);
    updraft_json_close(json, ']');
    return end < fleet->device_count ? (int64_t)end : 0;
}

void updraft_objects_summary(struct updraft_json *json, const struct updraft_fleet *fleet)
{
    static const char *const states[] = {"seen",  "offered",   "downloading", "written",
                                         "trial", "confirmed", "rolled_back", "failed"};
    int64_t counts[sizeof states / sizeof *states] = {0}, confirmed = 0;

    for (size_t i = 0; i < fleet->device_count; i++) {
        const char *state = updraft_object_device_state(fleet->devices[i]);
        size_t at = 0;
        while (at + 1 < sizeof states / sizeof *states && strcmp(states[at], state) != 0)
            at++;
        counts[at]++;
        confirmed += fleet->devices[i]->row.confirmed;
    }
    updraft_json_open(json, "summary", '{');
    updraft_json_number(json, "devices", (int64_t)fleet->device_count);
    updraft_json_number(json, "runs_confirmed", confirmed);
    updraft_json_open(json, "states", '{');
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        updraft_json_number(json, states[i], counts[i]);
    updraft_json_close(json, '}');
    updraft_json_close(json, '}');
}

int64_t updraft_objects_attempts(struct updraft_json *json, const struct updraft_fleet *fleet,
                                 const struct updraft_device *device,
                                 const struct updraft_page *page)
{
    const struct updraft_attempt *attempt =
        device != NULL ? device->newest : updraft_fleet_attempt_before(fleet, page->cursor);
    int64_t last_id = 0;
    uint32_t left = page->limit;

    while (device != NULL && attempt != NULL && page->cursor != 0 &&
           attempt->row.id >= page->cursor)
        attempt = attempt->older;
    updraft_json_open(json, "attempts", '[');
    for (; attempt != NULL && left > 0; left--) {
        updraft_object_attempt(json, NULL, attempt, true);
        last_id = attempt->row.id;
        attempt = device != NULL ? attempt->older : updraft_fleet_attempt_before(fleet, last_id);
    }
    updraft_json_close(json, ']');
    return attempt == NULL ? 0 : last_id;
}
