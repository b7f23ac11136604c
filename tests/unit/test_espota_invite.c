/* The datagrams of espota: invitations, passwords, and who is answered what. */
#include "tests/unit/espota_fixture.h"

#define HALF_A0          "a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0" /* what fake_random() gives first */
#define HALF_A1          "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1"
#define FIRST_CHALLENGE  "AUTH " HALF_A0 HALF_A0
#define SECOND_CHALLENGE "AUTH " HALF_A1 HALF_A1
#define MD5_REFUSED      "ERR: ERROR[118]: MD5 is refused: this device takes SHA-256 proofs only\n"
#define OTHER_INVITATION "0 50000 9000 a52dff8366b1473d2e13edd2415def67\n"

static const char *sha256_answer_to(const char *challenge, const char *password,
                                    enum updraft_digest_kind kind)
{
    static const char cnonce[] = "9b07c3036e518f09acedb757a7286d6363dc92b4321fb7082574d6eed47dd79f";
    static char text[256];
    char secret[UPDRAFT_ESPOTA_DIGITS_CAP], proof[UPDRAFT_ESPOTA_DIGITS_CAP];
    struct updraft_pbkdf2 pbkdf2;

    assert_int_equal(strlen(challenge), 5 + 64);
    updraft_espota_wire_secret(kind, password, secret);
    updraft_espota_wire_start(&pbkdf2, secret, challenge + 5, cnonce);
    while (!updraft_pbkdf2_run(&pbkdf2, UINT32_MAX))
        continue;
    updraft_espota_wire_sha256_proof(&pbkdf2, challenge + 5, cnonce, proof);
    snprintf(text, sizeof text, "200 %s %s\n", cnonce, proof);
    return text;
}

/* Lets the device work; returns how many steps it took until it answered. */
static int let_it_judge(struct fixture *f)
{
    int steps = 0;
    size_t len;

    while (updraft_espota_wants(&f->espota) == UPDRAFT_ESPOTA_WANTS_TICK) {
        updraft_espota_tick(&f->espota, f->now_ms);
        steps++;
    }
    len =
        updraft_espota_reply(&f->espota, &f->replied_to, (uint8_t *)f->reply, sizeof f->reply - 1);
    f->reply[len] = '\0';
    return steps;
}

static void invite(struct fixture *f)
{
    say_text(f, &host, invitation(f->new_image.bytes, f->new_image.len));
}

static void espota_asks_for_the_password_and_takes_the_right_answer(void **state)
{
    struct fixture *f = *state;

    start(f, UPDRAFT_ESPOTA_ESP32, "bms2024");
    say_text(f, &host, invitation(f->new_image.bytes, f->new_image.len));
    expect_reply(f, &host, FIRST_CHALLENGE);
    assert_int_equal(updraft_espota_wants(&f->espota), UPDRAFT_ESPOTA_WANTS_NOTHING);
    assert_int_equal(f->rig.update.state, UPDRAFT_UPDATE_IDLE);
    /* The current ESP32 host answers from a new port, and listens there. */
    say_text(f, &host_other_port, answer_to(f->reply, "bms2024"));
    expect_reply(f, &host_other_port, "OK");
    updraft_espota_connected(&f->espota, f->now_ms);
    send_bytes(f, f->new_image.bytes, f->new_image.len, 1024);
    expect_success(f);
    expect_boots(f, "1.1.0");
}

static void espota_refuses_a_wrong_password_and_burns_the_nonce(void **state)
{
    struct fixture *f = *state;
    char right[128];

    start(f, UPDRAFT_ESPOTA_ESP8266, "bms2024");
    say_text(f, &host, invitation(f->new_image.bytes, f->new_image.len));
    strcpy(right, answer_to(f->reply, "bms2024"));
    say_text(f, &host, answer_to(f->reply, "guess"));
    expect_reply(f, &host, "Authentication Failed");
    say_text(f, &host, right);
    assert_string_equal(f->reply, "");
    assert_int_equal(updraft_espota_wants(&f->espota), UPDRAFT_ESPOTA_WANTS_NOTHING);
    assert_int_equal(f->rig.update.state, UPDRAFT_UPDATE_IDLE);
}

static void espota_compares_the_response_exactly(void **state)
{
    struct fixture *f = *state;
    char text[128];

    start(f, UPDRAFT_ESPOTA_ESP8266, "bms2024");
    say_text(f, &host, invitation(f->new_image.bytes, f->new_image.len));
    strcpy(text, answer_to(f->reply, "bms2024"));
    for (char *c = text; *c != '\0'; c++)
        if (*c >= 'a' && *c <= 'f')
            *c = (char)(*c - 'a' + 'A');
    say_text(f, &host, text);
    expect_reply(f, &host, "Authentication Failed");
}

static void espota_ignores_answers_of_the_wrong_shape(void **state)
{
    struct fixture *f = *state;
    char nonce_text[128], right[128], text[256];

    start(f, UPDRAFT_ESPOTA_ESP8266, "bms2024");
    say_text(f, &host, invitation(f->new_image.bytes, f->new_image.len));
    strcpy(nonce_text, f->reply);
    strcpy(right, answer_to(nonce_text, "bms2024"));
    snprintf(text, sizeof text, "%.*s\r\n", (int)strlen(right) - 1, right);
    say_text(f, &host, text);
    assert_string_equal(f->reply, "");
    snprintf(text, sizeof text, "201%s", right + 3);
    say_text(f, &host, text);
    assert_string_equal(f->reply, "");
    say(f, &host, right, strlen(right) - 2);
    assert_string_equal(f->reply, "");
    /* Nothing of this has spoilt the nonce; the end of the line may be missing. */
    say(f, &host, right, strlen(right) - 1);
    expect_reply(f, &host, "OK");
}

/* 64 digits are for all; hosts that know only MD5 use all of them, or the 32 that they have read. */
static void espota_takes_an_md5_answer_to_the_whole_nonce_or_to_its_half(void **state)
{
    static const char *const heard[] = {FIRST_CHALLENGE, "AUTH " HALF_A0};
    struct fixture *f = *state;

    for (size_t i = 0; i < 2; i++) {
        renew(f, UPDRAFT_ESPOTA_ESP32, "bms2024");
        f->random_byte = 0xA0;
        invite(f);
        expect_reply(f, &host, FIRST_CHALLENGE);
        say_text(f, &host, answer_to(heard[i], "bms2024"));
        expect_reply(f, &host, "OK");
        assert_int_equal(updraft_espota_take_sign_in(&f->espota), UPDRAFT_SIGN_IN_RIGHT);
    }
}

static void espota_gives_half_of_the_same_nonce_to_the_same_invitation(void **state)
{
    struct fixture *f = *state;
    char first[128];

    for (int i = 0; i < 2; i++) {
        renew(f, UPDRAFT_ESPOTA_ESP32, "bms2024");
        f->random_byte = 0xA0;
        invite(f);
        strcpy(first, answer_to(f->reply, "bms2024"));
        say_text(f, &host_other_port, invitation(f->new_image.bytes, f->new_image.len));
        expect_reply(f, &host_other_port, "AUTH " HALF_A0);
        say_text(f, &host, i == 0 ? first : answer_to(f->reply, "bms2024"));
        expect_reply(f, &host, "OK");
    }
}

static void espota_takes_a_sha256_answer_in_bounded_steps(void **state)
{
    struct fixture *f = *state;

    start(f, UPDRAFT_ESPOTA_ESP32, "bms2024");
    invite(f);
    say_text(f, &host_other_port, sha256_answer_to(f->reply, "bms2024", UPDRAFT_DIGEST_SHA256));
    assert_string_equal(f->reply, "");
    assert_int_equal(updraft_espota_take_sign_in(&f->espota), UPDRAFT_SIGN_IN_NONE);
    assert_int_equal(let_it_judge(f), UPDRAFT_ESPOTA_ITERATIONS / UPDRAFT_ESPOTA_STEP);
    expect_reply(f, &host_other_port, "OK");
    assert_int_equal(updraft_espota_take_sign_in(&f->espota), UPDRAFT_SIGN_IN_RIGHT);
    updraft_espota_connected(&f->espota, f->now_ms);
    send_bytes(f, f->new_image.bytes, f->new_image.len, 1024);
    expect_success(f);
    expect_boots(f, "1.1.0");
}

static void espota_refuses_a_wrong_sha256_answer_and_burns_the_nonce(void **state)
{
    struct fixture *f = *state;
    char right[256];

    start(f, UPDRAFT_ESPOTA_ESP32, "bms2024");
    invite(f);
    strcpy(right, sha256_answer_to(f->reply, "bms2024", UPDRAFT_DIGEST_SHA256));
    say_text(f, &host, sha256_answer_to(f->reply, "guess", UPDRAFT_DIGEST_SHA256));
    let_it_judge(f);
    expect_reply(f, &host, "Authentication Failed");
    assert_int_equal(updraft_espota_take_sign_in(&f->espota), UPDRAFT_SIGN_IN_WRONG);
    say_text(f, &host, right);
    assert_string_equal(f->reply, "");
    assert_int_equal(updraft_espota_wants(&f->espota), UPDRAFT_ESPOTA_WANTS_NOTHING);
    invite(f);
    expect_reply(f, &host, SECOND_CHALLENGE);
}

static void espota_takes_a_sha256_answer_with_the_md5_of_the_password_unless_refused(void **state)
{
    struct fixture *f = *state;

    for (int refuse = 0; refuse < 2; refuse++) {
        renew(f, UPDRAFT_ESPOTA_ESP32, "bms2024");
        f->espota.config.password.refuse_md5 = refuse;
        invite(f);
        say_text(f, &host, sha256_answer_to(f->reply, "bms2024", UPDRAFT_DIGEST_MD5));
        let_it_judge(f);
        expect_reply(f, &host, refuse ? "Authentication Failed" : "OK");
    }
}

static void espota_says_that_it_refuses_md5(void **state)
{
    struct fixture *f = *state;

    start(f, UPDRAFT_ESPOTA_ESP8266, "bms2024");
    f->espota.config.password.refuse_md5 = true;
    invite(f);
    say_text(f, &host, answer_to(f->reply, "bms2024"));
    expect_reply(f, &host, MD5_REFUSED);
    assert_int_equal(updraft_espota_take_sign_in(&f->espota), UPDRAFT_SIGN_IN_NONE);
    invite(f);
    invite(f); /* half a nonce would be an offer of MD5 */
    expect_reply(f, &host, SECOND_CHALLENGE);
    say_text(f, &host, sha256_answer_to(f->reply, "bms2024", UPDRAFT_DIGEST_SHA256));
    let_it_judge(f);
    expect_reply(f, &host, "OK");
}

static void espota_needs_no_more_than_a_hash_of_the_password(void **state)
{
    static const struct {
        enum updraft_digest_kind stored;
        bool answers_by_md5;
        enum updraft_digest_kind with; /* what the answer is made with */
        const char *reply;
    } cases[] = {
        {UPDRAFT_DIGEST_SHA256, false, UPDRAFT_DIGEST_SHA256, "OK"},
        {UPDRAFT_DIGEST_SHA256, false, UPDRAFT_DIGEST_MD5, "Authentication Failed"},
        {UPDRAFT_DIGEST_SHA256, true, UPDRAFT_DIGEST_MD5, MD5_REFUSED},
        {UPDRAFT_DIGEST_MD5, false, UPDRAFT_DIGEST_SHA256, "Authentication Failed"},
        {UPDRAFT_DIGEST_MD5, false, UPDRAFT_DIGEST_MD5, "OK"},
        {UPDRAFT_DIGEST_MD5, true, UPDRAFT_DIGEST_MD5, "OK"},
    };
    struct fixture *f = *state;
    char hash[UPDRAFT_ESPOTA_DIGITS_CAP];

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        renew(f, UPDRAFT_ESPOTA_ESP32, NULL);
        updraft_espota_wire_secret(cases[i].stored, "bms2024", hash);
        f->espota.config.password.hash = hash;
        invite(f);
        say_text(f, &host,
                 cases[i].answers_by_md5 ? answer_to(f->reply, "bms2024")
                                         : sha256_answer_to(f->reply, "bms2024", cases[i].with));
        if (updraft_espota_wants(&f->espota) == UPDRAFT_ESPOTA_WANTS_TICK)
            let_it_judge(f);
        expect_reply(f, &host, cases[i].reply);
    }
}

static void espota_asks_one_host_at_a_time(void **state)
{
    struct fixture *f = *state;
    char right[256];

    start(f, UPDRAFT_ESPOTA_ESP32, "bms2024");
    invite(f);
    strcpy(right, sha256_answer_to(f->reply, "bms2024", UPDRAFT_DIGEST_SHA256));
    tick_to(f, f->now_ms + UPDRAFT_ESPOTA_TURN_MS - 100);
    say_text(f, &stranger, OTHER_INVITATION);
    expect_reply(f, &stranger, "ERR: ERROR[51]: another update is running\n");
    say_text(f, &host, right);
    assert_int_equal(updraft_espota_wants(&f->espota), UPDRAFT_ESPOTA_WANTS_TICK);
    say_text(f, &stranger, OTHER_INVITATION);
    expect_reply(f, &stranger, "ERR: ERROR[51]: another update is running\n");
    say_text(f, &host, right); /* sent again, for want of an answer */
    assert_string_equal(f->reply, "");
    let_it_judge(f);
    expect_reply(f, &host, "OK");
    assert_int_equal(updraft_espota_port(&f->espota), PORT);
}

static void espota_lets_a_host_go_that_only_asked(void **state)
{
    struct fixture *f = *state;

    start(f, UPDRAFT_ESPOTA_ESP32, "bms2024");
    invite(f);
    say_text(f, &stranger, "0\n"); /* not its business */
    say_text(f, &stranger, OTHER_INVITATION);
    expect_reply(f, &stranger, "ERR: ERROR[51]: another update is running\n");
    say_text(f, &host, "0\n");
    say_text(f, &stranger, OTHER_INVITATION);
    expect_reply(f, &stranger, SECOND_CHALLENGE);
}

static void espota_passes_the_turn_on_when_the_first_host_does_not_answer(void **state)
{
    struct fixture *f = *state;
    char late[128];

    start(f, UPDRAFT_ESPOTA_ESP8266, "bms2024");
    invite(f);
    strcpy(late, answer_to(f->reply, "bms2024"));
    tick_to(f, f->now_ms + UPDRAFT_ESPOTA_TURN_MS);
    say_text(f, &stranger, OTHER_INVITATION);
    expect_reply(f, &stranger, SECOND_CHALLENGE);
    say_text(f, &host, late);
    expect_reply(f, &host, "Authentication Failed");
}

static void espota_tells_the_host_that_it_cannot_connect(void **state)
{
    struct fixture *f = *state;
    size_t len;

    start(f, UPDRAFT_ESPOTA_ESP32, "bms2024");
    invite(f);
    say_text(f, &host_other_port, answer_to(f->reply, "bms2024"));
    expect_reply(f, &host_other_port, "OK");
    updraft_espota_connect_failed(&f->espota);
    len =
        updraft_espota_reply(&f->espota, &f->replied_to, (uint8_t *)f->reply, sizeof f->reply - 1);
    f->reply[len] = '\0';
    expect_reply(f, &host_other_port, "ERR: ERROR[68]: the connection cannot be opened\n");
}

static void espota_forgets_a_challenge_that_nobody_answers(void **state)
{
    struct fixture *f = *state;
    char right[128];

    start(f, UPDRAFT_ESPOTA_ESP8266, "bms2024");
    say_text(f, &host, invitation(f->new_image.bytes, f->new_image.len));
    strcpy(right, answer_to(f->reply, "bms2024"));
    tick_to(f, f->now_ms + UPDRAFT_ESPOTA_IDLE_MS);
    say_text(f, &host, right);
    assert_string_equal(f->reply, "");
    assert_int_equal(f->rig.update.state, UPDRAFT_UPDATE_IDLE);
}

static void espota_ignores_what_is_no_message(void **state)
{
    static const char *const texts[] = {
        "",
        "\n",
        "hello",
        "0",
        "0 45678",
        "0 45678 3072",
        "0 45678 3072\n",
        "0 45678 3072 a52dff8366b1473d2e13edd2415def6\n",
        "0 45678 3072 a52dff8366b1473d2e13edd2415def677\n",
        "0 45678 3072 a52dff8366b1473d2e13edd2415defgg\n",
        "1 45678 3072 a52dff8366b1473d2e13edd2415def67\n",
        "200 45678 3072 a52dff8366b1473d2e13edd2415def67\n",
        "0 0 3072 a52dff8366b1473d2e13edd2415def67\n",
        "0 65536 3072 a52dff8366b1473d2e13edd2415def67\n",
        "0 -1 3072 a52dff8366b1473d2e13edd2415def67\n",
        "0 45678 1234567890123456 a52dff8366b1473d2e13edd2415def67\n",
        "x 45678 3072 a52dff8366b1473d2e13edd2415def67\n",
        "200 84a086766f135ce7a82354a61920c6a6 d74b748f342c480b0347e9aae5e098d5\n",
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        say_text(f, &host, texts[i]);
        assert_string_equal(f->reply, "");
        assert_int_equal(updraft_espota_wants(&f->espota), UPDRAFT_ESPOTA_WANTS_NOTHING);
    }
}

static void espota_reads_an_invitation_as_the_stock_devices_do(void **state)
{
    static const char *const texts[] = {
        "0 45678 3072 a52dff8366b1473d2e13edd2415def67\n",
        "0 45678 3072 a52dff8366b1473d2e13edd2415def67",
        "  0  45678   3072 \t A52DFF8366B1473D2E13EDD2415DEF67 \r\nrest",
        "0 45678 3072xa52dff8366b1473d2e13edd2415def67\n",
        "000000000000000 45678 3072 a52dff8366b1473d2e13edd2415def67\n",
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        renew(f, UPDRAFT_ESPOTA_ESP8266, NULL);
        say_text(f, &host, texts[i]);
        expect_reply(f, &host, "OK");
    }
    renew(f, UPDRAFT_ESPOTA_ESP8266, NULL);
    say(f, &host, "0 45678 3072 a52dff8366b1473d2e13edd2415def67\0junk", 50);
    expect_reply(f, &host, "OK");
}

static void espota_refuses_impossible_sizes_before_the_ok(void **state)
{
    struct fixture *f = *state;

    say_text(f, &host, "0 45678 0 a52dff8366b1473d2e13edd2415def67\n");
    expect_reply(f, &host, "ERR: ERROR[13]: No data supplied\n");
    say_text(f, &host, "0 45678 65537 a52dff8366b1473d2e13edd2415def67\n");
    expect_reply(f, &host,
                 "ERR: ERROR[4]: Not Enough Space: the image has 65537 bytes, but the slot holds "
                 "65536; that takes a full flash over USB\n");
    say_text(f, &host, "0 45678 999999999999999 a52dff8366b1473d2e13edd2415def67\n");
    assert_memory_equal(f->reply, "ERR: ERROR[4]: Not Enough Space", 31);
    start(f, UPDRAFT_ESPOTA_ESP32, NULL);
    say_text(f, &host, "0 45678 0 a52dff8366b1473d2e13edd2415def67\n");
    expect_reply(f, &host, "ERR: ERROR[5]: Bad Size Given\n");
    assert_int_equal(f->rig.nor.counts.operations, 0);
}

static void espota_says_why_an_update_cannot_begin(void **state)
{
    struct fixture *f = *state;
    struct updraft_update_request request = {.wire_len = 100};

    updraft_update_enable(&f->rig.update, false);
    say_text(f, &host, invitation(f->new_image.bytes, f->new_image.len));
    expect_reply(f, &host, "ERR: ERROR[50]: updates are switched off on this device\n");
    updraft_update_enable(&f->rig.update, true);
    assert_int_equal(updraft_update_begin(&f->rig.update, &request, NULL), UPDRAFT_OK);
    say_text(f, &host, invitation(f->new_image.bytes, f->new_image.len));
    expect_reply(f, &host, "ERR: ERROR[15]: Update already running\n");
    assert_int_equal(f->rig.update.state, UPDRAFT_UPDATE_RECEIVING);
}

static void espota_answers_the_same_invitation_until_the_first_byte(void **state)
{
    struct fixture *f = *state;
    const char *text = invitation(f->new_image.bytes, f->new_image.len);

    say_text(f, &host, text);
    expect_reply(f, &host, "OK");
    say_text(f, &host_other_port, text);
    expect_reply(f, &host_other_port, "OK");
    assert_int_equal(updraft_espota_wants(&f->espota), UPDRAFT_ESPOTA_WANTS_CONNECT);
    updraft_espota_connected(&f->espota, f->now_ms);
    say_text(f, &host, text);
    expect_reply(f, &host, "OK");
    send_bytes(f, f->new_image.bytes, 1000, 1000);
    say_text(f, &host, text);
    assert_string_equal(f->reply, "");
    send_bytes(f, f->new_image.bytes + 1000, f->new_image.len - 1000, CHUNK_LEN);
    say_text(f, &host, text);
    assert_string_equal(f->reply, "");
    expect_success(f);
    expect_boots(f, "1.1.0");
}

static void espota_answers_the_same_password_again_while_its_ok_may_be_lost(void **state)
{
    struct fixture *f = *state;
    char right[128];

    start(f, UPDRAFT_ESPOTA_ESP32, "bms2024");
    say_text(f, &host, invitation(f->new_image.bytes, f->new_image.len));
    strcpy(right, answer_to(f->reply, "bms2024"));
    say_text(f, &host, right);
    expect_reply(f, &host, "OK");
    say_text(f, &host, right);
    expect_reply(f, &host, "OK");
    say_text(f, &stranger, right);
    assert_string_equal(f->reply, "");
    updraft_espota_connected(&f->espota, f->now_ms);
    send_bytes(f, f->new_image.bytes, f->new_image.len, CHUNK_LEN);
    say_text(f, &host, right);
    assert_string_equal(f->reply, "");
    expect_success(f);
}

static void espota_tells_a_second_host_that_it_is_busy(void **state)
{
    struct fixture *f = *state;
    const char *other = "0 50000 9000 a52dff8366b1473d2e13edd2415def67\n";

    invite_and_connect(f, f->new_image.bytes, f->new_image.len);
    say_text(f, &stranger, other);
    expect_reply(f, &stranger, "ERR: ERROR[15]: Update already running\n");
    send_bytes(f, f->new_image.bytes, f->new_image.len, CHUNK_LEN);
    say_text(f, &stranger, other);
    expect_reply(f, &stranger, "ERR: ERROR[15]: Update already running\n");
    assert_int_equal(updraft_espota_port(&f->espota), PORT);
    expect_success(f);
    expect_boots(f, "1.1.0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(espota_asks_for_the_password_and_takes_the_right_answer),
        TEST(espota_refuses_a_wrong_password_and_burns_the_nonce),
        TEST(espota_compares_the_response_exactly),
        TEST(espota_ignores_answers_of_the_wrong_shape),
        TEST(espota_takes_an_md5_answer_to_the_whole_nonce_or_to_its_half),
        TEST(espota_gives_half_of_the_same_nonce_to_the_same_invitation),
        TEST(espota_takes_a_sha256_answer_in_bounded_steps),
        TEST(espota_refuses_a_wrong_sha256_answer_and_burns_the_nonce),
        TEST(espota_takes_a_sha256_answer_with_the_md5_of_the_password_unless_refused),
        TEST(espota_says_that_it_refuses_md5),
        TEST(espota_needs_no_more_than_a_hash_of_the_password),
        TEST(espota_asks_one_host_at_a_time),
        TEST(espota_lets_a_host_go_that_only_asked),
        TEST(espota_passes_the_turn_on_when_the_first_host_does_not_answer),
        TEST(espota_tells_the_host_that_it_cannot_connect),
        TEST(espota_forgets_a_challenge_that_nobody_answers),
        TEST(espota_ignores_what_is_no_message),
        TEST(espota_reads_an_invitation_as_the_stock_devices_do),
        TEST(espota_refuses_impossible_sizes_before_the_ok),
        TEST(espota_says_why_an_update_cannot_begin),
        TEST(espota_answers_the_same_invitation_until_the_first_byte),
        TEST(espota_answers_the_same_password_again_while_its_ok_may_be_lost),
        TEST(espota_tells_a_second_host_that_it_is_busy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
