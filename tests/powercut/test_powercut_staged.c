/* The power is cut at every flash operation of a staged update: download, journal, copy, done;
 * before the operation, half-way, with random bits, and after it. Then, for a smaller image, a
 * second time at every operation of the recovery. Each time, read from the flash before any code
 * touches it: either the journal asks for a copy and its source is whole, or the image in place
 * is. Then that image must boot, or be copied and boot, and the update must end. Raw and gzip,
 * plain images and sketches, and an image that only the boot stage finds to be bad. Then all of
 * it with cuts that leave bits which read differently each time. No cut point is picked by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/rig/staged_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum wire {
    WIRE_RAW,
    WIRE_GZIP,            /* looked into by the transaction as well */
    WIRE_GZIP_UNSEEN,     /* only by the boot stage */
    WIRE_GZIP_OF_RUBBISH, /* the same, and the image in it is bad */
};

struct setting {
    enum updraft_staged_kind kind;
    enum wire wire;
    bool updated_before;    /* the journal tells of an earlier copy */
    uint32_t unstable_bits; /* see nor.h */
};

struct campaign {
    struct staged_rig rig;
    struct rig_image old_image;
    struct rig_image new_image;
    const uint8_t *wire;
    uint32_t wire_len;
    uint8_t *gzip;
    bool is_bad; /* the old image must stay */
    uint32_t unstable_bits;
    bool switched;  /* the new image was in place and done: from then on it must not be lost */
    uint8_t *fresh; /* the flash before the update */
    uint64_t cases;
};

static void make_images(struct campaign *campaign, enum updraft_staged_kind kind, uint32_t len)
{
    if (kind == UPDRAFT_STAGED_ARDUINO) {
        staged_rig_sketch_make(&campaign->old_image, "1.0.0", len);
        staged_rig_sketch_make(&campaign->new_image, "1.1.0", len + 0x1234);
    } else {
        staged_rig_plain_make(&campaign->old_image, "1.0.0", len);
        staged_rig_plain_make(&campaign->new_image, "1.1.0", len + 0x1234);
    }
    /* One sector that both have in common, so that a copy has something to leave alone. */
    memcpy(campaign->old_image.bytes + 0x3000, campaign->new_image.bytes + 0x3000, 0x1000);
}

/* The shared sector has broken the old image's checks; make them good again. */
static void repair_old(struct campaign *campaign, enum updraft_staged_kind kind)
{
    struct rig_image *old = &campaign->old_image;
    struct updraft_image_reader reader;
    uint32_t off = kind == UPDRAFT_STAGED_ARDUINO ? UPDRAFT_ARDUINO8266_APP_OFF : 0;
    struct updraft_digest digest;

    if (kind == UPDRAFT_STAGED_ARDUINO) {
        struct updraft_arduino8266_reader sketch;

        updraft_arduino8266_init(&sketch);
        assert_int_equal(updraft_arduino8266_feed(&sketch, old->bytes, old->len), UPDRAFT_OK);
        old->bytes[old->len - 1] = sketch.info.app_checksum_computed;
        staged_rig_sketch_seal(old);
        return;
    }
    updraft_image_reader_init(&reader);
    assert_int_equal(updraft_image_reader_feed(&reader, old->bytes + off, old->len - off),
                     UPDRAFT_OK);
    old->bytes[reader.info.checksum_off] = reader.info.checksum_computed;
    updraft_digest_start(&digest, UPDRAFT_DIGEST_SHA256);
    updraft_digest_update(&digest, old->bytes, reader.info.checksum_off + 1);
    updraft_digest_finish(&digest, old->bytes + reader.info.checksum_off + 1);
}

/* The device comes from a still older image, by the way that is under test. */
static void update_before(struct campaign *campaign, struct setting setting)
{
    struct staged_rig *rig = &campaign->rig;
    struct rig_image first;

    if (setting.kind == UPDRAFT_STAGED_ARDUINO)
        staged_rig_sketch_make(&first, "0.9.0", 16000);
    else
        staged_rig_plain_make(&first, "0.9.0", 16000);
    staged_rig_make(rig, setting.kind, &first);
    assert_true(staged_rig_boot(rig));
    assert_int_equal(
        staged_rig_update(rig, campaign->old_image.bytes, campaign->old_image.len, 4096),
        UPDRAFT_OK);
    assert_true(staged_rig_boot(rig));
    assert_int_equal(staged_rig_journal(rig).state, UPDRAFT_STAGED_DONE);
    rig_image_free(&first);
}

static void campaign_init(struct campaign *campaign, struct setting setting, uint32_t image_len)
{
    enum wire wire = setting.wire;

    memset(campaign, 0, sizeof *campaign);
    make_images(campaign, setting.kind, image_len);
    repair_old(campaign, setting.kind);
    campaign->unstable_bits = setting.unstable_bits;
    campaign->is_bad = wire == WIRE_GZIP_OF_RUBBISH;
    if (campaign->is_bad)
        campaign->new_image.bytes[campaign->new_image.len / 2] ^= 0x40;
    campaign->wire = campaign->new_image.bytes;
    campaign->wire_len = campaign->new_image.len;
    if (wire != WIRE_RAW) {
        campaign->gzip = rig_gzip(campaign->wire, campaign->wire_len, &campaign->wire_len);
        campaign->wire = campaign->gzip;
    }
    if (setting.updated_before)
        update_before(campaign, setting);
    else
        staged_rig_make(&campaign->rig, setting.kind, &campaign->old_image);
    campaign->rig.device_inflates = wire == WIRE_GZIP;
    campaign->fresh = malloc(campaign->rig.nor.flash.size);
    assert_non_null(campaign->fresh);
    memcpy(campaign->fresh, campaign->rig.nor.bytes, campaign->rig.nor.flash.size);
}

static void campaign_free(struct campaign *campaign)
{
    staged_rig_free(&campaign->rig);
    rig_image_free(&campaign->old_image);
    rig_image_free(&campaign->new_image);
    free(campaign->gzip);
    free(campaign->fresh);
}

static bool holds_old(const struct campaign *campaign)
{
    return staged_rig_holds(&campaign->rig, &campaign->old_image);
}

static bool holds_new(const struct campaign *campaign)
{
    return staged_rig_holds(&campaign->rig, &campaign->new_image);
}

/* One life of the device: it boots, updates when it is old, restarts, and so on until there is
 * nothing left to do or the power fails. */
static void live(struct campaign *campaign)
{
    struct staged_rig *rig = &campaign->rig;

    for (int restarts = 0; restarts < 20 && !rig->nor.is_off; restarts++) {
        if (!staged_rig_boot(rig))
            return;
        campaign->switched = campaign->switched || holds_new(campaign);
        if (holds_new(campaign))
            return;
        if (staged_rig_update(rig, campaign->wire, campaign->wire_len, 1460) != UPDRAFT_OK &&
            campaign->unstable_bits == 0)
            return; /* power off, or E_FAILED_BEFORE after the boot stage refused it */
    }
}

struct cut {
    uint64_t first;
    uint64_t second;
    enum updraft_nor_cut how;
};

static void fail_case(const struct campaign *campaign, const char *what, struct cut cut)
{
    print_error("kind %d, cut %d at operation %llu, then %llu: %s\n", campaign->rig.layout.kind,
                cut.how, (unsigned long long)cut.first, (unsigned long long)cut.second, what);
    fail();
}

/* What must hold of the bare flash at any moment. */
static void check_records(const struct campaign *campaign, struct cut cut)
{
    const struct staged_rig *rig = &campaign->rig;
    struct updraft_staged_journal journal = staged_rig_journal(rig);

    if (journal.state == UPDRAFT_STAGED_PENDING) {
        if (journal.staged_len != campaign->wire_len ||
            memcmp(rig->nor.bytes + journal.source_addr, campaign->wire, campaign->wire_len) != 0)
            fail_case(campaign, "the journal names a source that is not whole", cut);
    } else if (!holds_old(campaign) && !holds_new(campaign)) {
        fail_case(campaign, "a mixed image, and no journal that would mend it", cut);
    } else if (journal.state == UPDRAFT_STAGED_DONE && journal.staged_len == campaign->wire_len &&
               !holds_new(campaign)) {
        fail_case(campaign, "done is said of a copy that is not made", cut);
    } else if (campaign->switched && !holds_new(campaign)) {
        fail_case(campaign, "the new image is lost after it has started", cut);
    }
}

static void check_flash(const struct campaign *campaign, struct cut cut)
{
    const struct staged_rig *rig = &campaign->rig;
    const struct updraft_staged_layout *layout = &rig->layout;
    uint32_t app_start = layout->app_addr + staged_rig_kept_len(rig);

    if (campaign->unstable_bits == 0) /* else what the records are is a matter of chance */
        check_records(campaign, cut);
    if (campaign->is_bad && !holds_old(campaign))
        fail_case(campaign, "an image that does not verify was copied", cut);
    if (memcmp(rig->nor.bytes, campaign->fresh, app_start) != 0)
        fail_case(campaign, "the boot stage's sectors were written", cut);
    if (memcmp(rig->nor.bytes + layout->journal_addr + 0x1000,
               campaign->fresh + layout->journal_addr + 0x1000,
               rig->nor.flash.size - layout->journal_addr - 0x1000) != 0)
        fail_case(campaign, "the file system was written", cut);
    if (rig->nor.violation[0] != '\0')
        fail_case(campaign, rig->nor.violation, cut);
}

/* No bit of the image may be one that reads as it should by chance. */
static void check_steady(const struct campaign *campaign, struct cut cut)
{
    const struct staged_rig *rig = &campaign->rig;

    for (uint32_t i = 0; rig->nor.unstable != NULL && i < campaign->new_image.len; i++) {
        if (rig->nor.unstable[rig->layout.app_addr + i] != 0)
            fail_case(campaign, "the new image is not what it reads", cut);
    }
}

/* The power is back for good. */
static void check_recovers(struct campaign *campaign, struct cut cut)
{
    struct staged_rig *rig = &campaign->rig;
    enum updraft_staged_state end = campaign->is_bad ? UPDRAFT_STAGED_REFUSED : UPDRAFT_STAGED_DONE;
    bool was_pending;

    campaign->cases++;
    updraft_nor_power_on(&rig->nor, 0, cut.how);
    check_flash(campaign, cut);
    was_pending =
        campaign->unstable_bits == 0 && staged_rig_journal(rig).state == UPDRAFT_STAGED_PENDING;
    if (!staged_rig_boot(rig))
        fail_case(campaign, "nothing boots", cut);
    check_flash(campaign, cut);
    if (!holds_old(campaign) && !holds_new(campaign))
        fail_case(campaign, "a mixed image boots", cut);
    if (was_pending && !campaign->is_bad && !holds_new(campaign))
        fail_case(campaign, "the copy was not taken up again", cut);
    live(campaign);
    check_flash(campaign, cut);
    if (!staged_rig_boot(rig) || (campaign->is_bad ? !holds_old(campaign) : !holds_new(campaign)) ||
        staged_rig_journal(rig).state != end)
        fail_case(campaign, "the update does not end", cut);
    if (campaign->unstable_bits == 0 && rig->booted.why != UPDRAFT_BOOT_STAGED_IN_PLACE)
        fail_case(campaign, "the copy does not end", cut);
    check_flash(campaign, cut);
    check_steady(campaign, cut);
}

/* A flash at rest: its bytes, and which bits of them read by chance. */
struct snapshot {
    uint8_t *bytes;
    uint8_t *unstable; /* NULL: none */
};

static uint8_t *copy_of(const uint8_t *bytes, uint32_t len)
{
    uint8_t *copy = bytes != NULL ? malloc(len) : NULL;

    assert_true((copy == NULL) == (bytes == NULL));
    if (copy != NULL)
        memcpy(copy, bytes, len);
    return copy;
}

static struct snapshot take_snapshot(const struct campaign *campaign)
{
    const struct updraft_nor *nor = &campaign->rig.nor;

    return (struct snapshot){copy_of(nor->bytes, nor->flash.size),
                             copy_of(nor->unstable, nor->flash.size)};
}

static void drop_snapshot(struct snapshot *snapshot)
{
    free(snapshot->bytes);
    free(snapshot->unstable);
}

static void live_until(struct campaign *campaign, const struct snapshot *from, uint64_t cut_at,
                       enum updraft_nor_cut how)
{
    struct updraft_nor *nor = &campaign->rig.nor;

    memcpy(nor->bytes, from->bytes, nor->flash.size);
    free(nor->unstable);
    nor->unstable = copy_of(from->unstable, nor->flash.size);
    nor->options.unstable_bits = campaign->unstable_bits;
    campaign->switched = false;
    updraft_nor_power_on(nor, cut_at, how);
    live(campaign);
}

static void cut_everywhere(struct setting setting)
{
    struct campaign campaign;
    struct snapshot fresh;
    uint64_t operations;

    campaign_init(&campaign, setting, 42000);
    fresh = take_snapshot(&campaign);
    live_until(&campaign, &fresh, 0, UPDRAFT_NOR_CUT_BEFORE);
    operations = campaign.rig.nor.counts.operations;
    assert_true(operations > (campaign.is_bad ? 12 : 25));
    assert_true(campaign.is_bad || campaign.rig.nor.counts.block_erases > 2);
    for (uint64_t at = 1; at <= operations; at++) {
        for (int how = UPDRAFT_NOR_CUT_BEFORE; how <= UPDRAFT_NOR_CUT_AFTER; how++) {
            live_until(&campaign, &fresh, at, (enum updraft_nor_cut)how);
            assert_true(campaign.rig.nor.is_off);
            check_recovers(&campaign, (struct cut){at, 0, (enum updraft_nor_cut)how});
        }
    }
    print_message("# %llu operations, %llu cases\n", (unsigned long long)operations,
                  (unsigned long long)campaign.cases);
    drop_snapshot(&fresh);
    campaign_free(&campaign);
}

/* Every first cut, then every second cut during what follows it, each in every way. */
static void cut_twice(struct setting setting)
{
    struct campaign campaign;
    struct snapshot fresh;
    uint64_t operations;

    campaign_init(&campaign, setting, 20000);
    fresh = take_snapshot(&campaign);
    live_until(&campaign, &fresh, 0, UPDRAFT_NOR_CUT_BEFORE);
    operations = campaign.rig.nor.counts.operations;
    for (uint64_t at = 1; at <= operations; at++) {
        for (int how = UPDRAFT_NOR_CUT_HALF; how <= UPDRAFT_NOR_CUT_AFTER; how++) {
            struct snapshot after_first;
            uint64_t recovery;

            live_until(&campaign, &fresh, at, (enum updraft_nor_cut)how);
            after_first = take_snapshot(&campaign);
            live_until(&campaign, &after_first, 0, (enum updraft_nor_cut)how);
            recovery = campaign.rig.nor.counts.operations;
            for (uint64_t then = 1; then <= recovery; then++) {
                live_until(&campaign, &after_first, then, (enum updraft_nor_cut)how);
                check_recovers(&campaign, (struct cut){at, then, (enum updraft_nor_cut)how});
            }
            drop_snapshot(&after_first);
        }
    }
    print_message("# %llu cases\n", (unsigned long long)campaign.cases);
    drop_snapshot(&fresh);
    campaign_free(&campaign);
}

static void staged_power_cut_at_every_operation_raw(void **state)
{
    (void)state;
    cut_everywhere((struct setting){UPDRAFT_STAGED_PLAIN, WIRE_RAW, false, 0});
}

static void staged_power_cut_at_every_operation_gzip(void **state)
{
    (void)state;
    cut_everywhere((struct setting){UPDRAFT_STAGED_PLAIN, WIRE_GZIP, false, 0});
}

static void staged_power_cut_at_every_operation_gzip_only_the_boot_stage_inflates(void **state)
{
    (void)state;
    cut_everywhere((struct setting){UPDRAFT_STAGED_PLAIN, WIRE_GZIP_UNSEEN, false, 0});
}

static void staged_power_cut_at_every_operation_of_a_sketch_raw(void **state)
{
    (void)state;
    cut_everywhere((struct setting){UPDRAFT_STAGED_ARDUINO, WIRE_RAW, false, 0});
}

static void staged_power_cut_at_every_operation_of_a_sketch_gzip(void **state)
{
    (void)state;
    cut_everywhere((struct setting){UPDRAFT_STAGED_ARDUINO, WIRE_GZIP_UNSEEN, false, 0});
}

static void staged_power_cut_at_every_operation_of_a_device_updated_before(void **state)
{
    (void)state;
    cut_everywhere((struct setting){UPDRAFT_STAGED_PLAIN, WIRE_RAW, true, 0});
    cut_everywhere((struct setting){UPDRAFT_STAGED_PLAIN, WIRE_GZIP_UNSEEN, true, 0});
    cut_everywhere((struct setting){UPDRAFT_STAGED_ARDUINO, WIRE_RAW, true, 0});
}

static void staged_power_cut_while_the_boot_stage_refuses_a_bad_image(void **state)
{
    (void)state;
    cut_everywhere((struct setting){UPDRAFT_STAGED_PLAIN, WIRE_GZIP_OF_RUBBISH, false, 0});
    cut_everywhere((struct setting){UPDRAFT_STAGED_ARDUINO, WIRE_GZIP_OF_RUBBISH, false, 0});
}

static void staged_second_cut_during_every_recovery_raw(void **state)
{
    (void)state;
    cut_twice((struct setting){UPDRAFT_STAGED_PLAIN, WIRE_RAW, false, 0});
}

static void staged_second_cut_during_every_recovery_gzip(void **state)
{
    (void)state;
    cut_twice((struct setting){UPDRAFT_STAGED_PLAIN, WIRE_GZIP_UNSEEN, false, 0});
}

static void staged_second_cut_during_every_recovery_of_a_sketch(void **state)
{
    (void)state;
    cut_twice((struct setting){UPDRAFT_STAGED_ARDUINO, WIRE_RAW, false, 0});
}

static void staged_second_cut_while_the_boot_stage_refuses_a_bad_image(void **state)
{
    (void)state;
    cut_twice((struct setting){UPDRAFT_STAGED_PLAIN, WIRE_GZIP_OF_RUBBISH, false, 0});
}

static void staged_power_cut_that_leaves_bits_that_read_by_chance(void **state)
{
    (void)state;
    for (int again = 0; again < 2; again++) {
        cut_everywhere((struct setting){UPDRAFT_STAGED_PLAIN, WIRE_RAW, again == 0, 3});
        cut_everywhere((struct setting){UPDRAFT_STAGED_PLAIN, WIRE_GZIP_UNSEEN, again == 0, 3});
    }
}

static void staged_second_cut_with_bits_that_read_by_chance(void **state)
{
    (void)state;
    cut_twice((struct setting){UPDRAFT_STAGED_PLAIN, WIRE_RAW, false, 1});
    cut_twice((struct setting){UPDRAFT_STAGED_ARDUINO, WIRE_RAW, true, 1});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(staged_power_cut_at_every_operation_raw),
        cmocka_unit_test(staged_power_cut_at_every_operation_gzip),
        cmocka_unit_test(staged_power_cut_at_every_operation_gzip_only_the_boot_stage_inflates),
        cmocka_unit_test(staged_power_cut_at_every_operation_of_a_sketch_raw),
        cmocka_unit_test(staged_power_cut_at_every_operation_of_a_sketch_gzip),
        cmocka_unit_test(staged_power_cut_at_every_operation_of_a_device_updated_before),
        cmocka_unit_test(staged_power_cut_while_the_boot_stage_refuses_a_bad_image),
        cmocka_unit_test(staged_second_cut_during_every_recovery_raw),
        cmocka_unit_test(staged_second_cut_during_every_recovery_gzip),
        cmocka_unit_test(staged_second_cut_during_every_recovery_of_a_sketch),
        cmocka_unit_test(staged_second_cut_while_the_boot_stage_refuses_a_bad_image),
        cmocka_unit_test(staged_power_cut_that_leaves_bits_that_read_by_chance),
        cmocka_unit_test(staged_second_cut_with_bits_that_read_by_chance),
    };

    return cmocka_run_group_tests_name("powercut_staged", tests, NULL, NULL);
}
