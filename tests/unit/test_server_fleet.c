/* What the fleet is made of when it is large: the table, the shared texts, the counts, the bytes. */
#include "server/fleet/fleet.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* --- the table --- */

static void the_hash_is_the_published_one(void **state)
{
    struct updraft_hash_key key;
    uint8_t bytes[16];

    (void)state;
    for (uint8_t i = 0; i < 16; i++)
        bytes[i] = i;
    memcpy(&key, bytes, sizeof key);
    /* From the paper: its example, and the first rows of its vectors (of 0, 1, 8 and 15 bytes). */
    assert_true(updraft_hash(&key, bytes, 0) == 0x726fdb47dd0e0e31u);
    assert_true(updraft_hash(&key, bytes, 1) == 0x74f839c593dc67fdu);
    assert_true(updraft_hash(&key, bytes, 8) == 0x93f5f5799a932462u);
    assert_true(updraft_hash(&key, bytes, 15) == 0xa129ca6149be45e5u);
}

struct thing {
    struct updraft_node node;
    uint64_t hash;
};

static bool has(const struct updraft_table *table, const struct thing *thing)
{
    const struct updraft_node *node = updraft_table_first(table, thing->hash);

    while (node != NULL && node != &thing->node)
        node = updraft_table_next(node);
    return node != NULL;
}

static void a_table_finds_all_that_is_in_it_at_each_size(void **state)
{
    enum { COUNT = 3000 };
    struct thing *things = calloc(COUNT, sizeof *things);
    struct updraft_table table;

    (void)state;
    updraft_table_init(&table);
    for (size_t i = 0; i < COUNT; i++) {
        things[i].hash = i % 7 == 0 ? 42 : i * 0x9e3779b97f4a7c15u; /* some meet */
        assert_false(has(&table, &things[i]));
        updraft_table_add(&table, &things[i].node, things[i].hash);
        for (size_t k = 0; k <= i; k += 1 + i / 40)
            assert_true(has(&table, &things[k]));
    }
    for (size_t i = 0; i < COUNT; i += 2)
        updraft_table_remove(&table, &things[i].node);
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(has(&table, &things[i]), i % 2);
    assert_int_equal(table.count, COUNT / 2);
    updraft_table_deinit(&table);
    free(things);
}

static void a_slab_gives_zeroed_memory_and_takes_it_back(void **state)
{
    enum { COUNT = 100000, LEN = 44 };
    static unsigned char *objects[COUNT];
    struct updraft_slab slab = {0};

    (void)state;
    for (int round = 0; round < 2; round++) {
        size_t pieces = slab.piece_count;
        for (size_t i = 0; i < COUNT; i++) {
            objects[i] = updraft_slab_take(&slab, LEN);
            assert_int_equal((uintptr_t)objects[i] % 8, 0);
            for (size_t k = 0; k < LEN; k++)
                assert_int_equal(objects[i][k], 0);
            memset(objects[i], (int)(1 + i % 255), LEN);
        }
        for (size_t i = 0; i < COUNT; i++) { /* none lies in another */
            for (size_t k = 0; k < LEN; k += LEN - 1)
                assert_int_equal(objects[i][k], 1 + i % 255);
        }
        for (size_t i = 0; i < COUNT; i++)
            updraft_slab_give_back(&slab, objects[i]);
        if (round == 1)
            assert_int_equal(slab.piece_count, pieces);
    }
    updraft_slab_deinit(&slab);
}

/* --- shared texts --- */

static void a_text_is_kept_once_and_goes_with_its_last_use(void **state)
{
    struct updraft_intern intern;
    char text[16];

    (void)state;
    updraft_intern_init(&intern);
    const char *first = updraft_intern_take(&intern, "1.0.0");
    snprintf(text, sizeof text, "1.0.%d", 0);
    assert_ptr_equal(updraft_intern_take(&intern, text), first);
    assert_string_equal(first, "1.0.0");
    assert_int_equal(intern.table.count, 1);
    const char *use = updraft_intern_take(&intern, "");
    assert_string_equal(use, "");
    assert_int_equal(intern.table.count, 1);
    updraft_intern_set(&intern, &use, "1.0.0");
    assert_ptr_equal(use, first);
    updraft_intern_set(&intern, &use, "2");
    assert_int_equal(intern.table.count, 2);
    updraft_intern_drop(&intern, first);
    assert_int_equal(intern.table.count, 2);
    updraft_intern_drop(&intern, first);
    assert_int_equal(intern.table.count, 1);
    updraft_intern_set(&intern, &use, "");
    assert_int_equal(intern.table.count, 0);
    updraft_intern_deinit(&intern);
}

/* --- the fleet --- */

static void name_device(char id[UPDRAFT_DEVICE_ID_CAP], unsigned number)
{
    /* 17 to 40 bytes. */
    snprintf(id, UPDRAFT_DEVICE_ID_CAP, "24:6F:28:%02X:%02X:%02X%.*s", number >> 16 & 255u,
             number >> 8 & 255u, number & 255u, (int)(number % 24), "-0123456789abcdef0123456");
}

static struct updraft_change device(unsigned number, const char *version)
{
    struct updraft_change change = {.kind = UPDRAFT_CHANGE_DEVICE};
    struct updraft_device_row *row = &change.row.device;

    name_device(row->id, number);
    updraft_name_set(row->product, sizeof row->product, "wallbox");
    updraft_name_set(row->channel, sizeof row->channel, "stable");
    updraft_name_set(row->version, sizeof row->version, version);
    updraft_name_set(row->slot, sizeof row->slot, "ota_0");
    snprintf(row->address, sizeof row->address, "10.%u.%u.%u", number >> 16 & 255u,
             number >> 8 & 255u, number & 255u);
    row->last_seen_ms = 1800000000000;
    return change;
}

static struct updraft_change attempt(int64_t id, unsigned number, enum updraft_attempt_state state)
{
    struct updraft_change change = {.kind = UPDRAFT_CHANGE_ATTEMPT};
    struct updraft_attempt_row *row = &change.row.attempt;

    row->id = id;
    name_device(row->device, number);
    updraft_name_set(row->product, sizeof row->product, "wallbox");
    updraft_name_set(row->from, sizeof row->from, "1.0.0");
    updraft_name_set(row->to, sizeof row->to, "1.1.0");
    row->state = state;
    return change;
}

static size_t resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long pages = 0;

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*u %lu", &pages), 1);
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void a_device_and_its_attempt_take_less_than_300_bytes(void **state)
{
    enum { COUNT = 200000 };
    struct updraft_fleet fleet;
    struct updraft_change change;

    (void)state;
    if (mallinfo2().uordblks == 0)
        skip(); /* a sanitizer's memory */
    size_t before = resident_bytes();
    updraft_fleet_init(&fleet, 1);
    for (unsigned i = 0; i < COUNT; i++) {
        change = device(i, "1.0.0");
        updraft_fleet_apply(&fleet, &change);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        change = attempt(1 + i, i, UPDRAFT_ATTEMPT_OFFERED);
        updraft_fleet_apply(&fleet, &change);
    }
    assert_in_range((resident_bytes() - before) / COUNT, 100, 299);
    updraft_fleet_deinit(&fleet);
}

static void a_device_that_tells_ever_new_versions_costs_no_more(void **state)
{
    struct updraft_fleet fleet;
    char version[UPDRAFT_VERSION_CAP];

    (void)state;
    updraft_fleet_init(&fleet, 1);
    for (unsigned i = 0; i < 10000; i++) {
        snprintf(version, sizeof version, "v%u", i);
        struct updraft_change change = device(1, version);
        snprintf(change.row.device.name, sizeof change.row.device.name, "name %u", i);
        snprintf(change.row.device.slot, sizeof change.row.device.slot, "slot %u", i);
        updraft_fleet_apply(&fleet, &change);
        assert_int_equal(fleet.texts.table.count, 5);
        assert_int_equal(fleet.tally.table.count, 1);
        assert_ptr_equal(fleet.tally.first, fleet.tally.last);
        assert_string_equal(fleet.tally.first->version, version);
    }
    updraft_fleet_deinit(&fleet);
}

/* The counts against a walk over all devices. */
static void assert_counts(const struct updraft_fleet *fleet)
{
    uint64_t standings[UPDRAFT_ATTEMPT_STATE_COUNT] = {0},
             newest[UPDRAFT_ATTEMPT_STATE_COUNT] = {0};
    uint64_t in_groups = 0, confirmed = 0;

    for (size_t i = 0; i < fleet->device_count; i++) {
        const struct updraft_device *at = fleet->devices[i];
        standings[updraft_device_standing(at)]++;
        newest[at->newest == NULL ? UPDRAFT_ATTEMPT_NONE : at->newest->state]++;
        confirmed += at->confirmed;
    }
    assert_memory_equal(standings, fleet->tally.standings, sizeof standings);
    assert_memory_equal(newest, fleet->tally.newest, sizeof newest);
    assert_true(confirmed == fleet->tally.confirmed);
    for (const struct updraft_group *group = fleet->tally.first; group != NULL;
         group = group->next) {
        uint64_t count = 0;
        for (size_t i = 0; i < fleet->device_count; i++)
            count += strcmp(fleet->devices[i]->version, group->version) == 0 &&
                     strcmp(fleet->devices[i]->product, group->product) == 0;
        assert_true(count == group->count && count > 0);
        in_groups += count;
    }
    assert_true(in_groups == fleet->device_count && fleet->tally.count == fleet->device_count);
}

static void the_counts_follow_every_change(void **state)
{
    static const char *const versions[] = {"", "1.0.0", "1.1.0", "2.0"};
    struct updraft_fleet fleet;
    uint32_t noise = 1;
    int64_t next_id = 1;

    (void)state;
    updraft_fleet_init(&fleet, 1);
    for (int round = 0; round < 4000; round++) {
        noise = noise * 1664525u + 1013904223u;
        unsigned number = noise >> 8 & 15u, what = noise >> 13 & 7u;
        struct updraft_change change = device(number, versions[noise >> 20 & 3u]);
        change.row.device.confirmed = (noise >> 25 & 1u) != 0;
        change.row.device.trial = (noise >> 26 & 1u) != 0;
        struct updraft_device *known = updraft_fleet_find_device(&fleet, change.row.device.id);
        enum updraft_attempt_state to = (enum updraft_attempt_state)(1 + (noise >> 27) % 7);
        if (known != NULL && (what == 1 || (what > 4 && known->newest == NULL)))
            change = attempt(next_id++, number, to);
        else if (known != NULL && what == 2 && known->newest != NULL)
            change = attempt(known->newest->id, number, to);
        else if (known != NULL && what > 4) {
            change = attempt(known->newest->id, number, to);
            change.kind = UPDRAFT_CHANGE_ATTEMPT_END;
        }
        updraft_fleet_apply(&fleet, &change);
        if (round % 10 == 0)
            assert_counts(&fleet);
    }
    assert_counts(&fleet);
    assert_int_equal(fleet.device_count, 16);
    updraft_fleet_deinit(&fleet);
}

static void who_was_seen_is_counted_to_ten_seconds(void **state)
{
    const int64_t start_ms = 1800000000000;
    struct updraft_fleet fleet;
    char id[UPDRAFT_DEVICE_ID_CAP];

    (void)state;
    updraft_fleet_init(&fleet, 1);
    for (unsigned i = 0; i < 100; i++) {
        struct updraft_change change = device(i, "1.0.0");
        change.row.device.last_seen_ms = start_ms - (int64_t)i * 20000;
        updraft_fleet_apply(&fleet, &change);
    }
    const struct updraft_tally *tally = &fleet.tally;
    assert_int_equal(updraft_tally_seen(tally, start_ms, 0), 1);
    assert_int_equal(updraft_tally_seen(tally, start_ms, 300000), 16);
    assert_int_equal(updraft_tally_seen(tally, start_ms, 604800000), 100);
    assert_int_equal(updraft_tally_seen(tally, start_ms + 100000, 300000), 11);
    name_device(id, 99);
    updraft_fleet_touch(&fleet, &(struct updraft_sight){id, "10.0.0.1", start_ms + 100000, -1});
    assert_int_equal(updraft_tally_seen(tally, start_ms + 100000, 300000), 12);
    assert_int_equal(updraft_tally_seen(tally, start_ms + 100000, 604800000), 100);
    /* Nobody else for a week and a day. */
    updraft_fleet_touch(&fleet, &(struct updraft_sight){id, "10.0.0.1", start_ms + 691200000, -1});
    assert_int_equal(updraft_tally_seen(tally, start_ms + 691200000, 604800000), 1);
    name_device(id, 98);
    updraft_fleet_touch(&fleet, &(struct updraft_sight){id, "10.0.0.1", start_ms + 691200000, -1});
    assert_int_equal(updraft_tally_seen(tally, start_ms + 691200000, 604800000), 2);
    assert_int_equal(updraft_tally_seen(tally, start_ms + 791200000, 300000), 0);
    /* The clock was wrong, and went back. */
    name_device(id, 97);
    updraft_fleet_touch(&fleet, &(struct updraft_sight){id, "10.0.0.1", start_ms, -1});
    assert_int_equal(updraft_tally_seen(tally, start_ms, 604800000), 2);
    updraft_fleet_deinit(&fleet);
}

static void an_address_comes_back_as_it_was_told(void **state)
{
    static const char *const told[] = {"127.0.0.1",     "255.255.255.255",      "::1",
                                       "fd00::12:3456", "2001:db8:1:2:3:4:5:6", ""};
    char shown[UPDRAFT_ADDRESS_CAP];

    (void)state;
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        struct updraft_address address = updraft_address_parse(told[i]);
        updraft_address_show(&address, shown);
        assert_string_equal(shown, told[i]);
    }
    struct updraft_address none = updraft_address_parse("next door");
    updraft_address_show(&none, shown);
    assert_string_equal(shown, "");
}

static void an_attempt_comes_back_as_its_row(void **state)
{
    struct updraft_change change = device(7, "1.0.0");
    struct updraft_attempt_row row;
    struct updraft_fleet fleet;

    (void)state;
    updraft_fleet_init(&fleet, 1);
    updraft_fleet_apply(&fleet, &change);
    change = attempt(5, 7, UPDRAFT_ATTEMPT_FAILED);
    change.row.attempt.via = UPDRAFT_VIA_ESPOTA;
    change.row.attempt.progress = 43;
    change.row.attempt.started_ms = 11;
    change.row.attempt.updated_ms = 12;
    for (uint32_t code = 0; code < 70; code += 69) {
        change.row.attempt.error_code = code;
        updraft_name_set(change.row.attempt.error_name, UPDRAFT_ERROR_NAME_CAP,
                         code == 0 ? "" : "disconnected");
        updraft_name_set(change.row.attempt.error_text, UPDRAFT_ERROR_TEXT_CAP,
                         code == 0 ? "" : "the connection broke off");
        updraft_fleet_apply(&fleet, &change);
        updraft_attempt_row(fleet.attempts[0], &row);
        assert_int_equal(row.error_code, code);
        assert_string_equal(row.error_text, change.row.attempt.error_text);
    }
    assert_string_equal(row.error_name, "disconnected");
    assert_string_equal(row.device, change.row.attempt.device);
    assert_string_equal(row.product, "wallbox");
    assert_string_equal(row.from, "1.0.0");
    assert_string_equal(row.to, "1.1.0");
    assert_int_equal(row.via, UPDRAFT_VIA_ESPOTA);
    assert_int_equal(row.state, UPDRAFT_ATTEMPT_FAILED);
    assert_int_equal(row.progress, 43);
    assert_int_equal(row.started_ms, 11);
    assert_int_equal(row.updated_ms, 12);
    updraft_fleet_deinit(&fleet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hash_is_the_published_one),
        cmocka_unit_test(a_table_finds_all_that_is_in_it_at_each_size),
        cmocka_unit_test(a_slab_gives_zeroed_memory_and_takes_it_back),
        cmocka_unit_test(a_text_is_kept_once_and_goes_with_its_last_use),
        cmocka_unit_test(a_device_and_its_attempt_take_less_than_300_bytes),
        cmocka_unit_test(a_device_that_tells_ever_new_versions_costs_no_more),
        cmocka_unit_test(the_counts_follow_every_change),
        cmocka_unit_test(who_was_seen_is_counted_to_ten_seconds),
        cmocka_unit_test(an_address_comes_back_as_it_was_told),
        cmocka_unit_test(an_attempt_comes_back_as_its_row),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
