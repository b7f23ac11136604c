/* The staged layout around the image: the stock boot stage's command instead of our journal, the file
 * system behind the staging area, and forms, which do not say how long their file is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/bytes.h"
#include "tests/rig/staged_rig.h"

#include <stdlib.h>
#include <string.h>

#define FS_ADDR 0x30000u
#define FS_LEN  0x4000u

struct fixture {
    struct staged_rig rig;
    struct rig_image old_image;
    struct rig_image new_image;
    uint8_t *gzip; /* of the new image */
    uint32_t gzip_len;
    struct updraft_staged_eboot eboot;
    uint8_t rtc[UPDRAFT_EBOOT_LEN];
    unsigned commands;
    struct updraft_failure failure;
};

static void on_error(void *ctx, const struct updraft_failure *failure)
{
    ((struct fixture *)ctx)->failure = *failure;
}

static enum updraft_error store(void *ctx, const uint8_t command[UPDRAFT_EBOOT_LEN])
{
    struct fixture *f = ctx;

    memcpy(f->rtc, command, sizeof f->rtc);
    f->commands++;
    return UPDRAFT_OK;
}

/* A device whose boot stage ran: ours for the start, for neither copies anything then. */
static struct fixture *make(bool has_eboot)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    staged_rig_sketch_make(&f->old_image, "1.0.0", 40000);
    staged_rig_sketch_make(&f->new_image, "1.1.0", 50000);
    f->gzip = rig_gzip(f->new_image.bytes, f->new_image.len, &f->gzip_len);
    staged_rig_make(&f->rig, UPDRAFT_STAGED_ARDUINO, &f->old_image);
    f->rig.hooks = (struct updraft_update_hooks){.ctx = f, .error = on_error};
    f->rig.device_inflates = true;
    f->rig.layout.fs_addr = FS_ADDR;
    f->rig.layout.fs_len = FS_LEN;
    f->eboot = (struct updraft_staged_eboot){.ctx = f, .store = store};
    memset(f->rig.nor.bytes + f->rig.layout.journal_addr, 0xFF, UPDRAFT_STAGED_SECTOR_LEN);
    if (has_eboot)
        f->rig.layout.eboot = &f->eboot;
    assert_true(staged_rig_boot(&f->rig));
    return f;
}

static void release(struct fixture *f)
{
    assert_string_equal(f->rig.nor.violation, "");
    staged_rig_free(&f->rig);
    rig_image_free(&f->old_image);
    rig_image_free(&f->new_image);
    free(f->gzip);
    free(f);
}

static void assert_commanded(struct fixture *f, const uint8_t *wire, uint32_t len)
{
    uint32_t source = f->rig.layout.end_addr - updraft_round_up(len, 4096);
    struct updraft_eboot_command command;

    assert_int_equal(staged_rig_update(&f->rig, wire, len, 1460), UPDRAFT_OK);
    assert_int_equal(f->commands, 1);
    assert_true(updraft_eboot_decode(f->rtc, &command));
    assert_int_equal(command.action, UPDRAFT_EBOOT_COPY_RAW);
    assert_int_equal(command.source_addr, source);
    assert_int_equal(command.dest_addr, 0);
    assert_int_equal(command.len, len);
    assert_memory_equal(f->rig.nor.bytes + source, wire, len);
    /* No journal: that sector is somebody else's. */
    assert_int_equal(f->rig.nor.bytes[f->rig.layout.journal_addr], 0xFF);
}

static void staged_update_commands_the_stock_boot_stage_raw(void **state)
{
    struct fixture *f = make(true);

    (void)state;
    assert_commanded(f, f->new_image.bytes, f->new_image.len);
    release(f);
}

static void staged_update_commands_the_stock_boot_stage_packed(void **state)
{
    struct fixture *f = make(true);

    (void)state;
    assert_commanded(f, f->gzip, f->gzip_len);
    release(f);
}

static void staged_update_commands_nothing_for_an_image_that_is_bad(void **state)
{
    struct fixture *f = make(true);

    (void)state;
    f->new_image.bytes[30000] ^= 1;
    assert_int_not_equal(staged_rig_update(&f->rig, f->new_image.bytes, f->new_image.len, 1460),
                         UPDRAFT_OK);
    assert_int_equal(f->commands, 0);
    release(f);
}

static void assert_mode_refused(const uint8_t *wire, uint32_t len, struct fixture *f)
{
    char sentence[160];

    assert_int_equal(staged_rig_update(&f->rig, wire, len, 1460), UPDRAFT_E_FLASH_MODE);
    updraft_failure_sentence(&f->failure, sentence, sizeof sentence);
    assert_string_equal(sentence,
                        "the image is built for flash mode QIO, this board runs in another");
    assert_int_equal(f->commands, 0);
}

static void staged_update_refuses_another_flash_mode_where_the_stock_stage_copies(void **state)
{
    struct fixture *f = make(true);
    uint32_t len;
    uint8_t *packed;

    (void)state;
    f->new_image.bytes[2] = 0;
    f->new_image.bytes[0x1002] = 0;
    staged_rig_sketch_seal(&f->new_image);
    f->rig.nor.counts.operations = 0;
    assert_mode_refused(f->new_image.bytes, f->new_image.len, f);
    assert_int_equal(f->rig.nor.counts.operations, 0);
    packed = rig_gzip(f->new_image.bytes, f->new_image.len, &len);
    assert_mode_refused(packed, len, f);
    free(packed);
    release(f);
}

static void staged_update_leaves_the_flash_mode_to_our_boot_stage(void **state)
{
    struct fixture *f = make(false);

    (void)state;
    f->new_image.bytes[2] = 0;
    staged_rig_sketch_seal(&f->new_image);
    assert_int_equal(staged_rig_update(&f->rig, f->new_image.bytes, f->new_image.len, 1460),
                     UPDRAFT_OK);
    assert_true(staged_rig_boot(&f->rig));
    assert_int_equal(f->rig.nor.bytes[2], 2);
    release(f);
}

static enum updraft_error write_fs(struct fixture *f, const char *label, const uint8_t *data,
                                   uint32_t len)
{
    struct updraft_update_request request = {
        .wire_len = len, .data_partition = true, .partition = label};
    enum updraft_error error = updraft_update_begin(&f->rig.update, &request, NULL);

    if (error == UPDRAFT_OK)
        error = updraft_update_feed(&f->rig.update, data, len);
    return error == UPDRAFT_OK ? updraft_update_finish(&f->rig.update) : error;
}

static void staged_file_system_goes_to_its_place_when_it_is_named(void **state)
{
    struct fixture *f = make(false);
    uint8_t *data = malloc(FS_LEN + 1);

    (void)state;
    assert_non_null(data);
    memset(data, 0xE9, FS_LEN + 1); /* what it holds is nobody's business */
    assert_int_equal(write_fs(f, "storage", data, FS_LEN), UPDRAFT_E_NO_PARTITION);
    assert_int_equal(write_fs(f, UPDRAFT_STAGED_FS_LABEL, data, FS_LEN + 1), UPDRAFT_E_TOO_LARGE);
    assert_int_equal(f->rig.nor.bytes[FS_ADDR], 0x5A);
    assert_int_equal(write_fs(f, UPDRAFT_STAGED_FS_LABEL, data, FS_LEN), UPDRAFT_OK);
    assert_memory_equal(f->rig.nor.bytes + FS_ADDR, data, FS_LEN);
    assert_int_equal(f->rig.nor.bytes[FS_ADDR + FS_LEN], 0x5A);
    assert_int_equal(staged_rig_journal(&f->rig).state, UPDRAFT_STAGED_EMPTY);
    assert_true(staged_rig_boot(&f->rig));
    assert_int_equal(f->rig.booted.why, UPDRAFT_BOOT_STAGED_IN_PLACE);
    free(data);
    release(f);
}

static void staged_file_system_is_refused_where_there_is_none(void **state)
{
    struct fixture *f = make(false);
    uint8_t byte = 1;

    (void)state;
    f->rig.layout.fs_len = 0;
    assert_true(staged_rig_boot(&f->rig));
    assert_int_equal(write_fs(f, UPDRAFT_STAGED_FS_LABEL, &byte, 1), UPDRAFT_E_NO_PARTITION);
    release(f);
}

/* A form's own length is a little more than its file's; with every such surplus the copy is made. */
static void staged_update_of_a_form_arrives_whatever_stands_around_its_file(void **state)
{
    static const uint32_t surplus[] = {0, 1, 200, 2048, 4096, 9000};

    (void)state;
    for (size_t i = 0; i < sizeof surplus / sizeof surplus[0]; i++) {
        struct fixture *f = make(false);
        struct updraft_update_request request = {.at_most_len = f->new_image.len + surplus[i]};

        assert_int_equal(updraft_update_begin(&f->rig.update, &request, NULL), UPDRAFT_OK);
        assert_int_equal(updraft_update_feed(&f->rig.update, f->new_image.bytes, f->new_image.len),
                         UPDRAFT_OK);
        assert_int_equal(updraft_update_finish(&f->rig.update), UPDRAFT_OK);
        assert_int_equal(staged_rig_journal(&f->rig).source_addr,
                         f->rig.layout.end_addr - updraft_round_up(request.at_most_len, 4096));
        assert_true(staged_rig_boot(&f->rig));
        assert_int_equal(f->rig.booted.why, UPDRAFT_BOOT_STAGED_COPIED);
        assert_true(staged_rig_holds(&f->rig, &f->new_image));
        release(f);
    }
}

static void staged_update_of_a_form_gives_up_when_more_comes_than_can(void **state)
{
    struct fixture *f = make(false);
    struct updraft_update_request request = {.at_most_len = f->new_image.len - 4096};

    (void)state;
    assert_int_equal(updraft_update_begin(&f->rig.update, &request, NULL), UPDRAFT_OK);
    assert_int_equal(updraft_update_feed(&f->rig.update, f->new_image.bytes, f->new_image.len),
                     UPDRAFT_E_OVERFLOW);
    assert_int_equal(staged_rig_journal(&f->rig).state, UPDRAFT_STAGED_EMPTY);
    release(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(staged_update_commands_the_stock_boot_stage_raw),
        cmocka_unit_test(staged_update_commands_the_stock_boot_stage_packed),
        cmocka_unit_test(staged_update_commands_nothing_for_an_image_that_is_bad),
        cmocka_unit_test(staged_update_refuses_another_flash_mode_where_the_stock_stage_copies),
        cmocka_unit_test(staged_update_leaves_the_flash_mode_to_our_boot_stage),
        cmocka_unit_test(staged_file_system_goes_to_its_place_when_it_is_named),
        cmocka_unit_test(staged_file_system_is_refused_where_there_is_none),
        cmocka_unit_test(staged_update_of_a_form_arrives_whatever_stands_around_its_file),
        cmocka_unit_test(staged_update_of_a_form_gives_up_when_more_comes_than_can),
    };

    return cmocka_run_group_tests_name("staged_eboot", tests, NULL, NULL);
}
