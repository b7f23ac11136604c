/* The power is cut at every flash operation of a staged update: download, journal, copy, done;
 * before the operation, half-way, with random bits, and after it. Then, for a smaller image, a
 * second time at every operation of the recovery. Each time, read from the flash before any code
 * touches it: either the journal asks for a copy and its source is whole, or the image in place
 * is. Then that image must boot, or be copied and boot, and the update must end. Raw and gzip,
 * plain images and sketches, and an image that only the boot stage finds to be bad. Then with a progress
 * log: what was broken off is gone on with, behind another image, and staged again over itself. Then
 * all of it with cuts that leave bits which read differently each time: what an update calls staged
 * must not hold one. No cut point is picked by hand. */
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

enum story {
    STORY_NO,      /* and no log */
    STORY_DROPPED, /* the connection ends half-way */
    STORY_LARGER,  /* a larger image is broken off before */
    STORY_SMALLER,
    STORY_TWICE, /* it is sent again before the restart, to a transaction that was made anew */
};

struct setting {
    enum updraft_staged_kind kind;
    enum wire wire;
    bool updated_before;    /* the journal tells of an earlier copy */
    uint32_t unstable_bits; /* see nor.h */
    enum story story;
};

struct campaign {
    struct staged_rig rig;
    struct rig_image old_image;
    struct rig_image new_image;
    struct rig_image other; /* of the stories */
    const uint8_t *wire;
    uint32_t wire_len;
    uint8_t *gzip;
    enum story story;
    bool story_told; /* what comes before the update has come */
    bool is_bad;     /* the old image must stay */
    uint32_t unstable_bits;
    bool switched;  /* the new image was in place and done: from then on it must not be lost */
    uint8_t *fresh; /* the flash before the update */
    uint64_t cases;
    uint64_t resumed; /* updates that were gone on with */
};

static void make_image(struct rig_image *image, enum updraft_staged_kind kind, const char *version,
                       uint32_t len)
{
    if (kind == UPDRAFT_STAGED_ARDUINO)
        staged_rig_sketch_make(image, version, len);
    else
        staged_rig_plain_make(image, version, len);
}

static void make_images(struct campaign *campaign, enum updraft_staged_kind kind, uint32_t len)
{
    make_image(&campaign->old_image, kind, "1.0.0", len);
    make_image(&campaign->new_image, kind, "1.1.0", len + 0x1234);
    /* One sector that both have in common, so that a copy has something to leave alone. */
    memcpy(campaign->old_image.bytes + 0x3000, campaign->new_image.bytes + 0x3000, 0x1000);
}

/* Sectors of it are equal to those of the new one. */
static void make_other(struct campaign *campaign, const struct setting *setting)
{
    uint32_t len =
        setting->story == STORY_SMALLER ? campaign->wire_len / 2 : campaign->wire_len + 0x5000;

    make_image(&campaign->other, setting->kind, "1.0.5", len);
    memcpy(campaign->other.bytes + campaign->other.len - 0x2000,
           campaign->wire + campaign->wire_len / 0x1000 * 0x1000 - 0x1000, 0x1000);
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

    make_image(&first, setting.kind, "0.9.0", 16000);
    staged_rig_make(rig, setting.kind, &first);
    rig->layout.log_addr = setting.story != STORY_NO ? STAGED_RIG_LOG_ADDR : 0;
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
    campaign->rig.layout.log_addr = setting.story != STORY_NO ? STAGED_RIG_LOG_ADDR : 0;
    campaign->story = setting.story;
    make_other(campaign, &setting);
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
    rig_image_free(&campaign->other);
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

/* No bit of it is one that reads as it should by chance. */
static bool is_steady(const struct campaign *campaign, uint32_t addr, uint32_t len)
{
    const uint8_t *unstable = campaign->rig.nor.unstable;

    for (uint32_t i = 0; unstable != NULL && i < len; i++) {
        if (unstable[addr + i] != 0)
            return false;
    }
    return true;
}

/* As the transaction says that it is. */
static void assert_staged(const struct campaign *campaign)
{
    uint32_t len = campaign->wire_len;

    assert_true(is_steady(campaign, updraft_staged_start(&campaign->rig.layout, len), len));
}

/* begin, and from where the device wants it up to byte `end`, which may be the end of it. */
static enum updraft_error send_to(struct campaign *campaign, const uint8_t *wire, uint32_t len,
                                  uint32_t end)
{
    struct updraft_update *update = &campaign->rig.update;
    struct updraft_update_request request = {
        .wire_len = len, .resumes = true, .force = campaign->story == STORY_TWICE};
    uint8_t sha256[UPDRAFT_SHA256_LEN];
    struct updraft_digest digest;
    enum updraft_error error;

    updraft_digest_start(&digest, UPDRAFT_DIGEST_SHA256);
    updraft_digest_update(&digest, wire, len);
    updraft_digest_finish(&digest, sha256);
    if (campaign->story != STORY_NO)
        request.sha256 = sha256;
    error = updraft_update_begin(update, &request, NULL);
    if (error == UPDRAFT_OK && updraft_update_resume_off(update) != 0)
        campaign->resumed++;
    for (uint32_t off = updraft_update_resume_off(update); error == UPDRAFT_OK && off < end;
         off += 1460)
        error = updraft_update_feed(update, wire + off, end - off < 1460 ? end - off : 1460);
    if (error == UPDRAFT_OK && end < len)
        updraft_update_abort(update, UPDRAFT_E_ABORTED);
    else if (error == UPDRAFT_OK)
        error = updraft_update_finish(update);
    return error;
}

/* What comes before the update, once. */
static void tell_story(struct campaign *campaign)
{
    if (campaign->story_told)
        return;
    campaign->story_told = true;
    if (campaign->story == STORY_DROPPED)
        (void)!send_to(campaign, campaign->wire, campaign->wire_len, campaign->wire_len / 4 * 3);
    if (campaign->story == STORY_LARGER || campaign->story == STORY_SMALLER)
        (void)!send_to(campaign, campaign->other.bytes, campaign->other.len,
                       campaign->other.len / 4 * 3);
    if (campaign->story == STORY_TWICE &&
        send_to(campaign, campaign->wire, campaign->wire_len, campaign->wire_len) == UPDRAFT_OK) {
        struct updraft_update_config config = campaign->rig.update.config;

        assert_staged(campaign);
        updraft_update_init(&campaign->rig.update, &config);
    }
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
        tell_story(campaign);
        if (send_to(campaign, campaign->wire, campaign->wire_len, campaign->wire_len) == UPDRAFT_OK)
            assert_staged(campaign);
        else if (campaign->unstable_bits == 0)
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
    uint32_t behind = (layout->log_addr != 0 ? layout->log_addr : layout->journal_addr) + 0x1000;

    if (campaign->unstable_bits == 0) /* else what the records are is a matter of chance */
        check_records(campaign, cut);
    if (campaign->is_bad && !holds_old(campaign))
        fail_case(campaign, "an image that does not verify was copied", cut);
    if (memcmp(rig->nor.bytes, campaign->fresh, app_start) != 0)
        fail_case(campaign, "the boot stage's sectors were written", cut);
    if (memcmp(rig->nor.bytes + behind, campaign->fresh + behind, rig->nor.flash.size - behind) !=
        0)
        fail_case(campaign, "the file system was written", cut);
    if (rig->nor.violation[0] != '\0')
        fail_case(campaign, rig->nor.violation, cut);
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
    if (!is_steady(campaign, rig->layout.app_addr, campaign->new_image.len))
        fail_case(campaign, "the new image is not what it reads", cut);
}

/* A flash at rest: its bytes, and which bits of them read by chance. */
struct snapshot {
    uint8_t *bytes;
    uint8_t *unstable; /* NULL: none */
    bool story_told;
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
                             copy_of(nor->unstable, nor->flash.size), campaign->story_told};
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
    campaign->story_told = from->story_told;
    updraft_nor_power_on(nor, cut_at, how);
    live(campaign);
}

/* Whether this case is run: all are by ./run powercut; ./run test asks for every n-th, so that it stays
 * short under the sanitizers. */
static bool is_wanted(uint64_t number)
{
    const char *every = getenv("UPDRAFT_POWERCUT_EVERY");
    unsigned long n = every != NULL ? strtoul(every, NULL, 10) : 1;

    return n <= 1 || number % n == 0;
}

static void cut_everywhere(struct setting setting)
{
    struct campaign campaign;
    struct snapshot fresh;
    uint64_t operations;

    campaign_init(&campaign, setting, setting.story != STORY_NO ? 56000 : 42000);
    fresh = take_snapshot(&campaign);
    live_until(&campaign, &fresh, 0, UPDRAFT_NOR_CUT_BEFORE);
    operations = campaign.rig.nor.counts.operations;
    assert_true(operations > (campaign.is_bad ? 12 : 25));
    assert_true(campaign.is_bad || campaign.rig.nor.counts.block_erases > 2);
    for (uint64_t at = 1; at <= operations; at++) {
        for (int how = UPDRAFT_NOR_CUT_BEFORE; how <= UPDRAFT_NOR_CUT_AFTER; how++) {
            if (!is_wanted(at + (uint64_t)how))
                continue;
            live_until(&campaign, &fresh, at, (enum updraft_nor_cut)how);
            assert_true(campaign.rig.nor.is_off);
            check_recovers(&campaign, (struct cut){at, 0, (enum updraft_nor_cut)how});
        }
    }
    print_message("# %llu operations, %llu cases, %llu times gone on\n",
                  (unsigned long long)operations, (unsigned long long)campaign.cases,
                  (unsigned long long)campaign.resumed);
    assert_true((campaign.story != STORY_NO) == (campaign.resumed != 0));
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

            if (!is_wanted(at + (uint64_t)how))
                continue;
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
    print_message("# %llu cases, %llu times gone on\n", (unsigned long long)campaign.cases,
                  (unsigned long long)campaign.resumed);
    drop_snapshot(&fresh);
    campaign_free(&campaign);
}

static void staged_power_cut_at_every_operation_raw(void **state)
{
    (void)state;
    cut_everywhere((struct setting){UPDRAFT_STAGED_PLAIN, WIRE_RAW, false, 0, STORY_NO});
}

static void staged_power_cut_at_every_operation_gzip(void **state)
{
    (void)state;
    cut_everywhere((struct setting){UPDRAFT_STAGED_PLAIN, WIRE_GZIP, false, 0, STORY_NO});
}

static void staged_power_cut_at_every_operation_gzip_only_the_boot_stage_inflates(void **state)
{
    (void)state;
    cut_everywhere((struct setting){UPDRAFT_STAGED_PLAIN, WIRE_GZIP_UNSEEN, false, 0, STORY_NO});
}

static void staged_power_cut_at_every_operation_of_a_sketch_raw(void **state)
{
    (void)state;
    cut_everywhere((struct setting){UPDRAFT_STAGED_ARDUINO, WIRE_RAW, false, 0, STORY_NO});
}

static void staged_power_cut_at_every_operation_of_a_sketch_gzip(void **state)
{
    (void)state;
    cut_everywhere((struct setting){UPDRAFT_STAGED_ARDUINO, WIRE_GZIP_UNSEEN, false, 0, STORY_NO});
}

static void staged_power_cut_at_every_operation_of_a_device_updated_before(void **state)
{
    (void)state;
    cut_everywhere((struct setting){UPDRAFT_STAGED_PLAIN, WIRE_RAW, true, 0, STORY_NO});
    cut_everywhere((struct setting){UPDRAFT_STAGED_PLAIN, WIRE_GZIP_UNSEEN, true, 0, STORY_NO});
    cut_everywhere((struct setting){UPDRAFT_STAGED_ARDUINO, WIRE_RAW, true, 0, STORY_NO});
}

static void staged_power_cut_while_the_boot_stage_refuses_a_bad_image(void **state)
{
    (void)state;
    cut_everywhere(
        (struct setting){UPDRAFT_STAGED_PLAIN, WIRE_GZIP_OF_RUBBISH, false, 0, STORY_NO});
    cut_everywhere(
        (struct setting){UPDRAFT_STAGED_ARDUINO, WIRE_GZIP_OF_RUBBISH, false, 0, STORY_NO});
}

static void staged_second_cut_during_every_recovery(void **state)
{
    (void)state;
    cut_twice((struct setting){UPDRAFT_STAGED_PLAIN, WIRE_RAW, false, 0, STORY_NO});
    cut_twice((struct setting){UPDRAFT_STAGED_PLAIN, WIRE_GZIP_UNSEEN, false, 0, STORY_NO});
    cut_twice((struct setting){UPDRAFT_STAGED_ARDUINO, WIRE_RAW, false, 0, STORY_NO});
}

static void staged_second_cut_while_the_boot_stage_refuses_a_bad_image(void **state)
{
    (void)state;
    cut_twice((struct setting){UPDRAFT_STAGED_PLAIN, WIRE_GZIP_OF_RUBBISH, false, 0, STORY_NO});
}

static void staged_power_cut_that_leaves_bits_that_read_by_chance(void **state)
{
    (void)state;
    for (int before = 1; before >= 0; before--) {
        cut_everywhere((struct setting){UPDRAFT_STAGED_PLAIN, WIRE_RAW, before, 3, STORY_NO});
        cut_everywhere(
            (struct setting){UPDRAFT_STAGED_PLAIN, WIRE_GZIP_UNSEEN, before, 3, STORY_NO});
    }
}

static void staged_second_cut_with_bits_that_read_by_chance(void **state)
{
    (void)state;
    cut_twice((struct setting){UPDRAFT_STAGED_PLAIN, WIRE_RAW, false, 1, STORY_NO});
    cut_twice((struct setting){UPDRAFT_STAGED_ARDUINO, WIRE_RAW, true, 1, STORY_NO});
}

/* The journal tells of an earlier copy or not: what the log then says of the staging area differs. */
static void cut_logged_everywhere(enum story story, uint32_t bits)
{
    for (int before = 0; before < 2; before++) {
        cut_everywhere((struct setting){UPDRAFT_STAGED_PLAIN, WIRE_RAW, before, bits, story});
        cut_everywhere(
            (struct setting){UPDRAFT_STAGED_ARDUINO, WIRE_GZIP_UNSEEN, before, bits, story});
    }
}

static void staged_power_cut_at_every_operation_goes_on(void **state)
{
    (void)state;
    for (int story = STORY_DROPPED; story <= STORY_TWICE; story++)
        cut_logged_everywhere((enum story)story, 0);
}

static void staged_power_cut_with_unsteady_bits_goes_on(void **state)
{
    (void)state;
    for (int story = STORY_DROPPED; story <= STORY_TWICE; story++)
        cut_logged_everywhere((enum story)story, 1);
}

static void staged_second_cut_goes_on(void **state)
{
    (void)state;
    cut_twice((struct setting){UPDRAFT_STAGED_PLAIN, WIRE_RAW, true, 1, STORY_DROPPED});
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
        cmocka_unit_test(staged_second_cut_during_every_recovery),
        cmocka_unit_test(staged_second_cut_while_the_boot_stage_refuses_a_bad_image),
        cmocka_unit_test(staged_power_cut_that_leaves_bits_that_read_by_chance),
        cmocka_unit_test(staged_second_cut_with_bits_that_read_by_chance),
        cmocka_unit_test(staged_power_cut_at_every_operation_goes_on),
        cmocka_unit_test(staged_power_cut_with_unsteady_bits_goes_on),
        cmocka_unit_test(staged_second_cut_goes_on),
    };

    return cmocka_run_group_tests_name("powercut_staged", tests, NULL, NULL);
}
