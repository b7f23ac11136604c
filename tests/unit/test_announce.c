#include "device/push/announce.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct updraft_announce garage(void)
{
    return (struct updraft_announce){
        .name = "garage",
        .product = "door",
        .version = "1.2.3",
        .ways = "raw,form,espota",
        .chip = updraft_chip_by_id(UPDRAFT_CHIP_ESP32S3),
        .ota_port = 3232,
        .direct_port = 3233,
        .esphome_port = 6053,
    };
}

/* As a TXT record holds them: each string behind its length. */
static size_t record(const struct updraft_announce *announce, enum updraft_announce_service service,
                     char *out)
{
    char string[UPDRAFT_ANNOUNCE_STRING_CAP];
    size_t at = 0;
    size_t len;

    for (size_t i = 0; (len = updraft_announce_string(announce, service, i, string)) > 0; i++) {
        assert_int_equal(strlen(string), len);
        out[at++] = (char)len;
        memcpy(out + at, string, len);
        at += len;
    }
    return at;
}

static void announce_of_an_esp8266_is_the_record_of_a_stock_one(void **state)
{
    /* A NodeMCU with a password, as the stock core announces it. */
    static const char stock[] = "\x0ctcp_check=no\x0dssh_upload=no\x0f"
                                "board=nodemcuv2\x0f"
                                "auth_upload=yes";
    struct updraft_announce announce = garage();
    char out[512];
    (void)state;

    announce.chip = updraft_chip_by_id(UPDRAFT_CHIP_ESP8266);
    announce.board = "nodemcuv2";
    announce.has_password = true;
    assert_int_equal(record(&announce, UPDRAFT_ANNOUNCES_ARDUINO, out), sizeof stock - 1);
    assert_memory_equal(out, stock, sizeof stock - 1);
}

static void announce_of_an_esp32_has_the_board_first_and_names_it_by_the_chip(void **state)
{
    static const char stock[] = "\x0d"
                                "board=esp32s3\x0ctcp_check=no\x0dssh_upload=no\x0e"
                                "auth_upload=no";
    struct updraft_announce announce = garage();
    char out[512];
    (void)state;

    assert_int_equal(record(&announce, UPDRAFT_ANNOUNCES_ARDUINO, out), sizeof stock - 1);
    assert_memory_equal(out, stock, sizeof stock - 1);
}

static void announce_of_an_esp8266_without_a_board_id_is_generic(void **state)
{
    struct updraft_announce announce = garage();
    char out[UPDRAFT_ANNOUNCE_STRING_CAP];
    (void)state;

    announce.chip = updraft_chip_by_id(UPDRAFT_CHIP_ESP8266);
    assert_int_equal(updraft_announce_string(&announce, UPDRAFT_ANNOUNCES_ARDUINO, 2, out), 13);
    assert_string_equal(out, "board=generic");
}

static void announce_of_ours_says_what_a_tool_must_know(void **state)
{
    static const char *const expected[] = {
        "txtvers=1",   "name=garage",          "product=door", "chip=esp32s3", "version=1.2.3",
        "password=no", "ways=raw,form,espota", "ota=3232",     "direct=3233",  "esphome=6053",
    };
    struct updraft_announce announce = garage();
    char out[UPDRAFT_ANNOUNCE_STRING_CAP];
    (void)state;

    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        assert_int_equal(updraft_announce_string(&announce, UPDRAFT_ANNOUNCES_UPDRAFT, i, out),
                         strlen(expected[i]));
        assert_string_equal(out, expected[i]);
    }
    assert_int_equal(updraft_announce_string(&announce, UPDRAFT_ANNOUNCES_UPDRAFT, 10, out), 0);
}

static void announce_leaves_out_what_is_not_known(void **state)
{
    struct updraft_announce announce = garage();
    static const char expected[] = "\x09txtvers=1\x0bname=garage\x0c"
                                   "chip=esp32s3\x0cpassword=yes";
    char out[512];
    (void)state;

    announce.product = NULL;
    announce.version = "";
    announce.ways = NULL;
    announce.ota_port = 0;
    announce.direct_port = 0;
    announce.esphome_port = 0;
    announce.has_password = true;
    assert_int_equal(record(&announce, UPDRAFT_ANNOUNCES_UPDRAFT, out), sizeof expected - 1);
    assert_memory_equal(out, expected, sizeof expected - 1);
}

static void announce_cuts_a_text_that_no_dns_string_holds(void **state)
{
    struct updraft_announce announce = garage();
    char name[400];
    char out[UPDRAFT_ANNOUNCE_STRING_CAP];
    (void)state;

    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    announce.name = name;
    assert_int_equal(updraft_announce_string(&announce, UPDRAFT_ANNOUNCES_UPDRAFT, 1, out), 255);
    assert_int_equal(strlen(out), 255);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(announce_of_an_esp8266_is_the_record_of_a_stock_one),
        cmocka_unit_test(announce_of_an_esp32_has_the_board_first_and_names_it_by_the_chip),
        cmocka_unit_test(announce_of_an_esp8266_without_a_board_id_is_generic),
        cmocka_unit_test(announce_of_ours_says_what_a_tool_must_know),
        cmocka_unit_test(announce_leaves_out_what_is_not_known),
        cmocka_unit_test(announce_cuts_a_text_that_no_dns_string_holds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
