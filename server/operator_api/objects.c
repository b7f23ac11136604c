#include "server/operator_api/objects.h"

#include "format/chip.h"
#include "server/rollouts/target.h"

#include <string.h>

static const char *chip_slug(uint16_t id)
{
    const struct updraft_chip *chip = updraft_chip_by_id(id);
    const struct updraft_package *package = updraft_package_by_id(id);

    return chip != NULL ? chip->slug : package != NULL ? package->slug : "";
}

static void put_text_or_null(struct updraft_json *json, const char *key, const char *text)
{
    if (text[0] == '\0')
        updraft_json_null(json, key);
    else
        updraft_json_text(json, key, text);
}

/* A list of what is parted by blanks. */
static void put_words(struct updraft_json *json, const char *key, const char *words)
{
    char word[UPDRAFT_TAGS_CAP];

    updraft_json_open(json, key, '[');
    while (*words != '\0') {
        size_t len = strcspn(words, " ");
        memcpy(word, words, len);
        word[len] = '\0';
        updraft_json_text(json, NULL, word);
        words += len + (words[len] != '\0');
    }
    updraft_json_close(json, ']');
}
_Static_assert(UPDRAFT_CVES_CAP <= UPDRAFT_TAGS_CAP, "a word of either fits");

/* An object of lines "name=value". */
static void put_attributes(struct updraft_json *json, const char *lines)
{
    char line[UPDRAFT_ATTRIBUTES_CAP];

    updraft_json_open(json, "attributes", '{');
    while (*lines != '\0') {
        size_t len = strcspn(lines, "\n"), name_len = strcspn(lines, "=");
        memcpy(line, lines, len);
        line[len] = '\0';
        if (name_len < len) {
            line[name_len] = '\0';
            updraft_json_text(json, line, line + name_len + 1);
        }
        lines += len + (lines[len] != '\0');
    }
    updraft_json_close(json, '}');
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
    updraft_json_text(json, "board", image->board);
    updraft_json_hex(json, "sha256", image->sha256, sizeof image->sha256);
    updraft_json_hex(json, "md5", image->md5, sizeof image->md5);
    updraft_json_number(json, "size", image->size);
    updraft_json_text(json, "project", image->project);
    updraft_json_text(json, "idf", image->idf);
    if (image->withdrawn_ms != 0)
        updraft_json_number(json, "withdrawn", image->withdrawn_ms);
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
    updraft_json_bool(json, "security", release->row.security);
    put_words(json, "cves", release->row.cves);
    put_text_or_null(json, "min_from", release->row.min_from);
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

void updraft_object_board(struct updraft_json *json, const char *key,
                          const struct updraft_product *product,
                          const struct updraft_board_row *board)
{
    updraft_json_open(json, key, '{');
    updraft_json_text(json, "product", product->row.name);
    updraft_json_text(json, "name", board->name);
    updraft_json_text(json, "chip", chip_slug(board->chip));
    updraft_json_text(json, "layout", board->layout);
    updraft_json_close(json, '}');
}

void updraft_object_attempt(struct updraft_json *json, const char *key,
                            const struct updraft_attempt *attempt, bool with_log)
{

    updraft_json_open(json, key, '{');
    updraft_json_number(json, "id", attempt->id);
    updraft_json_text(json, "device", attempt->device->id);
    updraft_json_text(json, "product", attempt->product);
    updraft_json_text(json, "from", attempt->from);
    updraft_json_text(json, "to", attempt->to);
    updraft_json_text(json, "via", updraft_via_name(attempt->via));
    updraft_json_text(json, "state", updraft_attempt_state_name(attempt->state));
    if (attempt->progress == UPDRAFT_NO_PROGRESS)
        updraft_json_null(json, "progress");
    else
        updraft_json_number(json, "progress", attempt->progress);
    if (updraft_attempt_error_code(attempt) == UPDRAFT_OK) {
        updraft_json_null(json, "error");
    } else {
        const struct updraft_attempt_failure *failure = attempt->failure;
        const struct updraft_error_entry *entry = updraft_error_entry(failure->code);
        updraft_json_open(json, "error", '{');
        updraft_json_number(json, "code", failure->code);
        updraft_json_text(json, "name", failure->name);
        updraft_json_text(json, "text", failure->text);
        updraft_json_text(json, "remedy", entry->remedy);
        updraft_json_close(json, '}');
    }
    if (with_log && updraft_attempt_log(attempt) != NULL)
        updraft_json_text(json, "log", updraft_attempt_log(attempt));
    updraft_json_number(json, "started", attempt->started_ms);
    updraft_json_number(json, "updated", attempt->updated_ms);
    updraft_json_close(json, '}');
}

/* The version the device is meant to have: what it was told when it was here last, else where its last
 * update leads. */
static const char *device_target(const struct updraft_fleet *fleet,
                                 const struct updraft_device *device)
{
    const struct updraft_target target =
        updraft_target_of_device(fleet, device, device->last_seen_ms);

    if (target.image != NULL)
        return target.release->row.version;
    if (device->newest != NULL && updraft_attempt_active(device->newest->state))
        return device->newest->to;
    return "";
}

void updraft_object_device(struct updraft_json *json, const char *key,
                           const struct updraft_fleet *fleet, const struct updraft_device *device)
{
    const struct updraft_device_more *more = updraft_device_more(device);
    char address[UPDRAFT_ADDRESS_CAP];
    bool downloads = device->newest != NULL && device->newest->state == UPDRAFT_ATTEMPT_DOWNLOADING;

    updraft_address_show(&device->address, address);
    updraft_json_open(json, key, '{');
    updraft_json_text(json, "id", device->id);
    updraft_json_text(json, "name", updraft_device_name(device));
    updraft_json_text(json, "product", device->product);
    updraft_json_text(json, "chip", chip_slug(device->chip));
    updraft_json_text(json, "board", more->board);
    updraft_json_text(json, "layout", more->layout);
    updraft_json_text(json, "channel", updraft_device_channel(device));
    put_text_or_null(json, "assigned_channel", more->channel);
    updraft_json_text(json, "group", more->group);
    put_words(json, "tags", more->tags);
    put_attributes(json, more->attributes);
    updraft_json_text(json, "version", device->version);
    updraft_json_text(json, "slot", device->slot);
    updraft_json_bool(json, "confirmed", device->confirmed);
    updraft_json_text(json, "state", updraft_standing_name(updraft_device_standing(device)));
    updraft_json_text(json, "target", device_target(fleet, device));
    updraft_json_number(json, "last_seen", device->last_seen_ms);
    updraft_json_text(json, "address", address);
    if (downloads && device->newest->progress != UPDRAFT_NO_PROGRESS)
        updraft_json_number(json, "progress", device->newest->progress);
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
    const struct updraft_tally *tally = &fleet->tally;

    updraft_json_open(json, "summary", '{');
    updraft_json_number(json, "devices", (int64_t)tally->count);
    updraft_json_number(json, "runs_confirmed", (int64_t)tally->confirmed);
    updraft_json_open(json, "states", '{');
    for (int state = UPDRAFT_ATTEMPT_NONE; state < UPDRAFT_ATTEMPT_STATE_COUNT; state++)
        updraft_json_number(json, updraft_standing_name((enum updraft_attempt_state)state),
                            (int64_t)tally->standings[state]);
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

    while (device != NULL && attempt != NULL && page->cursor != 0 && attempt->id >= page->cursor)
        attempt = attempt->older;
    updraft_json_open(json, "attempts", '[');
    for (; attempt != NULL && left > 0; left--) {
        updraft_object_attempt(json, NULL, attempt, true);
        last_id = attempt->id;
        attempt = device != NULL ? attempt->older : updraft_fleet_attempt_before(fleet, last_id);
    }
    updraft_json_close(json, ']');
    return attempt == NULL ? 0 : last_id;
}
