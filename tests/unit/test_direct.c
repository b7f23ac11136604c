/* Updraft's own way in: message bytes, and the device's engine on the real transaction against the
 * host's, over a connection that the test cuts, splits and tampers with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/direct_host.h"
#include "device/push/direct.h"
#include "format/bytes.h"
#include "format/chip.h"
#include "tests/rig/rig.h"

#include <stdlib.h>
#include <string.h>

#define SLOT_LEN   0x10000u
#define IMAGE_LEN  20000u
#define ITERATIONS 3u /* the arithmetic is the same, only faster */

struct fixture {
    struct rig rig;
    struct rig_image old_image;
    struct rig_image new_image;
    struct rig_image foreign_image;
    struct updraft_direct direct;
    struct updraft_direct_host host;
    struct updraft_direct_host_config host_config;
    uint64_t now_ms;
    uint8_t random_byte;
    size_t piece_len;   /* most bytes that go over at once */
    uint32_t cut_after; /* image bytes after which the connection breaks; 0: it does not */
    uint32_t flip_at;   /* a bit of this image byte arrives flipped; 0: of none */
};

static void fake_random(void *ctx, uint8_t *out, size_t len)
{
    struct fixture *f = ctx;

    memset(out, f->random_byte++, len);
}

static void start_device(struct fixture *f, const char *password)
{
    struct updraft_direct_config config = {
        .update = &f->rig.update,
        .has_password = password != NULL,
        .salt = "salt of device 1",
        .iterations = ITERATIONS,
        .chip_id = UPDRAFT_CHIP_ESP32,
        .capacity = SLOT_LEN,
        .name = "garage",
        .product = "rig",
        .version = "1.0.0",
        .random = fake_random,
        .random_ctx = f,
    };

    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_POWER_ON));
    updraft_direct_key(password, config.salt, config.iterations, config.key);
    updraft_direct_init(&f->direct, &config);
}

static void dial(struct fixture *f, const struct rig_image *image, const char *password)
{
    f->host_config.image = image->bytes;
    f->host_config.image_len = image->len;
    f->host_config.password = password;
    memset(f->host_config.nonce, f->random_byte++, sizeof f->host_config.nonce);
    updraft_direct_opened(&f->direct, f->now_ms);
    updraft_direct_host_init(&f->host, &f->host_config, f->now_ms);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    f->now_ms = 1000;
    f->random_byte = 1;
    f->piece_len = 1460;
    rig_image_make(&f->old_image, UPDRAFT_CHIP_ESP32, "1.0.0", IMAGE_LEN);
    rig_image_make(&f->new_image, UPDRAFT_CHIP_ESP32, "1.1.0", IMAGE_LEN);
    rig_image_make(&f->foreign_image, UPDRAFT_CHIP_ESP32S3, "1.1.0", IMAGE_LEN);
    rig_make(&f->rig, RIG_TWO_SLOTS, SLOT_LEN, &f->old_image);
    start_device(f, NULL);
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

/* From the host to the device: true when bytes went. */
static bool move_up(struct fixture *f)
{
    const uint8_t *data;
    size_t len = updraft_direct_host_next(&f->host, &data);
    bool is_image = f->host.state == UPDRAFT_DIRECT_HOST_STREAMING && f->host.out_len == 0;
    uint32_t off = f->host.sent_off;
    uint8_t bytes[4096];

    if (len == 0 || f->host.state >= UPDRAFT_DIRECT_HOST_DONE)
        return false;
    len = len < f->piece_len ? len : f->piece_len;
    len = len < sizeof bytes ? len : sizeof bytes;
    memcpy(bytes, data, len);
    if (is_image && f->flip_at >= off && f->flip_at < off + len && f->flip_at != 0)
        bytes[f->flip_at - off] ^= 0x10;
    updraft_direct_host_sent(&f->host, len, f->now_ms);
    updraft_direct_feed(&f->direct, bytes, len, f->now_ms);
    return true;
}

static bool move_down(struct fixture *f)
{
    uint8_t bytes[64];
    size_t cap = f->piece_len < sizeof bytes ? f->piece_len : sizeof bytes;
    size_t len = updraft_direct_drain(&f->direct, bytes, cap);

    updraft_direct_host_feed(&f->host, bytes, len, f->now_ms);
    return len > 0;
}

/* Until both have nothing left to say, or the connection is cut; then it is closed. */
static void talk(struct fixture *f)
{
    while (f->host.state < UPDRAFT_DIRECT_HOST_DONE) {
        bool went;

        if (f->cut_after != 0 && f->host.sent_off >= f->cut_after)
            break;
        went = move_down(f);
        if (!(move_up(f) || went))
            break;
    }
    updraft_direct_host_closed(&f->host);
    updraft_direct_closed(&f->direct);
}

static void expect_done(struct fixture *f)
{
    assert_int_equal(f->host.failure, UPDRAFT_DIRECT_HOST_NO_FAILURE);
    assert_int_equal(f->host.state, UPDRAFT_DIRECT_HOST_DONE);
    assert_string_equal(f->host.slot, "ota_1");
    assert_true(updraft_direct_take_restart(&f->direct));
    assert_false(updraft_direct_take_restart(&f->direct));
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_SOFTWARE));
    assert_string_equal(rig_version(&f->rig, f->rig.booted.slot), "1.1.0");
}

static void expect_refused(struct fixture *f, enum updraft_error code)
{
    assert_int_equal(f->host.state, UPDRAFT_DIRECT_HOST_FAILED);
    assert_int_equal(f->host.failure, UPDRAFT_DIRECT_HOST_REFUSED);
    assert_int_equal(f->host.refused.code, code);
    assert_false(updraft_direct_take_restart(&f->direct));
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_SOFTWARE));
    assert_string_equal(rig_version(&f->rig, f->rig.booted.slot), "1.0.0");
}

/* ---- Messages ----------------------------------------------------------------------------------- */

static size_t example(enum updraft_direct_type type, uint8_t out[UPDRAFT_DIRECT_MESSAGE_CAP])
{
    struct updraft_direct_message message = {.type = type};

    switch (type) {
    case UPDRAFT_DIRECT_HELLO:
        message.as.hello = (struct updraft_direct_hello){
            .wants_password = true,
            .nonce = "device nonce 123",
            .salt = "salt of device 1",
            .iterations = 10000,
            .chip_id = 9,
            .capacity = 0x140000,
            .name = "garage",
            .product = "doors",
            .version = "1.0.0",
        };
        break;
    case UPDRAFT_DIRECT_BEGIN:
        message.as.begin = (struct updraft_direct_begin){
            .nonce = "host nonce 12345",
            .len = 0x12345,
            .data_partition = true,
            .partition = "storage",
            .sha256 = "thirty-two bytes of some digest.",
            .proof = "thirty-two bytes of some proof..",
        };
        break;
    case UPDRAFT_DIRECT_GO:
        message.as.go.off = 0x4000;
        break;
    case UPDRAFT_DIRECT_WRITTEN:
        message.as.written = 0x5000;
        break;
    case UPDRAFT_DIRECT_DONE:
        strcpy(message.as.done.slot, "ota_1");
        break;
    case UPDRAFT_DIRECT_REFUSED:
        message.as.refused = (struct updraft_direct_refused){
            .code = 54, .a = 7, .b = 8, .retry_after_s = 9, .words = "ESP32-S3"};
        break;
    }
    return updraft_direct_encode(&message, out);
}

static void every_message_reads_back_the_same_whole_and_in_pieces(void **state)
{
    (void)state;
    for (uint8_t type = UPDRAFT_DIRECT_HELLO; type <= UPDRAFT_DIRECT_REFUSED; type++) {
        uint8_t bytes[UPDRAFT_DIRECT_MESSAGE_CAP];
        uint8_t again[UPDRAFT_DIRECT_MESSAGE_CAP];
        size_t len = example((enum updraft_direct_type)type, bytes);

        for (size_t split = 0; split < len; split++) {
            struct updraft_direct_reader reader;
            struct updraft_direct_message message;
            bool complete;
            size_t used;

            updraft_direct_reader_init(&reader);
            assert_int_equal(
                updraft_direct_reader_feed(&reader, bytes, split, &used, &message, &complete),
                UPDRAFT_OK);
            assert_false(complete);
            assert_int_equal(used, split);
            assert_int_equal(updraft_direct_reader_feed(&reader, bytes + split, len - split, &used,
                                                        &message, &complete),
                             UPDRAFT_OK);
            assert_true(complete);
            assert_int_equal(used, len - split);
            assert_int_equal(updraft_direct_encode(&message, again), len);
            assert_memory_equal(again, bytes, len);
        }
    }
}

static void message_bytes_are_those_of_the_specification(void **state)
{
    uint8_t bytes[UPDRAFT_DIRECT_MESSAGE_CAP];

    (void)state;
    assert_int_equal(example(UPDRAFT_DIRECT_HELLO, bytes), 152);
    assert_memory_equal(bytes,
                        "\x01\x00\x94\x00UPD1\x01\x00\x00\x00"
                        "device nonce 123",
                        28);
    assert_memory_equal(bytes + 4 + 40, "\x10\x27\x00\x00\x09\x00\x00\x00\x00\x00\x14\x00garage",
                        18);
    assert_memory_equal(bytes + 4 + 84, "doors\0", 6);
    assert_memory_equal(bytes + 4 + 116, "1.0.0\0", 6);
    assert_int_equal(example(UPDRAFT_DIRECT_BEGIN, bytes), 108);
    assert_memory_equal(bytes + 4 + 16, "\x45\x23\x01\x00\x02\x00\x00\x00thirty", 14);
    assert_memory_equal(bytes + 4 + 56, "storage\0", 8);
    assert_int_equal(example(UPDRAFT_DIRECT_GO, bytes), 40);
    assert_int_equal(example(UPDRAFT_DIRECT_WRITTEN, bytes), 8);
    assert_memory_equal(bytes, "\x04\x00\x04\x00\x00\x50\x00\x00", 8);
    assert_int_equal(example(UPDRAFT_DIRECT_DONE, bytes), 52);
    assert_int_equal(example(UPDRAFT_DIRECT_REFUSED, bytes), 116);
    assert_memory_equal(bytes + 4,
                        "\x36\x00\x00\x00\x07\x00\x00\x00\x08\x00\x00\x00\x09\x00\x00\x00"
                        "ESP32-S3",
                        24);
}

static void what_is_no_message_is_known_by_its_first_wrong_byte(void **state)
{
    static const uint8_t wrong_header[][4] = {{0, 0, 0, 0}, {7, 0, 4, 0}, {'H', 'T', 'T', 'P'},
                                              {4, 1, 4, 0}, {4, 0, 5, 0}, {4, 0, 4, 1}};
    static const size_t shown_at[] = {1, 1, 1, 2, 3, 4};
    uint8_t hello[UPDRAFT_DIRECT_MESSAGE_CAP];
    size_t hello_len = example(UPDRAFT_DIRECT_HELLO, hello);
    struct updraft_direct_reader reader;
    struct updraft_direct_message message;
    bool complete;
    size_t used;

    (void)state;
    for (size_t i = 0; i < sizeof shown_at / sizeof shown_at[0]; i++) {
        updraft_direct_reader_init(&reader);
        assert_int_equal(
            updraft_direct_reader_feed(&reader, wrong_header[i], 4, &used, &message, &complete),
            UPDRAFT_E_PROTOCOL);
        assert_int_equal(used, shown_at[i]);
    }
    for (uint32_t iterations = 0; iterations < 2; iterations++) {
        updraft_put_le32(hello + 44, iterations == 0 ? 0 : UPDRAFT_DIRECT_ITERATIONS_CAP + 1);
        updraft_direct_reader_init(&reader);
        assert_int_equal(
            updraft_direct_reader_feed(&reader, hello, hello_len, &used, &message, &complete),
            UPDRAFT_E_PROTOCOL);
    }
}

static void texts_from_the_wire_hold_nothing_that_moves_a_cursor(void **state)
{
    struct updraft_direct_message message = {.type = UPDRAFT_DIRECT_REFUSED};
    struct updraft_direct_reader reader;
    uint8_t bytes[UPDRAFT_DIRECT_MESSAGE_CAP];
    bool complete;
    size_t used;
    size_t len;

    (void)state;
    strcpy(message.as.refused.words, "a\x1b[31mb\nc\x7f\xC2\x9B"
                                     "d\xFF\xC3\xA4");
    len = updraft_direct_encode(&message, bytes);
    updraft_direct_reader_init(&reader);
    assert_int_equal(updraft_direct_reader_feed(&reader, bytes, len, &used, &message, &complete),
                     UPDRAFT_OK);
    assert_string_equal(message.as.refused.words, "a?[31mb?c???d?\xC3\xA4");
}

/* ---- Conversations ------------------------------------------------------------------------------ */

static void an_image_goes_over_and_boots(void **state)
{
    struct fixture *f = *state;

    dial(f, &f->new_image, NULL);
    talk(f);
    expect_done(f);
    assert_string_equal(f->host.hello.name, "garage");
    assert_int_equal(f->host.written, IMAGE_LEN / 4096 * 4096);
    assert_int_equal(updraft_direct_take_sign_in(&f->direct), UPDRAFT_SIGN_IN_NONE);
}

static void pieces_of_any_size_give_the_same_result(void **state)
{
    static const size_t pieces[] = {1, 2, 3, 7, 153, 4096};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        rig_free(&f->rig);
        rig_make(&f->rig, RIG_TWO_SLOTS, SLOT_LEN, &f->old_image);
        start_device(f, "secret");
        f->piece_len = pieces[i];
        dial(f, &f->new_image, "secret");
        talk(f);
        expect_done(f);
        assert_int_equal(updraft_direct_take_sign_in(&f->direct), UPDRAFT_SIGN_IN_RIGHT);
    }
}

static void a_wrong_password_is_told_and_noted(void **state)
{
    struct fixture *f = *state;

    start_device(f, "secret");
    dial(f, &f->new_image, "Secret");
    talk(f);
    assert_int_equal(updraft_direct_take_sign_in(&f->direct), UPDRAFT_SIGN_IN_WRONG);
    expect_refused(f, UPDRAFT_E_AUTH);
}

static void a_host_without_a_password_does_not_ask_a_device_that_has_one(void **state)
{
    struct fixture *f = *state;

    start_device(f, "secret");
    dial(f, &f->new_image, NULL);
    talk(f);
    assert_int_equal(f->host.failure, UPDRAFT_DIRECT_HOST_NEEDS_PASSWORD);
    assert_int_equal(updraft_direct_take_sign_in(&f->direct), UPDRAFT_SIGN_IN_NONE);
}

static void a_recorded_conversation_opens_nothing(void **state)
{
    struct fixture *f = *state;
    uint8_t begin[UPDRAFT_DIRECT_MESSAGE_CAP];
    const uint8_t *data;
    size_t len;

    start_device(f, "secret");
    dial(f, &f->new_image, "secret");
    while (f->host.state == UPDRAFT_DIRECT_HOST_GREETING)
        assert_true(move_down(f));
    len = updraft_direct_host_next(&f->host, &data);
    memcpy(begin, data, len);
    updraft_direct_closed(&f->direct);
    updraft_direct_opened(&f->direct, f->now_ms);
    updraft_direct_feed(&f->direct, begin, len, f->now_ms);
    assert_int_equal(updraft_direct_take_sign_in(&f->direct), UPDRAFT_SIGN_IN_WRONG);
    assert_int_equal(f->rig.update.state, UPDRAFT_UPDATE_IDLE);
}

static void an_impostor_cannot_report_success(void **state)
{
    struct fixture *f = *state;
    struct updraft_direct_message done = {.type = UPDRAFT_DIRECT_DONE};
    uint8_t bytes[UPDRAFT_DIRECT_MESSAGE_CAP];

    start_device(f, "secret");
    dial(f, &f->new_image, "secret");
    while (f->host.state < UPDRAFT_DIRECT_HOST_FINISHING) {
        move_down(f);
        move_up(f);
    }
    /* Whoever sits in between takes the real verdict away and gives a success of his own. */
    updraft_direct_host_feed(&f->host, bytes, updraft_direct_encode(&done, bytes), f->now_ms);
    assert_int_equal(f->host.failure, UPDRAFT_DIRECT_HOST_IMPOSTOR);
}

static void what_changed_on_the_way_is_refused(void **state)
{
    struct fixture *f = *state;

    f->flip_at = 15000;
    dial(f, &f->new_image, NULL);
    talk(f);
    assert_int_equal(f->host.failure, UPDRAFT_DIRECT_HOST_REFUSED);
    assert_true(f->host.refused.code == UPDRAFT_E_DIGEST ||
                f->host.refused.code == UPDRAFT_E_CHECKSUM);
    expect_refused(f, (enum updraft_error)f->host.refused.code);
}

static void a_refusal_of_the_transaction_comes_with_its_words(void **state)
{
    struct fixture *f = *state;

    dial(f, &f->foreign_image, NULL);
    talk(f);
    expect_refused(f, UPDRAFT_E_WRONG_CHIP);
}

static void a_connection_that_breaks_off_leaves_the_old_image(void **state)
{
    struct fixture *f = *state;
    uint32_t len = f->new_image.len;
    const uint32_t cuts[] = {200, len / 2, len - 200};

    f->piece_len = 100;
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        f->cut_after = cuts[i];
        dial(f, &f->new_image, NULL);
        talk(f);
        assert_int_equal(f->host.failure, UPDRAFT_DIRECT_HOST_CLOSED);
        assert_int_equal(f->rig.update.state, UPDRAFT_UPDATE_FAILED);
        assert_int_equal(f->rig.update.failure.code, UPDRAFT_E_DISCONNECTED);
        assert_false(updraft_direct_take_restart(&f->direct));
        assert_true(rig_boot(&f->rig, UPDRAFT_RESET_SOFTWARE));
        assert_string_equal(rig_version(&f->rig, f->rig.booted.slot), "1.0.0");
    }
    /* After the last byte the image is chosen, although the host could not be told. */
    f->cut_after = len;
    dial(f, &f->new_image, NULL);
    talk(f);
    assert_int_equal(f->host.failure, UPDRAFT_DIRECT_HOST_CLOSED);
    assert_true(updraft_direct_take_restart(&f->direct));
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_SOFTWARE));
    assert_string_equal(rig_version(&f->rig, f->rig.booted.slot), "1.1.0");
}

static void a_transfer_goes_on_where_it_broke_off(void **state)
{
    struct fixture *f = *state;
    struct rig_image large;

    rig_image_make(&large, UPDRAFT_CHIP_ESP32, "1.1.0", 60000);
    f->cut_after = 45000;
    dial(f, &large, NULL);
    talk(f);
    assert_int_equal(f->host.failure, UPDRAFT_DIRECT_HOST_CLOSED);
    assert_true(rig_boot(&f->rig, UPDRAFT_RESET_POWER_ON));
    start_device(f, NULL);
    f->cut_after = 0;
    dial(f, &large, NULL);
    talk(f);
    assert_in_range(f->host.resumed_off, 45000 - 2 * 16384, 45000);
    expect_done(f);

    rig_image_free(&large);
}

static void a_host_may_ask_to_start_from_zero(void **state)
{
    struct fixture *f = *state;
    struct rig_image large;

    rig_image_make(&large, UPDRAFT_CHIP_ESP32, "1.1.0", 60000);
    f->cut_after = 45000;
    dial(f, &large, NULL);
    talk(f);
    f->cut_after = 0;
    f->host_config.from_zero = true;
    dial(f, &large, NULL);
    talk(f);
    assert_int_equal(f->host.resumed_off, 0);
    expect_done(f);
    rig_image_free(&large);
}

static void bytes_before_go_are_refused(void **state)
{
    struct fixture *f = *state;
    uint8_t bytes[UPDRAFT_DIRECT_MESSAGE_CAP + 1] = {0};
    const uint8_t *data;
    size_t len;

    dial(f, &f->new_image, NULL);
    while (f->host.state == UPDRAFT_DIRECT_HOST_GREETING)
        assert_true(move_down(f));
    len = updraft_direct_host_next(&f->host, &data);
    memcpy(bytes, data, len);
    updraft_direct_host_sent(&f->host, len, f->now_ms);
    updraft_direct_feed(&f->direct, bytes, len + 1, f->now_ms);
    talk(f);
    expect_refused(f, UPDRAFT_E_PROTOCOL);
}

static void silence_ends_each_phase(void **state)
{
    struct fixture *f = *state;

    updraft_direct_opened(&f->direct, f->now_ms);
    updraft_direct_tick(&f->direct, f->now_ms + UPDRAFT_DIRECT_GREETING_MS - 1);
    assert_false(updraft_direct_wants_close(&f->direct));
    f->now_ms += UPDRAFT_DIRECT_GREETING_MS;
    updraft_direct_tick(&f->direct, f->now_ms);
    updraft_direct_tick(&f->direct, f->now_ms + UPDRAFT_DIRECT_LINGER_MS);
    assert_true(updraft_direct_wants_close(&f->direct));
    updraft_direct_closed(&f->direct);

    f->cut_after = 8000;
    dial(f, &f->new_image, NULL);
    while (f->host.sent_off < f->cut_after) {
        move_down(f);
        move_up(f);
    }
    f->now_ms += UPDRAFT_DIRECT_IDLE_MS;
    updraft_direct_tick(&f->direct, f->now_ms);
    while (move_down(f))
        ;
    expect_refused(f, UPDRAFT_E_TIMEOUT);
}

static void a_host_gives_up_on_silence(void **state)
{
    struct fixture *f = *state;

    f->host_config.answer_ms = 500;
    dial(f, &f->new_image, NULL);
    updraft_direct_host_tick(&f->host, f->now_ms + 499);
    assert_int_equal(f->host.state, UPDRAFT_DIRECT_HOST_GREETING);
    updraft_direct_host_tick(&f->host, f->now_ms + 500);
    assert_int_equal(f->host.failure, UPDRAFT_DIRECT_HOST_STALLED);
}

static void a_second_host_is_turned_away(void **state)
{
    struct fixture *f = *state;
    struct updraft_direct_host second;
    uint8_t bytes[UPDRAFT_DIRECT_MESSAGE_CAP];

    dial(f, &f->new_image, NULL);
    updraft_direct_host_init(&second, &f->host_config, f->now_ms);
    updraft_direct_host_feed(&second, bytes, updraft_direct_turn_away(bytes), f->now_ms);
    assert_int_equal(second.failure, UPDRAFT_DIRECT_HOST_REFUSED);
    assert_int_equal(second.refused.code, UPDRAFT_E_BUSY);
    talk(f);
    expect_done(f);
}

static void a_hello_with_a_password_flag_taken_out_convinces_no_one(void **state)
{
    struct fixture *f = *state;
    uint8_t bytes[UPDRAFT_DIRECT_MESSAGE_CAP];
    size_t len;

    start_device(f, "secret");
    dial(f, &f->new_image, "secret");
    len = updraft_direct_drain(&f->direct, bytes, sizeof bytes);
    bytes[8] &= 0xFE;
    updraft_direct_host_feed(&f->host, bytes, len, f->now_ms);
    talk(f);
    assert_int_equal(updraft_direct_take_sign_in(&f->direct), UPDRAFT_SIGN_IN_WRONG);
    expect_refused(f, UPDRAFT_E_AUTH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_reads_back_the_same_whole_and_in_pieces),
        cmocka_unit_test(message_bytes_are_those_of_the_specification),
        cmocka_unit_test(what_is_no_message_is_known_by_its_first_wrong_byte),
        cmocka_unit_test(texts_from_the_wire_hold_nothing_that_moves_a_cursor),
        cmocka_unit_test_setup_teardown(an_image_goes_over_and_boots, setup, teardown),
        cmocka_unit_test_setup_teardown(pieces_of_any_size_give_the_same_result, setup, teardown),
        cmocka_unit_test_setup_teardown(a_wrong_password_is_told_and_noted, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_host_without_a_password_does_not_ask_a_device_that_has_one, setup, teardown),
        cmocka_unit_test_setup_teardown(a_recorded_conversation_opens_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(an_impostor_cannot_report_success, setup, teardown),
        cmocka_unit_test_setup_teardown(what_changed_on_the_way_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refusal_of_the_transaction_comes_with_its_words, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_connection_that_breaks_off_leaves_the_old_image, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_transfer_goes_on_where_it_broke_off, setup, teardown),
        cmocka_unit_test_setup_teardown(a_host_may_ask_to_start_from_zero, setup, teardown),
        cmocka_unit_test_setup_teardown(bytes_before_go_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(silence_ends_each_phase, setup, teardown),
        cmocka_unit_test_setup_teardown(a_host_gives_up_on_silence, setup, teardown),
        cmocka_unit_test_setup_teardown(a_second_host_is_turned_away, setup, teardown),
        cmocka_unit_test_setup_teardown(a_hello_with_a_password_flag_taken_out_convinces_no_one,
                                        setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
