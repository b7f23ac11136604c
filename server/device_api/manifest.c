/* GET /d/manifest/PRODUCT/CHANNEL/manifest.json: what ESPHome's update component reads, in the form that
 * ESP Web Tools defined. Beside it CHIP.bin and CHIP.md5, for ESPHome's http_request, which is
 * given the address of an image and the address of its MD5.
 *
 * `ota` is the whole of it. `parts`, from which a browser writes an empty chip over USB, needs boot
 * loader and partition table; releases hold the application alone, so the list is empty. The clients
 * say nothing of themselves, so nothing is noted and nobody is held back.
 *
 * Source: the manifest as described by ESP Web Tools and by ESPHome's update.http_request. */
#include "format/chip.h"
#include "format/text.h"
#include "server/device_api/device_api.h"

#include <stdio.h>
#include <string.h>

#define URL_CAP (UPDRAFT_BASE_URL_CAP + 80u)

static void md5_text(const struct updraft_image_row *image, char hex[2 * UPDRAFT_MD5_LEN + 1])
{
    struct updraft_text text;

    updraft_text_init(&text, hex, 2 * UPDRAFT_MD5_LEN + 1);
    updraft_text_hex(&text, image->md5, sizeof image->md5);
}

static void put_build(struct updraft_json *json, const struct updraft_release *release,
                      const struct updraft_image_row *image, const char *url)
{
    updraft_json_open(json, NULL, '{');
    updraft_json_text(json, "chipFamily", updraft_chip_name(image->chip));
    updraft_json_open(json, "parts", '[');
    updraft_json_close(json, ']');
    updraft_json_open(json, "ota", '{');
    /* By its digest: the bytes behind it stay those that the MD5 is of when the channel moves. */
    updraft_json_text(json, "path", url);
    updraft_json_hex(json, "md5", image->md5, sizeof image->md5);
    updraft_json_text(json, "summary", release->row.notes);
    updraft_json_close(json, '}');
    updraft_json_close(json, '}');
}

static void give_manifest(const struct updraft_view *view, const struct updraft_request *request,
                          const struct updraft_release *release, struct updraft_response *response)
{
    struct updraft_json json;
    char url[URL_CAP];

    if (!updraft_device_api_base(view, request, url, UPDRAFT_BASE_URL_CAP)) {
        updraft_response_line(response, 400, "the Host header is missing or not usable");
        return;
    }
    updraft_json_init(&json);
    updraft_json_open(&json, NULL, '{');
    updraft_json_text(&json, "name", release->product->row.name);
    updraft_json_text(&json, "version", release->row.version);
    updraft_json_open(&json, "builds", '[');
    for (size_t i = 0; i < release->image_count; i++) {
        const struct updraft_image_row *image = &release->images[i];
        if (updraft_chip_by_id(image->chip) != NULL &&
            updraft_device_api_image_url(view, request, image->sha256, url, sizeof url))
            put_build(&json, release, image, url);
    }
    updraft_json_close(&json, ']');
    updraft_json_close(&json, '}');
    updraft_response_json(response, 200, &json);
    updraft_response_header(response, "Cache-Control", "no-cache");
    /* The page that reads it is of another origin; it is public anyway. */
    updraft_response_header_constant(response, "Access-Control-Allow-Origin", "*");
}

/* "esp32s3.bin" and the like. NULL when the release has nothing for it. */
static const struct updraft_image_row *image_of_file(const struct updraft_release *release,
                                                     const char *file, const char *ending)
{
    char slug[24];
    size_t len = strlen(file), ending_len = strlen(ending);

    if (len <= ending_len || len - ending_len >= sizeof slug ||
        strcmp(file + len - ending_len, ending) != 0)
        return NULL;
    memcpy(slug, file, len - ending_len);
    slug[len - ending_len] = '\0';
    const struct updraft_chip *chip = updraft_chip_by_name(slug);
    return chip == NULL || strcmp(chip->slug, slug) != 0
               ? NULL
               : updraft_release_find_image(release, chip->id, "");
}

static void give_image(struct updraft_response *response, const struct updraft_image_row *image)
{
    char md5[2 * UPDRAFT_MD5_LEN + 1];

    response->status = 200;
    response->has_file = true;
    memcpy(response->file_sha256, image->sha256, sizeof response->file_sha256);
    response->file_len = image->size;
    md5_text(image, md5);
    updraft_response_header(response, "x-MD5", md5);
    updraft_response_header_constant(response, "Content-Type", "application/octet-stream");
    updraft_response_header_constant(response, "Cache-Control", "no-cache");
}

/* ESPHome takes the first 32 bytes, whatever follows them. */
static void give_md5(struct updraft_response *response, const struct updraft_image_row *image)
{
    char md5[2 * UPDRAFT_MD5_LEN + 1];

    md5_text(image, md5);
    updraft_response_text(response, 200, "text/plain; charset=utf-8", md5);
    updraft_response_header_constant(response, "Cache-Control", "no-cache");
}

void updraft_manifest_answer(const struct updraft_view *view, const struct updraft_request *request,
                             struct updraft_plan *plan, struct updraft_response *response)
{
    const struct updraft_product *product =
        updraft_fleet_find_product(view->fleet, request->segments[0]);
    const struct updraft_channel *channel =
        product == NULL
            ? NULL
            : updraft_fleet_find_channel(view->fleet, product->row.id, request->segments[1]);
    const char *file = request->segments[2];
    const struct updraft_image_row *image;

    (void)plan;
    if (channel == NULL)
        updraft_response_line(response, 404, "nothing is published at this product and channel");
    else if (strcmp(file, "manifest.json") == 0)
        give_manifest(view, request, channel->release, response);
    else if ((image = image_of_file(channel->release, file, ".bin")) != NULL)
        give_image(response, image);
    else if ((image = image_of_file(channel->release, file, ".md5")) != NULL)
        give_md5(response, image);
    else
        updraft_response_line(
            response, 404,
            "there are manifest.json, and CHIP.bin and CHIP.md5 for what the release has");
}
