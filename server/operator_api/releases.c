#include "server/operator_api/operator_api.h"

#include "format/bytes.h"
#include "format/chip.h"
#include "format/package.h"
#include "format/signature.h"
#include "server/operator_api/objects.h"
#include "server/operator_api/release_words.h"
#include "server/operator_api/withdraw.h"

#include <stdio.h>
#include <string.h>

/* What a publication comes to, after the query and the image have been read. */
struct publication {
    char product[UPDRAFT_NAME_CAP];
    char version[UPDRAFT_VERSION_CAP];
    const char *channel; /* NULL: none is moved */
    const char *notes;
    uint16_t chip;
    const char *board;                 /* "": any of the chip */
    struct updraft_release_words told; /* flags that are said, for a release that is new */
};

void updraft_releases_list(const struct updraft_view *view, const struct updraft_request *request,
                           struct updraft_plan *plan, struct updraft_response *response)
{
    struct updraft_json json;

    (void)request;
    (void)plan;
    updraft_json_init(&json);
    updraft_json_open(&json, NULL, '{');
    updraft_objects_releases(&json, view->fleet);
    updraft_json_close(&json, '}');
    updraft_response_json(response, 200, &json);
}

void updraft_products_list(const struct updraft_view *view, const struct updraft_request *request,
                           struct updraft_plan *plan, struct updraft_response *response)
{
    struct updraft_json json;

    (void)request;
    (void)plan;
    updraft_json_init(&json);
    updraft_json_open(&json, NULL, '{');
    updraft_objects_products(&json, view->fleet);
    updraft_json_close(&json, '}');
    updraft_response_json(response, 200, &json);
}

/* --- what is asked for; each gives false after it has refused --- */

static void refuse_image(struct updraft_response *response, enum updraft_error error)
{
    const struct updraft_error_entry *entry = updraft_error_entry((uint32_t)error);
    const struct updraft_refusal refusal = {422, entry->name, entry->remedy};

    updraft_response_refuse(response, &refusal, "%s", entry->sentence);
}

/* Behind an image may stand its signature, alone or in a sector of its own, and padding. More is
 * another kind of file, a flash dump most often. The boot loaders of the Arduino core and of the
 * old SDKs put further parts behind a first image, so for those nothing can be said. */
static bool check_length(const struct updraft_received_image *image,
                         struct updraft_response *response)
{
    static const struct updraft_refusal trailing = {
        422, "trailing_data",
        "Publish the application image alone, not a whole flash or a merged file."};
    uint64_t most = (uint64_t)updraft_round_up(image->info->image_len, UPDRAFT_SIGNATURE_SECTOR) +
                    UPDRAFT_SIGNATURE_SECTOR;

    if (image->package != NULL || image->info->kind == UPDRAFT_IMAGE_ESP8266_V1 ||
        image->upload->len <= most)
        return true;
    updraft_response_refuse(response, &trailing, "the image ends at byte %u, but the file has %llu",
                            (unsigned)image->info->image_len,
                            (unsigned long long)image->upload->len);
    return false;
}

static bool choose_chip(const struct updraft_request *request, struct publication *publication,
                        struct updraft_response *response)
{
    static const struct updraft_refusal unknown = {
        422, "unknown_chip", "This server knows the chips that 'updraft image make --help' lists."};
    static const struct updraft_refusal mismatch = {
        422, "wrong_chip", "Leave chip= away, or publish the image that was built for that chip."};
    const char *asked = updraft_request_query(request, "chip");
    const struct updraft_package *package = request->image->package;
    const struct updraft_chip *chip = updraft_chip_by_id(request->image->info->chip_id);

    if (package != NULL) {
        publication->chip = package->id;
        return true;
    }

    if (chip == NULL) {
        updraft_response_refuse(response, &unknown, "the image is for an unknown chip, id 0x%04x",
                                (unsigned)request->image->info->chip_id);
        return false;
    }
    if (asked != NULL && updraft_chip_by_name(asked) != chip) {
        updraft_response_refuse(response, &mismatch, "the image is for %s", chip->name);
        return false;
    }
    publication->chip = chip->id;
    return true;
}

static bool choose_version(const struct updraft_request *request, struct publication *publication,
                           struct updraft_response *response)
{
    static const struct updraft_refusal missing = {
        422, "version_missing", "Say it: 'updraft publish --version 1.2.3 ...' or version= here."};
    static const struct updraft_refusal mismatch = {
        422, "version_mismatch", "Leave version= away, or build the image with that version."};
    static const struct updraft_refusal invalid = {422, "bad_version",
                                                   "A version has 1 to 31 printable characters."};
    const struct updraft_image_info *info = request->image->info;
    const char *asked = updraft_request_query(request, "version");
    const char *built =
        info->has_appdesc && info->appdesc.version[0] != '\0' ? info->appdesc.version : NULL;
    const char *version = built != NULL ? built : asked;

    if (version == NULL) {
        updraft_response_refuse(response, &missing, "the image does not say its version");
        return false;
    }
    if (!updraft_version_valid(version)) {
        updraft_response_refuse(response, &invalid, "the version is empty, too long or not text");
        return false;
    }
    if (asked != NULL && strcmp(asked, version) != 0) {
        updraft_response_refuse(response, &mismatch, "the image says that it is version %s",
                                version);
        return false;
    }
    updraft_name_set(publication->version, sizeof publication->version, version);
    return true;
}

static bool choose_names(const struct updraft_request *request, struct publication *publication,
                         struct updraft_response *response)
{
    static const struct updraft_refusal bad_product = {
        422, "bad_product", "Say it: 'updraft publish --product NAME ...' or product= here."};
    static const struct updraft_refusal bad_channel = {
        400, "bad_name", "Use 1 to 64 of A-Z a-z 0-9 . _ - for a channel."};
    static const struct updraft_refusal bad_notes = {
        400, "bad_notes", "Use at most 1023 bytes of plain text in one line."};
    const struct updraft_image_info *info = request->image->info;
    const char *product = updraft_request_query(request, "product");

    if (product == NULL)
        product = info->has_appdesc ? info->appdesc.project : "";
    publication->channel = updraft_request_query(request, "channel");
    publication->notes = updraft_request_query(request, "notes");
    if (!updraft_name_valid(product)) {
        updraft_response_refuse(
            response, &bad_product,
            "the product is not named, or not with 1 to 64 of A-Z a-z 0-9 . _ -");
        return false;
    }
    if (publication->channel != NULL && !updraft_name_valid(publication->channel)) {
        updraft_response_refuse(response, &bad_channel, "that is no name of a channel");
        return false;
    }
    if (publication->notes == NULL)
        publication->notes = "";
    if (!updraft_label_valid(publication->notes, UPDRAFT_NOTES_CAP)) {
        updraft_response_refuse(response, &bad_notes, "the notes are too long or no plain text");
        return false;
    }
    updraft_name_set(publication->product, sizeof publication->product, product);
    return true;
}

static bool choose_board(const struct updraft_request *request, struct publication *publication,
                         struct updraft_response *response)
{
    static const struct updraft_refusal bad_board = {
        400, "bad_name", "Use 1 to 64 of A-Z a-z 0-9 . _ - for a board, or leave it away."};
    const char *board = updraft_request_query(request, "board");

    publication->board = board == NULL ? "" : board;
    if (publication->board[0] == '\0' || updraft_name_valid(publication->board))
        return true;
    updraft_response_refuse(response, &bad_board, "that is no name of a board");
    return false;
}

static bool read_publication(const struct updraft_request *request, struct publication *publication,
                             struct updraft_response *response)
{
    memset(publication, 0, sizeof *publication);
    if (request->image->verdict != UPDRAFT_OK) {
        refuse_image(response, request->image->verdict);
        return false;
    }
    return check_length(request->image, response) && choose_chip(request, publication, response) &&
           choose_version(request, publication, response) &&
           choose_names(request, publication, response) &&
           choose_board(request, publication, response) &&
           updraft_release_words_query(request, &publication->told, response);
}

/* --- the answer --- */

/* "ESP32-S3", "ESP32-S3 on evse-v2" or the kind of a package. */
static void write_target(const struct publication *publication, char *out, size_t cap)
{
    const struct updraft_package *package = updraft_package_by_id(publication->chip);
    const char *name = package != NULL ? package->name : updraft_chip_name(publication->chip);

    snprintf(out, cap, "%s%s%s", name, publication->board[0] == '\0' ? "" : " on ",
             publication->board);
}

static void show(const struct updraft_view *view, const struct updraft_request *request,
                 struct updraft_response *response)
{
    unsigned status = response->status;
    struct publication publication;
    struct updraft_json json;

    if (!read_publication(request, &publication, response))
        return;
    const struct updraft_product *product =
        updraft_fleet_find_product(view->fleet, publication.product);
    const struct updraft_release *release =
        updraft_fleet_find_release(view->fleet, product->row.id, publication.version);
    updraft_json_init(&json);
    updraft_json_open(&json, NULL, '{');
    updraft_object_release(&json, "release", view->fleet, release);
    updraft_object_image(&json, "image",
                         updraft_release_find_image(release, publication.chip, publication.board));
    if (publication.channel == NULL)
        updraft_json_null(&json, "channel");
    else
        updraft_object_channel(
            &json, "channel",
            updraft_fleet_find_channel(view->fleet, product->row.id, publication.channel));
    updraft_json_close(&json, '}');
    updraft_response_json(response, status, &json);
}

static void plan_image(struct updraft_plan *plan, const struct updraft_request *request,
                       const struct publication *publication, int64_t release_id)
{
    const struct updraft_image_info *info = request->image->info;
    const struct updraft_upload *upload = request->image->upload;
    struct updraft_image_row *row = &updraft_plan_add(plan, UPDRAFT_CHANGE_IMAGE)->row.image;

    row->release_id = release_id;
    row->chip = publication->chip;
    updraft_name_set(row->board, sizeof row->board, publication->board);
    memcpy(row->sha256, upload->sha256, sizeof row->sha256);
    memcpy(row->md5, upload->md5, sizeof row->md5);
    memcpy(row->sha1, upload->sha1, sizeof row->sha1);
    row->size = (uint32_t)upload->len;
    if (info->has_appdesc) {
        updraft_label_clean(info->appdesc.project, row->project, sizeof row->project);
        updraft_label_clean(info->appdesc.idf_version, row->idf, sizeof row->idf);
    }
    plan->keeps_upload = true;
}

static int64_t plan_product(const struct updraft_view *view, struct updraft_plan *plan,
                            const struct publication *publication)
{
    struct updraft_product_row *row = &updraft_plan_add(plan, UPDRAFT_CHANGE_PRODUCT)->row.product;

    row->id = updraft_fleet_next_product_id(view->fleet);
    row->created_ms = view->now_ms;
    updraft_name_set(row->name, sizeof row->name, publication->product);
    return row->id;
}

static int64_t plan_release(const struct updraft_view *view, struct updraft_plan *plan,
                            const struct publication *publication, int64_t product_id)
{
    struct updraft_release_row *row = &updraft_plan_add(plan, UPDRAFT_CHANGE_RELEASE)->row.release;

    row->id = updraft_fleet_next_release_id(view->fleet);
    row->product_id = product_id;
    row->created_ms = view->now_ms;
    updraft_name_set(row->version, sizeof row->version, publication->version);
    updraft_name_set(row->notes, sizeof row->notes, publication->notes);
    updraft_release_words_apply(&publication->told, row);
    return row->id;
}

static void plan_channel(const struct updraft_view *view, struct updraft_plan *plan,
                         const struct publication *publication, int64_t product_id,
                         int64_t release_id)
{
    const struct updraft_channel *channel =
        updraft_fleet_find_channel(view->fleet, product_id, publication->channel);

    if (channel != NULL && channel->row.release_id == release_id)
        return;
    struct updraft_channel_row *row = &updraft_plan_add(plan, UPDRAFT_CHANGE_CHANNEL)->row.channel;
    row->product_id = product_id;
    row->release_id = release_id;
    updraft_name_set(row->name, sizeof row->name, publication->channel);
}

/* The channel, if one is named, offers it already or may be moved. */
static bool may_offer(const struct updraft_view *view, const struct publication *publication,
                      const struct updraft_product *product, const struct updraft_release *release,
                      struct updraft_response *response)
{
    const struct updraft_channel *channel =
        product == NULL || publication->channel == NULL
            ? NULL
            : updraft_fleet_find_channel(view->fleet, product->row.id, publication->channel);

    if (publication->channel != NULL && release != NULL &&
        !updraft_release_let_offer(
            release, updraft_release_find_image(release, publication->chip, publication->board),
            response))
        return false;
    return channel == NULL || channel->release == release ||
           updraft_rollouts_let_move(channel, response);
}

void updraft_releases_publish(const struct updraft_view *view,
                              const struct updraft_request *request, struct updraft_plan *plan,
                              struct updraft_response *response)
{
    static const struct updraft_refusal other_bytes = {
        409, "release_exists", "Give the new build a new version: published images never change."};
    const struct updraft_release *release = NULL;
    const struct updraft_image_row *image = NULL;
    char target[2 * UPDRAFT_NAME_CAP];
    struct publication publication;

    if (!read_publication(request, &publication, response))
        return;
    write_target(&publication, target, sizeof target);
    updraft_plan_about(plan, "%s %s for %s%s%s", publication.product, publication.version, target,
                       publication.channel == NULL ? "" : " on ",
                       publication.channel == NULL ? "" : publication.channel);
    const struct updraft_product *product =
        updraft_fleet_find_product(view->fleet, publication.product);
    if (product != NULL)
        release = updraft_fleet_find_release(view->fleet, product->row.id, publication.version);
    if (release != NULL)
        image = updraft_release_find_image(release, publication.chip, publication.board);
    if (image != NULL &&
        memcmp(image->sha256, request->image->upload->sha256, sizeof image->sha256) != 0) {
        updraft_response_refuse(response, &other_bytes,
                                "%s %s for %s is published already, with other bytes",
                                publication.product, publication.version, target);
        return;
    }
    if (!may_offer(view, &publication, product, release, response))
        return;
    int64_t product_id = product != NULL ? product->row.id : plan_product(view, plan, &publication);
    int64_t release_id =
        release != NULL ? release->row.id : plan_release(view, plan, &publication, product_id);
    if (release != NULL && updraft_release_words_any(&publication.told)) {
        struct updraft_release_row *row =
            &updraft_plan_add(plan, UPDRAFT_CHANGE_RELEASE)->row.release;
        *row = release->row;
        updraft_release_words_apply(&publication.told, row);
    }
    /* Also when the row is there: its file may be damaged, and these bytes mend it. */
    plan_image(plan, request, &publication, release_id);
    if (publication.channel != NULL)
        plan_channel(view, plan, &publication, product_id, release_id);
    response->status = image == NULL ? 201 : 200;
    response->after_commit = show;
    plan->key = UPDRAFT_PLAN_KEY_CATALOGUE;
}
