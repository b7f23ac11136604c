/* The boot stage of the staged layout: what it copies, what it refuses, and what it writes for
 * it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/bytes.h"
#include "format/chip.h"
#include "tests/rig/staged_rig.h"

#include <stdlib.h>
#include <string.h>

/* What a copy writes to the journal beside the marks: record, begun, done. */
#define WORDS 3

struct fixture {
    struct staged_rig rig;
    struct rig_image old_image;
    struct rig_image new_image;
    struct updraft_boot_staged_config config;
    struct updraft_boot_staged_result result;
};

static struct fixture *make_kind(enum updraft_staged_kind kind)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    if (kind == UPDRAFT_STAGED_ARDUINO) {
        staged_rig_sketch_make(&f->old_image, "1.0.0", 40000);
        staged_rig_sketch_make(&f->new_image, "1.1.0", 50000);
    } else {
        staged_rig_plain_make(&f->old_image, "1.0.0", 40000);
        staged_rig_plain_make(&f->new_image, "1.1.0", 50000);
    }
    staged_rig_make(&f->rig, kind, &f->old_image);
    f->config = staged_rig_boot_config(&f->rig);
    return f;
}

static struct fixture *make(void)
{
    return make_kind(UPDRAFT_STAGED_PLAIN);
}

static void release(struct fixture *f)
{
    assert_string_equal(f->rig.nor.violation, "");
    staged_rig_free(&f->rig);
    rig_image_free(&f->old_image);
    rig_image_free(&f->new_image);
    free(f);
}

static void write_journal(struct fixture *f, const struct updraft_staged_journal *journal)
{
    uint8_t *sector = f->rig.nor.bytes + f->rig.layout.journal_addr;

    memset(sector, 0xFF, 4096);
    updraft_staged_encode(journal, sector);
}

/* Puts bytes where the transaction would, and returns the journal that names them. */
static struct updraft_staged_journal stage(struct fixture *f, const uint8_t *bytes, uint32_t len,
                                           enum updraft_staged_encoding encoding)
{
    struct updraft_staged_journal journal = {
        .encoding = encoding,
        .source_addr = updraft_staged_start(&f->rig.layout, len),
        .dest_addr = f->rig.layout.app_addr,
        .staged_len = len,
    };
    struct updraft_digest digest;

    memcpy(f->rig.nor.bytes + journal.source_addr, bytes, len);
    updraft_digest_start(&digest, UPDRAFT_DIGEST_SHA256);
    updraft_digest_update(&digest, bytes, len);
    updraft_digest_finish(&digest, journal.sha256);
    write_journal(f, &journal);
    return journal;
}

static struct updraft_staged_journal stage_new(struct fixture *f)
{
    return stage(f, f->new_image.bytes, f->new_image.len, UPDRAFT_STAGED_RAW);
}

static void boot(struct fixture *f)
{
    updraft_nor_power_on(&f->rig.nor, 0, UPDRAFT_NOR_CUT_BEFORE);
    assert_int_equal(updraft_boot_staged_run(&f->config, &f->result), UPDRAFT_OK);
}

/* Refused for that reason, and nothing erased or written but the two words that say so. */
static void assert_refused(struct fixture *f, enum updraft_error reason)
{
    assert_int_equal(f->result.why, UPDRAFT_BOOT_STAGED_REFUSED);
    assert_int_equal(f->result.error, reason);
    assert_true(f->result.bootable);
    assert_true(staged_rig_holds(&f->rig, &f->old_image));
    assert_int_equal(staged_rig_journal(&f->rig).state, UPDRAFT_STAGED_REFUSED);
    assert_int_equal(staged_rig_journal(&f->rig).reason, reason);
    assert_int_equal(f->rig.nor.counts.operations, 2);
    assert_int_equal(f->rig.nor.counts.bytes_programmed, 8);
    boot(f); /* said once, it is not looked into again */
    assert_int_equal(f->result.why, UPDRAFT_BOOT_STAGED_IN_PLACE);
    assert_true(f->result.bootable);
    assert_int_equal(f->rig.nor.counts.operations, 0);
}

static void boot_staged_starts_what_is_in_place_and_writes_nothing(void **state)
{
    const enum updraft_staged_kind kinds[] = {UPDRAFT_STAGED_PLAIN, UPDRAFT_STAGED_ARDUINO};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct fixture *f = make_kind(kinds[i]);

        boot(f);
        assert_true(f->result.bootable);
        assert_int_equal(f->result.why, UPDRAFT_BOOT_STAGED_IN_PLACE);
        assert_int_equal(f->result.addr, f->rig.layout.app_addr);
        assert_int_equal(f->rig.nor.counts.operations, 0);
        release(f);
    }
}

static void boot_staged_starts_nothing_that_is_not_whole(void **state)
{
    struct fixture *f = make();

    (void)state;
    f->rig.nor.bytes[STAGED_RIG_PLAIN_ADDR + 5000] ^= 1;
    boot(f);
    assert_false(f->result.bootable);
    assert_int_equal(f->result.why, UPDRAFT_BOOT_STAGED_NOTHING);
    assert_int_equal(f->result.error, UPDRAFT_E_CHECKSUM);
    memset(f->rig.nor.bytes + STAGED_RIG_PLAIN_ADDR, 0xFF, 4096);
    boot(f);
    assert_false(f->result.bootable);
    assert_int_equal(f->result.error, UPDRAFT_E_MAGIC);
    release(f);
}

static void boot_staged_copies_and_says_done_once(void **state)
{
    struct fixture *f = make();

    (void)state;
    stage_new(f);
    boot(f);
    assert_true(f->result.bootable);
    assert_int_equal(f->result.why, UPDRAFT_BOOT_STAGED_COPIED);
    assert_true(staged_rig_holds(&f->rig, &f->new_image));
    assert_int_equal(staged_rig_journal(&f->rig).state, UPDRAFT_STAGED_DONE);
    boot(f);
    assert_int_equal(f->result.why, UPDRAFT_BOOT_STAGED_IN_PLACE);
    assert_int_equal(f->rig.nor.counts.operations, 0);
    release(f);
}

/* 50000 bytes are 13 sectors from 0x2000 on: 6 blocks of 0x2000 and a sector. */
static void boot_staged_erases_blocks_where_whole_and_nothing_beyond(void **state)
{
    struct fixture *f = make();
    uint32_t end = STAGED_RIG_PLAIN_ADDR + updraft_round_up(f->new_image.len, 4096);

    (void)state;
    assert_int_equal(end, STAGED_RIG_PLAIN_ADDR + 13 * 4096);
    stage_new(f);
    boot(f);
    assert_int_equal(f->rig.nor.counts.block_erases, 6);
    assert_int_equal(f->rig.nor.counts.sector_erases, 1);
    assert_int_equal(f->rig.nor.counts.programs, 13 + WORDS + 13);
    for (uint32_t addr = STAGED_RIG_PLAIN_ADDR + f->new_image.len; addr < end; addr++)
        assert_int_equal(f->rig.nor.bytes[addr], 0xFF);
    assert_int_equal(f->rig.nor.bytes[end], 0x5A);
    release(f);
}

static void boot_staged_leaves_alone_what_is_equal(void **state)
{
    struct fixture *f = make();

    (void)state;
    stage_new(f);
    boot(f);
    stage_new(f); /* once more: the journal asks for what is there */
    boot(f);
    assert_int_equal(f->result.why, UPDRAFT_BOOT_STAGED_COPIED);
    assert_int_equal(f->rig.nor.counts.operations, WORDS + 13);
    f->rig.nor.bytes[STAGED_RIG_PLAIN_ADDR + 0x3123] ^= 8; /* the second half of a block */
    f->rig.nor.bytes[STAGED_RIG_PLAIN_ADDR + 0xC000] ^= 8; /* the sector behind the blocks */
    stage_new(f);
    boot(f);
    assert_int_equal(f->rig.nor.counts.sector_erases, 2);
    assert_int_equal(f->rig.nor.counts.block_erases, 0);
    assert_int_equal(f->rig.nor.counts.programs, 2 + WORDS + 13);
    assert_true(staged_rig_holds(&f->rig, &f->new_image));
    release(f);
}

/* Sectors 0 to 4 are marked; the sixth may be torn, though it reads well, and so may the block that
 * an erase would have begun there. What is behind it was not touched. */
static void boot_staged_writes_again_what_a_cut_may_have_torn(void **state)
{
    (void)state;
    for (uint32_t marked = 4; marked <= 5; marked++) {
        struct fixture *f = make();
        uint8_t *journal = f->rig.nor.bytes + f->rig.layout.journal_addr;
        bool at_block = marked % 2 == 0;

        stage_new(f);
        boot(f);
        stage_new(f);
        updraft_put_le32(journal + UPDRAFT_STAGED_BEGUN_OFF, 0x10000000); /* torn */
        for (uint32_t i = 0; i < marked; i++)
            updraft_put_le32(journal + UPDRAFT_STAGED_MARKS_OFF + i * 4, i);
        boot(f);
        assert_int_equal(f->result.why, UPDRAFT_BOOT_STAGED_COPIED);
        assert_int_equal(f->rig.nor.counts.block_erases, at_block ? 1 : 0);
        assert_int_equal(f->rig.nor.counts.sector_erases, at_block ? 0 : 1);
        assert_int_equal(f->rig.nor.counts.programs, (at_block ? 2u : 1u) + WORDS + 13 - marked);
        assert_true(staged_rig_holds(&f->rig, &f->new_image));
        release(f);
    }
}

/* It may be what an erase that was cut has left. */
static void boot_staged_erases_what_only_looks_erased(void **state)
{
    struct fixture *f = make();

    (void)state;
    memset(f->rig.nor.bytes + STAGED_RIG_PLAIN_ADDR, 0xFF, 13 * 4096);
    stage_new(f);
    boot(f);
    assert_true(staged_rig_holds(&f->rig, &f->new_image));
    assert_int_equal(f->rig.nor.counts.block_erases, 6);
    assert_int_equal(f->rig.nor.counts.sector_erases, 1);
    release(f);
}

static void boot_staged_inflates(void **state)
{
    const enum updraft_staged_kind kinds[] = {UPDRAFT_STAGED_PLAIN, UPDRAFT_STAGED_ARDUINO};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct fixture *f = make_kind(kinds[i]);
        uint32_t len;
        uint8_t *gzip = rig_gzip(f->new_image.bytes, f->new_image.len, &len);

        stage(f, gzip, len, UPDRAFT_STAGED_GZIP);
        boot(f);
        assert_int_equal(f->result.why, UPDRAFT_BOOT_STAGED_COPIED);
        assert_true(staged_rig_holds(&f->rig, &f->new_image));
        free(gzip);
        release(f);
    }
}

static void boot_staged_inflates_an_image_of_whole_sectors(void **state)
{
    struct fixture *f = make();
    struct rig_image image;
    uint32_t len;
    uint8_t *gzip;

    (void)state;
    for (uint32_t more = 0; more < 1024; more += 16) {
        staged_rig_plain_make(&image, "1.2.0", 8 * 4096 + more);
        if (image.len % 4096 == 0)
            break;
        rig_image_free(&image);
    }
    assert_int_equal(image.len % 4096, 0);
    gzip = rig_gzip(image.bytes, image.len, &len);
    stage(f, gzip, len, UPDRAFT_STAGED_GZIP);
    boot(f);
    assert_int_equal(f->result.why, UPDRAFT_BOOT_STAGED_COPIED);
    assert_true(staged_rig_holds(&f->rig, &image));
    free(gzip);
    rig_image_free(&image);
    release(f);
}

static void boot_staged_refuses_a_source_that_is_not_what_was_staged(void **state)
{
    struct fixture *f = make();
    uint32_t source = stage_new(f).source_addr;

    (void)state;
    f->rig.nor.bytes[source + f->new_image.len - 1] ^= 1;
    boot(f);
    assert_refused(f, UPDRAFT_E_DIGEST);
    release(f);
}

static void boot_staged_refuses_an_image_that_does_not_verify(void **state)
{
    const struct {
        uint32_t off;
        enum updraft_error reason;
    } faults[] = {{0, UPDRAFT_E_MAGIC}, {20000, UPDRAFT_E_CHECKSUM}, {1, UPDRAFT_E_HEADER}};

    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        struct fixture *f = make();

        f->new_image.bytes[faults[i].off] ^= 0x80; /* and the journal was written all the same */
        stage_new(f);
        boot(f);
        assert_refused(f, faults[i].reason);
        release(f);
    }
}

static void boot_staged_refuses_an_image_for_another_chip(void **state)
{
    struct fixture *f = make();
    struct rig_image other;

    (void)state;
    rig_image_make(&other, UPDRAFT_CHIP_ESP32, "1.1.0", 30000);
    stage(f, other.bytes, other.len, UPDRAFT_STAGED_RAW);
    boot(f);
    assert_refused(f, UPDRAFT_E_WRONG_CHIP);
    rig_image_free(&other);
    release(f);
}

static void boot_staged_refuses_gzip_it_cannot_or_may_not_inflate(void **state)
{
    struct fixture *f = make();
    uint32_t len;
    uint8_t *gzip = rig_gzip(f->new_image.bytes, f->new_image.len, &len);

    (void)state;
    stage(f, gzip, len - 9, UPDRAFT_STAGED_GZIP);
    boot(f);
    assert_refused(f, UPDRAFT_E_TRUNCATED);
    f->config.gunzip_arena = NULL;
    f->config.layout.takes_gzip = false;
    stage(f, gzip, len, UPDRAFT_STAGED_GZIP);
    boot(f);
    assert_refused(f, UPDRAFT_E_UNSUPPORTED);
    free(gzip);
    release(f);
}

static void boot_staged_refuses_an_image_that_would_reach_its_own_source(void **state)
{
    struct fixture *f = make();
    struct rig_image big;
    uint32_t len;
    uint8_t *gzip;

    (void)state;
    staged_rig_plain_make(&big, "2.0.0", 120000);
    gzip = rig_gzip(big.bytes, big.len, &len);
    stage(f, gzip, len, UPDRAFT_STAGED_GZIP);
    boot(f);
    assert_refused(f, UPDRAFT_E_TOO_LARGE);
    rig_image_free(&big);
    staged_rig_plain_make(&big, "2.0.0", 90000);
    stage(f, big.bytes, big.len, UPDRAFT_STAGED_RAW);
    boot(f);
    assert_refused(f, UPDRAFT_E_TOO_LARGE);
    free(gzip);
    rig_image_free(&big);
    release(f);
}

static void boot_staged_refuses_a_journal_that_does_not_fit_the_device(void **state)
{
    struct fixture *f = make();
    struct updraft_staged_journal good = stage_new(f);
    struct updraft_staged_journal bad[8] = {good, good, good, good, good, good, good, good};

    (void)state;
    bad[0].dest_addr += 4096;
    bad[1].dest_addr = 0;
    bad[2].source_addr += 4096;
    bad[3].source_addr += 1;
    bad[4].source_addr = UINT32_MAX;
    bad[5].staged_len = 0;
    bad[6].staged_len = UINT32_MAX;
    bad[7].staged_len += 4096;
    for (size_t i = 0; i < 8; i++) {
        write_journal(f, &bad[i]);
        boot(f);
        assert_refused(f, UPDRAFT_E_HEADER);
    }
    good.image_len = good.staged_len - 1;
    write_journal(f, &good);
    boot(f);
    assert_refused(f, UPDRAFT_E_LENGTH);
    release(f);
}

/* The old image is gone then: the staged one is all there is, and may read well again. */
static void boot_staged_does_not_give_up_a_copy_that_was_begun(void **state)
{
    struct fixture *f = make();
    uint32_t source = stage_new(f).source_addr;

    (void)state;
    updraft_nor_power_on(&f->rig.nor, 6, UPDRAFT_NOR_CUT_HALF);
    assert_int_not_equal(updraft_boot_staged_run(&f->config, &f->result), UPDRAFT_OK);
    assert_false(f->result.bootable);
    f->rig.nor.bytes[source + 45000] ^= 1;
    boot(f);
    assert_false(f->result.bootable);
    assert_int_equal(f->result.why, UPDRAFT_BOOT_STAGED_NOTHING);
    assert_int_equal(staged_rig_journal(&f->rig).state, UPDRAFT_STAGED_PENDING);
    assert_int_equal(f->rig.nor.counts.operations, 0);
    f->rig.nor.bytes[source + 45000] ^= 1;
    boot(f);
    assert_int_equal(f->result.why, UPDRAFT_BOOT_STAGED_COPIED);
    assert_true(staged_rig_holds(&f->rig, &f->new_image));
    release(f);
}

/* A flash that fails to read, or reads wrong, one address; everything else is the simulated
 * one's. */
struct bad_flash {
    struct updraft_flash flash;
    struct updraft_nor *nor;
    uint32_t bad_addr;
    bool lies;    /* flips a bit instead of failing */
    int good_for; /* reads of that address that go well before */
    int bad_for;  /* and how many are bad then */
};

static enum updraft_error bad_read(void *ctx, uint32_t addr, void *buf, uint32_t len)
{
    struct bad_flash *bad = ctx;
    enum updraft_error error = bad->nor->flash.read(bad->nor, addr, buf, len);

    if (bad->bad_addr < addr || bad->bad_addr - addr >= len || bad->good_for-- > 0 ||
        bad->bad_for-- <= 0)
        return error;
    if (!bad->lies)
        return UPDRAFT_E_FLASH_READ;
    ((uint8_t *)buf)[bad->bad_addr - addr] ^= 1;
    return error;
}

static enum updraft_error bad_prog(void *ctx, uint32_t addr, const void *buf, uint32_t len)
{
    struct bad_flash *bad = ctx;

    return bad->nor->flash.prog(bad->nor, addr, buf, len);
}

static enum updraft_error bad_erase(void *ctx, uint32_t addr, uint32_t len)
{
    struct bad_flash *bad = ctx;

    return bad->nor->flash.erase(bad->nor, addr, len);
}

static void bad_flash_init(struct bad_flash *bad, struct fixture *f, uint32_t bad_addr)
{
    *bad = (struct bad_flash){
        .flash = f->rig.nor.flash, .nor = &f->rig.nor, .bad_addr = bad_addr, .bad_for = 1000};
    bad->flash.ctx = bad;
    bad->flash.read = bad_read;
    bad->flash.prog = bad_prog;
    bad->flash.erase = bad_erase;
    f->config.flash = &bad->flash;
}

static void boot_staged_refuses_nothing_because_the_flash_did_not_answer(void **state)
{
    struct fixture *f = make();
    struct bad_flash bad;

    (void)state;
    bad_flash_init(&bad, f, stage_new(f).source_addr + 100);
    boot(f);
    assert_true(f->result.bootable);
    assert_int_equal(f->result.why, UPDRAFT_BOOT_STAGED_REFUSED);
    assert_int_equal(f->result.error, UPDRAFT_E_FLASH_READ);
    assert_true(staged_rig_holds(&f->rig, &f->old_image));
    assert_int_equal(f->rig.nor.counts.operations, 0);
    assert_int_equal(staged_rig_journal(&f->rig).state, UPDRAFT_STAGED_PENDING);
    f->config.flash = &f->rig.nor.flash;
    boot(f);
    assert_int_equal(f->result.why, UPDRAFT_BOOT_STAGED_COPIED);
    release(f);
}

/* The source reads well while it is checked, and wrong afterwards: once while it is copied, or from
 * then on, so that copy and comparison see the same. */
static void boot_staged_does_not_say_done_of_a_source_that_changed(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct fixture *f = make();
        struct bad_flash bad;
        uint32_t len = f->new_image.len;
        uint8_t *gzip = rig_gzip(f->new_image.bytes, f->new_image.len, &len);
        struct updraft_staged_journal journal =
            i < 2 ? stage_new(f) : stage(f, gzip, len, UPDRAFT_STAGED_GZIP);

        bad_flash_init(&bad, f, journal.source_addr + 3000);
        bad.lies = true;
        bad.good_for = 2; /* the digest, the check */
        bad.bad_for = i % 2 == 0 ? 1 : 1000;
        assert_int_not_equal(updraft_boot_staged_run(&f->config, &f->result), UPDRAFT_OK);
        assert_true(bad.good_for < 0);
        assert_false(f->result.bootable);
        assert_int_equal(staged_rig_journal(&f->rig).state, UPDRAFT_STAGED_PENDING);
        f->config.flash = &f->rig.nor.flash;
        boot(f);
        assert_int_equal(f->result.why, UPDRAFT_BOOT_STAGED_COPIED);
        assert_true(staged_rig_holds(&f->rig, &f->new_image));
        free(gzip);
        release(f);
    }
}

static void boot_staged_takes_up_a_copy_that_a_flash_fault_broke_off(void **state)
{
    struct fixture *f = make();
    struct bad_flash bad;

    (void)state;
    stage_new(f);
    bad_flash_init(&bad, f,
                   STAGED_RIG_PLAIN_ADDR + 0x5000); /* where it is read before it is written */
    updraft_nor_power_on(&f->rig.nor, 0, UPDRAFT_NOR_CUT_BEFORE);
    assert_int_equal(updraft_boot_staged_run(&f->config, &f->result), UPDRAFT_E_FLASH_READ);
    assert_false(f->result.bootable);
    assert_int_equal(f->result.why, UPDRAFT_BOOT_STAGED_NOTHING);
    assert_int_equal(staged_rig_journal(&f->rig).state, UPDRAFT_STAGED_PENDING);
    f->config.flash = &f->rig.nor.flash;
    boot(f);
    assert_int_equal(f->result.why, UPDRAFT_BOOT_STAGED_COPIED);
    assert_true(staged_rig_holds(&f->rig, &f->new_image));
    release(f);
}

static void boot_staged_does_not_write_the_boot_stages_own_sector(void **state)
{
    struct fixture *f = make_kind(UPDRAFT_STAGED_ARDUINO);
    uint8_t own[4096];

    (void)state;
    /* Another eboot in the file: a byte of its text and, to balance it, another. */
    f->new_image.bytes[100] ^= 1;
    f->new_image.bytes[101] ^= 1;
    staged_rig_sketch_seal(&f->new_image);
    memcpy(own, f->rig.nor.bytes, sizeof own);
    stage_new(f);
    boot(f);
    assert_int_equal(f->result.why, UPDRAFT_BOOT_STAGED_COPIED);
    assert_true(staged_rig_holds(&f->rig, &f->new_image));
    assert_memory_equal(f->rig.nor.bytes, own, sizeof own);
    boot(f); /* and the sketch starts, though its file CRC cannot fit any more */
    assert_true(f->result.bootable);
    release(f);
}

static void boot_staged_starts_a_sketch_with_a_patched_flash_mode(void **state)
{
    struct fixture *f = make_kind(UPDRAFT_STAGED_ARDUINO);

    (void)state;
    f->rig.nor.bytes[2] = 0;
    boot(f);
    assert_true(f->result.bootable);
    f->rig.nor.bytes[0x2345] ^= 1;
    boot(f);
    assert_false(f->result.bootable);
    assert_int_equal(f->result.error, UPDRAFT_E_CHECKSUM);
    release(f);
}

static void boot_staged_works_on_flash_that_programs_words(void **state)
{
    struct fixture *f = make();

    (void)state;
    f->rig.nor.flash.prog_len = 4;
    stage_new(f);
    boot(f);
    assert_int_equal(f->result.why, UPDRAFT_BOOT_STAGED_COPIED);
    f->new_image.bytes[20000] ^= 1;
    memcpy(f->rig.nor.bytes + STAGED_RIG_PLAIN_ADDR, f->old_image.bytes, f->old_image.len);
    stage_new(f);
    boot(f);
    assert_refused(f, UPDRAFT_E_CHECKSUM);
    release(f);
}

static void boot_staged_says_why_in_a_sentence_each(void **state)
{
    (void)state;
    for (int a = UPDRAFT_BOOT_STAGED_IN_PLACE; a <= UPDRAFT_BOOT_STAGED_NOTHING; a++) {
        const char *text = updraft_boot_staged_why_text((enum updraft_boot_staged_why)a);

        assert_true(strlen(text) > 10);
        for (int b = UPDRAFT_BOOT_STAGED_IN_PLACE; b < a; b++)
            assert_string_not_equal(text,
                                    updraft_boot_staged_why_text((enum updraft_boot_staged_why)b));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(boot_staged_starts_what_is_in_place_and_writes_nothing),
        cmocka_unit_test(boot_staged_starts_nothing_that_is_not_whole),
        cmocka_unit_test(boot_staged_copies_and_says_done_once),
        cmocka_unit_test(boot_staged_erases_blocks_where_whole_and_nothing_beyond),
        cmocka_unit_test(boot_staged_leaves_alone_what_is_equal),
        cmocka_unit_test(boot_staged_writes_again_what_a_cut_may_have_torn),
        cmocka_unit_test(boot_staged_erases_what_only_looks_erased),
        cmocka_unit_test(boot_staged_inflates),
        cmocka_unit_test(boot_staged_inflates_an_image_of_whole_sectors),
        cmocka_unit_test(boot_staged_refuses_a_source_that_is_not_what_was_staged),
        cmocka_unit_test(boot_staged_refuses_an_image_that_does_not_verify),
        cmocka_unit_test(boot_staged_refuses_an_image_for_another_chip),
        cmocka_unit_test(boot_staged_refuses_gzip_it_cannot_or_may_not_inflate),
        cmocka_unit_test(boot_staged_refuses_an_image_that_would_reach_its_own_source),
        cmocka_unit_test(boot_staged_refuses_a_journal_that_does_not_fit_the_device),
        cmocka_unit_test(boot_staged_does_not_give_up_a_copy_that_was_begun),
        cmocka_unit_test(boot_staged_refuses_nothing_because_the_flash_did_not_answer),
        cmocka_unit_test(boot_staged_does_not_say_done_of_a_source_that_changed),
        cmocka_unit_test(boot_staged_takes_up_a_copy_that_a_flash_fault_broke_off),
        cmocka_unit_test(boot_staged_does_not_write_the_boot_stages_own_sector),
        cmocka_unit_test(boot_staged_starts_a_sketch_with_a_patched_flash_mode),
        cmocka_unit_test(boot_staged_works_on_flash_that_programs_words),
        cmocka_unit_test(boot_staged_says_why_in_a_sentence_each),
    };

    return cmocka_run_group_tests_name("boot_staged", tests, NULL, NULL);
}
