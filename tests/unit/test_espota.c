/* The stream of espota: counts, the last word, and every way it can break off. */
#include "tests/unit/espota_fixture.h"

static void espota_updates_a_device_in_both_dialects(void **state)
{
    struct fixture *f = *state;

    for (int dialect = UPDRAFT_ESPOTA_ESP8266; dialect <= UPDRAFT_ESPOTA_ESP32; dialect++) {
        renew(f, (enum updraft_espota_dialect)dialect, NULL);
        invite_and_connect(f, f->new_image.bytes, f->new_image.len);
        send_bytes(f, f->new_image.bytes, f->new_image.len, CHUNK_LEN);
        expect_success(f);
        expect_boots(f, "1.1.0");
    }
}

static void espota_does_the_same_for_every_split_of_the_stream(void **state)
{
    struct fixture *f = *state;
    const uint8_t *data = f->new_image.bytes;
    uint32_t len = f->new_image.len;

    renew(f, UPDRAFT_ESPOTA_ESP8266, NULL);
    invite_and_connect(f, data, len);
    send_bytes(f, data, len, 1);
    expect_success(f);
    expect_boots(f, "1.1.0");
    /* At each point of the header and descriptor, then in steps that hit no sector twice alike. */
    for (uint32_t split = 1; split < len; split += split < 320 ? 1 : 61) {
        renew(f, UPDRAFT_ESPOTA_ESP32, NULL);
        invite_and_connect(f, data, len);
        send_bytes(f, data, split, split);
        send_bytes(f, data + split, len - split, len);
        assert_int_equal(f->rig.update.state, UPDRAFT_UPDATE_DONE);
        assert_string_equal(rig_version(&f->rig, 1), "1.1.0");
    }
}

static void espota_takes_a_gzip_image(void **state)
{
    struct fixture *f = *state;
    uint32_t len;
    uint8_t *packed = rig_gzip(f->new_image.bytes, f->new_image.len, &len);

    invite_and_connect(f, packed, len);
    send_bytes(f, packed, len, 1024);
    expect_success(f);
    expect_boots(f, "1.1.0");
    free(packed);
}

static void espota_adds_counts_up_while_nobody_drains(void **state)
{
    struct fixture *f = *state;

    invite_and_connect(f, f->new_image.bytes, f->new_image.len);
    for (uint32_t i = 0; i < 5000; i++)
        updraft_espota_feed(&f->espota, f->new_image.bytes + i, 1, f->now_ms);
    drain(f);
    /* 224 bytes of ones, less what a full count needs at the end; the rest in one number. */
    size_t ones = strspn(f->out, "1");
    assert_int_equal(atoi(f->out + ones) + (int)ones, 5000);
    send_bytes(f, f->new_image.bytes + 5000, f->new_image.len - 5000, CHUNK_LEN);
    expect_success(f);
}

static void espota_sends_the_ok_only_when_the_last_count_was_taken(void **state)
{
    struct fixture *f = *state;

    invite_and_connect(f, f->new_image.bytes, f->new_image.len);
    updraft_espota_feed(&f->espota, f->new_image.bytes, f->new_image.len, f->now_ms);
    for (int i = 0; i < 50; i++) /* five seconds in which the socket takes nothing */
        updraft_espota_tick(&f->espota, f->now_ms += 100);
    drain(f);
    assert_int_equal(atoi(f->out), f->new_image.len);
    assert_null(strchr(f->out, 'O'));
    expect_success(f);
}

static void espota_gives_up_a_host_that_takes_nothing(void **state)
{
    struct fixture *f = *state;

    invite_and_connect(f, f->new_image.bytes, f->new_image.len);
    updraft_espota_feed(&f->espota, f->new_image.bytes, f->new_image.len, f->now_ms);
    for (int i = 0; i < 700; i++)
        updraft_espota_tick(&f->espota, f->now_ms += 100);
    assert_int_equal(updraft_espota_wants(&f->espota), UPDRAFT_ESPOTA_WANTS_CLOSE);
    updraft_espota_closed(&f->espota, f->now_ms);
    assert_true(updraft_espota_take_restart(&f->espota));
}

static void espota_restarts_also_when_the_host_closes_first(void **state)
{
    struct fixture *f = *state;

    invite_and_connect(f, f->new_image.bytes, f->new_image.len);
    send_bytes(f, f->new_image.bytes, f->new_image.len, CHUNK_LEN);
    updraft_espota_closed(&f->espota, f->now_ms);
    assert_true(updraft_espota_take_restart(&f->espota));
    expect_boots(f, "1.1.0");
}

static void espota_ignores_bytes_behind_the_announced_size(void **state)
{
    struct fixture *f = *state;
    uint8_t *data = calloc(1, f->new_image.len + 100);

    memcpy(data, f->new_image.bytes, f->new_image.len);
    invite_and_connect(f, f->new_image.bytes, f->new_image.len);
    updraft_espota_feed(&f->espota, data, f->new_image.len + 60, f->now_ms);
    drain(f);
    assert_int_equal(atoi(f->out), f->new_image.len);
    f->out_len = 0;
    updraft_espota_feed(&f->espota, data, 40, f->now_ms);
    drain(f);
    assert_int_equal(f->out_len, 0);
    expect_success(f);
    expect_boots(f, "1.1.0");
    free(data);
}

static void espota_writes_a_file_system_only_where_one_is_named(void **state)
{
    struct fixture *f = *state;
    uint8_t contents[5000];
    char text[128], md5[33];

    for (size_t i = 0; i < sizeof contents; i++)
        contents[i] = (uint8_t)(i * 7);
    md5_of(contents, sizeof contents, md5);
    snprintf(text, sizeof text, "100 %d %zu %s\n", PORT, sizeof contents, md5);
    say_text(f, &host, text);
    assert_memory_equal(f->reply, "ERR: ", 5);

    f->config.data_partition = "storage";
    updraft_espota_init(&f->espota, &f->config);
    say_text(f, &host, text);
    expect_reply(f, &host, "OK");
    updraft_espota_connected(&f->espota, f->now_ms);
    send_bytes(f, contents, sizeof contents, CHUNK_LEN);
    expect_success(f);
    assert_memory_equal(f->rig.nor.bytes + 0x10000 + 2 * SLOT_LEN, contents, sizeof contents);
    expect_boots(f, "1.0.0");
}

static void espota_tells_an_esp8266_host_the_reason_alone_and_at_the_end(void **state)
{
    struct fixture *f = *state;

    invite_and_connect(f, f->foreign_image.bytes, f->foreign_image.len);
    send_bytes(f, f->foreign_image.bytes, f->foreign_image.len, CHUNK_LEN);
    assert_int_equal(f->rig.update.failure.code, UPDRAFT_E_WRONG_CHIP);
    assert_int_equal(f->rig.nor.counts.operations, 0);
    f->out_len = 0;
    expect_failure(f, "Error[55]: the image is for ESP32-S3, this device is another chip\n");
    assert_null(strchr(f->out, 'O')); /* which hosts before 2.7.0 take for success */
}

static void espota_makes_an_esp32_host_stumble_at_once(void **state)
{
    struct fixture *f = *state;

    start(f, UPDRAFT_ESPOTA_ESP32, NULL);
    invite_and_connect(f, f->foreign_image.bytes, f->foreign_image.len);
    send_bytes(f, f->foreign_image.bytes, 4095, 1024);
    f->out_len = 0;
    updraft_espota_acknowledge(&f->espota, 1024, f->now_ms);
    drain(f);
    assert_string_equal(f->out, "1024");
    f->out_len = 0;
    updraft_espota_feed(&f->espota, f->foreign_image.bytes + 4095, 1024, f->now_ms);
    drain(f);
    expect_failure(f, "\xFF"
                      "Error[55]: the image is for ESP32-S3, this device is another chip\r\n");
}

static void espota_finds_a_wrong_digest(void **state)
{
    static const char *const words[] = {"Error[7]: MD5 verification failed\n",
                                        "\xFF"
                                        "Error[7]: MD5 Check Failed\r\n"};
    struct fixture *f = *state;
    char text[128];

    for (int dialect = UPDRAFT_ESPOTA_ESP8266; dialect <= UPDRAFT_ESPOTA_ESP32; dialect++) {
        renew(f, (enum updraft_espota_dialect)dialect, NULL);
        snprintf(text, sizeof text, "0 %d %u a52dff8366b1473d2e13edd2415def67\n", PORT,
                 f->new_image.len);
        say_text(f, &host, text);
        updraft_espota_connected(&f->espota, f->now_ms);
        send_bytes(f, f->new_image.bytes, f->new_image.len - 1, f->new_image.len);
        f->out_len = 0;
        updraft_espota_feed(&f->espota, f->new_image.bytes + f->new_image.len - 1, 1, f->now_ms);
        drain(f);
        if (dialect == UPDRAFT_ESPOTA_ESP8266) {
            assert_string_equal(f->out, "1");
            f->out_len = 0;
        }
        expect_failure(f, words[dialect]);
    }
}

/* A flash that is busy for seconds must not keep the host waiting. */
static void espota_counts_before_it_writes(void **state)
{
    struct fixture *f = *state;

    for (int dialect = UPDRAFT_ESPOTA_ESP8266; dialect <= UPDRAFT_ESPOTA_ESP32; dialect++) {
        renew(f, (enum updraft_espota_dialect)dialect, NULL);
        invite_and_connect(f, f->new_image.bytes, f->new_image.len);
        updraft_espota_acknowledge(&f->espota, 5000, f->now_ms);
        updraft_espota_acknowledge(&f->espota, 5000, f->now_ms); /* the same bytes */
        drain(f);
        assert_string_equal(f->out, "5000");
        assert_int_equal(f->rig.nor.counts.operations, 0);
        updraft_espota_feed(&f->espota, f->new_image.bytes, 5000, f->now_ms);
        drain(f);
        assert_string_equal(f->out, "5000");
        assert_true(f->rig.nor.counts.operations > 0);
    }
}

/* Its next words are believed: they must be the verdict's. Chunks of another length than the stock
 * host's end elsewhere, and such a host is not left waiting. */
static void espota_holds_the_count_of_an_esp32_host_s_last_chunk_for_a_moment(void **state)
{
    struct fixture *f = *state;
    uint32_t last_off;

    start(f, UPDRAFT_ESPOTA_ESP32, NULL);
    invite_and_connect(f, f->new_image.bytes, f->new_image.len);
    last_off = (f->new_image.len - 1) / 1024 * 1024;
    send_bytes(f, f->new_image.bytes, last_off, 1024);
    f->out_len = 0;
    updraft_espota_feed(&f->espota, f->new_image.bytes + last_off, 10, f->now_ms);
    tick_to(f, f->now_ms + UPDRAFT_ESPOTA_NUDGE_MS - 100);
    assert_int_equal(f->out_len, 0);
    tick_to(f, f->now_ms + 100);
    assert_string_equal(f->out, "10");
    send_bytes(f, f->new_image.bytes + last_off + 10, f->new_image.len - last_off - 10, 1024);
    assert_string_equal(f->out, "10OK");
    expect_success(f);
}

static void espota_stops_saying_ok_when_the_host_closes(void **state)
{
    struct fixture *f = *state;

    start(f, UPDRAFT_ESPOTA_ESP32, NULL);
    invite_and_connect(f, f->new_image.bytes, f->new_image.len);
    send_bytes(f, f->new_image.bytes, f->new_image.len, 1024);
    updraft_espota_closed(&f->espota, f->now_ms);
    assert_true(updraft_espota_take_restart(&f->espota));
    f->out_len = 0;
    tick_to(f, f->now_ms + UPDRAFT_ESPOTA_LINGER_MS);
    assert_int_equal(f->out_len, 0);
}

static void espota_keeps_the_reason_while_another_way_begins(void **state)
{
    struct fixture *f = *state;
    struct updraft_update_request request = {.wire_len = 100};

    invite_and_connect(f, f->foreign_image.bytes, f->foreign_image.len);
    send_bytes(f, f->foreign_image.bytes, f->foreign_image.len, CHUNK_LEN);
    assert_int_equal(updraft_update_begin(&f->rig.update, &request, NULL), UPDRAFT_OK);
    f->out_len = 0;
    tick_to(f, f->now_ms + 3000);
    assert_memory_equal(f->out, "Error[55]", 9);
    updraft_espota_closed(&f->espota, f->now_ms);
    assert_int_equal(f->rig.update.state, UPDRAFT_UPDATE_RECEIVING);
}

static void espota_cleans_what_images_name_for_hosts(void **state)
{
    struct fixture *f = *state;
    struct updraft_update_config config = f->rig.update.config;

    config.project = "OTHER";
    memcpy(f->new_image.bytes + 0x50, "FOO\xC3\n", 6); /* the project's name */
    updraft_update_init(&f->rig.update, &config);
    invite_and_connect(f, f->new_image.bytes, f->new_image.len);
    send_bytes(f, f->new_image.bytes, f->new_image.len, CHUNK_LEN);
    f->out_len = 0;
    expect_failure(f, "Error[56]: the image belongs to the project 'Foo?\?'\n");
}

static void espota_gives_up_after_thirty_seconds_of_silence(void **state)
{
    struct fixture *f = *state;

    invite_and_connect(f, f->new_image.bytes, f->new_image.len);
    send_bytes(f, f->new_image.bytes, 5000, CHUNK_LEN);
    f->out_len = 0;
    tick_to(f, f->now_ms + UPDRAFT_ESPOTA_IDLE_MS - 100);
    assert_int_equal(f->rig.update.state, UPDRAFT_UPDATE_RECEIVING);
    tick_to(f, f->now_ms + 100);
    assert_int_equal(f->rig.update.state, UPDRAFT_UPDATE_FAILED);
    assert_int_equal(f->rig.update.failure.code, UPDRAFT_E_TIMEOUT);
    expect_failure(f, "Error[6]: Stream Read Timeout\n");
}

static void espota_survives_a_connection_dropped_at_any_byte(void **state)
{
    struct fixture *f = *state;

    for (uint32_t at = 0; at < f->new_image.len; at += at < 40 ? 1 : 397) {
        invite_and_connect(f, f->new_image.bytes, f->new_image.len);
        if (at > 0)
            send_bytes(f, f->new_image.bytes, at, at);
        updraft_espota_closed(&f->espota, f->now_ms);
        assert_int_equal(updraft_espota_wants(&f->espota), UPDRAFT_ESPOTA_WANTS_NOTHING);
        assert_int_equal(f->rig.update.failure.code, UPDRAFT_E_DISCONNECTED);
        assert_false(updraft_espota_take_restart(&f->espota));
        f->out_len = 0;
    }
    expect_boots(f, "1.0.0");
    start(f, UPDRAFT_ESPOTA_ESP8266, NULL);
    invite_and_connect(f, f->new_image.bytes, f->new_image.len);
    send_bytes(f, f->new_image.bytes, f->new_image.len, CHUNK_LEN);
    expect_success(f);
    expect_boots(f, "1.1.0");
}

static void espota_gives_up_when_the_host_cannot_be_reached(void **state)
{
    struct fixture *f = *state;
    const char *text = invitation(f->new_image.bytes, f->new_image.len);

    say_text(f, &host, text);
    updraft_espota_connect_failed(&f->espota);
    assert_int_equal(updraft_espota_wants(&f->espota), UPDRAFT_ESPOTA_WANTS_NOTHING);
    assert_int_equal(f->rig.update.failure.code, UPDRAFT_E_CONNECT);
    say_text(f, &host, text);
    expect_reply(f, &host, "OK");
    tick_to(f, f->now_ms + UPDRAFT_ESPOTA_CONNECT_MS);
    assert_int_equal(updraft_espota_wants(&f->espota), UPDRAFT_ESPOTA_WANTS_NOTHING);
    assert_int_equal(f->rig.update.state, UPDRAFT_UPDATE_FAILED);
    /* It comes after all: nothing to do with it. */
    updraft_espota_connected(&f->espota, f->now_ms);
    assert_int_equal(updraft_espota_wants(&f->espota), UPDRAFT_ESPOTA_WANTS_CLOSE);
    updraft_espota_feed(&f->espota, f->new_image.bytes, 100, f->now_ms);
    drain(f);
    assert_int_equal(f->out_len, 0);
    updraft_espota_closed(&f->espota, f->now_ms);
    assert_false(updraft_espota_take_restart(&f->espota));
    say_text(f, &host, text);
    expect_reply(f, &host, "OK");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(espota_updates_a_device_in_both_dialects),
        TEST(espota_does_the_same_for_every_split_of_the_stream),
        TEST(espota_takes_a_gzip_image),
        TEST(espota_adds_counts_up_while_nobody_drains),
        TEST(espota_sends_the_ok_only_when_the_last_count_was_taken),
        TEST(espota_gives_up_a_host_that_takes_nothing),
        TEST(espota_restarts_also_when_the_host_closes_first),
        TEST(espota_ignores_bytes_behind_the_announced_size),
        TEST(espota_writes_a_file_system_only_where_one_is_named),
        TEST(espota_tells_an_esp8266_host_the_reason_alone_and_at_the_end),
        TEST(espota_makes_an_esp32_host_stumble_at_once),
        TEST(espota_finds_a_wrong_digest),
        TEST(espota_counts_before_it_writes),
        TEST(espota_holds_the_count_of_an_esp32_host_s_last_chunk_for_a_moment),
        TEST(espota_stops_saying_ok_when_the_host_closes),
        TEST(espota_keeps_the_reason_while_another_way_begins),
        TEST(espota_cleans_what_images_name_for_hosts),
        TEST(espota_gives_up_after_thirty_seconds_of_silence),
        TEST(espota_survives_a_connection_dropped_at_any_byte),
        TEST(espota_gives_up_when_the_host_cannot_be_reached),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
