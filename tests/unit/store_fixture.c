#include "tests/unit/store_fixture.h"

#include "server/operator_api/objects.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void store_load_row(void *ctx, const struct updraft_change *row)
{
    updraft_fleet_apply(ctx, row);
}

void store_load(struct place *place, struct updraft_fleet *fleet)
{
    updraft_fleet_init(fleet, 0);
    assert_int_equal(place->store.load(place->store.ctx, store_load_row, fleet, &place->problem),
                     UPDRAFT_STORE_OK);
}

/* Everything that can be seen of a fleet. Freed by the caller. */
char *store_show(const struct updraft_fleet *fleet)
{
    struct updraft_json json;
    size_t len;

    updraft_json_init(&json);
    updraft_json_open(&json, NULL, '{');
    updraft_objects_products(&json, fleet);
    updraft_objects_devices(&json, fleet, &(struct updraft_page){.limit = 1000});
    updraft_objects_releases(&json, fleet);
    updraft_objects_channels(&json, fleet);
    updraft_objects_attempts(&json, fleet, NULL, &(struct updraft_page){.limit = 1000});
    for (size_t i = 0; i < fleet->token_count; i++) {
        const struct updraft_token_row *token = &fleet->tokens[i];
        updraft_json_hex(&json, token->name, token->hash, sizeof token->hash);
        updraft_json_text(&json, "role", updraft_role_name(token->role));
        updraft_json_number(&json, "id", token->id);
        updraft_json_number(&json, "expires", token->expires_ms);
    }
    updraft_json_close(&json, '}');
    return updraft_json_finish(&json, &len);
}

/* --- making changes --- */

struct updraft_change change_product(int64_t id, const char *name)
{
    struct updraft_change change = {.kind = UPDRAFT_CHANGE_PRODUCT};

    change.row.product.id = id;
    change.row.product.created_ms = 1000 + id;
    updraft_name_set(change.row.product.name, UPDRAFT_NAME_CAP, name);
    return change;
}

struct updraft_change change_release(int64_t id, int64_t product_id, const char *version)
{
    struct updraft_change change = {.kind = UPDRAFT_CHANGE_RELEASE};

    change.row.release.id = id;
    change.row.release.product_id = product_id;
    change.row.release.created_ms = 2000 + id;
    updraft_name_set(change.row.release.version, UPDRAFT_VERSION_CAP, version);
    updraft_name_set(change.row.release.notes, UPDRAFT_NOTES_CAP, "it's \"good\"; DROP TABLE x");
    return change;
}

struct updraft_change change_image(int64_t release_id, uint16_t chip)
{
    struct updraft_change change = {.kind = UPDRAFT_CHANGE_IMAGE};

    change.row.image.release_id = release_id;
    change.row.image.chip = chip;
    change.row.image.size = 4000000000u;
    memset(change.row.image.sha256, 0xa0 + (int)release_id, UPDRAFT_SHA256_LEN);
    memset(change.row.image.md5, 0xb0 + chip, UPDRAFT_MD5_LEN);
    memset(change.row.image.sha1, 0xc0 + chip, UPDRAFT_SHA1_LEN);
    updraft_name_set(change.row.image.project, 33, "demo");
    return change;
}

struct updraft_change change_channel(int64_t product_id, const char *name, int64_t release_id)
{
    struct updraft_change change = {.kind = UPDRAFT_CHANGE_CHANNEL};

    change.row.channel.product_id = product_id;
    change.row.channel.release_id = release_id;
    updraft_name_set(change.row.channel.name, UPDRAFT_NAME_CAP, name);
    return change;
}

struct updraft_change change_device(unsigned number, const char *version)
{
    struct updraft_change change = {.kind = UPDRAFT_CHANGE_DEVICE};
    struct updraft_device_row *row = &change.row.device;

    snprintf(row->id, sizeof row->id, "24:6F:28:00:%02X:%02X", number >> 8 & 255u, number & 255u);
    snprintf(row->name, sizeof row->name, "device '%u' ä", number);
    updraft_name_set(row->product, UPDRAFT_NAME_CAP, "demo");
    updraft_name_set(row->channel, UPDRAFT_NAME_CAP, "stable");
    updraft_name_set(row->version, UPDRAFT_VERSION_CAP, version);
    updraft_name_set(row->slot, UPDRAFT_SLOT_CAP, "ota_1");
    updraft_name_set(row->address, UPDRAFT_ADDRESS_CAP, "127.0.0.1");
    row->chip = number % 3 == 0 ? 9 : 0;
    row->reports = number % 2 == 0;
    row->confirmed = number % 5 != 0;
    row->trial = !row->confirmed;
    row->last_seen_ms = 1800000000000 + number;
    return change;
}

struct updraft_change change_attempt(int64_t id, unsigned device_number,
                                     enum updraft_attempt_state state)
{
    struct updraft_change change = {.kind = UPDRAFT_CHANGE_ATTEMPT};
    struct updraft_change of = change_device(device_number, "1.0.0");
    struct updraft_attempt_row *row = &change.row.attempt;

    row->id = id;
    updraft_name_set(row->device, UPDRAFT_DEVICE_ID_CAP, of.row.device.id);
    updraft_name_set(row->product, UPDRAFT_NAME_CAP, "demo");
    updraft_name_set(row->from, UPDRAFT_VERSION_CAP, "1.0.0");
    updraft_name_set(row->to, UPDRAFT_VERSION_CAP, "1.1.0");
    row->via = UPDRAFT_VIA_ESPOTA;
    row->state = state;
    row->progress = 43;
    row->started_ms = row->updated_ms = 1800000000000;
    if (state == UPDRAFT_ATTEMPT_FAILED) {
        row->error_code = 69;
        updraft_name_set(row->error_name, UPDRAFT_ERROR_NAME_CAP, "disconnected");
        updraft_name_set(row->error_text, UPDRAFT_ERROR_TEXT_CAP, "the connection broke off");
    }
    return change;
}

static void no_row(void *ctx, const struct updraft_change *row)
{
    (void)ctx;
    (void)row;
    fail_msg("nobody else has written");
}

void store_begin(struct place *place)
{
    if (place->store.catch_up != NULL)
        assert_int_equal(place->store.catch_up(place->store.ctx, no_row, NULL, &place->problem),
                         UPDRAFT_STORE_OK);
}

void store_commit(struct place *place, struct updraft_fleet *fleet, struct updraft_change change)
{
    store_begin(place);
    assert_int_equal(place->store.commit(place->store.ctx, &change, 1, &place->problem),
                     UPDRAFT_STORE_OK);
    updraft_fleet_apply(fleet, &change);
}

void store_make_catalogue(struct place *place, struct updraft_fleet *fleet)
{
    store_commit(place, fleet, change_product(1, "demo"));
    store_commit(place, fleet, change_product(2, "other"));
    store_commit(place, fleet, change_release(1, 1, "1.0.0"));
    store_commit(place, fleet, change_image(1, 9));
    store_commit(place, fleet, change_image(1, 0));
    store_commit(place, fleet, change_release(2, 2, "1.0.0"));
    store_commit(place, fleet, change_release(3, 1, "1.1.0"));
    store_commit(place, fleet, change_image(3, 0));
    store_commit(place, fleet, change_channel(1, "testing", 3));
    store_commit(place, fleet, change_channel(2, "stable", 2));
    store_commit(place, fleet, change_channel(1, "stable", 1));
    store_commit(place, fleet, change_channel(1, "stable", 3)); /* moved */
}

void store_assert_same(struct place *place, const struct updraft_fleet *fleet)
{
    struct updraft_fleet again;

    place_reopen(place);
    store_load(place, &again);
    char *before = store_show(fleet), *after = store_show(&again);
    assert_string_equal(before, after);
    assert_int_equal(fleet->device_count, again.device_count);
    free(before);
    free(after);
    updraft_fleet_deinit(&again);
}

struct updraft_change change_log(int64_t attempt_id, const char *text)
{
    struct updraft_change change = {.kind = UPDRAFT_CHANGE_LOG};

    change.row.log.attempt_id = attempt_id;
    updraft_name_set(change.row.log.text, sizeof change.row.log.text, text);
    return change;
}
