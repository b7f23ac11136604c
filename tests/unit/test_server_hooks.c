/* What webhooks are told, signed how, and what their answers mean. */
#include "server/hooks/message.h"
#include "server/operator_api/operator_api.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void only_turns_of_this_server_are_events_and_each_has_a_name(void **state)
{
    static const struct {
        struct updraft_news_item item;
        const char *event; /* NULL: none */
    } rows[] = {
        {{.kind = "attempt", .state = "failed", .is_turn = true}, "attempt.failed"},
        {{.kind = "attempt", .state = "failed"}, NULL},
        {{.kind = "attempt", .state = "failed", .is_turn = true, .is_foreign = true}, NULL},
        {{.kind = "rollout", .state = "stopped", .is_turn = true}, "rollout.stopped"},
        {{.kind = "release", .is_turn = true}, "release"},
        {{.kind = "channel", .is_turn = true}, "channel"},
        {{.kind = "device", .is_turn = true}, NULL},
        {{.kind = "webhook", .is_turn = true}, NULL},
    };
    char event[UPDRAFT_HOOK_EVENT_CAP];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(updraft_hook_event(&rows[i].item, event), rows[i].event != NULL);
        if (rows[i].event != NULL)
            assert_string_equal(event, rows[i].event);
    }
}

static void a_word_stands_for_an_event_or_for_all_that_begin_with_it(void **state)
{
    static const struct {
        const char *wanted, *event;
        bool wants;
    } rows[] = {{"attempt", "attempt.failed", true},
                {"attempt.failed", "attempt.failed", true},
                {"attempt.failed", "attempt.confirmed", false},
                {"release channel", "channel", true},
                {"release  channel ", "channel", true},
                {"att", "attempt.failed", false},
                {"attempt.fail", "attempt.failed", false},
                {"attempt.failed.x", "attempt.failed", false},
                {"", "release", false},
                {" ", "release", false}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(updraft_hook_wants(rows[i].wanted, rows[i].event), rows[i].wants);
}

static void only_words_that_can_come_are_known(void **state)
{
    static const char *const good[] = {
        "release", "channel", "rollout", "attempt", "attempt.rolled_back", "rollout.stopped"};
    static const char *const bad[] = {
        "",        "device",       "attempt.",      "attempt.none", "attempt.gone", "release.new",
        "Attempt", "rollout.none", "attempt failed"};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(updraft_hook_word_known(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(updraft_hook_word_known(bad[i]));
}

/* Made with: printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac secret */
static void the_signature_is_what_openssl_says(void **state)
{
    char signature[UPDRAFT_HOOK_SIGNATURE_CAP];

    (void)state;
    updraft_hook_sign("secret", 1700000000, "{\"a\":1}", signature);
    assert_string_equal(signature,
                        "sha256="
                        "49f24e537407743fa4a0242bb63b94b9a47ee99cbbe071ccd8a22550ae411686");
}

static void an_answer_is_taken_refused_for_good_or_a_reason_to_try_again(void **state)
{
    static const struct {
        unsigned status;
        enum updraft_hook_verdict verdict;
    } rows[] = {
        {200, UPDRAFT_HOOK_TAKEN},   {204, UPDRAFT_HOOK_TAKEN},   {0, UPDRAFT_HOOK_LATER},
        {408, UPDRAFT_HOOK_LATER},   {429, UPDRAFT_HOOK_LATER},   {500, UPDRAFT_HOOK_LATER},
        {503, UPDRAFT_HOOK_LATER},   {301, UPDRAFT_HOOK_REFUSED}, {302, UPDRAFT_HOOK_REFUSED},
        {404, UPDRAFT_HOOK_REFUSED}, {410, UPDRAFT_HOOK_REFUSED}, {199, UPDRAFT_HOOK_REFUSED}};
    int64_t all_ms = 0;
    unsigned tries = 1;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(updraft_hook_judge(rows[i].status), rows[i].verdict);
    for (; updraft_hook_wait_ms(tries) >= 0; tries++) {
        assert_true(tries == 1 || updraft_hook_wait_ms(tries) > updraft_hook_wait_ms(tries - 1));
        all_ms += updraft_hook_wait_ms(tries);
    }
    assert_int_equal(tries, 6);
    assert_true(all_ms < 15 * 60 * 1000);
    assert_int_equal(updraft_hook_wait_ms(0), -1);
}

/* --- the interface --- */

struct rig {
    struct updraft_fleet fleet;
    struct updraft_response response;
};

static int set_up(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);

    updraft_fleet_init(&rig->fleet, 1);
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;

    updraft_response_deinit(&rig->response);
    updraft_fleet_deinit(&rig->fleet);
    free(rig);
    return 0;
}

static unsigned ask(struct rig *rig, updraft_handler handler, const char *name, const char *body)
{
    const struct updraft_view view = {&rig->fleet, "", 1000};
    const struct updraft_request request = {.segments = {name},
                                            .operator_name = "anna",
                                            .body = body,
                                            .body_len = body == NULL ? 0 : strlen(body)};
    struct updraft_plan plan;

    updraft_response_deinit(&rig->response);
    updraft_response_init(&rig->response);
    updraft_plan_init(&plan, 1);
    handler(&view, &request, &plan, &rig->response);
    assert_true(plan.count == 0 || plan.key == UPDRAFT_PLAN_KEY_CATALOGUE);
    assert_null(strstr(plan.object, "://")); /* nothing of the address in the audit log */
    for (size_t i = 0; i < plan.count; i++)
        updraft_fleet_apply(&rig->fleet, &plan.changes[i]);
    updraft_plan_deinit(&plan);
    return rig->response.status;
}

static void what_describes_no_webhook_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "{}",
        "{\"name\":\"a b\",\"url\":\"http://a\"}",
        "{\"name\":\"a\",\"url\":\"ftp://a\"}",
        "{\"name\":\"a\",\"url\":\"file:///etc/passwd\"}",
        "{\"name\":\"a\",\"url\":\"http://\"}",
        "{\"name\":\"a\",\"url\":\"http:///x\"}",
        "{\"name\":\"a\",\"url\":\"http://user:word@a/\"}",
        "{\"name\":\"a\",\"url\":\"http://a b/\"}",
        "{\"name\":\"a\",\"url\":\"http://a/\\r\\nX: y\"}",
        "{\"name\":\"a\",\"url\":\"http://a\",\"events\":[]}",
        "{\"name\":\"a\",\"url\":\"http://a\",\"events\":[\"everything\"]}",
        "{\"name\":\"a\",\"url\":\"http://a\",\"events\":[1]}",
        "{\"name\":\"a\",\"url\":\"http://a\",\"events\":\"release\"}",
    };
    struct rig *rig = *state;
    char body[1024], host[600];

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(ask(rig, updraft_webhooks_add, NULL, bad[i]), 400);
    memset(host, 'a', sizeof host - 1);
    host[sizeof host - 1] = '\0';
    snprintf(body, sizeof body, "{\"name\":\"a\",\"url\":\"http://%s\"}", host);
    assert_int_equal(ask(rig, updraft_webhooks_add, NULL, body), 400);
    assert_int_equal(rig->fleet.webhook_count, 0);
}

static void one_is_made_tried_and_removed_and_no_id_comes_back(void **state)
{
    struct rig *rig = *state;
    char body[128];

    assert_int_equal(ask(rig, updraft_webhooks_add, NULL,
                         "{\"name\":\"chat\",\"url\":\"HTTPS://chat.example:8443/x?y=z@w\","
                         "\"events\":[\"rollout\",\"attempt.failed\"]}"),
                     201);
    const struct updraft_webhook *chat = updraft_fleet_find_webhook(&rig->fleet, "chat");
    assert_non_null(strstr(rig->response.body, chat->row.secret));
    assert_string_equal(chat->row.events, "rollout attempt.failed");
    assert_string_equal(chat->row.by, "anna");
    assert_int_equal(ask(rig, updraft_webhooks_list, NULL, NULL), 200);
    assert_null(strstr(rig->response.body, chat->row.secret)); /* this once */
    assert_int_equal(
        ask(rig, updraft_webhooks_add, NULL, "{\"name\":\"chat\",\"url\":\"http://b\"}"), 409);
    assert_int_equal(ask(rig, updraft_webhooks_test, "chat", NULL), 202);
    assert_int_equal(updraft_fleet_find_webhook(&rig->fleet, "chat")->row.tested_ms, 1000);
    assert_int_equal(ask(rig, updraft_webhooks_test, "chat", NULL),
                     202); /* within the same moment */
    assert_int_equal(updraft_fleet_find_webhook(&rig->fleet, "chat")->row.tested_ms, 1001);
    assert_int_equal(ask(rig, updraft_webhooks_test, "none", NULL), 404);
    assert_int_equal(ask(rig, updraft_webhooks_remove, "none", NULL), 404);
    assert_int_equal(ask(rig, updraft_webhooks_remove, "chat", NULL), 200);
    assert_int_equal(rig->fleet.webhook_count, 0);
    for (unsigned i = 0; i < UPDRAFT_WEBHOOKS_MOST; i++) {
        snprintf(body, sizeof body, "{\"name\":\"h%u\",\"url\":\"http://a\"}", i);
        assert_int_equal(ask(rig, updraft_webhooks_add, NULL, body), 201);
        assert_true(rig->fleet.webhooks[i]->row.id > 1);
    }
    assert_int_equal(ask(rig, updraft_webhooks_add, NULL, "{\"name\":\"x\",\"url\":\"http://a\"}"),
                     409);
}

static void the_body_has_the_change_and_the_object_as_the_lists_have_it(void **state)
{
    struct rig *rig = *state;
    struct updraft_change change = {.kind = UPDRAFT_CHANGE_DEVICE};
    struct updraft_news_item item = {
        .kind = "attempt", .state = "failed", .id = 7, .generation = 5};

    updraft_name_set(change.row.device.id, UPDRAFT_DEVICE_ID_CAP, "24:6F:28:00:00:01");
    updraft_fleet_apply(&rig->fleet, &change);
    memset(&change, 0, sizeof change);
    change.kind = UPDRAFT_CHANGE_ATTEMPT;
    change.row.attempt.id = 7;
    change.row.attempt.state = UPDRAFT_ATTEMPT_FAILED;
    change.row.attempt.progress = UPDRAFT_NO_PROGRESS;
    updraft_name_set(change.row.attempt.device, UPDRAFT_DEVICE_ID_CAP, "24:6F:28:00:00:01");
    updraft_name_set(change.row.attempt.to, UPDRAFT_VERSION_CAP, "2.0.0");
    updraft_fleet_apply(&rig->fleet, &change);
    updraft_name_set(item.text, sizeof item.text, "24:6F:28:00:00:01");
    char *body = updraft_hook_body(&rig->fleet, "attempt.failed", 99, &item, 1234);
    assert_non_null(strstr(body, "{\"event\":\"attempt.failed\",\"delivery\":99,\"at\":1234,"
                                 "\"change\":{\"generation\":5,\"kind\":\"attempt\",\"id\":7,"
                                 "\"device\":\"24:6F:28:00:00:01\",\"state\":\"failed\"},"
                                 "\"attempt\":{\"id\":7,"));
    assert_non_null(strstr(body, "\"to\":\"2.0.0\""));
    free(body);
    item.id = 8; /* gone since */
    body = updraft_hook_body(&rig->fleet, "attempt.failed", 99, &item, 1234);
    assert_null(strstr(body, "\"attempt\":"));
    free(body);
    body = updraft_hook_body(&rig->fleet, "lost", 1, NULL, 5);
    assert_string_equal(body, "{\"event\":\"lost\",\"delivery\":1,\"at\":5}");
    free(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_turns_of_this_server_are_events_and_each_has_a_name),
        cmocka_unit_test(a_word_stands_for_an_event_or_for_all_that_begin_with_it),
        cmocka_unit_test(only_words_that_can_come_are_known),
        cmocka_unit_test(the_signature_is_what_openssl_says),
        cmocka_unit_test(an_answer_is_taken_refused_for_good_or_a_reason_to_try_again),
        cmocka_unit_test_setup_teardown(what_describes_no_webhook_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_is_made_tried_and_removed_and_no_id_comes_back, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_body_has_the_change_and_the_object_as_the_lists_have_it,
                                        set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
