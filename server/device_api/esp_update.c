#include "server/device_api/device_api.h"

#include "format/chip.h"
#include "format/text.h"
#include "server/device_api/choice.h"

#include <string.h>
#include <strings.h>

/* What the two header sets say, whichever of them was sent. */
struct header_set {
    char id[UPDRAFT_DEVICE_ID_CAP]; /* "": not identified */
    uint16_t chip;
    const char *version; /* "" when not told */
    const char *mode;
    const char *md5;    /* of the running image, or NULL */
    const char *sha256; /* likewise */
};

/* A set as it came; what is absent is NULL. */
struct told {
    const char *mac;
    const char *version;
    const char *mode;
    const char *md5;
    const char *sha256;
};

/* name: without its prefix. Of two of a name the first counts. */
static void note(struct told *told, const char *name, const char *value)
{
    const struct {
        const char *name;
        const char **value;
    } known[] = {{"STA-MAC", &told->mac},
                 {"version", &told->version},
                 {"mode", &told->mode},
                 {"sketch-md5", &told->md5},
                 {"sketch-sha256", &told->sha256}};

    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (((name[0] ^ known[i].name[0]) & ~0x20) == 0 && *known[i].value == NULL &&
            strcasecmp(name, known[i].name) == 0)
            *known[i].value = value;
    }
}

/* One look at each header: this is what a fleet asks most often. */
static bool parse_headers(const struct updraft_request *request, struct header_set *set)
{
    static const char esp8266[] = "x-ESP8266-", esp32[] = "x-ESP32-";
    struct told told_8266 = {0}, told_32 = {0};

    for (size_t i = 0; i < request->header_count; i++) {
        const struct updraft_field *header = &request->headers[i];
        if (strncasecmp(header->name, "x-ESP", 5) != 0)
            continue;
        if (strncasecmp(header->name, esp8266, sizeof esp8266 - 1) == 0)
            note(&told_8266, header->name + sizeof esp8266 - 1, header->value);
        else if (strncasecmp(header->name, esp32, sizeof esp32 - 1) == 0)
            note(&told_32, header->name + sizeof esp32 - 1, header->value);
    }
    /* The ESP32 set is the same on every chip of the family. */
    bool is_8266 = told_8266.mac != NULL;
    const struct told *told = is_8266 ? &told_8266 : &told_32;
    *set = (struct header_set){.chip = is_8266 ? UPDRAFT_CHIP_ESP8266 : UPDRAFT_CHIP_UNKNOWN,
                               .version = told->version == NULL ? "" : told->version,
                               .mode = told->mode == NULL ? "sketch" : told->mode,
                               .md5 = told->md5,
                               .sha256 = told->sha256};
    if (told->mac == NULL || !updraft_device_id_normalise(told->mac, set->id))
        set->id[0] = '\0';
    return set->version[0] == '\0' || updraft_version_valid(set->version);
}

static bool hex_equals(const char *hex, const uint8_t *bytes, size_t len)
{
    uint8_t told[UPDRAFT_SHA256_LEN];

    return updraft_text_unhex(hex, strlen(hex), told, len) && memcmp(told, bytes, len) == 0;
}

static enum updraft_digest_match match_digest(const struct header_set *set,
                                              const struct updraft_image_row *image)
{
    if (set->md5 == NULL && set->sha256 == NULL)
        return UPDRAFT_DIGEST_UNTOLD;
    if (image != NULL &&
        ((set->md5 != NULL && hex_equals(set->md5, image->md5, UPDRAFT_MD5_LEN)) ||
         (set->sha256 != NULL && hex_equals(set->sha256, image->sha256, UPDRAFT_SHA256_LEN))))
        return UPDRAFT_DIGEST_EQUAL;
    return UPDRAFT_DIGEST_DIFFERS;
}

/* Query, header set, what is known of the device; UNKNOWN leaves it to the release. */
static bool choose_chip(const struct updraft_view *view, const struct updraft_request *request,
                        struct header_set *set)
{
    const char *slug = updraft_request_query(request, "chip");

    if (slug != NULL) {
        const struct updraft_chip *chip = updraft_chip_by_name(slug);
        if (chip == NULL)
            return false;
        set->chip = chip->id;
    } else if (set->chip == UPDRAFT_CHIP_UNKNOWN && set->id[0] != '\0') {
        const struct updraft_device *device = updraft_fleet_find_device(view->fleet, set->id);
        if (device != NULL && device->chip != UPDRAFT_CHIP_ESP8266)
            set->chip = device->chip;
    }
    return true;
}

static void put_md5(struct updraft_response *response, const struct updraft_image_row *image)
{
    char hex[2 * UPDRAFT_MD5_LEN + 1];
    struct updraft_text text;

    updraft_text_init(&text, hex, sizeof hex);
    updraft_text_hex(&text, image->md5, sizeof image->md5);
    updraft_response_header(response, "x-MD5", hex);
}

static void give_image(struct updraft_response *response, const struct updraft_release *release,
                       const struct updraft_image_row *image)
{
    response->status = 200;
    response->has_file = true;
    memcpy(response->file_sha256, image->sha256, sizeof response->file_sha256);
    response->file_len = image->size;
    put_md5(response, image);
    updraft_response_header(response, "x-version", release->row.version);
    updraft_response_header(response, "Content-Type", "application/octet-stream");
    updraft_response_header(response, "Content-Disposition", "attachment; filename=firmware.bin");
    updraft_response_header(response, "Cache-Control", "no-cache");
}

static void give_version(struct updraft_response *response, const struct updraft_release *release,
                         const struct updraft_image_row *image)
{
    updraft_response_line(response, 200, release->row.version);
    updraft_response_header(response, "x-version", release->row.version);
    put_md5(response, image);
}

/* The digest of a published file proves the version even where none is told. */
static const char *version_of_digest(const struct updraft_view *view,
                                     const struct updraft_request *request,
                                     const struct header_set *set)
{
    const struct updraft_fleet *fleet = view->fleet;
    const bool told = set->md5 != NULL || set->sha256 != NULL;

    for (size_t i = told ? fleet->release_count : 0; i-- > 0;) {
        const struct updraft_release *release = fleet->releases[i];
        if (strcmp(release->product->row.name, request->segments[0]) != 0)
            continue;
        for (size_t k = 0; k < release->image_count; k++) {
            if (match_digest(set, &release->images[k]) == UPDRAFT_DIGEST_EQUAL)
                return release->row.version;
        }
    }
    return "";
}

static void see(const struct updraft_view *view, const struct updraft_request *request,
                struct updraft_plan *plan, const struct header_set *set,
                struct updraft_draft *draft)
{
    const char *channel = updraft_request_query(request, "channel");
    const char *version = set->version;

    updraft_draft_begin(draft, view, plan, set->id);
    updraft_draft_see(draft, &(struct updraft_seen){.name = updraft_device_api_name(request),
                                                    .product = request->segments[0],
                                                    .channel = channel == NULL ? "stable" : channel,
                                                    .version = version[0] == '\0' ? NULL : version,
                                                    .board = updraft_device_api_board(request),
                                                    .layout = updraft_device_api_layout(request),
                                                    .chip = set->chip});
    if (version[0] != '\0')
        updraft_draft_happen(draft, &(struct updraft_happening){.event = UPDRAFT_EVENT_CHECKED_IN,
                                                                .version = version,
                                                                .progress = UPDRAFT_NO_PROGRESS});
}

static void answer_sketch(struct updraft_draft *draft, const struct updraft_request *request,
                          const struct header_set *set, const struct updraft_target *target,
                          struct updraft_response *response)
{
    const enum updraft_verdict verdict =
        updraft_draft_verdict(draft, target, set->version, match_digest(set, target->image));

    updraft_draft_see(draft, &(struct updraft_seen){.chip = target->image->chip});
    if (verdict == UPDRAFT_VERDICT_OFFER) {
        updraft_draft_offer(draft, target, UPDRAFT_VIA_HEADERS);
        /* It says nothing more until it asks again: by what it runs then it is known how that went. */
        updraft_draft_happen(draft,
                             &(struct updraft_happening){.event = UPDRAFT_EVENT_FETCHED,
                                                         .version = target->release->row.version,
                                                         .progress = UPDRAFT_NO_PROGRESS});
        updraft_name_set(response->sent_to, sizeof response->sent_to, draft->device.id);
        give_image(response, target->release, target->image);
    } else {
        response->status = 304;
    }
    updraft_draft_commit(draft, request->address, UPDRAFT_NO_PROGRESS);
}

void updraft_esp_update_answer(const struct updraft_view *view,
                               const struct updraft_request *request, struct updraft_plan *plan,
                               struct updraft_response *response)
{
    struct updraft_draft draft;
    struct header_set set;

    if (!parse_headers(request, &set)) {
        updraft_response_line(response, 400, "the version header has more than 31 bytes");
        return;
    }
    if (set.id[0] == '\0') {
        updraft_response_line(response, 403,
                              "only for devices: x-ESP8266-STA-MAC or "
                              "x-ESP32-STA-MAC is missing");
        return;
    }
    if (!choose_chip(view, request, &set)) {
        updraft_response_line(response, 404, "no such chip; see 'updraft image make --help'");
        return;
    }
    if (set.version[0] == '\0')
        set.version = version_of_digest(view, request, &set);
    see(view, request, plan, &set, &draft);
    const struct updraft_target target =
        updraft_draft_target(&draft, set.chip, updraft_release_image_for);
    bool of_application = strcmp(set.mode, "sketch") == 0 || strcmp(set.mode, "version") == 0;
    if (target.image == NULL || !of_application)
        updraft_response_line(
            response, 404,
            target.release == NULL ? "nothing is published at this product and channel"
            : of_application       ? "the release has no image for this chip, or several: add "
                                     "?chip=NAME to the address"
                                   : "only applications are published, no file system images");
    else if (strcmp(set.mode, "version") == 0)
        give_version(response, target.release, target.image);
    else
        answer_sketch(&draft, request, &set, &target, response);
}
