/* The ota console of OVMS v3 on the real transaction and a simulated flash: its words, and when it
 * updates by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "device/console/ovms.h"
#include "format/chip.h"
#include "tests/rig/rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOT_LEN  0x80000u
#define IMAGE_LEN 420000u
#define PROMPT    "OVMS# "
#define VERSION   "1.0.0/factory/main (build idf v3.3.4, product v3.3)"

struct fixture {
    struct rig rig;
    struct rig_image old_image;
    struct rig_image new_image;
    struct rig_image foreign_image;
    struct updraft_ovms ovms;
    struct updraft_ovms_config config;
    struct updraft_ovms_clock clock;
    uint8_t buf[4096];
    uint64_t now_ms;
    int session;
    char out[8192];
    size_t out_len;
};

static void boot(struct fixture *f)
{
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_SOFTWARE));
    updraft_ovms_init(&f->ovms, &f->config);
    updraft_ovms_set_network(&f->ovms, UPDRAFT_OVMS_NETWORK_WIFI);
    f->session = updraft_ovms_open(&f->ovms, true);
    assert_int_equal(f->session, 0);
    f->out_len = 0;
}

static void hear(struct fixture *f)
{
    size_t len;

    while ((len = updraft_ovms_drain(&f->ovms, f->session, f->out + f->out_len, 7)) > 0)
        f->out_len += len;
    assert_true(f->out_len < sizeof f->out);
    f->out[f->out_len] = '\0';
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    rig_image_make(&f->old_image, UPDRAFT_CHIP_ESP32, "1.0.0", 5000);
    rig_image_make(&f->new_image, UPDRAFT_CHIP_ESP32, "1.1.0", IMAGE_LEN);
    rig_image_make(&f->foreign_image, UPDRAFT_CHIP_ESP32S3, "1.1.0", IMAGE_LEN);
    rig_make(&f->rig, RIG_FACTORY_TWO, SLOT_LEN, &f->old_image);
    f->now_ms = 1000000;
    f->config = (struct updraft_ovms_config){
        .update = &f->rig.update,
        .slots = &f->rig.slots,
        .hardware = "OVMS WIFI BLE BT cores=2 rev=ESP32/3",
        .version = VERSION,
        .product = "v3.3",
        .server = "127.0.0.1:8032/d/ovms",
        .chip_id = UPDRAFT_CHIP_ESP32,
        .buf = f->buf,
    };
    boot(f);
    hear(f);
    assert_string_equal(f->out, PROMPT);
    f->out_len = 0;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    rig_free(&f->rig);
    rig_image_free(&f->old_image);
    rig_image_free(&f->new_image);
    rig_image_free(&f->foreign_image);
    free(f);
    return 0;
}

static void type(struct fixture *f, const char *text)
{
    size_t len = strlen(text);

    hear(f);
    while (len > 0) { /* no further than to the next answer at a time */
        size_t used = updraft_ovms_feed(&f->ovms, f->session, text, len);

        assert_true(used > 0);
        text += used;
        len -= used;
        hear(f);
    }
}

/* All that was said since the last look. */
static void expect(struct fixture *f, const char *text)
{
    hear(f);
    assert_string_equal(f->out, text);
    f->out_len = 0;
    f->out[0] = '\0';
}

static void expect_after(struct fixture *f, const char *line, const char *text)
{
    type(f, line);
    expect(f, text);
}

static void run(struct fixture *f, uint64_t ms)
{
    f->now_ms += ms;
    updraft_ovms_run(&f->ovms, &f->clock, f->now_ms);
}

/* Gives what is wanted, in pieces; stops when the console wants no more. */
static void give(struct fixture *f, const uint8_t *data, size_t len, size_t piece_len)
{
    if (updraft_ovms_opened(&f->ovms, (int64_t)len, 200))
        for (size_t off = 0; off < len; off += piece_len)
            if (!updraft_ovms_data(&f->ovms, data + off,
                                   len - off < piece_len ? len - off : piece_len))
                break;
    updraft_ovms_ended(&f->ovms, UPDRAFT_OK);
}

static void give_version(struct fixture *f, const char *text)
{
    assert_int_equal(updraft_ovms_wants(&f->ovms), UPDRAFT_OVMS_WANTS_HTTP);
    assert_string_equal(updraft_ovms_source(&f->ovms), "127.0.0.1:8032/d/ovms/v3.3/main/ovms3.ver");
    give(f, (const uint8_t *)text, strlen(text), 3);
}

static void versions_compare_as_the_stock_firmware_does(void **state)
{
    static const struct {
        const char *server;
        const char *firmware;
        int result;
    } rows[] = {
        {"3.1.003", "3.1.003-2-g7ea18b4-dirty/factory/main (build x)", -1},
        {"3.1.003", "3.1.003/ota_0/main (build x)", 0},
        {"3.1.004", "3.1.003/ota_0/main", 1},
        {"3.1.010", "3.1.009/ota_0/main", 1},
        {"3.3.005-928-g7f8b5d676", "3.3.005-925-g3e67d4e6d-dirty/ota_1/edge", 1},
        {"3.3.006", "3.3.005-928-g7f8b5d676/ota_0/edge", 1},
        {"3.3.005", "3.3.005-dirty/ota_0/main", 1},
        {"3.3.005-10-gaaa", "3.3.005-9-gbbb/x/y", 1},
        {"3.3.005-1-gaaa", "3.3.005/x/y", 1},
        {"", "3.3.005", -1},
        /* strverscmp(3): numbers, then fractions */
        {"item#99", "item#100", -1},
        {"alpha1", "alpha001", 1},
        {"part1_f012", "part1_f01", 1},
        {"000", "00", -1},
        {"00", "01", -1},
        {"01", "010", -1},
        {"010", "09", -1},
        {"09", "0", -1},
        {"0", "1", -1},
        {"9", "10", -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int result = updraft_ovms_version_compare(rows[i].server, rows[i].firmware);

        if ((result > 0) - (result < 0) != rows[i].result)
            fail_msg("%s and %s: %d", rows[i].server, rows[i].firmware, result);
    }
}

static void status_has_the_lines_of_the_current_firmware(void **state)
{
    static const char head[] = "Hardware:          OVMS WIFI BLE BT cores=2 rev=ESP32/3\n"
                               "Firmware:          " VERSION "\n"
                               "Partition type:    v3-30 (factory, ota1, ota2, 1MB store)\n"
                               "Partition table:   0x8000\n"
                               "Running partition: factory\n"
                               "Boot partition:    factory\n"
                               "Factory image:     1.0.0\n";
    struct fixture *f = *state;
    char text[1024];

    snprintf(text, sizeof text, "%s" PROMPT, head);
    expect_after(f, "ota\n", text);
    expect_after(f, "ota status nocheck\r\n", text);

    type(f, "ota status\n");
    expect(f, "");
    give_version(f, "1.2.0\r\nFaster charging.\n  Two lines.\n\n");
    snprintf(text, sizeof text,
             "%sServer Available:  1.2.0 (is newer)\n\nFaster charging.\n  Two lines.\n" PROMPT,
             head);
    expect(f, text);

    type(f, "ota status\n");
    give_version(f, "1.0.0\n");
    snprintf(text, sizeof text, "%sServer Available:  1.0.0 (no update required)\n" PROMPT, head);
    expect(f, text);
}

static void a_server_that_says_nothing_useful_is_left_out(void **state)
{
    struct fixture *f = *state;

    type(f, "ota status\n");
    updraft_ovms_ended(&f->ovms, UPDRAFT_E_CONNECT);
    hear(f);
    assert_null(strstr(f->out, "Server"));
    type(f, "ota status\n");
    assert_false(updraft_ovms_opened(&f->ovms, 6, 404));
    updraft_ovms_ended(&f->ovms, UPDRAFT_OK);
    type(f, "ota status\n");
    give_version(f, "1.2.0 without a line end");
    hear(f);
    assert_null(strstr(f->out, "Server"));
    f->out_len = 0;
    updraft_ovms_set_network(&f->ovms, UPDRAFT_OVMS_NETWORK_NONE);
    type(f, "ota status\n");
    assert_int_equal(updraft_ovms_wants(&f->ovms), UPDRAFT_OVMS_WANTS_NOTHING);
}

static void status_of_3_1_003_is_short(void **state)
{
    struct fixture *f = *state;

    f->config.dialect = UPDRAFT_OVMS_3_1_003;
    boot(f);
    hear(f);
    f->out_len = 0;
    type(f, "ota status\n");
    give_version(f, "1.2.0\n");
    expect(f, "Firmware:          " VERSION "\n"
              "Server Available:  1.2.0\n"
              "Running partition: factory\n"
              "Boot partition:    factory\n" PROMPT);
    expect_after(f, "ota erase ota_0\n", "Unrecognised command\n" PROMPT);
}

static void expect_new_image(struct fixture *f)
{
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_SOFTWARE));
    assert_string_equal(rig_version(&f->rig, f->rig.booted.slot), "1.1.0");
    assert_int_equal(f->rig.booted.slot, 0);
}

static void flash_vfs_says_what_the_stock_firmware_says(void **state)
{
    struct fixture *f = *state;
    char text[1024];

    type(f, "ota flash vfs /sd/ovms3.bin\n");
    expect(f, "Current running partition is: factory\nTarget partition is: ota_0\n");
    assert_int_equal(updraft_ovms_wants(&f->ovms), UPDRAFT_OVMS_WANTS_FILE);
    assert_string_equal(updraft_ovms_source(&f->ovms), "/sd/ovms3.bin");
    give(f, f->new_image.bytes, f->new_image.len, 512);
    snprintf(text, sizeof text,
             "Source image is %u bytes in size\n"
             "OTA Flash VFS: Preparing flash partition...\n"
             "OTA Flash VFS: Flashing image partition...\n"
             "OTA Flash VFS: Setting boot partition...\n"
             "OTA flash was successful\n"
             "  Flashed %u bytes from /sd/ovms3.bin\n"
             "  Next boot will be from 'ota_0'\n" PROMPT,
             (unsigned)f->new_image.len, (unsigned)f->new_image.len);
    expect(f, text);
    assert_false(updraft_ovms_take_restart(&f->ovms));
    expect_after(f, "module reset\n", "Resetting system...\n" PROMPT);
    assert_true(updraft_ovms_take_restart(&f->ovms));
    expect_new_image(f);
}

static void flash_vfs_fails_in_stock_words_and_in_ours(void **state)
{
    static const char head[] = "Current running partition is: factory\n"
                               "Target partition is: ota_0\n";
    struct fixture *f = *state;
    char text[512];

    type(f, "ota flash vfs /none\n");
    updraft_ovms_ended(&f->ovms, UPDRAFT_E_NOT_FOUND);
    snprintf(text, sizeof text, "%sError: Cannot find file /none\n" PROMPT, head);
    expect(f, text);

    snprintf(text, sizeof text, "%sError: protected path\n" PROMPT, head);
    expect_after(f, "ota flash vfs /store/ovms_config/password\n", text);

    type(f, "ota flash vfs /big\n");
    assert_false(updraft_ovms_opened(&f->ovms, SLOT_LEN + 1, 200));
    updraft_ovms_ended(&f->ovms, UPDRAFT_OK);
    snprintf(text, sizeof text,
             "%sSource image is 524289 bytes in size\n"
             "Error: target partition too small (524288 bytes capacity) - aborting\n" PROMPT,
             head);
    expect(f, text);

    type(f, "ota flash vfs /other\n");
    give(f, f->foreign_image.bytes, f->foreign_image.len, 512);
    hear(f);
    assert_non_null(
        strstr(f->out, "Error: ESP32 error #5379 when writing to flash - state is inconsistent\n"
                       "  the image is for ESP32-S3, this device is another chip\n" PROMPT));
    f->out_len = 0;

    f->new_image.bytes[1000] ^= 1;
    type(f, "ota flash vfs /bad\n");
    give(f, f->new_image.bytes, f->new_image.len, 512);
    hear(f);
    assert_non_null(strstr(
        f->out, "Error: ESP32 error #5379 finalising OTA operation - state is inconsistent"));
    f->out_len = 0;

    updraft_update_enable(&f->rig.update, false);
    type(f, "ota flash vfs /good\n");
    give(f, f->new_image.bytes, f->new_image.len, 512);
    hear(f);
    assert_non_null(strstr(f->out, "Error: ESP32 error #259 when starting OTA operation\n"
                                   "  updates are switched off on this device\n" PROMPT));
    assert_int_equal(updraft_ovms_wants(&f->ovms), UPDRAFT_OVMS_WANTS_NOTHING);
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_SOFTWARE));
    assert_int_equal(f->rig.booted.slot, UPDRAFT_SLOT_FACTORY);
}

static void flash_http_of_the_current_firmware(void **state)
{
    struct fixture *f = *state;
    char text[1024];

    type(f, "ota flash http\n");
    expect(f, "Current running partition is: factory\nTarget partition is: ota_0\n"
              "Download firmware from 127.0.0.1:8032/d/ovms/v3.3/main/ovms3.bin to ota_0\n");
    assert_int_equal(updraft_ovms_wants(&f->ovms), UPDRAFT_OVMS_WANTS_HTTP);
    assert_true(updraft_ovms_opened(&f->ovms, f->new_image.len, 200));
    for (uint32_t off = 0; off < f->new_image.len; off += 512)
        assert_true(updraft_ovms_data(&f->ovms, f->new_image.bytes + off,
                                      f->new_image.len - off < 512 ? f->new_image.len - off : 512));
    updraft_ovms_ended(&f->ovms, UPDRAFT_OK);
    snprintf(text, sizeof text,
             "Expected file size is %u\n"
             "OTA Flash HTTP: Preparing flash partition...\n"
             "Downloading... 47%% (200192 bytes so far)\n"
             "Downloading... 95%% (400384 bytes so far)\n"
             "Download complete (at %u bytes)\n"
             "OTA Flash HTTP: Setting boot partition...\n"
             "OTA flash was successful\n"
             "  Flashed %u bytes from 127.0.0.1:8032/d/ovms/v3.3/main/ovms3.bin\n"
             "  Next boot will be from 'ota_0'\n" PROMPT,
             (unsigned)f->new_image.len, (unsigned)f->new_image.len, (unsigned)f->new_image.len);
    expect(f, text);
    expect_new_image(f);
}

static void flash_http_of_3_1_003(void **state)
{
    struct fixture *f = *state;
    char text[1024];

    f->config.dialect = UPDRAFT_OVMS_3_1_003;
    f->config.server = NULL;
    f->config.product = "v3.1";
    boot(f);
    hear(f);
    f->out_len = 0;
    type(f, "ota flash http\n");
    give(f, f->new_image.bytes, f->new_image.len, 512);
    snprintf(text, sizeof text,
             "Current running partition is: factory\n"
             "Target partition is: ota_0\n"
             "Download firmware from api.openvehicles.com/firmware/ota/v3.1/main/ovms3.bin to "
             "ota_0\n"
             "Expected file size is %u\n"
             "Preparing flash partition...\n"
             "Downloading... (100352 bytes so far)\n"
             "Downloading... (200704 bytes so far)\n"
             "Downloading... (301056 bytes so far)\n"
             "Downloading... (401408 bytes so far)\n"
             "Download complete (at %u bytes)\n"
             "Setting boot partition...\n"
             "OTA flash was successful\n"
             "  Flashed %u bytes from api.openvehicles.com/firmware/ota/v3.1/main/ovms3.bin\n"
             "  Next boot will be from 'ota_0'\n" PROMPT,
             (unsigned)f->new_image.len, (unsigned)f->new_image.len, (unsigned)f->new_image.len);
    expect(f, text);
}

static void flash_http_fails_in_stock_words(void **state)
{
    struct fixture *f = *state;

    type(f, "ota flash http example.org/a.bin\n");
    assert_string_equal(updraft_ovms_source(&f->ovms), "example.org/a.bin");
    updraft_ovms_ended(&f->ovms, UPDRAFT_E_CONNECT);
    hear(f);
    assert_non_null(strstr(f->out, "to ota_0\nError: Request failed\n" PROMPT));
    f->out_len = 0;

    type(f, "ota flash http\n");
    assert_false(updraft_ovms_opened(&f->ovms, 1023, 404));
    updraft_ovms_ended(&f->ovms, UPDRAFT_OK);
    hear(f);
    assert_non_null(strstr(f->out, "Error: Expected download file size (1023) is invalid\n"));
    f->out_len = 0;

    type(f, "ota flash http\n");
    assert_true(updraft_ovms_opened(&f->ovms, f->new_image.len, 200));
    assert_true(updraft_ovms_data(&f->ovms, f->new_image.bytes, 5000));
    updraft_ovms_ended(&f->ovms, UPDRAFT_E_DISCONNECTED);
    hear(f);
    assert_non_null(strstr(f->out, "Download failed (at 5000 bytes)\n"
                                   "Error: Download file size (5000) does not match expected ("));
    assert_int_equal(f->rig.update.failure.code, UPDRAFT_E_DISCONNECTED);
}

static void one_flash_job_at_a_time(void **state)
{
    static const char busy[] =
        "Error: Flash operation already in progress - cannot flash again\n" PROMPT;
    static const char *const commands[] = {"ota flash vfs /a\n", "ota flash http\n",
                                           "ota boot factory\n", "ota erase ota_1\n",
                                           "ota copy factory ota_1\n"};
    struct fixture *f = *state;

    type(f, "ota flash vfs /sd/ovms3.bin\n");
    assert_true(updraft_ovms_opened(&f->ovms, f->new_image.len, 200));
    assert_true(updraft_ovms_data(&f->ovms, f->new_image.bytes, f->new_image.len / 2));
    hear(f);
    /* The session that waits takes nothing more. */
    assert_int_equal(updraft_ovms_feed(&f->ovms, f->session, "ota\n", 4), 0);
    f->session = updraft_ovms_open(&f->ovms, true);
    assert_int_equal(f->session, 1);
    hear(f);
    f->out_len = 0;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        expect_after(f, commands[i], busy);
    type(f, "ota status\n");
    hear(f);
    assert_non_null(
        strstr(f->out, "Status:            OTA Flash VFS: Flashing image partition... (50%)\n"));
    /* He who began it hangs up: it goes on. */
    updraft_ovms_close(&f->ovms, 0);
    assert_true(updraft_ovms_data(&f->ovms, f->new_image.bytes + f->new_image.len / 2,
                                  f->new_image.len - f->new_image.len / 2));
    updraft_ovms_ended(&f->ovms, UPDRAFT_OK);
    expect_new_image(f);
}

static void boot_goes_to_factory_and_back(void **state)
{
    struct fixture *f = *state;

    type(f, "ota flash vfs /a\n");
    give(f, f->new_image.bytes, f->new_image.len, 4096);
    boot(f);
    hear(f);
    f->out_len = 0;
    assert_int_equal(f->rig.slots.running, 0);
    expect_after(f, "ota boot factory\n",
                 "Boot from factory at 0x00010000 (size 0x00080000)\n" PROMPT);
    boot(f);
    hear(f);
    f->out_len = 0;
    assert_int_equal(f->rig.slots.running, UPDRAFT_SLOT_FACTORY);
    expect_after(f, "ota boot ota_0\n", "Boot from ota_0 at 0x00090000 (size 0x00080000)\n" PROMPT);
    boot(f);
    hear(f);
    f->out_len = 0;
    assert_int_equal(f->rig.slots.running, 0);
    expect_after(
        f, "ota boot ota_1\n",
        "Error: partition contained invalid app image, or signature validation failed\n" PROMPT);
    expect_after(f, "ota boot ota_2\n", "Unrecognised command\n" PROMPT);
}

static void copy_and_erase_work_on_whole_partitions(void **state)
{
    struct fixture *f = *state;
    const uint8_t *bytes = f->rig.nor.bytes;
    uint32_t factory = f->rig.slots.layout.factory.addr;
    uint32_t target = f->rig.slots.layout.ota[1].addr;

    struct updraft_slots_log log;

    assert_int_equal(updraft_slots_find_log(&f->rig.slots, &log), UPDRAFT_OK);
    assert_int_equal(log.distrust, 0xFFFFFFFFu);
    type(f, "ota copy factory ota_1\n");
    /* A cut from here on leaves what no log of an update speaks of. */
    assert_int_equal(updraft_slots_find_log(&f->rig.slots, &log), UPDRAFT_OK);
    assert_int_equal(log.distrust, 0xFFFFFFFFu & ~2u);
    expect(f, "OTA copy factory (00065536) -> ota_1 (00110000) size 524288 with block size 4096\n");
    assert_int_equal(updraft_ovms_wants(&f->ovms), UPDRAFT_OVMS_WANTS_RUN);
    assert_true(updraft_ovms_is_writing(&f->ovms));
    for (int i = 0; i < 128; i++)
        run(f, 1);
    expect(f, "OTA Copy: 50% progress (262144 bytes)\nOTA Copy: 100% progress (524288 bytes)\n"
              "OTA copy complete\n" PROMPT);
    assert_false(updraft_ovms_is_writing(&f->ovms));
    assert_memory_equal(bytes + factory, bytes + target, SLOT_LEN);

    type(f, "ota erase ota_1\n");
    for (int i = 0; i < 128; i++)
        run(f, 1);
    expect(f, "OTA Erase: Erasing partition...\nPartition erase complete\n" PROMPT);
    for (uint32_t i = 0; i < SLOT_LEN; i++)
        assert_int_equal(bytes[target + i], 0xFF);
    assert_true(f->rig.nor.violation[0] == '\0');
}

static void what_runs_or_boots_is_neither_erased_nor_copied_over(void **state)
{
    struct fixture *f = *state;

    expect_after(f, "ota erase factory\n",
                 "Error: Cannot erase currently running partition\n" PROMPT);
    expect_after(f, "ota copy ota_0 factory\n",
                 "Error: Cannot copy to currently running partition\n" PROMPT);
    type(f, "ota flash vfs /a\n");
    give(f, f->new_image.bytes, f->new_image.len, 4096);
    hear(f);
    f->out_len = 0;
    expect_after(f, "ota erase ota_0\n", "Error: Cannot erase boot partition\n" PROMPT);
    expect_after(f, "ota copy factory ota_0\n", "Error: Cannot copy to boot partition\n" PROMPT);
    boot(f);
    hear(f);
    f->out_len = 0;
    expect_after(f, "ota erase factory\n",
                 "OTA Erase: Erasing partition...\n"
                 "Error: ESP32 error #258 starting OTA operation\n" PROMPT);
    expect_after(f, "ota copy ota_0 ota_0\n", "Unrecognised command\n" PROMPT);
}

static void expect_notice(struct fixture *f, const char *text)
{
    char notice[UPDRAFT_OVMS_NOTICE_CAP];

    assert_true(updraft_ovms_take_notice(&f->ovms, notice));
    assert_string_equal(notice, text);
    assert_false(updraft_ovms_take_notice(&f->ovms, notice));
}

static void flash_auto_updates_and_restarts(void **state)
{
    struct fixture *f = *state;

    run(f, 100);
    expect_after(f, "ota flash auto\n", "Triggering automatic firmware update...\n" PROMPT);
    give_version(f, "1.1.0\n");
    expect_notice(f, "New OTA firmware 1.1.0 is now being downloaded");
    assert_string_equal(updraft_ovms_source(&f->ovms), "127.0.0.1:8032/d/ovms/v3.3/main/ovms3.bin");
    give(f, f->new_image.bytes, f->new_image.len, 512);
    expect_notice(f, "OTA firmware 1.1.0 has been updated (OVMS will restart)");
    run(f, 4000);
    assert_false(updraft_ovms_take_restart(&f->ovms));
    run(f, 1500);
    assert_true(updraft_ovms_take_restart(&f->ovms));
    expect(f, "");
    expect_new_image(f);
}

static void flash_auto_takes_an_older_version_by_force_only(void **state)
{
    struct fixture *f = *state;

    type(f, "ota flash auto\n");
    give_version(f, "0.9.0\n");
    assert_int_equal(updraft_ovms_wants(&f->ovms), UPDRAFT_OVMS_WANTS_NOTHING);
    type(f, "ota flash auto force\n");
    give_version(f, "0.9.0\n");
    assert_int_equal(updraft_ovms_wants(&f->ovms), UPDRAFT_OVMS_WANTS_HTTP);
}

static void downloads_wait_for_wifi_unless_the_modem_is_allowed(void **state)
{
    struct fixture *f = *state;
    char notice[UPDRAFT_OVMS_NOTICE_CAP];

    updraft_ovms_set_network(&f->ovms, UPDRAFT_OVMS_NETWORK_MODEM);
    type(f, "ota flash auto\n");
    give_version(f, "1.1.0\n");
    assert_int_equal(updraft_ovms_wants(&f->ovms), UPDRAFT_OVMS_WANTS_NOTHING);
    expect_notice(f, "New firmware 1.1.0 is available. Connect to WIFI to update");
    type(f, "ota flash auto\n");
    give_version(f, "1.1.0\n");
    assert_false(updraft_ovms_take_notice(&f->ovms, notice)); /* once for each version */
    hear(f);
    f->out_len = 0;
    expect_after(f, "config set ota auto.allow.modem yes\n", "Parameter has been set.\n" PROMPT);
    type(f, "ota flash auto\n");
    give_version(f, "1.1.0\n");
    assert_int_equal(updraft_ovms_wants(&f->ovms), UPDRAFT_OVMS_WANTS_HTTP);
}

static bool looks_now(struct fixture *f)
{
    run(f, 600000);
    bool looks = updraft_ovms_wants(&f->ovms) == UPDRAFT_OVMS_WANTS_HTTP;
    if (looks)
        give_version(f, "1.0.0\n");
    return looks;
}

static void it_looks_once_a_day_in_its_hour(void **state)
{
    struct fixture *f = *state;

    run(f, 1);
    f->clock = (struct updraft_ovms_clock){.hour = 1, .day = 5};
    assert_false(looks_now(f));
    f->clock.hour = 2;
    assert_true(looks_now(f));
    assert_false(looks_now(f));
    f->clock.day = 6;
    assert_true(looks_now(f));
    type(f, "config set ota auto.hour 14\n");
    f->clock = (struct updraft_ovms_clock){.hour = 2, .day = 7};
    assert_false(looks_now(f));
    f->clock.hour = 14;
    type(f, "config set auto ota no\n");
    assert_false(looks_now(f));
    type(f, "config set auto ota yes\n");
    assert_true(looks_now(f));
    /* A server that does not answer is asked again ten minutes later. */
    f->clock.day = 8;
    run(f, 600000);
    assert_int_equal(updraft_ovms_wants(&f->ovms), UPDRAFT_OVMS_WANTS_HTTP);
    updraft_ovms_ended(&f->ovms, UPDRAFT_E_CONNECT);
    assert_true(looks_now(f));
    assert_false(looks_now(f));
}

static void settings_change_the_address(void **state)
{
    struct fixture *f = *state;

    expect_after(f, "config set ota server https://example.org/ota\n",
                 "Parameter has been set.\n" PROMPT);
    type(f, "config set ota tag edge\n");
    type(f, "ota flash http\n");
    assert_string_equal(updraft_ovms_source(&f->ovms),
                        "https://example.org/ota/v3.3/edge/ovms3.bin");
    updraft_ovms_ended(&f->ovms, UPDRAFT_E_CONNECT);
    hear(f);
    f->out_len = 0;
    expect_after(f, "config set ota auto.hour 24\n", "Error: parameter not found\n" PROMPT);
    expect_after(f, "config set wifi ssid x\n", "Error: parameter not found\n" PROMPT);
}

static void a_session_from_outside_must_know_the_password(void **state)
{
    struct fixture *f = *state;

    f->config.password = "secret";
    boot(f);
    f->session = updraft_ovms_open(&f->ovms, false);
    expect(f, "OVMS> ");
    expect_after(f, "ota erase ota_1\n", "Error: Secure command requires 'enable' mode\nOVMS> ");
    expect_after(f, "enable secreT\n", "Error: Invalid password\nOVMS> ");
    assert_int_equal(updraft_ovms_take_sign_in(&f->ovms, f->session), UPDRAFT_SIGN_IN_WRONG);
    expect_after(f, "enable\n", "Error: Invalid password\nOVMS> ");
    expect_after(f, "enable secret\n", "Secure mode\n" PROMPT);
    assert_int_equal(updraft_ovms_take_sign_in(&f->ovms, f->session), UPDRAFT_SIGN_IN_RIGHT);
    hear(f);
    type(f, "ota\n");
    hear(f);
    assert_non_null(strstr(f->out, "Running partition: factory\n"));
}

static void lines_are_the_same_in_any_pieces(void **state)
{
    static const char text[] = "  ota \t status  nocheck \r\n\nbogus\nota boot ota_1\n";
    struct fixture *f = *state;
    char whole[4096];

    type(f, "ota status nocheck\n\nbogus\nota boot ota_1\n");
    hear(f);
    memcpy(whole, f->out, f->out_len + 1);
    f->out_len = 0;
    for (size_t split = 0; split < sizeof text - 1; split++) {
        size_t off = 0;
        while (off < sizeof text - 1) {
            size_t end = off < split ? split : sizeof text - 1;
            off += updraft_ovms_feed(&f->ovms, f->session, text + off, end - off);
            hear(f);
        }
        assert_string_equal(f->out, whole);
        f->out_len = 0;
    }
}

static void too_long_a_line_harms_nobody(void **state)
{
    struct fixture *f = *state;
    char line[1000];

    memset(line, 'x', sizeof line);
    assert_int_equal(updraft_ovms_feed(&f->ovms, f->session, line, sizeof line), sizeof line);
    expect_after(f, "\n", "Unrecognised command\n" PROMPT);
    assert_int_equal(updraft_ovms_open(&f->ovms, true), 1);
    assert_int_equal(updraft_ovms_open(&f->ovms, true), 2);
    assert_int_equal(updraft_ovms_open(&f->ovms, true), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(versions_compare_as_the_stock_firmware_does),
        TEST(status_has_the_lines_of_the_current_firmware),
        TEST(a_server_that_says_nothing_useful_is_left_out),
        TEST(status_of_3_1_003_is_short),
        TEST(flash_vfs_says_what_the_stock_firmware_says),
        TEST(flash_vfs_fails_in_stock_words_and_in_ours),
        TEST(flash_http_of_the_current_firmware),
        TEST(flash_http_of_3_1_003),
        TEST(flash_http_fails_in_stock_words),
        TEST(one_flash_job_at_a_time),
        TEST(boot_goes_to_factory_and_back),
        TEST(copy_and_erase_work_on_whole_partitions),
        TEST(what_runs_or_boots_is_neither_erased_nor_copied_over),
        TEST(flash_auto_updates_and_restarts),
        TEST(flash_auto_takes_an_older_version_by_force_only),
        TEST(downloads_wait_for_wifi_unless_the_modem_is_allowed),
        TEST(it_looks_once_a_day_in_its_hour),
        TEST(settings_change_the_address),
        TEST(a_session_from_outside_must_know_the_password),
        TEST(lines_are_the_same_in_any_pieces),
        TEST(too_long_a_line_harms_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
